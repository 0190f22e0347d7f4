/* pool.c -- samples of the flow, weighed towards the target: what energy matching trains on.

   Every train.pool_steps steps train.pool samples x_i of the flow are drawn, with log q and
   u, capped at train.energy_cap. Those of w_i = exp(-u_i)/q(x_i) would be weighted samples of the target; the
   share train.weight_cut of the largest is cut to the next, and while few of them count, they are raised to the
   largest power g at which their effective sample size is train.pool_ess,

     v_i = w_i^g:  samples of q^(1-g) exp(-g u), a bridge between the flow and the target.

   The flow learns that density by flow matching, and is nearer to the target at the next generation: g goes to 1 (weights of a power:
   Koblents, Miguez 2015, Stat. Comput. 25, 407; training on weighted samples of the flow itself: Dern et al.
   2025, arXiv:2509.03726). The pool has the last train.pool_generations of them, each with a share
   in proportion to g times its effective sample size.

   Generations are functions of the flow and the step, so a step that fails and is made again draws
   the same one. */
#include "train/pool.h"
#include "core/random.h"
#include "math/finite.h"
#include "math/weight.h"
#include "train/density.h"
#include <math.h>
#include <string.h>

/* Samples of the pool are none that the host draws with the training's seed. */
static const uint64_t ANOTHER_SEED = 0x9e3779b97f4a7c15U;

static size_t number_of(const enf_trainer *tr, enf__opt id) {
  return (size_t)enf__opts_int(tr->options, id);
}

static size_t host_of(const enf_trainer *tr) { return enf__space_host(&tr->flow->space); }

/* ---- memory ------------------------------------------------------------------------------------ */

size_t enf__pool_filled(const enf_trainer *tr) {
  const size_t every = number_of(tr, ENF__OPT_TRAIN_POOL_STEPS);
  const size_t most = number_of(tr, ENF__OPT_TRAIN_POOL_GENERATIONS);
  const uint64_t made = (tr->counters[ENF__STEP] + every - 1) / every;
  return (made < most ? (size_t)made : most) * number_of(tr, ENF__OPT_TRAIN_POOL);
}

enf_status enf__pool_make(enf_ctx *ctx, enf_trainer *tr) {
  enf__pool *p = &tr->pool;
  const size_t each = number_of(tr, ENF__OPT_TRAIN_POOL);
  const size_t rows = each * number_of(tr, ENF__OPT_TRAIN_POOL_GENERATIONS);
  if (p->x)
    return ENF_OK;
  p->x = enf__alloc_array(&tr->alloc, rows, host_of(tr) * sizeof *p->x);
  p->logw = enf__alloc_array(&tr->alloc, 2 * (rows + each), sizeof *p->logw);
  if (!p->x || !p->logw) {
    enf__pool_free(&tr->alloc, p);
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu samples of train.pool", rows);
  }
  p->sum = p->logw + rows;
  p->u = p->sum + rows;
  p->logq = p->u + each;
  return ENF_OK;
}

void enf__pool_free(const enf_alloc *alloc, enf__pool *pool) {
  enf__free(alloc, pool->x);
  enf__free(alloc, pool->logw);
  *pool = (enf__pool){0};
}

/* ---- a generation ------------------------------------------------------------------------------ */

/* Samples with log q; that some fail is no failure, their log q is NaN. */
static enf_status draw(enf_ctx *ctx, const enf_trainer *tr, uint64_t generation, double *x) {
  const size_t n = number_of(tr, ENF__OPT_TRAIN_POOL), checks = ctx->run.checks;
  const uint64_t seed = enf__opts_seed(tr->options, ENF__OPT_TRAIN_SEED) ^ ANOTHER_SEED;
  ctx->run.checks = 0;
  const enf_status status = enf_sample(ctx, tr->flow, seed, generation * n, n, x, tr->pool.logq);
  ctx->run.checks = checks;
  if (status == ENF_OK || status == ENF_ERR_CANCELLED || status == ENF_ERR_NOMEM ||
      ctx->stats.failed == 0)
    return status;
  ctx->errmsg[0] = 0;
  return ENF_OK;
}

