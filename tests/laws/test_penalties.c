/* test_penalties.c -- train.kinetic and train.frobenius: their values are the integrals along the
   path, their gradients those of the loss, and they do to a training what they are for. */
#include "laws/objectives.h"

#include "train/leg.h"

/* kinetic, frobenius */
static const char *const weights_of[][2] = {{"0.6", "0"}, {"0", "0.4"}, {"0.6", "0.4"}};
enum { PENALTIES = 3 };

static void open_for_density(void) {
  open_bag();
  set("train.objective", "likelihood");
}

static void penalise(int i) {
  set("train.kinetic", weights_of[i][0]);
  set("train.frobenius", weights_of[i][1]);
}

/* ---- gradients ------------------------------------------------------------------------------- */

START_TEST(gradient_is_that_of_the_loss_by_name) {
  set("model.field", fields[_i % FIELDS]);
  penalise(_i / FIELDS % PENALTIES);
  set("train.probes", "2");
  set("train.lambda", "0.3");
  begin();
  compare(tables[_i / FIELDS / PENALTIES], 1e-7);
}
END_TEST

START_TEST(kinetic_goes_with_the_exact_trace) {
  set("model.field", fields[_i]);
  set("train.trace", "exact");
  set("train.kinetic", "0.6");
  begin();
  compare(&enf__likelihood, 1e-7);
}
END_TEST

static double norm_of(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += (a[i] - (b ? b[i] : 0)) * (a[i] - (b ? b[i] : 0));
  return sqrt(sum);
}

START_TEST(both_adjoints_agree) {
  double gradient[2][4096];
  set("model.field", fields[_i % FIELDS]);
  penalise(_i / FIELDS % PENALTIES);
  set("ode.method", "dopri5");
  set("ode.rtol", "1e-8");
  set("ode.atol", "1e-8");
  for (int adjoint = 0; adjoint < 2; adjoint++) {
    set("train.adjoint", adjoint ? "continuous" : "discrete");
    begin();
    const enf__batch batch = batch_of(4, 1000);
    evaluate(_i < FIELDS * PENALTIES ? &enf__likelihood : &enf__energy_objective, &batch,
             gradient[adjoint]);
    if (adjoint == 0)
      end();
  }
  const size_t params = tr->work->params.size;
  ck_assert_double_lt(norm_of(params, gradient[0], gradient[1]),
                      1e-6 * norm_of(params, gradient[0], NULL));
}
END_TEST

/* What the penalties add to the gradient is the same for the energy and its path gradient. */
START_TEST(path_gradient_gains_what_the_energy_gains) {
  double gain[2][4096], without[4096], loss[2];
  set("model.field", fields[_i]);
  for (int p = 0; p < 2; p++) {
    const enf__objective *objective = p ? &enf__path_gradient : &enf__energy_objective;
    set("train.kinetic", "0");
    set("train.frobenius", "0");
    begin();
    enf__batch batch = batch_of(4, 1000);
    evaluate(objective, &batch, without);
    end();
    penalise(2);
    begin();
    batch = batch_of(4, 1000);
    loss[p] = evaluate(objective, &batch, gain[p]);
    for (size_t k = 0; k < tr->work->params.size; k++)
      gain[p][k] -= without[k];
    if (!p)
      end();
  }
  const size_t params = tr->work->params.size;
  ck_assert_double_gt(norm_of(params, gain[0], NULL), 1e-4);
  ck_assert_double_lt(norm_of(params, gain[0], gain[1]), 1e-10 * norm_of(params, gain[0], NULL));
  ck_assert_double_eq_tol(loss[0], loss[1], 1e-12);
}
END_TEST

/* ---- values ---------------------------------------------------------------------------------- */

enum { SAMPLES = 4 };

static double loss_with(const char *kinetic, const char *frobenius) {
  set("train.kinetic", kinetic);
  set("train.frobenius", frobenius);
  begin();
  const enf__batch batch = batch_of(SAMPLES, 1000);
  const double loss = evaluate(&enf__likelihood, &batch, NULL);
  end();
  return loss;
}

static void velocity(double t, const double *x, double *v) {
  const size_t bytes = enf__field_workspace(enf__chain_field(&tr->work->chain), &ctx->run,
                                            &tr->flow->space.shape, ENF__VELOCITY);
  OK(enf__reserve(ctx, 0, bytes));
  enf__field_velocity(enf__chain_field(&tr->work->chain), &ctx->run, &ctx->workers[0],
                      &(enf__points){&tr->flow->space.shape, 1, &t, x}, v);
}

