/* bound.c -- the density of molecules with kinds: bounded from below by draws of the dequantiser,
   whose importance-weighted mean comes closer the more there are (Burda et al. 2016,
   arXiv:1509.00519),

     log p(x,kinds,N) >= E log (1/k sum_i p(x,v_i) / q(v_i|x,kinds)) + log p(N).

   Constants: densities are with respect to Lebesgue measure on (N-1) D positions and N F features,
   labelled atoms; nothing is added for permutations. */
#include "flow/bound.h"
#include "core/parallel.h"
#include "flow/batch.h"
#include "math/center.h"
#include "math/finite.h"
#include <math.h>
#include <string.h>

enum { MOST_ROWS = 1024 }; /* of one call on densities */

/* Molecules that are done together, with `draws` rows of each. */
typedef struct {
  const enf_flow *flow;
  const enf__run *run;
  size_t draws, most; /* most molecules */
  size_t positions, features, fixed;
  const int32_t *kind; /* of the call, as x */
  const double *x, *context;
  uint64_t seed;
  size_t first, n;           /* those under way */
  int32_t *kinds;            /* (rows,N) */
  double *inside, *noise;    /* (rows,positions), (rows,features) */
  double *v, *log_q;         /* (rows,features), (rows) */
  double *rows, *logp, *var; /* (rows,size), (rows), (rows) */
} job;

static void layout(job *j, enf__arena *arena) {
  const size_t rows = j->most * j->draws, N = j->flow->space.shape.particles;
  j->kinds = ENF__TAKE(arena, int32_t, rows * N);
  const struct {
    double **array;
    size_t width;
  } arrays[] = {{&j->inside, j->positions},
                {&j->noise, j->features},
                {&j->v, j->features},
                {&j->log_q, 1},
                {&j->logp, 1},
                {&j->var, 1},
                {&j->rows, j->positions + j->features + j->fixed}};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
    *arrays[i].array = ENF__TAKE(arena, double, rows *arrays[i].width);
}

/* Rows of molecule i of those under way: noise, positions inside, kinds. */
static void begin_rows(job *j, size_t i) {
  const enf__space *space = &j->flow->space;
  const size_t N = space->shape.particles, D = space->shape.dimensions, row = i * j->draws;
  const int32_t *kind = j->kind + (j->first + i) * N;
  const double *x = j->x + (j->first + i) * j->positions;
  double *inside = j->inside + row * j->positions;
  enf__dequantiser_noise(j->flow, j->seed, enf__dequantiser_index(N, D, kind, x), j->draws,
                         j->noise + row * j->features);
  enf__center(N, D, x, inside, NULL);
  for (size_t c = 0; c < j->positions; c++)
    inside[c] /= space->scale;
  for (size_t k = 0; k < j->draws; k++) {
    memcpy(j->kinds + (row + k) * N, kind, N * sizeof *kind);
    memmove(j->inside + (row + k) * j->positions, inside, j->positions * sizeof *inside);
  }
}

/* The states (x,v) of the host, row by row, and log q. */
static enf_status make_rows(void *user, size_t i, enf__arena *arena) {
  job *j = user;
  const size_t N = j->flow->space.shape.particles, moved = j->positions + j->features;
  const size_t size = moved + j->fixed;
  const size_t row = i * j->draws;
  begin_rows(j, i);
  const enf__kinds of = {j->flow, j->draws, j->kinds + row * N, j->inside + row * j->positions,
                         j->noise + row * j->features};
  enf__dequantise(&of, j->run, arena, j->v + row * j->features, j->log_q + row);
  for (size_t k = row; k < row + j->draws; k++) {
    memcpy(j->rows + k * size, j->x + (j->first + i) * j->positions,
           j->positions * sizeof *j->rows);
    memcpy(j->rows + k * size + j->positions, j->v + k * j->features,
           j->features * sizeof *j->rows);
    for (size_t c = 0; c < j->fixed; c++)
      j->rows[k * size + moved + c] = j->context[(j->first + i) * j->fixed + c];
  }
  return ENF_OK;
}

/* log of the mean weight, and its error by the delta method. */
static double bound_of(size_t draws, const double *logp, const double *log_q, double *err) {
  double top = -(double)INFINITY, sum = 0, square = 0;
  const double k = (double)draws;
  for (size_t i = 0; i < draws; i++)
    top = fmax(top, logp[i] - log_q[i]);
  for (size_t i = 0; i < draws; i++) {
    const double weight = exp(logp[i] - log_q[i] - top);
    sum += weight;
    square += weight * weight;
  }
  const double mean = sum / k, var = (square / k - mean * mean) * k / (k - 1);
  *err = draws > 1 ? sqrt(fmax(var, 0) / k) / mean : (double)NAN;
  return isfinite(sum) ? top + log(mean) : (double)NAN;
}

static bool is_whole(const double *logp, size_t draws) {
  for (size_t k = 0; k < draws; k++)
    if (isnan(logp[k]))
      return false;
  return true;
}

/* The molecules first ... first+n-1; the status is that of their densities. */
static enf_status run_some(enf_ctx *ctx, job *j, double *logp, double *err) {
  const double log_size = enf__flow_size_log(j->flow, j->flow->space.shape.particles);
  const size_t rows = j->n * j->draws;
  enf_status status = enf__reserve(ctx, 0, enf__dequantiser_workspace(j->flow, j->run, j->draws));
  if (status == ENF_OK)
    status = enf__parallel_for(ctx, j->n, make_rows, j, 0, 0);
  if (status != ENF_OK)
    return status;
  status = j->run->logdet_method == ENF__LOGDET_HUTCHINSON
               ? enf_log_prob_estimate(ctx, j->flow, rows, j->rows, j->seed, j->logp, j->var)
               : enf_log_prob(ctx, j->flow, rows, j->rows, j->logp);
  for (size_t i = 0; i < j->n; i++) {
    const double *of = j->logp + i * j->draws;
    double error = NAN;
    logp[j->first + i] = is_whole(of, j->draws)
                             ? bound_of(j->draws, of, j->log_q + i * j->draws, &error) + log_size
                             : (double)NAN;
    if (err)
      err[j->first + i] = error;
  }
  return status;
}

enf_status enf__log_prob_kinds(enf_ctx *ctx, const enf_flow *flow, size_t n, const int32_t *kind,
                               const double *x, const double *context, uint64_t seed, double *logp,
                               double *err) {
  const enf__shape *shape = &flow->space.shape;
  const size_t draws = ctx->run.dequant_samples, fits = MOST_ROWS / draws;
  enf_status status = ENF_OK;
  enf__arena memory = {0}, count = {0};
  job j = {.flow = flow,
           .run = &ctx->run,
           .draws = draws,
           .most = fits < 1   ? 1
                   : n < fits ? n
                              : fits,
           .positions = enf__shape_positions(shape),
           .features = shape->particles * shape->features,
           .fixed = shape->fixed,
           .kind = kind,
           .x = x,
           .context = context,
           .seed = seed};
  if (flow->dequantiser == ENF__DEQUANTISER_NONE)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "model.dequantiser is none: kinds have no density, features have");
  layout(&j, &count);
  if (!enf__arena_reserve(&ctx->alloc, &memory, count.used))
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu draws of the dequantiser", draws);
  layout(&j, &memory);
  for (; j.first < n; j.first += j.n) {
    j.n = n - j.first < j.most ? n - j.first : j.most;
    const enf_status some = run_some(ctx, &j, logp, err);
    status = status == ENF_OK ? some : status;
  }
  enf__arena_free(&ctx->alloc, &memory);
  return status;
}
