/* ellipse.c -- the covariance of a prior's draws.

   A rotation of x leaves X X^T alone, so x_d ~ N(0, S) in every dimension d, with one S (N,N) for
   all, is the most general Gaussian that knows nothing of directions; exchanges of like particles
   leave it alone if S is the same for them. S + c 1 1^T/N is positive definite where S is so on
   the mean-free subspace, has one more eigenvalue, c, and the inverse S^+ + 1 1^T/(c N). A draw is
   L n, n normal, less its mean. */
#include "prior/ellipse.h"
#include "core/random.h"
#include "math/cholesky.h"
#include <math.h>
#include <string.h>

/* How far S may be from what it must be, and its least eigenvalue, in its mean ones. */
static const double SLACK = 1e-9, LEAST = 1e-13;

static size_t particles(const enf__space *space) { return space->shape.particles; }

enf_status enf__ellipse_plan(enf_ctx *ctx, enf__ellipse *ellipse, const enf__space *space,
                             enf__params *params) {
  const size_t N = particles(space);
  const double mean = -1 / (double)N;
  if (space->ops != &enf__particles_ops && space->ops != &enf__augmented_ops)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.prior_covariance data is of particles: model.space particles has it "
                     "alone");
  ellipse->on = true;
  ellipse->offset = enf__params_add(
      params,
      (enf__tensor){
          .rows = N, .cols = N, .first = mean, .last = mean, .diagonal = 1, .fixed = true},
      "prior.covariance");
  return ENF_OK;
}

enf_status enf__ellipse_allocate(enf_ctx *ctx, enf__ellipse *e, const enf__space *space) {
  const size_t N = particles(space);
  if (!e->on)
    return ENF_OK;
  e->matrix = enf__alloc_array(&ctx->alloc, 3 * N * N, sizeof *e->matrix);
  if (!e->matrix)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a covariance of %zu particles", N);
  memset(e->matrix, 0, 3 * N * N * sizeof *e->matrix);
  e->pseudo = e->matrix + N * N;
  e->root = e->pseudo + N * N;
  return ENF_OK;
}

void enf__ellipse_free(const enf_alloc *alloc, enf__ellipse *ellipse) {
  enf__free(alloc, ellipse->matrix);
  *ellipse = (enf__ellipse){0};
}

/* ---- S --------------------------------------------------------------------------------------- */

static double mean_eigenvalue(size_t N, const double *S) {
  double trace = 0;
  for (size_t i = 0; i < N; i++)
    trace += S[i * N + i];
  return trace / (double)(N - 1);
}

bool enf__ellipse_set(enf__ellipse *e, const enf__space *space, const double *S) {
  const size_t N = particles(space);
  if (!memcmp(e->matrix, S, N * N * sizeof *S))
    return true;
  const double c = mean_eigenvalue(N, S);
  memset(e->matrix, 0, N * N * sizeof *S);
  for (size_t k = 0; k < N * N; k++)
    e->root[k] = S[k] + c / (double)N;
  if (!enf__cholesky(N, LEAST * c, e->root))
    return false;
  enf__cholesky_inverse(N, e->root, e->pseudo);
  for (size_t k = 0; k < N * N; k++)
    e->pseudo[k] -= 1 / (c * (double)N);
  e->log_volume =
      0.5 * (double)space->shape.dimensions * (enf__cholesky_log_det(N, e->root) - log(c));
  memcpy(e->matrix, S, N * N * sizeof *S);
  return true;
}

static size_t kind_of(const enf__space *space, size_t i) {
  return space->shape.kind ? (size_t)space->shape.kind[i] : 0;
}

static size_t kinds_of(const enf__space *space) { return space->kinds ? space->kinds : 1; }

size_t enf__ellipse_mean_doubles(const enf__space *space) {
  return 4 * kinds_of(space) * kinds_of(space);
}

/* Sums and numbers of the elements of two kinds, those of a particle with itself apart. */
static double *cell_of(const enf__space *space, double *work, size_t i, size_t j) {
  const size_t K = kinds_of(space);
  return work + 2 * ((kind_of(space, i) * K + kind_of(space, j)) + (i == j ? K * K : 0));
}

void enf__ellipse_mean(const enf__space *space, double *S, double *work) {
  const size_t N = particles(space);
  memset(work, 0, enf__ellipse_mean_doubles(space) * sizeof *work);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) {
      double *cell = cell_of(space, work, i, j);
      cell[0] += 0.5 * (S[i * N + j] + S[j * N + i]);
      cell[1]++;
    }
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j <= i; j++) {
      const double *cell = cell_of(space, work, i, j);
      S[i * N + j] = S[j * N + i] = cell[0] / cell[1];
    }
}

