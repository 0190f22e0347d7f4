/* gradient.c -- enf_log_prob_grad: density and force of given configurations.

     log q(x) = log p0(z) + log |dz/dx| - k log s,   z = x(0) of the path through x(1) = x

   as in density.c, with the exact divergence and the pair (x, logdet) integrated together; the
   gradient is that of the steps taken (map/cnf_passage.c). In the host's units it is divided by the
   data scale; it is mean-free, as log q does not change when x is shifted.

   Of a mixture (mixture.h) the density of one part after another joins what there is so far:

     log G' = log (G + rho g),   grad log G' = G/G' grad log G + rho g/G' grad log g.

   The samples are worked off in rounds, so that the record of their steps stays small. */
#include "flow/augmented.h"
#include "flow/accuracy.h"
#include "flow/mixture.h"
#include "math/finite.h"
#include <math.h>
#include <string.h>

enum { LEAST_ROUND = 16, MOST_ROUND = 512, USUAL_STEPS = 24 };
static const size_t RECORD_BYTES = (size_t)32 << 20;

typedef struct {
  const enf_flow *flow, *part; /* of the call; the part at work */
  size_t number;               /* of the part */
  size_t dim, host;            /* numbers of the part's state, of an x */
  const double *x;             /* of the call */
  double *logp, *grad;
  double *part_logp, *part_grad;               /* (n of a round), (host) of the part alone */
  double *scaled, *volume, *dz, *dlogdet, *dx; /* of a round */
  enf__journey p;
  enf__failure *why; /* of entering the space */
  enf__tally all;
} job;

static size_t round_size(size_t n, size_t dim) {
  const size_t fits = RECORD_BYTES / (USUAL_STEPS * enf__ode_path_bytes(dim + 1, true));
  const size_t size = fits < LEAST_ROUND ? LEAST_ROUND : fits > MOST_ROUND ? MOST_ROUND : fits;
  return n < size ? n : size;
}

static void lay_out(job *j, enf__arena *arena) {
  const size_t n = j->p.way.n, state = n * j->dim;
  enf__journey_take(&j->p, arena);
  j->why = ENF__TAKE(arena, enf__failure, n);
  j->scaled = ENF__TAKE(arena, double, state);
  j->volume = ENF__TAKE(arena, double, n);
  j->dz = ENF__TAKE(arena, double, state);
  j->dx = ENF__TAKE(arena, double, state);
  j->dlogdet = ENF__TAKE(arena, double, n);
  j->part_logp = ENF__TAKE(arena, double, n);
  j->part_grad = ENF__TAKE(arena, double, j->host);
}

static void load(job *j, size_t first) {
  const enf__space *space = &j->part->space;
  for (size_t i = 0; i < j->p.way.n; i++) {
    double *state = j->scaled + i * j->dim;
    j->why[i] = space->ops->enter(space, j->x + (first + i) * j->host, state, NULL, &j->volume[i]);
    if (j->why[i].status != ENF_OK)
      enf__fill_nan(j->dim, state);
  }
  j->p.x = j->scaled;
}

/* Densities of the round and their cotangents. */
static void score(job *j) {
  const enf__prior *prior = &j->part->prior;
  const double unit = enf__space_log_unit(&j->part->space);
  for (size_t i = 0; i < j->p.way.n; i++) {
    const double *z = j->p.y + i * j->dim;
    j->part_logp[i] = enf__prior_log_density(prior, z) + j->p.logdet[i] - unit + j->volume[i];
    enf__prior_gradient(prior, z, j->dz + i * j->dim);
    j->dlogdet[i] = 1;
  }
}

/* The part's density and gradient join those of the parts before. */
static void join(job *j, size_t row, double logp) {
  double *grad = j->grad + row * j->host;
  const double terms[] = {j->logp[row], logp + enf__flow_log_weight(j->flow, j->number)};
  if (j->number == 0) {
    j->logp[row] = terms[1];
    memcpy(grad, j->part_grad, j->host * sizeof *grad);
    return;
  }
  const double total = enf__log_sum(2, terms);
  const double old = exp(terms[0] - total), new = exp(terms[1] - total);
  for (size_t k = 0; k < j->host; k++)
    grad[k] = old * grad[k] + new * j->part_grad[k];
  j->logp[row] = total;
}

