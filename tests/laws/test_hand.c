/* test_hand.c -- flows that tell left from right (model.reflections off): what their density is
   invariant under and what not, its gradient, that of the objectives and their adjoints by
   differences, bits, files, and a training on rows of one hand. The field's own laws:
   test_field_laws.c. */
#define DIMENSIONS 3
#include "laws/objectives.h"

#include <stdlib.h>

static void set_hand(const char *reflections) {
  static const char *const four[][2] = {{"model.particles", "4"},
                                        {"model.dimensions", "3"},
                                        {"model.species", "0 1 1 2"},
                                        {NULL, NULL}};
  open_bag();
  set_all(four);
  set("model.reflections", reflections);
}

static void setup(void) { set_hand("off"); }

static void set_tight(void) {
  static const char *const tight[][2] = {{"ode.method", "dopri5"}, {"ode.rtol", "1e-10"},
                                         {"ode.atol", "1e-10"},    {"logdet.tol", "1e-8"},
                                         {"run.precision", "float64"}, {NULL, NULL}};
  set_all(tight);
}

/* ---- what is refused ------------------------------------------------------------------------- */

START_TEST(only_the_field_that_can_tell_left_from_right_does) {
  static const char *const bad[][2][2] = {{{"model.dimensions", "2"}, {"model.species", "0 1 1 2"}},
                                          {{"model.field", "pair-kernel"}, {"model.hidden", "8"}},
                                          {{"model.map", "residual"}, {"model.hidden", "8"}},
                                          {{"model.features", "1"}, {"model.species", ""}},
                                          {{"model.space", "vector"}, {"model.particles", "1"}}};
  for (int k = 0; k < 2; k++)
    set(bad[_i][k][0], bad[_i][k][1]);
  if (_i == 4)
    set("model.species", "");
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_ERR_OPTION);
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), "model.reflections is off: what can tell left from "
                                            "right is the field egnn"),
                "%s", enf_ctx_errmsg(ctx));
  ck_assert_ptr_null(flow);
}
END_TEST

/* ---- the density ----------------------------------------------------------------------------- */

/* 0 turned, 1 moved, 2 like particles exchanged, 3 reflected, 4 unlike ones exchanged. */
static void change(int which, double *x) {
  for (size_t s = 0; s < ROWS; s++)
    for (size_t i = 0; i < N; i++) {
      double *r = x + (s * N + i) * D, u = r[0], w = r[1];
      if (which == 0) {
        r[0] = 0.6 * u - 0.8 * w;
        r[1] = 0.8 * u + 0.6 * w;
        u = r[1];
        w = r[2];
        r[1] = 0.28 * u - 0.96 * w;
        r[2] = 0.96 * u + 0.28 * w;
      }
      for (size_t a = 0; a < D; a++)
        r[a] = which == 1 ? r[a] + 2 - (double)a : which == 3 ? -r[a] : r[a];
    }
  for (size_t s = 0; which % 2 == 0 && which > 0 && s < ROWS; s++)
    for (size_t a = 0; a < D; a++) {
      double *p = x + (s * N + (which == 2 ? 1 : 0)) * D + a, *q = x + (s * N + 2) * D + a;
      const double keep = *p;
      *p = *q;
      *q = keep;
    }
}

START_TEST(log_prob_knows_turned_moved_and_exchanged_but_not_reflected) {
  double x[ROWS * MOST_DIM], before[ROWS], after[ROWS], most = 0;
  set_tight();
  begin();
  memcpy(x, data, sizeof x);
  OK(enf_log_prob(ctx, flow, ROWS, x, before));
  change(_i, x);
  OK(enf_log_prob(ctx, flow, ROWS, x, after));
  for (size_t s = 0; s < ROWS; s++)
    most = fmax(most, fabs(after[s] - before[s]));
  if (_i < 3)
    ck_assert_double_le(most, 1e-7);
  else
    ck_assert_double_ge(most, 1e-2);
}
END_TEST

