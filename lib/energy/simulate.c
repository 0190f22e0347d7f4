/* simulate.c -- enf_simulate: its arguments, its schedule, and the step sizes.

   burn_in moves, then one stored sample per walker every `stride` moves. During burn-in the step of
   every temperature follows the acceptance of all walkers at that temperature (towards
   TARGET_ACCEPTANCE); afterwards it is fixed, so that the stored chain is an exact Markov chain.
   Temperatures are a geometric ladder from 1 to sim.hottest. The moves are in walk.c.

   A built-in energy is run by all threads, a few walkers to a task; a host's energy on the caller's
   thread, all walkers at once. Both go through the same code and give the same bits. */
#include "energy/simulate.h"
#include "core/options.h"
#include "core/parallel.h"
#include "energy/energy.h"
#include "space/space.h"
#include <math.h>
#include <string.h>

/* Walkers of a task fill the vectors of a built-in energy; moves of a round are done between two
   reports, and between two corrections of the steps. */
enum { WALKERS_PER_TASK = 4, MOVES_PER_ROUND = 10 };
#define TARGET_ACCEPTANCE 0.75
#define CORRECTION 0.6

/* ---- arguments ------------------------------------------------------------------------------ */

/* Those of model.space group and lattice; n = 0 for every other space. */
static enf_status read_links(enf_ctx *ctx, const enf_opts *opts, enf__links *links) {
  const int64_t kind = enf__opts_int(opts, ENF__OPT_MODEL_SPACE);
  enf__space space = {0};
  enf_opts *completed = NULL;
  enf_status status = ENF_OK;
  if (kind == ENF__GROUP || kind == ENF__LATTICE) {
    TRY(enf__opts_copy(ctx, &ctx->alloc, &completed, opts));
    space = enf__space_make((int)kind, 0, 0);
    TRY(space.ops->derive(ctx, &space, completed));
  }
  *links = space.links;
out:
  enf_opts_destroy(completed);
  return status;
}

static enf_status check_shape(enf_ctx *ctx, const enf_opts *opts, enf__opt id, const char *system,
                              size_t value) {
  if (!enf__opts_isset(opts, id) || enf__opts_int(opts, id) == (int64_t)value)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION, "%s is %lld, but %s has %zu", enf__opts_name(id),
                   (long long)enf__opts_int(opts, id), system, value);
}

static enf_status builtin_shape(enf_ctx *ctx, const enf_opts *opts, enf__sim *sim) {
  const enf_energy *energy = sim->user;
  enf_status status;
  if (!energy || energy->magic != ENF__MAGIC_ENERGY)
    return enf__fail(ctx, ENF_ERR_ARG, "user is not a built-in energy, but fn is enf_energy_eval");
  sim->N = energy->particles;
  sim->D = energy->dimensions;
  const enf__links asked = sim->links;
  sim->links = enf__energy_links(energy);
  if (asked.n && !enf__links_equal(&asked, &sim->links))
    TRY(enf__fail(ctx, ENF_ERR_OPTION, "%s is not of the space, group and lattice of model.*",
                  energy->system));
  TRY(check_shape(ctx, opts, ENF__OPT_MODEL_PARTICLES, energy->system, sim->N));
  TRY(check_shape(ctx, opts, ENF__OPT_MODEL_DIMENSIONS, energy->system, sim->D));
  sim->exact = energy->sample != NULL;
out:
  return status;
}

static enf_status host_shape(enf_ctx *ctx, const enf_opts *opts, enf__sim *sim) {
  sim->N = enf__links_count(&sim->links);
  sim->D = enf__links_width(&sim->links);
  if (sim->links.n)
    return ENF_OK;
  const int64_t particles = enf__opts_int(opts, ENF__OPT_MODEL_PARTICLES);
  if (particles < 2)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.particles is %lld: a host's energy needs the number of its particles, "
                     "2 or more",
                     (long long)particles);
  sim->N = (size_t)particles;
  sim->D = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_DIMENSIONS);
  return ENF_OK;
}

/* One chain of matrices in order, if not asked for more: what its autocorrelation is measured on. */
static int64_t of_links(const enf_opts *opts, const enf__sim *sim, enf__opt id) {
  return sim->links.n && !enf__opts_isset(opts, id) ? 1 : enf__opts_int(opts, id);
}