/* The host sees configurations only: one that failed is the first that did not, and counts nothing. */
static enf_status ask(enf_ctx *ctx, enf_trainer *tr, double *x) {
  const size_t n = number_of(tr, ENF__OPT_TRAIN_POOL), host = host_of(tr);
  const double cap = enf__opts_real(tr->options, ENF__OPT_TRAIN_ENERGY_CAP);
  enf__pool *p = &tr->pool;
  size_t valid = 0;
  while (valid < n && !enf__all_finite(host, x + valid * host))
    valid++;
  if (valid == n)
    return enf__fail(ctx, ENF_ERR_NONFINITE, "all %zu samples of train.pool failed", n);
  for (size_t i = 0; i < n; i++)
    if (!enf__all_finite(host, x + i * host)) {
      memcpy(x + i * host, x + valid * host, host * sizeof *x);
      p->logq[i] = NAN;
    }
  tr->busy = true;
  const enf_status status = enf__host_energy(ctx, tr->energy, tr->energy_user, n, x, p->u, NULL);
  tr->busy = false;
  if (status != ENF_OK)
    return status;
  p->capped = 0;
  for (size_t i = 0; i < n; i++) {
    p->capped += !(p->u[i] <= cap);
    p->u[i] = enf__capped_energy(p->u[i], cap);
  }
  return ENF_OK;
}

/* Of weights (n). */
static double ess_of(size_t n, const double *weight) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) {
    sum += weight[i];
    squares += weight[i] * weight[i];
  }
  return enf__kish(sum, squares, (double)n);
}

/* u and log q -> log of the weights, of which the generation's share is told by their sum. */
static enf_status weigh(enf_ctx *ctx, enf_trainer *tr, double *logw) {
  const size_t n = number_of(tr, ENF__OPT_TRAIN_POOL);
  enf__pool *p = &tr->pool;
  bool any = false;
  for (size_t i = 0; i < n; i++) {
    logw[i] = enf__log_weight(p->logq[i], p->u[i], NULL);
    any = any || logw[i] > -(double)INFINITY;
  }
  if (!any)
    return enf__fail(ctx, ENF_ERR_NONFINITE,
                     "none of %zu samples has a weight: u or log q is not finite in all of them", n);
  enf__weights_cut(n, enf__opts_real(tr->options, ENF__OPT_TRAIN_WEIGHT_CUT), logw);
  p->temper = enf__temper(n, NULL, logw, 1, enf__opts_real(tr->options, ENF__OPT_TRAIN_POOL_ESS));
  for (size_t i = 0; i < n; i++)
    logw[i] = logw[i] > -(double)INFINITY ? p->temper * logw[i] : logw[i];
  enf__weights_level(n, logw);
  p->ess = ess_of(n, logw);
  for (size_t i = 0; i < n; i++)
    logw[i] = log(p->temper * p->ess * logw[i]);
  return ENF_OK;
}

void enf__pool_sum(enf_trainer *tr) {
  enf__pool *p = &tr->pool;
  double sum = 0, top = -INFINITY;
  for (size_t i = 0; i < p->filled; i++)
    top = fmax(top, p->logw[i]);
  for (size_t i = 0; i < p->filled; i++)
    p->sum[i] = sum += exp(p->logw[i] - top);
}

enf_status enf__pool_renew(enf_ctx *ctx, enf_trainer *tr) {
  const uint64_t step = tr->counters[ENF__STEP];
  const size_t every = number_of(tr, ENF__OPT_TRAIN_POOL_STEPS);
  const size_t each = number_of(tr, ENF__OPT_TRAIN_POOL);
  const size_t most = number_of(tr, ENF__OPT_TRAIN_POOL_GENERATIONS);
  const uint64_t generation = step / every;
  enf_status status = ENF_OK;
  if (step % every != 0)
    return ENF_OK;
  TRY(enf__pool_make(ctx, tr));
  const size_t row = (size_t)(generation % most) * each;
  double *x = tr->pool.x + row * host_of(tr);
  TRY(draw(ctx, tr, generation, x));
  TRY(ask(ctx, tr, x));
  TRY(weigh(ctx, tr, tr->pool.logw + row));
  tr->pool.filled = generation < most ? row + each : most * each;
  enf__pool_sum(tr);
out:
  return status;
}

/* ---- rows -------------------------------------------------------------------------------------- */

/* The first row whose sum is above `place`, below that of all. */
static size_t find(const enf__pool *p, double place) {
  size_t low = 0, high = p->filled - 1;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (p->sum[middle] > place)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

void enf__pool_rows(const enf_trainer *tr, uint64_t first, size_t n, double *x) {
  const enf__pool *p = &tr->pool;
  const size_t host = host_of(tr);
  const uint64_t seed = enf__opts_seed(tr->options, ENF__OPT_TRAIN_SEED);
  for (size_t i = 0; i < n; i++) {
    double uniform;
    enf__random_uniform(seed, ENF__STREAM_TRAIN_RESAMPLE, first + i, 1, &uniform);
    const size_t row = find(p, uniform * p->sum[p->filled - 1]);
    memcpy(x + i * host, p->x + row * host, host * sizeof *x);
  }
}