static void fail(job *j, size_t row, enf__failure why) {
  enf__tally_failure(&j->all, row, why);
  j->logp[row] = NAN;
  enf__fill_nan(j->host, j->grad + row * j->host);
}

static void store(job *j, size_t first) {
  const enf__space *space = &j->part->space;
  for (size_t i = 0; i < j->p.way.n; i++) {
    const enf__ode_result *r = j->p.result + i;
    const size_t row = first + i;
    j->all.steps += (double)r->accepted;
    if (j->all.ended[row] != ENF_OK) /* in a part before */
      continue;
    if (r->status == ENF_OK) {
      space->ops->enter_pull(space, j->x + row * j->host, j->dx + i * j->dim, 1, j->part_grad);
      join(j, row, j->part_logp[i]);
      continue;
    }
    const char *what = r->evaluations ? "the velocity or its divergence" : "x";
    const enf__failure later = {.status = r->status, .what = what, .t = r->t, .h = r->h};
    fail(j, row, j->why[i].status != ENF_OK ? j->why[i] : later);
  }
  j->all.velocities += (double)j->p.evaluations;
  j->all.divergences += (double)j->p.evaluations;
}

static void choose_part(job *j, size_t number) {
  j->number = number;
  j->part = enf__flow_part(j->flow, number);
  j->dim = enf__space_state(&j->part->space);
  j->p.chain = &j->part->chain;
}

/* One part with the samples first ... first+n-1. */
static enf_status run_round(enf_ctx *ctx, job *j, size_t first, size_t n) {
  enf_status status;
  ctx->arena.used = 0;
  j->p.way.n = n;
  lay_out(j, &ctx->arena);
  load(j, first);
  TRY(enf__journey_forward(ctx, &j->p));
  score(j);
  const enf__pulled pulled = {.dy = j->dz, .dlogdet = j->dlogdet, .dx = j->dx, .scale = 1};
  TRY(enf__journey_reverse(ctx, &j->p, &pulled));
  store(j, first);
out:
  return status;
}

/* Memory for rounds of `size` samples with any part. */
static enf_status reserve(enf_ctx *ctx, job *j, size_t size) {
  size_t call = 0, worker = 0;
  j->p.way.n = size;
  for (size_t c = 0; c < enf__flow_parts(j->flow); c++) {
    enf__arena count = {0};
    choose_part(j, c);
    lay_out(j, &count);
    call = enf__larger(call, count.used);
    worker = enf__larger(worker, enf__journey_worker_bytes(&j->p, &ctx->run));
  }
  return enf__reserve(ctx, call, worker);
}

/* The samples first ... first+n-1 with all parts. */
static enf_status run_rounds(enf_ctx *ctx, job *j, size_t first, size_t n) {
  enf_status status = ENF_OK;
  for (size_t c = 0; c < enf__flow_parts(j->flow) && status == ENF_OK; c++) {
    choose_part(j, c);
    status = run_round(ctx, j, first, n);
  }
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
  TRY(enf__augmented_refuse(ctx, flow, "enf_log_prob_grad"));
  const size_t size = round_size(n, enf__space_state(&flow->space));
  job j = {.flow = flow,
           .host = enf__space_host(&flow->space),
           .x = x,
           .logp = logp,
           .grad = grad,
           .p = {.way = {.t0 = 1, .t1 = 0}}};
  TRY(reserve(ctx, &j, size));
  j.all.ended = enf__ended_take(ctx, n);
  if (!j.all.ended)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a call on %zu samples", n));
  for (size_t first = 0; first < n; first += size) {
    TRY(run_rounds(ctx, &j, first, n - first < size ? n - first : size));
    TRY(enf__report(ctx, n - first < size ? n : first + size, n));
  }
  status = enf__density_end(ctx, flow, ENF__ACCURACY_GRADIENT, ENF__LOGDET_COUPLED, n, x, logp,
                            enf__batch_end(ctx, n, &j.all, enf__seconds() - start));
out:
  return status;
}