static enf_status read_options(enf_ctx *ctx, const enf_opts *opts, enf__sim *sim) {
  enf_status status;
  TRY(enf__opts_check(ctx, opts));
  TRY(read_links(ctx, opts, &sim->links));
  TRY(sim->host ? host_shape(ctx, opts, sim) : builtin_shape(ctx, opts, sim));
  sim->in_order = sim->links.n > 0;
  sim->motion = sim->links.n ? &enf__motion_of_links : &enf__motion_of_particles;
  sim->seed = enf__opts_seed(opts, ENF__OPT_SIM_SEED);
  sim->walkers = (size_t)of_links(opts, sim, ENF__OPT_SIM_WALKERS);
  if (sim->walkers > sim->rows || sim->exact)
    sim->walkers = sim->rows;
  sim->per_walker = (sim->rows + sim->walkers - 1) / sim->walkers;
  sim->rungs = sim->exact ? 1 : (size_t)of_links(opts, sim, ENF__OPT_SIM_RUNGS);
  sim->leapfrog = (size_t)enf__opts_int(opts, ENF__OPT_SIM_LEAPFROG);
  sim->burn_in = (uint64_t)enf__opts_int(opts, ENF__OPT_SIM_BURN_IN);
  sim->stride = sim->exact ? 1 : (uint64_t)enf__opts_int(opts, ENF__OPT_SIM_STRIDE);
out:
  return status;
}

/* ---- memory --------------------------------------------------------------------------------- */

static void lay_out(enf__sim *sim, enf__arena *arena) {
  const size_t replicas = sim->walkers * sim->rungs, coordinates = replicas * sim->N * sim->D;
  const size_t samples = sim->walkers * sim->per_walker;
  double **const large[] = {&sim->x, &sim->grad, &sim->x_new, &sim->grad_new, &sim->momentum};
  double **const small[] = {&sim->u,         &sim->u_new, &sim->kinetic,
                            &sim->move_step, &sim->luck,  &sim->accepted};
  for (size_t k = 0; k < sizeof large / sizeof *large; k++)
    *large[k] = ENF__TAKE(arena, double, coordinates);
  for (size_t k = 0; k < sizeof small / sizeof *small; k++)
    *small[k] = ENF__TAKE(arena, double, replicas);
  sim->alive = ENF__TAKE(arena, bool, replicas);
  sim->tally = ENF__TAKE(arena, enf__sim_tally, sim->walkers);
  sim->beta = ENF__TAKE(arena, double, sim->rungs);
  sim->step = ENF__TAKE(arena, double, sim->rungs);
  sim->series_u = ENF__TAKE(arena, double, samples);
  sim->series_virial = ENF__TAKE(arena, double, samples);
}

