/* Training by least squares: densities of one matrix against exact values, their coefficients on a
   lattice, U(1) with pairs; averages over steps, threads, refusals. */
#include "host.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enf_flow *make_flow(const char *text) {
  enf_opts *opts = options(text);
  enf_flow *flow;
  OK(enf_create(ctx, &flow, opts));
  enf_opts_destroy(opts);
  return flow;
}

static enf_trainer *make_trainer(enf_flow *flow, const char *text, enf_energy *energy) {
  enf_opts *opts = options(text);
  enf_trainer *trainer;
  OK(enf_trainer_create(ctx, &trainer, flow, opts));
  OK(enf_trainer_set_energy(trainer, enf_energy_eval, energy));
  enf_opts_destroy(opts);
  return trainer;
}

static void train(enf_flow *flow, const char *spec, const char *text, size_t draws) {
  enf_energy *energy;
  enf_step_info info = ENF_STEP_INFO_INIT;
  OK(enf_energy_builtin(ctx, &energy, spec));
  enf_trainer *trainer = make_trainer(flow, text, energy);
  OK(enf_train_step(ctx, trainer, draws, NULL, &info));
  ck_assert(info.loss >= 0 && info.loss < 0.2 && info.grad_norm == 0 && info.skipped == 0);
  enf_trainer_destroy(trainer);
  enf_energy_destroy(energy);
}

static void weigh(const enf_flow *flow, const char *spec, size_t n, enf_weights *w) {
  enf_energy *energy;
  int64_t N, D;
  OK(enf_get_int(flow, "particles", &N));
  OK(enf_get_int(flow, "dimensions", &D));
  double *x = malloc(n * (size_t)(N * D) * sizeof *x), *logp = malloc(2 * n * sizeof *logp);
  OK(enf_energy_builtin(ctx, &energy, spec));
  OK(enf_sample(ctx, flow, 5, 0, n, x, logp));
  ck_assert_int_eq(enf_energy_eval(energy, n, x, logp + n, NULL), 0);
  OK(enf_reweight(ctx, n, logp, logp + n, NULL, w));
  enf_energy_destroy(energy);
  free(x);
  free(logp);
}

static const struct {
  const char *flow, *energy;
  size_t draws;
  double ess, log_z;
} matrices[] = {
    {"model.space=group,model.group=su2,model.degree=6,model.times=9",
     "class:group=su2,beta=9,c1=1", 1000, 0.98, 5.434124},
    {"model.space=group,model.group=su3,model.degree=4,model.times=9",
     "class:group=su3,beta=9,c1=0.98,c2=-0.63,c3=-0.21", 1500, 0.98, 3.923858},
};

START_TEST(one_matrix_has_its_exact_log_z) {
  enf_flow *flow = make_flow(matrices[_i].flow);
  enf_weights w = ENF_WEIGHTS_INIT;
  train(flow, matrices[_i].energy, "train.objective=least-squares,train.ridge=1e-6",
        matrices[_i].draws);
  weigh(flow, matrices[_i].energy, 1500, &w);
  ck_assert_msg(w.ess > matrices[_i].ess, "ess %g", w.ess);
  ck_assert_msg(fabs(w.log_z - matrices[_i].log_z) < fmax(0.005, 3 * w.log_z_err),
                "log Z %g +- %g, not %g", w.log_z, w.log_z_err, matrices[_i].log_z);
  enf_destroy(flow);
}
END_TEST

/* The coefficients of one matrix at the same beta are the flow of a lattice. */
START_TEST(coefficients_of_one_matrix_flow_a_lattice) {
  static double weights[4096];
  const char *spec = "wilson:group=su2,l0=4,l1=3,beta=2.2";
  enf_flow *one = make_flow("model.space=group,model.group=su2,model.degree=4,model.times=6");
  enf_flow *lattice = make_flow("model.space=lattice,model.group=su2,model.lattice=4 3,"
                                "model.degree=4,model.times=6");
  enf_weights w = ENF_WEIGHTS_INIT;
  enf_lattice_exact exact = ENF_LATTICE_EXACT_INIT;
  train(one, "class:group=su2,beta=2.2,c1=1", "train.objective=least-squares", 1000);
  int64_t count;
  OK(enf_get_int(one, "parameters", &count));
  OK(enf_params_get(ctx, one, "class", weights, (size_t)count));
  OK(enf_params_set(ctx, lattice, "class", weights, (size_t)count));
  OK(enf_lattice_exact_values(ctx, spec, &exact));
  weigh(lattice, spec, 200, &w);
  ck_assert_msg(w.ess > 0.85, "ess %g", w.ess);
  ck_assert_msg(fabs(w.log_z - exact.log_z) < 4 * w.log_z_err + 0.005, "log Z %g +- %g, not %g",
                w.log_z, w.log_z_err, exact.log_z);
  enf_destroy(one);
  enf_destroy(lattice);
}
END_TEST

