/* lines.c -- enf_reference_lines: the best densities of simple families for data.

   Particles: the priors with a covariance (prior/fit.c) in units of the host. Vectors: eigenvalues
   of the covariance about the mean; PPCA with q directions has the mean of the others in their
   place (Tipping, Bishop 1999). */
#include "core/core.h"
#include "flow/mixture.h"
#include "math/jacobi.h"
#include "prior/fit.h"
#include <enf/lines.h>
#include <string.h>

static const double TURN = 6.283185307179586;

/* Everything a call works on; memory of `work` doubles. */
typedef struct {
  enf_ctx *ctx;
  enf__space space; /* of scale 1 */
  size_t n, directions;
  const double *x;
  double *work;
  enf_lines out;
} job;

static double gaussian_line(double k, double log_volume) {
  return 0.5 * k * (1 + log(TURN)) + log_volume;
}

/* Mean of -log p over the rows. */
static double score(const job *j, const enf__prior *prior, double *y) {
  const size_t host = enf__space_host(&j->space);
  double sum = 0;
  for (size_t i = 0; i < j->n; i++) {
    j->space.ops->enter(&j->space, j->x + i * host, y, NULL, NULL);
    sum -= enf__prior_log_density(prior, y);
  }
  return sum / (double)j->n;
}

static void isotropic(job *j, double square) {
  const double k = (double)enf__space_freedom(&j->space);
  j->out.scale = sqrt(square / k);
  j->out.nll_isotropic = gaussian_line(k, k * log(j->out.scale));
}

static enf_status particles(job *j) {
  const enf__space *space = &j->space;
  const double k = (double)enf__space_freedom(space);
  const enf__prior_rows rows = {space, j->n, j->x, INFINITY};
  const enf__prior_wanted df = {.df = true};
  const size_t N = space->shape.particles, state = enf__space_state(space);
  double *S = j->work, *y = S + N * N, *rest = y + state, square = 0;
  enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, space, 1);
  enf_status status;
  for (size_t i = 0; i < j->n; i++) {
    space->ops->enter(space, j->x + i * state, y, NULL, NULL);
    for (size_t c = 0; c < state; c++)
      square += y[c] * y[c] / (double)j->n;
  }
  isotropic(j, square);
  prior.ellipse.on = true;
  TRY(enf__ellipse_allocate(j->ctx, &prior.ellipse, space));
  if (!enf__prior_fit(&prior, &rows, df, rest, S))
    goto out;
  j->out.nll_covariance = gaussian_line(k, prior.ellipse.log_volume);
  enf__prior student = enf__prior_make(ENF__STUDENT_PRIOR, space, 1);
  student.ellipse = prior.ellipse;
  if (enf__prior_fit(&student, &rows, df, rest, S)) {
    j->out.nll_student = score(j, &student, y);
    j->out.student_df = student.df;
  }
out:
  enf__ellipse_free(&j->ctx->alloc, &prior.ellipse);
  return status;
}

/* Mean (D) and covariance (D,D) of vectors. */
static void moments(const job *j, double *mean, double *C) {
  const size_t D = enf__space_state(&j->space);
  memset(mean, 0, D * sizeof *mean);
  memset(C, 0, D * D * sizeof *C);
  for (size_t i = 0; i < j->n * D; i++)
    mean[i % D] += j->x[i] / (double)j->n;
  for (size_t i = 0; i < j->n; i++)
    for (size_t a = 0; a < D; a++)
      for (size_t b = 0; b < D; b++)
        C[a * D + b] += (j->x[i * D + a] - mean[a]) * (j->x[i * D + b] - mean[b]) / (double)j->n;
}

static void vectors(job *j) {
  const size_t D = enf__space_state(&j->space), q = j->directions;
  double *C = j->work, *mean = C + D * D, *lam = mean + D, *rest = lam + D;
  double trace = 0, volume = 0, noise = 0, kept = 0;
  moments(j, mean, C);
  enf__eigenvalues(D, C, lam);
  for (size_t i = 0; i < D; i++) {
    trace += lam[i];
    volume += 0.5 * log(lam[i]);
    kept += i < q ? 0.5 * log(lam[i]) : 0;
    noise += i < q ? 0 : lam[i] / (double)(D - q);
  }
  isotropic(j, trace);
  j->out.nll_covariance = lam[D - 1] > 0 ? gaussian_line((double)D, volume) : (double)NAN;
  j->out.ppca_noise = noise;
  j->out.nll_ppca = gaussian_line((double)D, kept + 0.5 * (double)(D - q) * log(noise));
  const enf__prior_rows rows = {&j->space, j->n, j->x, INFINITY};
  const enf__prior_wanted wanted = {.std = true, .df = true};
  enf__prior student = enf__prior_make(ENF__STUDENT_PRIOR, &j->space, j->out.scale);
  if (enf__prior_fit(&student, &rows, wanted, rest, NULL)) {
    j->out.nll_student = score(j, &student, mean);
    j->out.student_df = student.df;
  }
}

static enf_status check(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                        size_t directions, const enf_lines *out) {
  enf_status status;
  TRY(enf__flow_check(ctx, flow));
  const enf__space bare = enf__space_bare(&flow->space);
  if (!out)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "out is NULL"));
  TRY(enf__struct_check(ctx, "out", out, ENF__SIZE_TO(enf_lines, ppca_noise), "ENF_LINES_INIT"));
  if (bare.ops != &enf__particles_ops && bare.ops != &enf__vector_ops)
    TRY(enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                  "lines are of model.space particles and vector, no other"));
  TRY(enf__scale_check(ctx, "enf_reference_lines", flow, n, x));
  if (flow->space.ops == &enf__vector_ops && directions >= enf__space_state(&flow->space))
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "directions is %zu, and vectors have %zu", directions,
                  enf__space_state(&flow->space)));
out:
  return status;
}

enf_status enf_reference_lines(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                               size_t directions, enf_lines *out) {
  ENF__ENTRY;
  enf_status status;
  job j = {.ctx = ctx, .n = n, .x = x, .directions = directions};
  TRY(enf__enter(ctx));
  TRY(check(ctx, flow, n, x, directions, out));
  j.space = enf__space_bare(&flow->space);
  j.space.scale = 1;
  const size_t side = enf__larger(j.space.shape.particles, enf__space_state(&j.space));
  const bool particle = j.space.ops == &enf__particles_ops;
  const size_t square = particle ? j.space.shape.particles * j.space.shape.particles : side * side;
  j.work = enf__alloc_array(&ctx->alloc,
                            square + 2 * side + enf__prior_fit_doubles(&j.space, particle, n),
                            sizeof(double));
  if (!j.work)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the lines of %zu configurations", n));
  j.out = (enf_lines){sizeof j.out, (double)n, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  if (particle)
    TRY(particles(&j));
  else
    vectors(&j);
  enf__struct_give(out, &j.out, sizeof j.out);
out:
  enf__free(&ctx->alloc, j.work);
  return status;
}
