/* test_energy_training.c -- training without data, end to end, against what quadrature knows: the
   double-well pair in three dimensions has log Z = 9.11439 and entropy 5.23301. Takes about half a
   minute, so it is part of `make check-long`, not of `make check`. */
#include <check.h>
#include <enf/enf.h>
#include <math.h>
#include <stdlib.h>

enum { N = 2, D = 3, DIM = N * D, STEPS = 1500, BATCH = 256, SAMPLES = 20000 };

static const double LOG_Z = 9.11439, ENTROPY = 5.23301;

static enf_ctx *ctx;
static enf_opts *opts;
static enf_energy *energy;
static enf_flow *flow;
static double *x, *logp, *u;

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

/* The pair-kernel flow after STEPS steps of reverse KL on its own samples. */
static void train(void) {
  enf_trainer *tr;
  enf_step_info info = ENF_STEP_INFO_INIT;
  OK(enf_create(ctx, &flow, opts));
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  OK(enf_trainer_set_energy(tr, enf_energy_eval, energy));
  for (int step = 0; step < STEPS; step++)
    OK(enf_train_step(ctx, tr, BATCH, NULL, &info));
  ck_assert_uint_eq(info.skipped, 0);
  enf_trainer_destroy(tr);
}

static void setup(void) {
  OK(enf_ctx_create(&ctx, NULL));
  OK(enf_opts_create(ctx, &opts));
  set("model.particles", "2");
  set("model.field", "pair-kernel");
  set("train.objective", "energy");
  set("train.steps", "1500");
  set("run.threads", "2");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_energy_builtin(ctx, &energy, "pair-dw:dim=3"));
  train();
  /* the weights are so even that the default tolerances would show in log Z */
  set("ode.rtol", "1e-6");
  set("ode.atol", "1e-6");
  OK(enf_ctx_configure(ctx, opts));
  x = malloc(sizeof *x * SAMPLES * DIM);
  logp = malloc(sizeof *logp * SAMPLES);
  u = malloc(sizeof *u * SAMPLES);
}

static void teardown(void) {
  free(x);
  free(logp);
  free(u);
  enf_destroy(flow);
  enf_energy_destroy(energy);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}

START_TEST(its_samples_weigh_nearly_alike_and_give_log_z) {
  enf_weights w = ENF_WEIGHTS_INIT;
  OK(enf_sample(ctx, flow, 1, 0, SAMPLES, x, logp));
  ck_assert_int_eq(enf_energy_eval(energy, SAMPLES, x, u, NULL), 0);
  OK(enf_reweight(ctx, SAMPLES, logp, u, NULL, &w));
  ck_assert_double_ge(w.ess, 0.9);
  ck_assert_double_lt(w.log_z_err, 0.01);
  ck_assert_double_lt(fabs(w.log_z - LOG_Z), 3 * w.log_z_err);
}
END_TEST

START_TEST(true_samples_score_their_entropy) {
  enf_sim_info sim = ENF_SIM_INFO_INIT;
  double nll = 0;
  OK(enf_simulate(ctx, enf_energy_eval, energy, opts, SAMPLES, x, &sim));
  OK(enf_log_prob(ctx, flow, SAMPLES, x, logp));
  for (size_t i = 0; i < SAMPLES; i++)
    nll -= logp[i] / SAMPLES;
  ck_assert_double_lt(fabs(nll - ENTROPY), 0.05);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("energy training");
  TCase *tcase = tcase_create("pair double well");
  tcase_add_unchecked_fixture(tcase, setup, teardown);
  tcase_set_timeout(tcase, 600);
  tcase_add_test(tcase, its_samples_weigh_nearly_alike_and_give_log_z);
  tcase_add_test(tcase, true_samples_score_their_entropy);
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_set_fork_status(runner, CK_NOFORK);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