START_TEST(samples_have_the_density_they_are_told) {
  double x[ROWS * MOST_DIM], told[ROWS], logp[ROWS];
  set_tight();
  begin();
  OK(enf_sample(ctx, flow, 3, 0, ROWS, x, told));
  OK(enf_log_prob(ctx, flow, ROWS, x, logp));
  for (size_t s = 0; s < ROWS; s++)
    ck_assert_double_eq_tol(told[s], logp[s], 1e-7);
}
END_TEST

/* Hutchinson's estimates, of one probe each, scatter about the exact density. */
START_TEST(estimates_are_of_the_density) {
  enum { REPEATS = 400 };
  double logp, estimate[REPEATS], var[REPEATS], mean = 0, square = 0;
  set_tight();
  begin();
  OK(enf_log_prob(ctx, flow, 1, data, &logp));
  for (uint64_t k = 0; k < REPEATS; k++) {
    OK(enf_log_prob_estimate(ctx, flow, 1, data, k, &estimate[k], &var[k]));
    mean += estimate[k] / REPEATS;
  }
  for (size_t k = 0; k < REPEATS; k++)
    square += pow(estimate[k] - mean, 2) / REPEATS / (REPEATS - 1);
  ck_assert_double_gt(square, 0);
  ck_assert_double_le(fabs(mean - logp), 4 * sqrt(square));
}
END_TEST

START_TEST(gradient_of_log_prob_is_that_of_differences) {
  double logp, grad[MOST_DIM], x[MOST_DIM], at[2];
  set_tight();
  begin();
  memcpy(x, data, sizeof x);
  OK(enf_log_prob_grad(ctx, flow, 1, x, &logp, grad));
  for (size_t k = 0; k < dim; k++) {
    const double h = 1e-4;
    for (int side = 0; side < 2; side++) {
      x[k] = data[k] + (side ? h : -h);
      OK(enf_log_prob(ctx, flow, 1, x, &at[side]));
    }
    x[k] = data[k];
    ck_assert_double_eq_tol(grad[k], (at[1] - at[0]) / (2 * h), 1e-5);
  }
}
END_TEST

START_TEST(float32_is_close_to_float64) {
  double v[2][MOST_DIM * ROWS], div[2][ROWS], t[ROWS];
  for (int k = 0; k < 2; k++) {
    set("run.precision", k ? "float32" : "float64");
    begin();
    for (size_t s = 0; s < ROWS; s++)
      t[s] = (double)s / ROWS;
    OK(enf_velocity(ctx, flow, ROWS, t, data, v[k], div[k]));
    if (k == 0)
      end();
  }
  for (size_t i = 0; i < ROWS * dim; i++)
    ck_assert_double_eq_tol(v[0][i], v[1][i], 1e-5);
  for (size_t s = 0; s < ROWS; s++)
    ck_assert_double_eq_tol(div[0][s], div[1][s], 1e-4);
}
END_TEST

/* ---- training -------------------------------------------------------------------------------- */

/* How the trace and the integration are made. */
static const char *const ways[][3][2] = {
    {{"train.trace", "exact"}, {NULL, NULL}},
    {{"train.probes", "2"}, {NULL, NULL}},
    {{"train.kinetic", "0.3"}, {"train.frobenius", "0.2"}, {NULL, NULL}}};
enum { WAYS = 3 };

START_TEST(gradient_of_an_objective_is_that_of_its_loss) {
  set_all(ways[_i % WAYS]);
  if (_i % WAYS == 2)
    set("train.objective", "likelihood");
  begin();
  compare(tables[_i / WAYS], 1e-7);
}
END_TEST

START_TEST(continuous_adjoint_agrees_with_the_discrete_one) {
  double *gradient[2], error = 0, norm = 0;
  set_tight();
  for (int adjoint = 0; adjoint < 2; adjoint++) {
    set("train.adjoint", adjoint ? "continuous" : "discrete");
    begin();
    const enf__batch batch = batch_of(3, 1000);
    gradient[adjoint] = malloc(tr->work->params.size * sizeof *gradient[0]);
    evaluate(tables[0], &batch, gradient[adjoint]);
    if (adjoint == 0)
      end();
  }
  for (size_t i = 0; i < tr->work->params.size; i++) {
    error += pow(gradient[0][i] - gradient[1][i], 2);
    norm += pow(gradient[0][i], 2);
  }
  free(gradient[0]), free(gradient[1]);
  ck_assert_double_lt(sqrt(error / norm), 1e-7);
}
END_TEST

