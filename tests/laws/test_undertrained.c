/* test_undertrained.c -- from a flow that has learnt little (ESS about 0.05) to averages and log Z that
   are known: weights, Metropolis, jumps, annealed importance sampling, sequential Monte Carlo.

   Exact values: DW4 by quadrature; LJ13 (eps 2) by thermodynamic integration, 59.90 +- 0.03, and long
   simulations, -43.01 +- 0.08. Every mean has to be within three combined errors of them, and its own
   error below a bound, so that it says something. */
#include "host.h"
#include <math.h>
#include <stdlib.h>

enum { ROWS = 1000, BATCH = 64, MOST = 4000, MOST_SIZE = 39, BLOCKS = 10 };

static const struct {
  const char *energy, *options;
  size_t size, samples, walkers, rounds, bridged;
  int steps;
  double u, u_err, log_z, log_z_err; /* exact */
  double u_most, log_z_most;         /* bounds of our own errors */
} systems[] = {{"dw4",
                "model.particles=4,model.dimensions=2,model.hidden=8,model.layers=2,train.lr=1e-2",
                8, 3000, 60, 30, 200, 250, -22.54151, 0, 29.667232, 0, 0.6, 0.4},
               {"lj13",
                "model.particles=13,model.dimensions=3,model.hidden=16,model.layers=2,train.lr=1e-2",
                39, 600, 30, 20, 40, 300, -43.01, 0.08, 59.90, 0.03, 2, 0.8}};
enum { SYSTEMS = sizeof systems / sizeof *systems };

static enf_flow *flow;
static enf_energy *energy;
static double rows[ROWS * MOST_SIZE];

/* A flow trained for a second on configurations of the target. */
static void prepare(size_t number) {
  char text[300];
  enf_trainer *trainer;
  size_t chosen[BATCH];
  static double x[BATCH * MOST_SIZE];
  const size_t size = systems[number].size;
  snprintf(text, sizeof text, "%s,train.steps=%d,train.ema=0,train.seed=1,sim.stride=20,"
                              "density.tol=0.05,logdet.checks=0",
           systems[number].options, systems[number].steps);
  enf_opts *opts = options(text);
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_energy_builtin(ctx, &energy, systems[number].energy));
  OK(enf_simulate(ctx, enf_energy_eval, energy, opts, ROWS, rows, NULL));
  OK(enf_create(ctx, &flow, opts));
  OK(enf_trainer_create(ctx, &trainer, flow, opts));
  for (int step = 0; step < systems[number].steps; step++) {
    OK(enf_trainer_rows(trainer, ROWS, BATCH, chosen));
    for (size_t i = 0; i < BATCH; i++)
      memcpy(x + i * size, rows + chosen[i] * size, size * sizeof *x);
    OK(enf_train_step(ctx, trainer, BATCH, x, NULL));
  }
  enf_trainer_destroy(trainer);
  enf_opts_destroy(opts);
}

static void forget(void) {
  enf_destroy(flow);
  enf_energy_destroy(energy);
}

static void agree(const char *what, double found, double error, double exact, double exact_error,
                  double most) {
  ck_assert_msg(error > 0 && error < most, "%s: error %g, at most %g", what, error, most);
  ck_assert_msg(fabs(found - exact) < 3 * hypot(error, exact_error), "%s: %.3f +- %.3f, exact %.3f",
                what, found, error, exact);
}

/* Mean of independent values and its error. */
static double mean_of(size_t n, const double *value, double *error) {
  double mean = 0, square = 0;
  for (size_t i = 0; i < n; i++)
    mean += value[i] / (double)n;
  for (size_t i = 0; i < n; i++)
    square += (value[i] - mean) * (value[i] - mean);
  *error = sqrt(square / (double)n / (double)(n - 1));
  return mean;
}

/* ---- samples: weights and a chain ------------------------------------------------------------ */

static void weights_and_a_metropolis_chain_have_the_target(size_t s) {
  static double x[MOST * MOST_SIZE], logq[MOST], u[MOST], logw[MOST];
  static size_t state[MOST];
  const size_t n = systems[s].samples, length = n / BLOCKS;
  enf_weights weights = ENF_WEIGHTS_INIT;
  double mean, error, block[BLOCKS] = {0};
  OK(enf_sample(ctx, flow, 5, 0, n, x, logq));
  enf_energy_eval(energy, n, x, u, NULL);
  OK(enf_reweight(ctx, n, logq, u, logw, &weights));
  ck_assert_double_gt(weights.ess, 0.005);
  ck_assert_double_lt(weights.ess, 0.15);
  agree("weights log Z", weights.log_z, weights.log_z_err, systems[s].log_z,
        systems[s].log_z_err, systems[s].log_z_most);
  OK(enf_average(ctx, n, logw, 1, u, &mean, &error));
  agree("weights <u>", mean, error, systems[s].u, systems[s].u_err, systems[s].u_most);
  OK(enf_metropolis(ctx, 7, 0, n, logq, u, state, NULL));
  for (size_t i = 0; i < n; i++)
    if (i / length < BLOCKS)
      block[i / length] += u[state[i]] / (double)length;
  mean = mean_of(BLOCKS, block, &error);
  agree("Metropolis <u>", mean, error, systems[s].u, systems[s].u_err, systems[s].u_most);
}