/* |J|_F^2 by central differences; the columns of unit vectors give that of the mean-free subspace.
 */
static double square_of_jacobian(double t, const double *x) {
  const double h = 1e-4;
  double sum = 0, y[MOST_DIM], v[2][MOST_DIM];
  for (size_t c = 0; c < dim; c++) {
    for (int side = 0; side < 2; side++) {
      memcpy(y, x, dim * sizeof *y);
      y[c] += side ? h : -h;
      velocity(t, y, v[side]);
    }
    sum += pow(norm_of(dim, v[1], v[0]) / (2 * h), 2);
  }
  return sum;
}

/* The mean over samples of the integral from t = 1 down, by midpoints of many steps. */
static double integral(bool of_jacobian) {
  enum { STEPS = 100 };
  double sum = 0, x[MOST_DIM], middle[MOST_DIM], v[MOST_DIM];
  begin();
  for (size_t i = 0; i < SAMPLES; i++) {
    memcpy(x, data + i * dim, dim * sizeof *x);
    for (int k = 0; k < STEPS; k++) {
      const double t = 1 - (k + 0.5) / STEPS;
      velocity(t + 0.5 / STEPS, x, v);
      for (size_t c = 0; c < dim; c++)
        middle[c] = x[c] - 0.5 / STEPS * v[c];
      velocity(t, middle, v);
      for (size_t c = 0; c < dim; c++)
        x[c] -= v[c] / STEPS;
      sum += (of_jacobian ? square_of_jacobian(t, middle) : pow(norm_of(dim, v, NULL), 2)) /
             (STEPS * SAMPLES);
    }
  }
  end();
  return sum;
}

START_TEST(kinetic_penalty_is_the_integral_of_the_squared_velocity) {
  set("model.field", fields[_i]);
  set("ode.steps", "20");
  const double want = integral(false);
  ck_assert_double_gt(want, 1e-2);
  ck_assert_double_eq_tol((loss_with("0.7", "0") - loss_with("0", "0")) / 0.7, want, 1e-3 * want);
}
END_TEST

START_TEST(frobenius_penalty_is_the_squared_norm_of_the_jacobian_in_the_mean) {
  set("model.field", fields[_i % FIELDS]);
  set("logdet.probe", _i / FIELDS ? "gaussian" : "rademacher");
  set("train.probes", "200");
  set("ode.steps", "3");
  const double want = integral(true);
  ck_assert_double_gt(want, 1e-2);
  const double got = (loss_with("0", "0.5") - loss_with("0", "0")) / 0.5;
  ck_assert_msg(fabs(got - want) < 0.06 * want, "%g, but the Jacobian's is %g", got, want);
}
END_TEST

/* ---- a training ------------------------------------------------------------------------------ */

/* Data of two distances, as DW4's; the path energy after a training by likelihood. */
static double path_energy_after(const char *kinetic) {
  set("train.kinetic", kinetic);
  begin();
  for (size_t i = 0; i < ROWS; i++)
    for (size_t c = 0; c < dim; c++)
      data[i * dim + c] *= i % 2 ? 2.2 : 0.7;
  for (int k = 0; k < 40; k++)
    step();
  set("train.kinetic", "1");
  enf__batch batch = batch_of(ROWS, 0);
  batch.options = opts;
  enf__arena count = {0};
  enf__leg_take(&batch, 1, 0, &count);
  OK(enf__reserve(ctx, count.used, enf__leg_worker_bytes(&batch, &ctx->run)));
  enf__leg leg = enf__leg_take(&batch, 1, 0, &ctx->arena);
  memcpy(leg.start, data, ROWS * dim * sizeof *data);
  enf__slope slope = {0};
  OK(enf__leg_forward(ctx, &batch, &leg, &slope));
  double sum = 0, share;
  memset(leg.dy, 0, ROWS * dim * sizeof *leg.dy);
  memset(leg.dlogdet, 0, ROWS * sizeof *leg.dlogdet);
  memset(leg.dpenalty, 0, ROWS * sizeof *leg.dpenalty);
  OK(enf__leg_reverse_mean(ctx, &batch, &leg, 1, &slope, &share));
  for (size_t i = 0; i < ROWS; i++)
    sum += leg.p.penalty[i] / ROWS;
  end();
  return sum;
}

START_TEST(kinetic_penalty_shortens_the_paths) {
  set("model.field", fields[_i]);
  set("train.lr", "3e-2");
  set("train.ema", "0");
  set("ode.steps", "4");
  const double without = path_energy_after("0"), with = path_energy_after("1");
  ck_assert_msg(with < 0.8 * without, "%g with the penalty, %g without", with, without);
}
END_TEST