/* Losses of three steps of flow matching, and the weights, a sum. */
static void train_three(double loss[3], double *weights_sum) {
  begin();
  for (int k = 0; k < 3; k++)
    loss[k] = step().loss;
  *weights_sum = 0;
  for (size_t k = 0; k < flow->params.size; k++)
    *weights_sum += flow->params.value[k] * (double)(k % 7 + 1);
  end();
}

/* Prior draws are never reflected onto the data, and the number of threads changes no bit. */
START_TEST(trainings_are_the_same_with_train_reflect_and_for_any_threads) {
  static const char *const of[][2] = {{"train.reflect", "0"}, {"train.reflect", "1"},
                                      {"run.threads", "3"}};
  double loss[3][3], sum[3];
  for (int k = 0; k < 3; k++) {
    set(of[k][0], of[k][1]);
    train_three(loss[k], &sum[k]);
  }
  for (int k = 1; k < 3; k++) {
    ck_assert_mem_eq(loss[0], loss[k], sizeof loss[0]);
    ck_assert_mem_eq(&sum[0], &sum[k], sizeof sum[0]);
  }
  set("model.reflections", "on");
  train_three(loss[1], &sum[1]);
  set("train.reflect", "0");
  train_three(loss[2], &sum[2]);
  ck_assert_double_ne(loss[1][0], loss[2][0]);
}
END_TEST

START_TEST(a_file_gives_the_same_flow) {
  enf_flow *again;
  double logp[2];
  begin();
  OK(enf_save(ctx, flow, path));
  OK(enf_load(ctx, &again, path));
  OK(enf_log_prob(ctx, flow, 1, data, &logp[0]));
  OK(enf_log_prob(ctx, again, 1, data, &logp[1]));
  ck_assert_mem_eq(&logp[0], &logp[1], sizeof *logp);
  enf_destroy(again);
}
END_TEST

/* What a mixture says of mirror images would be true of some of its parts only. */
START_TEST(parts_of_a_mixture_all_have_a_hand_or_none) {
  enf_flow *part[2], *mix;
  OK(enf_create(ctx, &part[0], opts));
  OK(enf_mixture_create(ctx, &mix, 1, (const enf_flow *const *)part, NULL));
  enf_destroy(mix);
  set("model.reflections", "on");
  OK(enf_create(ctx, &part[1], opts));
  ck_assert_int_eq(enf_mixture_create(ctx, &mix, 2, (const enf_flow *const *)part, NULL),
                   ENF_ERR_SHAPE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "model.reflections of part 1 is \"1\", that of part 0 \"0\"");
  enf_destroy(part[0]);
  enf_destroy(part[1]);
}
END_TEST

/* Blind flows have the tensors and the weights that they had. */
START_TEST(with_reflections_there_is_nothing_of_it) {
  const char *name;
  size_t rows, cols, count = 0;
  set("model.reflections", "on");
  begin();
  for (size_t i = 0; enf_params_info(flow, i, &name, &rows, &cols) == ENF_OK; i++, count++)
    ck_assert_ptr_null(strstr(name, "chiral"));
  end();
  set("model.reflections", "off");
  begin();
  OK(enf_params_info(flow, count, &name, &rows, &cols));
  ck_assert_str_eq(name, "chiral.charge");
  OK(enf_params_info(flow, count + 1, &name, &rows, &cols));
  ck_assert_str_eq(name, "chiral.gain");
  ck_assert_int_ne(enf_params_info(flow, count + 2, &name, &rows, &cols), ENF_OK);
}
END_TEST

/* ---- one hand -------------------------------------------------------------------------------- */

/* Six times the volume of the four particles, with a sign. */
static double volume(const double *x) {
  double r[3][3];
  for (int i = 0; i < 3; i++)
    for (int a = 0; a < 3; a++)
      r[i][a] = x[3 * (i + 1) + a] - x[a];
  return r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1]) +
         r[0][1] * (r[1][2] * r[2][0] - r[1][0] * r[2][2]) +
         r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0]);
}

