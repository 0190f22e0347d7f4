/* anneal.c -- enf_anneal: from a flow's density to exp(-u) by bridges b = q^(1-beta) exp(-beta u).

   Walkers have weights W, sum 1, and w = exp(-u)/q. From beta to beta' (Neal 2001; Del Moral et al.
   2006)

     Z factor = sum W w^(beta' - beta),   W goes to W w^(beta' - beta), normalised,

   with beta' as large as keeps the conditional effective sample size

     (sum W v)^2 / (sum W  sum W v^2),  v = w^(beta' - beta),  over walkers with w > 0

   at ess_step (Zhou et al. 2016). Below ess_resample walkers are drawn anew by systematic
   resampling; then they are moved (anneal_move.c). With g_k the weight of all walkers that descend
   from sample k of the flow, the relative variance of Z is taken as sum g_k^2 - 1/n, that of
   n/(n-1) of it (Lee and Whiteley 2018, with few resamplings). */
#include "infer/anneal.h"
#include "core/random.h"
#include "flow/flow.h"
#include "infer/weight.h"
#include <math.h>
#include <string.h>

enum { PARTS = 1000000 };

/* ---- arguments and memory ----------------------------------------------------------------------
 */

static enf_status check_plan(enf_ctx *ctx, const enf_anneal_plan *p) {
  if (!(p->ess_step > 0 && p->ess_step < 1))
    return enf__fail(ctx, ENF_ERR_RANGE, "ess_step is %g, not between 0 and 1", p->ess_step);
  if (!(p->ess_resample >= 0 && p->ess_resample <= 1))
    return enf__fail(ctx, ENF_ERR_RANGE, "ess_resample is %g, not 0 to 1", p->ess_resample);
  if (p->moves > 1000000 || p->leapfrog > 1000000 || (!p->move && p->moves && !p->leapfrog))
    return enf__fail(ctx, ENF_ERR_RANGE,
                     "%llu moves of %llu leapfrog steps: at most a million each, and one at least",
                     (unsigned long long)p->moves, (unsigned long long)p->leapfrog);
  if (p->guided > 1 || (p->guided && p->move))
    return enf__fail(ctx, ENF_ERR_RANGE, "guided is %llu: 0 or 1, and 0 with moves of the host's",
                     (unsigned long long)p->guided);
  return ENF_OK;
}

static enf_status check(enf_ctx *ctx, const enf__anneal *a) {
  const struct {
    const char *name;
    const void *data;
  } arrays[] = {
      {"x", a->x}, {"u", a->u}, {"logq", a->logq}, {"logw", a->logw}, {"family", a->family}};
  for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++)
    if (!arrays[k].data)
      return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", arrays[k].name);
  if (!a->w.fn || a->n == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "%s",
                     a->w.fn ? "n is 0: there are no walkers" : "fn is NULL");
  if (a->n > SIZE_MAX / sizeof(double) / enf__space_host(&a->w.flow->space))
    return enf__fail(ctx, ENF_ERR_ARG, "n is %zu: so many walkers cannot exist", a->n);
  if (!(a->at.beta >= 0 && a->at.beta <= 1))
    return enf__fail(ctx, ENF_ERR_RANGE, "the annealing is at beta = %g, not 0 to 1", a->at.beta);
  for (size_t i = 0; i < a->n && a->at.bridges > 0; i++)
    if (a->family[i] >= a->n)
      return enf__fail(ctx, ENF_ERR_RANGE, "walker %zu is of family %llu: there are %zu", i,
                       (unsigned long long)a->family[i], a->n);
  return check_plan(ctx, &a->plan);
}

static void lay_out(enf__anneal *a, enf__arena *arena) {
  const size_t n = a->n, state = n * enf__space_host(&a->w.flow->space);
  double **const large[] = {&a->x, &a->x_new, &a->grad, &a->momentum, &a->score};
  double **const small[] = {&a->u, &a->logq, &a->logw, &a->u_new, &a->logq_new, &a->kinetic};
  for (size_t k = 0; k < sizeof large / sizeof *large; k++)
    *large[k] = ENF__TAKE(arena, double, state);
  for (size_t k = 0; k < sizeof small / sizeof *small; k++)
    *small[k] = ENF__TAKE(arena, double, n);
  a->luck = ENF__TAKE(arena, double, 2 * n);
  a->family = ENF__TAKE(arena, uint64_t, n);
  a->from = ENF__TAKE(arena, uint64_t, n);
}