START_TEST(steps_are_the_same_for_one_and_two_threads_and_after_a_resumption) {
  double *w[3];
  size_t bytes = 0;
  set("train.objective", objectives[_i % OBJECTIVES]);
  set("model.field", fields[_i / OBJECTIVES % FIELDS]);
  set("ode.method", "dopri5");
  set("run.precision", "float32");
  penalise(2);
  for (int run = 0; run < 3; run++) {
    set("run.threads", run == 1 ? "2" : "1");
    begin();
    step(), step();
    const size_t calls = memory.calls;
    if (run == 2) {
      OK(enf_trainer_save(ctx, tr, path));
      end();
      OK(enf_create(ctx, &flow, opts));
      OK(enf_trainer_load(ctx, &tr, flow, path));
      OK(enf_trainer_set_energy(tr, energy, &host));
      ck_assert_double_eq(enf__opts_real(tr->options, ENF__OPT_TRAIN_KINETIC), 0.6);
      ck_assert_double_eq(enf__opts_real(tr->options, ENF__OPT_TRAIN_FROBENIUS), 0.4);
    }
    step();
    if (run < 2)
      ck_assert_uint_eq(memory.calls, calls);
    w[run] = weights(&bytes);
    end();
  }
  ck_assert_mem_eq(w[0], w[1], bytes);
  ck_assert_mem_eq(w[0], w[2], bytes);
  free(w[0]), free(w[1]), free(w[2]);
}
END_TEST

/* ---- what cannot be had ---------------------------------------------------------------------- */

START_TEST(what_cannot_go_together_is_refused) {
  static const struct {
    const char *option, *value, *with, *sentence;
  } cases[] = {
      {"train.kinetic", "0.5", "flow-matching",
       "train.kinetic is 0.5, but train.objective flow-matching follows no paths: only objectives "
       "on the density have it"},
      {"train.frobenius", "2", "flow-matching",
       "train.frobenius is 2, but train.objective flow-matching follows no paths: only objectives "
       "on the density have it"},
      {"train.frobenius", "2", "likelihood",
       "train.frobenius is 2, but train.trace exact has no probes to estimate it: set train.trace "
       "hutchinson"}};
  begin();
  enf_trainer_destroy(tr);
  set("train.trace", "exact");
  set("train.objective", cases[_i].with);
  set(cases[_i].option, cases[_i].value);
  ck_assert_int_eq(enf_trainer_create(ctx, &tr, flow, opts), ENF_ERR_OPTION);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), cases[_i].sentence);
  ck_assert_ptr_null(tr);
  ck_assert_int_ne(enf_opts_set(opts, cases[_i].option, "-1"), ENF_OK);
}
END_TEST

START_TEST(a_file_with_such_options_is_refused) {
  penalise(2);
  begin();
  ck_assert_int_eq(enf_opts_set(tr->options, "train.trace", "exact"), ENF_OK);
  OK(enf_trainer_save(ctx, tr, path));
  enf_trainer_destroy(tr);
  ck_assert_int_eq(enf_trainer_load(ctx, &tr, flow, path), ENF_ERR_FORMAT);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), path));
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "train.frobenius is 0.4"));
  ck_assert_ptr_null(tr);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("laws");
  tcase_add_checked_fixture(tc, open_for_density, close_bag);
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, gradient_is_that_of_the_loss_by_name, 0, LOSSES * FIELDS * PENALTIES);
  tcase_add_loop_test(tc, kinetic_goes_with_the_exact_trace, 0, FIELDS);
  tcase_add_loop_test(tc, both_adjoints_agree, 0, 2 * FIELDS * PENALTIES);
  tcase_add_loop_test(tc, path_gradient_gains_what_the_energy_gains, 0, FIELDS);
  tcase_add_loop_test(tc, kinetic_penalty_is_the_integral_of_the_squared_velocity, 0, FIELDS);
  tcase_add_loop_test(tc, frobenius_penalty_is_the_squared_norm_of_the_jacobian_in_the_mean, 0,
                      2 * FIELDS);
  tcase_add_loop_test(tc, kinetic_penalty_shortens_the_paths, 0, FIELDS);
  tcase_add_loop_test(tc, steps_are_the_same_for_one_and_two_threads_and_after_a_resumption, 0,
                      OBJECTIVES * FIELDS);
  tcase_add_loop_test(tc, what_cannot_go_together_is_refused, 0, 3);
  tcase_add_test(tc, a_file_with_such_options_is_refused);
  return run_suite("penalties", tc);
}