START_TEST(a_lattice_of_angles_is_trained_with_pairs) {
  const char *spec = "wilson:group=u1,l0=4,l1=4,beta=2";
  enf_flow *flow = make_flow("model.space=lattice,model.group=u1,model.lattice=4 4,model.degree=5,"
                             "model.times=7,model.pairs=2");
  enf_weights w = ENF_WEIGHTS_INIT;
  enf_lattice_exact exact = ENF_LATTICE_EXACT_INIT;
  train(flow, spec, "train.objective=least-squares", 1500);
  OK(enf_lattice_exact_values(ctx, spec, &exact));
  weigh(flow, spec, 1000, &w);
  ck_assert_msg(w.ess > 0.9, "ess %g", w.ess);
  ck_assert_msg(fabs(w.log_z - exact.log_z) < 4 * w.log_z_err, "log Z %g +- %g, not %g", w.log_z,
                w.log_z_err, exact.log_z);
  enf_destroy(flow);
}
END_TEST

/* Two steps: the mean of what each alone finds; and the same bits with two threads. */
START_TEST(steps_are_averaged_and_threads_change_nothing) {
  enum { DRAWS = 300, MOST = 512 };
  static double first[MOST], both[MOST], again[MOST];
  const char *model = "model.space=group,model.group=su2,model.degree=3,model.times=4";
  const char *plan = "train.objective=least-squares,train.seed=2";
  enf_energy *energy;
  OK(enf_energy_builtin(ctx, &energy, "class:group=su2,beta=2"));
  for (int threads = 1; threads <= 2; threads++) {
    enf_flow *flow = make_flow(model);
    enf_trainer *trainer = make_trainer(flow, plan, energy);
    int64_t parameters;
    enf_opts *opts = options(threads == 2 ? "run.threads=2" : "run.threads=1");
    OK(enf_ctx_configure(ctx, opts));
    OK(enf_get_int(flow, "parameters", &parameters));
    ck_assert_int_le(parameters, MOST);
    OK(enf_train_step(ctx, trainer, DRAWS, NULL, NULL));
    OK(enf_params_get(ctx, flow, "class", first, (size_t)parameters));
    OK(enf_train_step(ctx, trainer, DRAWS, NULL, NULL));
    OK(enf_params_get(ctx, flow, "class", threads == 2 ? again : both,
                      (size_t)parameters));
    double moved = 0;
    for (int64_t k = 0; k < parameters; k++)
      moved = fmax(moved, fabs(both[k] - first[k]));
    ck_assert(moved > 1e-6 && moved < 0.5);
    enf_opts_destroy(opts);
    enf_trainer_destroy(trainer);
    enf_destroy(flow);
  }
  ck_assert_mem_eq(both, again, sizeof both);
  enf_energy_destroy(energy);
}
END_TEST

static int broken_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)x;
  for (size_t i = 0; i < n; i++)
    u[i] = 0;
  for (size_t k = 0; k < n * 8; k++)
    grad[k] = (double)NAN;
  return *(const int *)user;
}

START_TEST(what_cannot_be_solved_is_refused) {
  enf_flow *flow = make_flow("model.space=group,model.group=su2,model.degree=2,model.times=1");
  enf_opts *opts = options("train.objective=least-squares");
  enf_trainer *trainer;
  ck_assert_int_eq(enf_trainer_create(ctx, &trainer, flow, opts), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "model.times"));
  enf_destroy(flow);
  flow = make_flow("model.particles=4");
  ck_assert_int_eq(enf_trainer_create(ctx, &trainer, flow, opts), ENF_ERR_UNSUPPORTED);
  enf_destroy(flow);
  flow = make_flow("model.space=group,model.group=su2,model.degree=2,model.times=3");
  OK(enf_trainer_create(ctx, &trainer, flow, opts));
  ck_assert_int_eq(enf_train_step(ctx, trainer, 64, NULL, NULL), ENF_ERR_STATE);
  int returned = 0;
  OK(enf_trainer_set_energy(trainer, broken_energy, &returned));
  ck_assert_int_eq(enf_train_step(ctx, trainer, 64, NULL, NULL), ENF_ERR_NONFINITE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "fewer than two of 64"));
  returned = 3;
  ck_assert_int_eq(enf_train_step(ctx, trainer, 64, NULL, NULL), ENF_ERR_CALLBACK);
  static const char *const others[] = {"class:group=su3", "wilson:group=su2,l0=2,l1=2", "lj13"};
  for (size_t k = 0; k < 3; k++) {
    enf_energy *energy;
    OK(enf_energy_builtin(ctx, &energy, others[k]));
    ck_assert_int_eq(enf_trainer_set_energy(trainer, enf_energy_eval, energy), ENF_ERR_SHAPE);
    enf_energy_destroy(energy);
  }
  enf_trainer_destroy(trainer);
  enf_destroy(flow);
  enf_opts_destroy(opts);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("least squares");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, one_matrix_has_its_exact_log_z, 0, 2);
  tcase_add_test(c, coefficients_of_one_matrix_flow_a_lattice);
  tcase_add_test(c, a_lattice_of_angles_is_trained_with_pairs);
  tcase_add_test(c, steps_are_averaged_and_threads_change_nothing);
  tcase_add_test(c, what_cannot_be_solved_is_refused);
  return run_suite("least squares", c);
}
