/* jump.c -- enf_jump: walkers of a host's own dynamics jump to samples of a flow.

   A walker at x goes to the sample x' with probability min(1, w(x')/w(x)), w = exp(-u)/q: the move
   of independence Metropolis (metropolis.c), which keeps exp(-u) and detailed balance, so that it
   may stand between the host's own moves (hybrid chains: Tierney 1994, Ann. Statist. 22, 1701).

   Walker i's proposal in round r is number counter + r n + i of the stream `seed`, and so is its
   uniform number. Proposals do not depend on where walkers are, so several rounds are sampled and
   scored at once. Walkers are copies until all rounds are done. */
#include "flow/flow.h"
#include "infer/walkers.h"
#include "infer/weight.h"
#include <enf/walkers.h>
#include <string.h>

/* Proposals sampled at once, if walkers are fewer. */
enum { BLOCK = 256 };

typedef struct {
  enf__walkers w;
  uint64_t seed, counter, accepted;
  size_t n, block;
  double *x, *u, *logq;             /* (n) the walkers */
  double *x_new, *u_new, *logq_new; /* (block) proposals */
} job;

static enf_status check(enf_ctx *ctx, const job *j, const uint64_t *counter, size_t rounds,
                        const double *x, const double *u, const double *logq) {
  if (!j->w.fn || !counter)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", j->w.fn ? "counter" : "fn");
  if (j->n > 0 && (!x || !u || !logq))
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", !x ? "x" : !u ? "u" : "logq");
  const size_t size = enf__space_host(&j->w.flow->space);
  if (j->n > SIZE_MAX / sizeof(double) / size)
    return enf__fail(ctx, ENF_ERR_ARG, "n is %zu: so many walkers cannot exist", j->n);
  if (j->n > 0 && rounds > (UINT64_MAX - *counter) / j->n)
    return enf__fail(ctx, ENF_ERR_RANGE,
                     "counter = %llu plus %zu rounds of %zu proposals runs past the end of the "
                     "stream",
                     (unsigned long long)*counter, rounds, j->n);
  return ENF_OK;
}

static void lay_out(job *j, enf__arena *arena) {
  const size_t size = enf__space_host(&j->w.flow->space), walkers = j->n * size;
  j->x = ENF__TAKE(arena, double, walkers);
  j->u = ENF__TAKE(arena, double, j->n);
  j->logq = ENF__TAKE(arena, double, j->n);
  j->x_new = ENF__TAKE(arena, double, j->block *size);
  j->u_new = ENF__TAKE(arena, double, j->block);
  j->logq_new = ENF__TAKE(arena, double, j->block);
}

static enf_status take_memory(enf_ctx *ctx, job *j) {
  enf__arena count = {0};
  lay_out(j, &count);
  ctx->walkers_memory.used = 0;
  if (!enf__arena_reserve(&ctx->alloc, &ctx->walkers_memory, count.used))
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu walkers", j->n);
  lay_out(j, &ctx->walkers_memory);
  return ENF_OK;
}

/* ---- what is not known of the walkers -------------------------------------------------------- */

/* Those of a NaN in `known`, their mean taken away; how many. */
static size_t gather(const job *j, const double *known, double *x) {
  const enf__space *space = &j->w.flow->space;
  size_t count = 0;
  for (size_t i = 0; i < j->n; i++) {
    if (!isnan(known[i]))
      continue;
    memcpy(x + count * j->w.size, j->x + i * j->w.size, j->w.size * sizeof *x);
    space->ops->project(space, x + count++ * j->w.size);
  }
  return count;
}

static void scatter(const job *j, const double *found, double *known) {
  for (size_t i = 0; i < j->n; i++)
    if (isnan(known[i]))
      known[i] = *found++;
}

/* A block has room for all walkers. That a walker has no density is its host's to know. */
static enf_status fill_in(job *j) {
  enf_status status = ENF_OK;
  size_t count = gather(j, j->logq, j->x_new);
  if (count > 0)
    TRY(enf_log_prob(j->w.ctx, j->w.flow, count, j->x_new, j->logq_new));
  scatter(j, j->logq_new, j->logq);
  count = gather(j, j->u, j->x_new);
  TRY(enf__walkers_energy(&j->w, count, j->x_new, j->u_new, NULL));
  scatter(j, j->u_new, j->u);
out:
  return status;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void propose(job *j, size_t i, size_t row) {
  const double log_ratio = enf__log_weight(j->logq_new[row], j->u_new[row], NULL) -
                           enf__log_weight(j->logq[i], j->u[i], NULL);
  /* a walker of weight 0 leaves for any that has some; two of them differ by no number */
  if (isnan(log_ratio) || !enf__metropolis_accepts(j->seed, j->counter + row, log_ratio))
    return;
  j->accepted++;
  j->u[i] = j->u_new[row];
  j->logq[i] = j->logq_new[row];
  memcpy(j->x + i * j->w.size, j->x_new + row * j->w.size, j->w.size * sizeof *j->x);
}

static enf_status run(job *j, size_t rounds) {
  const size_t at_once = j->block / j->n;
  enf_status status = fill_in(j);
  j->w.total = rounds * j->n;
  for (size_t made = 0, now; made < rounds && status == ENF_OK; made += now) {
    now = rounds - made < at_once ? rounds - made : at_once;
    const size_t rows = now * j->n;
    j->w.done = made * j->n;
    j->w.part = rows;
    TRY(enf__walkers_sample(&j->w, j->seed, j->counter, rows, j->x_new, j->logq_new));
    TRY(enf__walkers_energy(&j->w, rows, j->x_new, j->u_new, NULL));
    for (size_t row = 0; row < rows; row++)
      propose(j, row % j->n, row);
    j->counter += rows;
  }
out:
  return status;
}

enf_status enf_jump(enf_ctx *ctx, const enf_flow *flow, enf_energy_fn fn, void *user, uint64_t seed,
                    uint64_t *counter, size_t rounds, size_t n, double *x, double *u, double *logq,
                    enf_jump_info *info) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  TRY(enf__flow_check(ctx, flow));
  if (info)
    TRY(enf__struct_check(ctx, "info", info, ENF__SIZE_TO(enf_jump_info, accepted),
                          "ENF_JUMP_INFO_INIT"));
  job j = {.w = {.ctx = ctx, .flow = flow, .fn = fn, .user = user}, .seed = seed, .n = n};
  TRY(check(ctx, &j, counter, rounds, x, u, logq));
  if (n > 0) {
    j.block = n > BLOCK / 2 ? n : BLOCK / n * n;
    TRY(take_memory(ctx, &j));
    j.counter = *counter;
    const size_t bytes = n * enf__space_host(&flow->space) * sizeof *x;
    memcpy(j.x, x, bytes);
    memcpy(j.u, u, n * sizeof *u);
    memcpy(j.logq, logq, n * sizeof *logq);
    enf__walkers_begin(&j.w);
    status = run(&j, rounds);
    enf__walkers_end(&j.w);
    if (status != ENF_OK)
      goto out;
    memcpy(x, j.x, bytes);
    memcpy(u, j.u, n * sizeof *u);
    memcpy(logq, j.logq, n * sizeof *logq);
    *counter = j.counter;
  }
  if (info)
    enf__struct_give(info, &(enf_jump_info){sizeof *info, (uint64_t)rounds * n, j.accepted},
                     sizeof *info);
out:
  return status;
}