static enf_status prepare(enf_ctx *ctx, const enf_opts *opts, enf__sim *sim) {
  enf__arena counter = {0};
  lay_out(sim, &counter);
  enf_status status = enf__reserve(ctx, counter.used, 0);
  if (status != ENF_OK)
    return status;
  lay_out(sim, &ctx->arena);
  memset(sim->tally, 0, sim->walkers * sizeof *sim->tally);
  memset(sim->accepted, 0, sim->walkers * sim->rungs * sizeof *sim->accepted);
  const double hottest = enf__opts_real(opts, ENF__OPT_SIM_HOTTEST);
  for (size_t r = 0; r < sim->rungs; r++)
    sim->beta[r] = r ? pow(hottest, -(double)r / (double)(sim->rungs - 1)) : 1;
  return ENF_OK;
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* A length the energy knows: 1 / (root mean square gradient) at the starting points. */
static void guess_steps(enf__sim *sim) {
  const size_t count = sim->walkers * sim->rungs * sim->N * sim->D;
  double squares = 0;
  for (size_t k = 0; k < count; k++)
    squares += sim->grad[k] * sim->grad[k];
  const double rms = sqrt(squares / (double)count);
  for (size_t r = 0; r < sim->rungs; r++)
    sim->step[r] = rms > 0 && isfinite(rms) ? 0.1 / rms : 0.1;
}

/* Uses and clears the acceptance of the last `moves` moves. */
static void correct_steps(enf__sim *sim, uint64_t moves) {
  for (size_t r = 0; r < sim->rungs; r++) {
    double sum = 0;
    for (size_t w = 0; w < sim->walkers; w++) {
      sum += sim->accepted[w * sim->rungs + r];
      sim->accepted[w * sim->rungs + r] = 0;
    }
    const double acceptance = sum / ((double)sim->walkers * (double)moves);
    sim->step[r] *= exp(CORRECTION * (acceptance - TARGET_ACCEPTANCE));
  }
}

/* ---- the schedule --------------------------------------------------------------------------- */

typedef struct {
  enf__sim *sim;
  bool starting;
  uint64_t from, to;
} job;

static enf_status run_range(const job *j, size_t first, size_t last) {
  return j->starting ? enf__sim_start(j->sim, first, last)
                     : enf__sim_walk(j->sim, first, last, j->from, j->to);
}

static enf_status run_task(void *user, size_t task, enf__arena *arena) {
  (void)arena;
  const job *j = user;
  const size_t first = task * WALKERS_PER_TASK, rest = j->sim->walkers - first;
  return run_range(j, first, first + (rest < WALKERS_PER_TASK ? rest : WALKERS_PER_TASK));
}

static enf_status run_job(enf_ctx *ctx, job j) {
  enf__sim *sim = j.sim;
  if (sim->host)
    return run_range(&j, 0, sim->walkers);
  const size_t tasks = (sim->walkers + WALKERS_PER_TASK - 1) / WALKERS_PER_TASK;
  return enf__parallel_for(ctx, tasks, run_task, &j, 0, 0);
}

static enf_status explain(enf_ctx *ctx, const enf__sim *sim, enf_status status) {
  switch (status) {
  case ENF_ERR_CALLBACK:
    return enf__fail(ctx, status, "the energy returned %d", sim->returned);
  case ENF_ERR_NONFINITE:
    return enf__fail(ctx, status,
                     "no starting point with a finite energy and gradient was found for some of "
                     "the %zu walkers",
                     sim->walkers);
  default:
    return status;
  }
}

/* End of the round that begins with move `from`: rounds do not straddle the end of burn-in. */
static uint64_t round_end(uint64_t from, uint64_t limit) {
  return limit - from < MOVES_PER_ROUND ? limit : from + MOVES_PER_ROUND;
}

static enf_status run_schedule(enf_ctx *ctx, enf__sim *sim) {
  const uint64_t moves = sim->burn_in + sim->per_walker * sim->stride;
  enf_status status = ENF_OK;
  TRY(run_job(ctx, (job){sim, .starting = true}));
  guess_steps(sim);
  for (uint64_t from = 0, to; from < moves; from = to) {
    to = round_end(from, from < sim->burn_in ? sim->burn_in : moves);
    TRY(run_job(ctx, (job){sim, .from = from, .to = to}));
    if (from < sim->burn_in)
      correct_steps(sim, to - from);
    TRY(enf__report(ctx, (uint64_t)((double)sim->rows * ((double)to / (double)moves)), sim->rows));
  }
out:
  return explain(ctx, sim, status);
}

enf_status enf_simulate(enf_ctx *ctx, enf_energy_fn fn, void *user, const enf_opts *opts, size_t n,
                        double *x, enf_sim_info *info) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  if (!fn || !x)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", fn ? "x" : "fn");
  if (n == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "n is 0: there is nothing to simulate");
  if (info)
    TRY(enf__struct_check(ctx, "info", info, ENF__SIZE_TO(enf_sim_info, rungs),
                          "ENF_SIM_INFO_INIT"));
  const double begun = enf__seconds();
  enf__sim sim = {.fn = fn,
                  .user = user,
                  .host = fn == enf_energy_eval ? NULL : ctx,
                  .rows = n,
                  .out = x};
  TRY(read_options(ctx, opts, &sim));
  TRY(prepare(ctx, opts, &sim));
  if (sim.exact)
    enf__sim_draw(&sim);
  else
    TRY(run_schedule(ctx, &sim));
  enf_sim_info full = ENF_SIM_INFO_INIT;
  enf__sim_summarise(&sim, &full);
  full.seconds = ctx->stats.seconds = enf__seconds() - begun;
  if (info)
    enf__struct_give(info, &full, sizeof full);
out:
  return status;
}