static enf_status take_memory(enf_ctx *ctx, enf__anneal *a) {
  enf__arena count = {0};
  lay_out(a, &count);
  ctx->walkers_memory.used = 0;
  if (!enf__arena_reserve(&ctx->alloc, &ctx->walkers_memory, count.used))
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu walkers", a->n);
  lay_out(a, &ctx->walkers_memory);
  return ENF_OK;
}

/* ---- weights -----------------------------------------------------------------------------------
 */

/* log w of all walkers; false if none has a weight. */
static bool weigh(const enf__anneal *a, double *log_w) {
  bool any = false;
  for (size_t i = 0; i < a->n; i++) {
    log_w[i] = enf__log_weight(a->logq[i], a->u[i], NULL);
    any = any || (log_w[i] > -(double)INFINITY && a->logw[i] > -(double)INFINITY);
  }
  return any;
}

/* Weights to sum 1; the logarithm of their sum before. */
static double normalise(enf__anneal *a) {
  double top = -INFINITY, sum = 0;
  for (size_t i = 0; i < a->n; i++)
    top = fmax(top, a->logw[i]);
  for (size_t i = 0; i < a->n && top > -(double)INFINITY; i++)
    sum += exp(a->logw[i] - top);
  for (size_t i = 0; i < a->n && sum > 0; i++)
    a->logw[i] = (a->logw[i] - top) - log(sum);
  return sum > 0 ? top + log(sum) : -(double)INFINITY;
}

static void look(enf__anneal *a) {
  const double n = (double)a->n;
  double squares = 0, families = 0, *weight = a->kinetic;
  memset(weight, 0, a->n * sizeof *weight);
  for (size_t i = 0; i < a->n; i++) {
    const double W = exp(a->logw[i]);
    squares += W * W;
    weight[a->family[i]] += W;
  }
  for (size_t i = 0; i < a->n; i++)
    families += weight[i] * weight[i];
  a->at.ess = 1 / (n * squares);
  a->at.log_z_err = a->n > 1 ? sqrt(fmax(families - 1 / n, 0) * n / (n - 1)) : (double)INFINITY;
}

static enf_status nothing_weighs(const enf__anneal *a) {
  return enf__fail(a->w.ctx, ENF_ERR_NONFINITE,
                   "at beta = %g no walker of %zu has a weight: u or log q is not finite in all of "
                   "them",
                   a->at.beta, a->n);
}

static enf_status reweigh(enf__anneal *a) {
  double *log_w = a->kinetic;
  if (!weigh(a, log_w))
    return nothing_weighs(a);
  const double left = 1 - a->at.beta;
  const double step = enf__temper(a->n, a->logw, log_w, left, a->plan.ess_step);
  for (size_t i = 0; i < a->n; i++)
    if (a->logw[i] > -(double)INFINITY)
      a->logw[i] += step * log_w[i];
  a->at.log_z += normalise(a);
  a->at.beta = step == left ? 1 : a->at.beta + step;
  return ENF_OK;
}

/* ---- resampling --------------------------------------------------------------------------------
 */

static void find_parents(enf__anneal *a) {
  double uniform, sum = exp(a->logw[0]);
  size_t parent = 0;
  enf__random_uniform(a->plan.seed, ENF__STREAM_ANNEAL,
                      enf__anneal_index(a, a->at.bridges, 0, ENF__ANNEAL_RESAMPLE), 1, &uniform);
  for (size_t i = 0; i < a->n; i++) {
    const double place = ((double)i + uniform) / (double)a->n;
    while (place > sum && parent + 1 < a->n)
      sum += exp(a->logw[++parent]);
    a->from[i] = parent;
  }
}