enum { RIGHT = 64, DRAWN = 400 };

/* A tetrahedron of four unlike particles, turned by chance and shaken. */
static void right_handed(uint64_t first, double *x) {
  static const double corner[4][3] = {{1, 1, 1}, {1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}};
  for (size_t s = 0; s < RIGHT; s++) {
    double n[4], noise[12], q = 0, *y = x + s * 12;
    enf__random_normal(9, 1, first + s, 4, n);
    enf__random_normal(9, 2, first + s, 12, noise);
    for (int k = 0; k < 4; k++)
      q += n[k] * n[k];
    const double w = n[0], a = n[1], b = n[2], c = n[3];
    const double R[3][3] = {{w * w + a * a - b * b - c * c, 2 * (a * b - w * c), 2 * (a * c + w * b)},
                            {2 * (a * b + w * c), w * w - a * a + b * b - c * c, 2 * (b * c - w * a)},
                            {2 * (a * c - w * b), 2 * (b * c + w * a), w * w - a * a - b * b + c * c}};
    for (int i = 0; i < 4; i++)
      for (int k = 0; k < 3; k++)
        y[3 * i + k] = (R[k][0] * corner[i][0] + R[k][1] * corner[i][1] + R[k][2] * corner[i][2]) / q +
                       0.1 * noise[3 * i + k];
  }
}

/* The share of samples of the rows' hand after a short training. */
static double share_of_hand(const char *reflections) {
  static const char *const of[][2] = {{"model.species", "0 1 2 3"}, {"model.hidden", "16"},
                                      {"train.steps", "600"},       {"train.lr", "3e-3"},
                                      {"run.precision", "float32"}, {"model.data_scale", "1"},
                                      {"ode.method", "dopri5"},     {NULL, NULL}};
  double x[DRAWN * 12], rows[RIGHT * 12], share = 0, sign;
  set_all(of);
  set("model.reflections", reflections);
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  for (uint64_t k = 0; k < 600; k++) {
    right_handed(k * RIGHT, rows);
    OK(enf_train_step(ctx, tr, RIGHT, rows, NULL));
  }
  sign = volume(rows);
  OK(enf_sample(ctx, flow, 1, 0, DRAWN, x, NULL));
  for (size_t s = 0; s < DRAWN; s++)
    share += volume(x + 12 * s) * sign > 0 ? 1.0 / DRAWN : 0;
  end();
  return share;
}

START_TEST(trained_on_one_hand_samples_are_of_it) {
  const double blind = share_of_hand("on"), seeing = share_of_hand("off");
  ck_assert_msg(fabs(blind - 0.5) < 0.1, "blind: %g", blind);
  ck_assert_msg(seeing > 0.8, "seeing: %g", seeing);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("hand");
  tcase_add_checked_fixture(tests, setup, close_bag);
  tcase_set_timeout(tests, 60);
  tcase_add_loop_test(tests, only_the_field_that_can_tell_left_from_right_does, 0, 5);
  tcase_add_loop_test(tests, log_prob_knows_turned_moved_and_exchanged_but_not_reflected, 0, 5);
  tcase_add_test(tests, samples_have_the_density_they_are_told);
  tcase_add_test(tests, estimates_are_of_the_density);
  tcase_add_test(tests, gradient_of_log_prob_is_that_of_differences);
  tcase_add_test(tests, float32_is_close_to_float64);
  tcase_add_loop_test(tests, gradient_of_an_objective_is_that_of_its_loss, 0, WAYS * LOSSES);
  tcase_add_test(tests, continuous_adjoint_agrees_with_the_discrete_one);
  tcase_add_test(tests, trainings_are_the_same_with_train_reflect_and_for_any_threads);
  tcase_add_test(tests, a_file_gives_the_same_flow);
  tcase_add_test(tests, parts_of_a_mixture_all_have_a_hand_or_none);
  tcase_add_test(tests, with_reflections_there_is_nothing_of_it);
  tcase_add_test(tests, trained_on_one_hand_samples_are_of_it);
  return run_suite("hand", tests);
}