/* ---- jumps ------------------------------------------------------------------------------------- */

static void walkers_that_jump_keep_the_target(size_t s) {
  static double x[MOST * MOST_SIZE], u[MOST], logq[MOST], sum[MOST];
  const size_t n = systems[s].walkers, rounds = systems[s].rounds;
  enf_jump_info info = ENF_JUMP_INFO_INIT;
  uint64_t counter = 0, accepted = 0;
  double error;
  for (size_t i = 0; i < n; i++) {
    memcpy(x + i * systems[s].size, rows + i * (ROWS / n) * systems[s].size,
           systems[s].size * sizeof *x);
    u[i] = logq[i] = NAN;
    sum[i] = 0;
  }
  for (size_t r = 0; r < rounds; r++) {
    OK(enf_jump(ctx, flow, enf_energy_eval, energy, 3, &counter, 1, n, x, u, logq, &info));
    accepted += info.accepted;
    for (size_t i = 0; i < n; i++)
      sum[i] += u[i] / (double)rounds;
  }
  ck_assert_uint_gt(accepted, rounds * n / 200);
  const double mean = mean_of(n, sum, &error);
  agree("jumps <u>", mean, error, systems[s].u, systems[s].u_err, systems[s].u_most);
}

/* ---- bridges ----------------------------------------------------------------------------------- */

/* Weighted mean of u, families taken as independent. */
static double mean_energy(size_t n, const double *u, const double *logw, const uint64_t *family,
                          double *error) {
  static double part[MOST];
  double mean = 0, square = 0;
  memset(part, 0, sizeof part);
  for (size_t i = 0; i < n; i++)
    mean += exp(logw[i]) * u[i];
  for (size_t i = 0; i < n; i++)
    part[family[i]] += exp(logw[i]) * (u[i] - mean);
  for (size_t i = 0; i < n; i++)
    square += part[i] * part[i];
  *error = sqrt(square);
  return mean;
}

/* Without resampling, with it, and by moves that know log q. */
static const struct {
  const char *log_z, *u;
  double ess_resample;
  uint64_t guided, leapfrog;
} ways[] = {{"AIS log Z", "AIS <u>", 0, 0, 10},
            {"SMC log Z", "SMC <u>", 0.5, 0, 10},
            /* dear with a network: of the small system only */
            {"guided SMC log Z", "guided SMC <u>", 0.5, 1, 4}};
enum { WAYS = sizeof ways / sizeof *ways };

static void bridges_lead_to_the_target(size_t s, size_t way) {
  static double x[MOST * MOST_SIZE], u[MOST], logq[MOST], logw[MOST];
  static uint64_t family[MOST];
  const size_t n = systems[s].bridged >> ways[way].guided;
  enf_anneal_plan plan = ENF_ANNEAL_PLAN_INIT;
  enf_annealing at = ENF_ANNEALING_INIT;
  double error;
  plan.seed = 11;
  plan.ess_step = 0.8;
  plan.ess_resample = ways[way].ess_resample;
  plan.guided = ways[way].guided;
  plan.leapfrog = ways[way].leapfrog;
  OK(enf_anneal(ctx, flow, enf_energy_eval, energy, &plan, 0, &at, n, x, u, logq, logw, family));
  ck_assert_double_eq(at.beta, 1);
  ck_assert_uint_gt(at.accepted, at.proposals / 10);
  agree(ways[way].log_z, at.log_z, at.log_z_err, systems[s].log_z, systems[s].log_z_err,
        systems[s].log_z_most);
  const double mean = mean_energy(n, u, logw, family, &error);
  agree(ways[way].u, mean, error, systems[s].u, systems[s].u_err,
        systems[s].u_most);
}

START_TEST(a_flow_that_has_learnt_little_leads_to_what_is_exact) {
  const size_t s = (size_t)_i;
  prepare(s);
  weights_and_a_metropolis_chain_have_the_target(s);
  walkers_that_jump_keep_the_target(s);
  for (size_t way = 0; way < WAYS && (s == 0 || !ways[way].guided); way++)
    bridges_lead_to_the_target(s, way);
  forget();
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("undertrained");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_loop_test(tests, a_flow_that_has_learnt_little_leads_to_what_is_exact, 0, SYSTEMS);
  return run_suite("undertrained", tests);
}