static void resample(enf__anneal *a) {
  const size_t n = a->n, size = a->w.size;
  find_parents(a);
  memcpy(a->x_new, a->x, n * size * sizeof *a->x);
  memcpy(a->u_new, a->u, n * sizeof *a->u);
  memcpy(a->logq_new, a->logq, n * sizeof *a->logq);
  for (size_t i = 0; i < n; i++) {
    const size_t from = (size_t)a->from[i];
    memcpy(a->x + i * size, a->x_new + from * size, size * sizeof *a->x);
    a->u[i] = a->u_new[from];
    a->logq[i] = a->logq_new[from];
    a->logw[i] = -log((double)n);
    a->from[i] = a->family[from];
  }
  memcpy(a->family, a->from, n * sizeof *a->family);
  a->at.resamplings++;
}

/* ---- the way -----------------------------------------------------------------------------------
 */

static enf_status begin(enf__anneal *a) {
  enf_status status;
  TRY(enf__walkers_sample(&a->w, a->plan.seed, 0, a->n, a->x, a->logq));
  TRY(enf__walkers_energy(&a->w, a->n, a->x, a->u, NULL));
  for (size_t i = 0; i < a->n; i++) {
    a->family[i] = i;
    a->logw[i] = isfinite(a->logq[i]) ? -log((double)a->n) : -(double)INFINITY;
  }
  a->at.log_z = normalise(a);
  TRY(enf__anneal_guess_step(a));
out:
  return status;
}

static enf_status cross(enf__anneal *a) {
  enf_status status;
  TRY(reweigh(a));
  look(a);
  a->at.bridges++;
  if (a->at.beta < 1 && a->at.ess < a->plan.ess_resample)
    resample(a);
  TRY(enf__anneal_move(a));
  look(a);
  a->w.done = (uint64_t)(PARTS * a->at.beta);
  TRY(enf__report(a->w.ctx, a->w.done, PARTS));
out:
  return status;
}

static enf_status run(enf__anneal *a, uint64_t most) {
  enf_status status = ENF_OK;
  a->w.total = PARTS;
  if (a->at.bridges == 0 && a->at.beta == 0)
    TRY(begin(a));
  for (uint64_t made = 0; a->at.beta < 1 && (most == 0 || made < most); made++)
    TRY(cross(a));
out:
  return status;
}

static void copy_walkers(const enf__anneal *from, const enf__anneal *to) {
  const size_t n = from->n;
  memcpy(to->x, from->x, n * from->w.size * sizeof *to->x);
  memcpy(to->u, from->u, n * sizeof *to->u);
  memcpy(to->logq, from->logq, n * sizeof *to->logq);
  memcpy(to->logw, from->logw, n * sizeof *to->logw);
  memcpy(to->family, from->family, n * sizeof *to->family);
}

enf_status enf_anneal(enf_ctx *ctx, const enf_flow *flow, enf_energy_fn fn, void *user,
                      const enf_anneal_plan *plan, uint64_t most, enf_annealing *state, size_t n,
                      double *x, double *u, double *logq, double *logw, uint64_t *family) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  TRY(enf__flow_check(ctx, flow));
  if (!plan || !state)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", plan ? "state" : "plan"));
  TRY(enf__struct_check(ctx, "plan", plan, ENF__SIZE_TO(enf_anneal_plan, move_user),
                        "ENF_ANNEAL_PLAN_INIT"));
  TRY(enf__struct_check(ctx, "state", state, ENF__SIZE_TO(enf_annealing, accepted),
                        "ENF_ANNEALING_INIT"));
  enf__anneal a = {.w = {.ctx = ctx, .flow = flow, .fn = fn, .user = user, .size = 0},
                   .plan = ENF_ANNEAL_PLAN_INIT,
                   .n = n,
                   .x = x,
                   .u = u,
                   .logq = logq,
                   .logw = logw,
                   .family = family};
  enf__struct_take(&a.plan, plan, sizeof a.plan);
  enf__struct_take(&a.at, state, sizeof a.at);
  TRY(check(ctx, &a));
  const bool goes_on = a.at.bridges > 0;
  enf__anneal given = a;
  TRY(take_memory(ctx, &a));
  enf__walkers_begin(&a.w);
  given.w.size = a.w.size;
  if (goes_on)
    copy_walkers(&given, &a);
  status = run(&a, most);
  enf__walkers_end(&a.w);
  if (status != ENF_OK)
    goto out;
  copy_walkers(&a, &given);
  enf__struct_give(state, &a.at, sizeof a.at);
out:
  return status;
}
