/* gradient.c -- enf_log_prob_grad: density and force of given configurations.

     log q(x) = log p0(z) + log |dz/dx| - k log s,   z = x(0) of the path through x(1) = x

   as in density.c, with the exact divergence and the pair (x, logdet) integrated together; the
   gradient is that of the steps taken (pullback.h). In the host's units it is divided by the data
   scale; it is mean-free, as log q does not change when x is shifted.

   The samples are worked off in rounds, so that the record of their steps stays small. */
#include "flow/batch.h"
#include "flow/pullback.h"
#include <math.h>

enum { LEAST_ROUND = 16, MOST_ROUND = 512, USUAL_STEPS = 24 };
static const size_t RECORD_BYTES = (size_t)32 << 20;

typedef struct {
  const enf_flow *flow;
  size_t dim;
  const double *x; /* of the call */
  double *logp, *grad;
  double *scaled, *dz, *dlogdet, *dx; /* of a round */
  enf__pullback p;
  enf__tally all;
} job;

static size_t round_size(size_t n, size_t dim) {
  const size_t fits = RECORD_BYTES / (USUAL_STEPS * enf__ode_path_bytes(dim + 1, true));
  const size_t size = fits < LEAST_ROUND ? LEAST_ROUND : fits > MOST_ROUND ? MOST_ROUND : fits;
  return n < size ? n : size;
}

static void lay_out(job *j, enf__arena *arena) {
  const size_t n = j->p.n, state = n * j->dim;
  enf__pullback_take(&j->p, arena);
  j->scaled = ENF__TAKE(arena, double, state);
  j->dz = ENF__TAKE(arena, double, state);
  j->dx = ENF__TAKE(arena, double, state);
  j->dlogdet = ENF__TAKE(arena, double, n);
}

static void load(job *j, size_t first) {
  const enf__space *space = &j->flow->space;
  for (size_t i = 0; i < j->p.n; i++)
    space->ops->enter(space, j->x + (first + i) * j->dim, j->scaled + i * j->dim, NULL, NULL);
  j->p.x = j->scaled;
}

/* Densities of the round and their cotangents. */
static void score(job *j, size_t first) {
  const enf__prior *prior = &j->flow->prior;
  const double unit = enf__space_log_unit(&j->flow->space);
  for (size_t i = 0; i < j->p.n; i++) {
    const double *z = j->p.y + i * j->dim;
    j->logp[first + i] = enf__prior_log_density(prior, z) + j->p.logdet[i] - unit;
    enf__prior_gradient(prior, z, j->dz + i * j->dim);
    j->dlogdet[i] = 1;
  }
}

static void store(job *j, size_t first) {
  const enf__space *space = &j->flow->space;
  for (size_t i = 0; i < j->p.n; i++) {
    const enf__ode_result *r = j->p.result + i;
    double *grad = j->grad + (first + i) * j->dim, *dx = j->dx + i * j->dim;
    for (size_t c = 0; c < j->dim; c++)
      grad[c] = dx[c] / space->scale;
    space->ops->project(space, grad);
    j->all.steps += (double)r->accepted;
    if (r->status == ENF_OK)
      continue;
    const char *what = r->evaluations ? "the velocity or its divergence" : "x";
    enf__tally_failure(&j->all, first + i, (enf__failure){r->status, what, r->t, r->h});
    j->logp[first + i] = NAN;
  }
  j->all.velocities += (double)j->p.evaluations;
  j->all.divergences += (double)j->p.evaluations;
}

static enf_status run_round(enf_ctx *ctx, job *j, size_t first, size_t n) {
  enf_status status;
  ctx->arena.used = 0;
  j->p.n = n;
  lay_out(j, &ctx->arena);
  load(j, first);
  TRY(enf__pullback_forward(ctx, &j->p));
  score(j, first);
  const enf__pulled pulled = {.dy = j->dz, .dlogdet = j->dlogdet, .dx = j->dx, .scale = 1};
  TRY(enf__pullback_reverse(ctx, &j->p, &pulled));
  store(j, first);
out:
  return status;
}

enf_status enf_log_prob_grad(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                             double *logp, double *grad) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  const double start = enf__seconds();
  const enf__argument arrays[] = {{"x", x}, {"logp", logp}, {"grad", grad}};
  TRY(enf__batch_check(ctx, flow, n, 3, arrays));
  const size_t dim = enf__space_state(&flow->space), size = round_size(n, dim);
  job j = {.flow = flow, .dim = dim, .x = x, .logp = logp, .grad = grad};
  j.p = (enf__pullback){.field = flow->field,
                        .shape = &flow->shape,
                        .params = flow->params.size,
                        .n = size,
                        .t0 = 1,
                        .t1 = 0};
  enf__arena count = {0};
  lay_out(&j, &count);
  TRY(enf__reserve(ctx, count.used, enf__pullback_worker_bytes(&j.p, &ctx->run)));
  for (size_t first = 0; first < n; first += size) {
    TRY(run_round(ctx, &j, first, n - first < size ? n - first : size));
    TRY(enf__report(ctx, n - first < size ? n : first + size, n));
  }
  TRY(enf__batch_end(ctx, n, &j.all, enf__seconds() - start));
out:
  return status;
}