static bool is_mean_free(size_t N, const double *S, double slack) {
  for (size_t i = 0; i < N; i++) {
    double sum = 0;
    for (size_t j = 0; j < N; j++) {
      sum += S[i * N + j];
      if (fabs(S[i * N + j] - S[j * N + i]) > slack)
        return false;
    }
    if (fabs(sum) > slack * (double)N)
      return false;
  }
  return true;
}

/* Is S what its mean over exchanges is? NOMEM. */
static enf_status check_like(enf_ctx *ctx, const enf__space *space, const double *S, double slack) {
  const size_t N = particles(space);
  double *mean =
      enf__alloc_array(&ctx->alloc, N * N + enf__ellipse_mean_doubles(space), sizeof *mean);
  bool like = true;
  if (!mean)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a covariance of %zu particles", N);
  memcpy(mean, S, N * N * sizeof *S);
  enf__ellipse_mean(space, mean, mean + N * N);
  for (size_t k = 0; k < N * N; k++)
    like = like && fabs(S[k] - mean[k]) <= slack;
  enf__free(&ctx->alloc, mean);
  return like ? ENF_OK
              : enf__fail(ctx, ENF_ERR_RANGE, "prior.covariance tells like particles apart");
}

enf_status enf__ellipse_admit(enf_ctx *ctx, const enf__space *space, const double *S) {
  const size_t N = particles(space);
  const double mean = mean_eigenvalue(N, S), slack = SLACK * fabs(mean);
  enf__ellipse trial = {.on = true};
  enf_status status;
  if (!(mean > 0) || !is_mean_free(N, S, slack))
    return enf__fail(ctx, ENF_ERR_RANGE,
                     "prior.covariance is not symmetric with rows that add up to 0");
  TRY(check_like(ctx, space, S, slack));
  TRY(enf__ellipse_allocate(ctx, &trial, space));
  if (!enf__ellipse_set(&trial, space, S))
    TRY(enf__fail(ctx, ENF_ERR_RANGE,
                  "prior.covariance is not positive definite on the mean-free subspace"));
out:
  enf__ellipse_free(&ctx->alloc, &trial);
  return status;
}

/* ---- states ---------------------------------------------------------------------------------- */

/* Row i of S^+ with the coordinates of dimension d. */
static double pseudo_times(const enf__ellipse *e, size_t N, size_t D, size_t i, size_t d,
                           const double *z) {
  double sum = 0;
  for (size_t j = 0; j < N; j++)
    sum += e->pseudo[i * N + j] * z[j * D + d];
  return sum;
}

double enf__ellipse_square(const enf__ellipse *e, const enf__space *space, double std,
                           const double *z) {
  const size_t N = particles(space), D = space->shape.dimensions, count = enf__space_said(space);
  double square = 0;
  for (size_t i = 0; !e->on && i < count; i++)
    square += (z[i] / std) * (z[i] / std);
  for (size_t i = 0; e->on && i < count; i++)
    square += (z[i] / std) * (pseudo_times(e, N, D, i / D, i % D, z) / std);
  return square;
}

void enf__ellipse_gradient(const enf__ellipse *e, const enf__space *space, double std,
                           double factor, const double *z, double *grad) {
  const size_t N = particles(space), D = space->shape.dimensions, count = enf__space_said(space);
  for (size_t i = 0; i < count; i++) {
    const double along = e->on ? pseudo_times(e, N, D, i / D, i % D, z) : z[i];
    grad[i] = factor * along / (std * std);
  }
}

void enf__ellipse_normal(const enf__ellipse *e, const enf__space *space, double std, uint64_t seed,
                         uint32_t stream, uint64_t index, double *z) {
  const size_t N = particles(space), D = space->shape.dimensions;
  if (!e->on) {
    enf__space_normal(space, std, seed, stream, index, z);
    return;
  }
  enf__random_normal(seed, stream, index, N * D, z);
  for (size_t i = N; i-- > 0;) /* from the last: what it needs is still normal */
    for (size_t d = 0; d < D; d++) {
      double sum = 0;
      for (size_t j = 0; j <= i; j++)
        sum += e->root[i * N + j] * z[j * D + d];
      z[i * D + d] = std * sum;
    }
  space->ops->project(space, z);
}
