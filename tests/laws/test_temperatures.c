/* Flows of many temperatures: at each a density of its own, whose partition function is the exact
   one; rows and samples of training are at the temperature they are said to be at. */
#include "host.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 3, DIM = 9, ROWS = 256 };
static const double stiff = 60, length = 1.5, ground = 100;
static enf_opts *opts;
static enf_flow *flow;

static void set(const char *name, const char *value) {
  ck_assert_int_eq(enf_opts_set(opts, name, value), ENF_OK);
}

/* Half of stiff times the squared excess of every distance, above a ground that makes partition functions
   very different. */
static int springs(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)user;
  for (size_t i = 0; i < n; i++) {
    const double *at = x + i * DIM;
    u[i] = ground;
    for (size_t k = 0; grad && k < DIM; k++)
      grad[i * DIM + k] = 0;
    for (size_t a = 0; a < N; a++)
      for (size_t b = 0; b < a; b++) {
        double d[3], r = 0;
        for (size_t k = 0; k < 3; k++)
          d[k] = at[3 * a + k] - at[3 * b + k], r += d[k] * d[k];
        r = sqrt(r);
        u[i] += 0.5 * stiff * (r - length) * (r - length);
        for (size_t k = 0; grad && k < 3; k++) {
          const double force = stiff * (r - length) * d[k] / r;
          grad[i * DIM + 3 * a + k] += force;
          grad[i * DIM + 3 * b + k] -= force;
        }
      }
  }
  return 0;
}

/* log of the integral of exp(-u/T) over the mean-free subspace: 8 pi^2 3^(-3/2) r^2 s^2 sin A over
   two distances and the angle between. */
static double exact_log_z(double T) {
  enum { STEPS = 120 };
  const double h = 2.4 / STEPS, turn = M_PI / STEPS;
  double sum = 0;
  for (int i = 0; i < STEPS; i++)
    for (int j = 0; j < STEPS; j++)
      for (int k = 0; k < STEPS; k++) {
        const double r = 0.3 + h * (i + 0.5), s = 0.3 + h * (j + 0.5), A = turn * (k + 0.5);
        const double t = sqrt(r * r + s * s - 2 * r * s * cos(A));
        const double u = 0.5 * stiff *
                         ((r - length) * (r - length) + (s - length) * (s - length) +
                          (t - length) * (t - length));
        sum += h * h * turn * r * r * s * s * sin(A) * exp(-u / T);
      }
  return log(8 * M_PI * M_PI * pow(3, -1.5) * sum) - ground / T;
}

/* Triangles of sides about `length`. */
static void make_rows(double *x) {
  uint64_t state = 7;
  for (size_t i = 0; i < ROWS; i++) {
    static const double corner[DIM] = {0, 0, 0, 1.5, 0, 0, 0.75, 1.299, 0};
    for (size_t k = 0; k < DIM; k++) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      x[i * DIM + k] = corner[k] + 0.5 * ((double)(state >> 40) / 0x1p24 - 0.5);
    }
  }
}

static void begin(const char *temperatures) {
  static double x[ROWS * DIM];
  setup();
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  set("model.space", "molecule");
  set("model.particles", "3");
  set("model.zmatrix", "0 1 2");
  set("model.hidden", "16");
  set("model.temperatures", temperatures);
  set("run.precision", "float64");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  make_rows(x);
  OK(enf_prior_fit(ctx, flow, ROWS, x));
}

static void end(void) {
  enf_destroy(flow);
  enf_opts_destroy(opts);
  teardown();
}

static void train(const char *objective, int steps, const char *threads) {
  enf_trainer *tr;
  set("train.objective", objective);
  set("train.steps", "300");
  set("train.lr", "5e-3");
  set("run.threads", threads);
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  ck_assert_int_eq(enf_trainer_set_energy(tr, springs, NULL), ENF_OK);
  for (int i = 0; i < steps; i++)
    OK(enf_train_step(ctx, tr, 256, NULL, NULL));
  enf_trainer_destroy(tr);
}

/* ---- physics --------------------------------------------------------------------------------- */

/* Weights of samples at T: their effective share, log Z and its error. */
static double weigh(double T, double *log_z, double *error) {
  enum { MANY = 4000 };
  static double x[MANY * DIM], logq[MANY], u[MANY];
  enf_flow *at;
  double sum = 0, squares = 0;
  OK(enf_at_temperature(ctx, &at, flow, T));
  OK(enf_sample(ctx, at, 3, 0, MANY, x, logq));
  springs(NULL, MANY, x, u, NULL);
  for (size_t i = 0; i < MANY; i++) {
    const double w = exp((ground - u[i]) / T - logq[i]);
    sum += w / MANY;
    squares += w * w / MANY;
  }
  *log_z = log(sum) - ground / T;
  *error = sqrt((squares / (sum * sum) - 1) / MANY);
  enf_destroy(at);
  return sum * sum / squares;
}

START_TEST(every_temperature_has_its_partition_function) {
  static const char *const objectives[] = {"refine", "path-gradient"};
  static const double temperatures[] = {1, 1.3, 1.9, 2.5};
  begin("1 2.5");
  train(objectives[_i], 300, "2");
  for (size_t k = 0; k < 4; k++) {
    double log_z, error;
    const double exact = exact_log_z(temperatures[k]), ess = weigh(temperatures[k], &log_z, &error);
    ck_assert_msg(ess > 0.95, "%g: the effective share is %g", temperatures[k], ess);
    ck_assert_msg(fabs(log_z - exact) < 3.5 * error + 1e-4, "%g: %g +- %g, not %g", temperatures[k],
                  log_z, error, exact);
  }
  end();
}
END_TEST

/* Rows half of which are said to be hot: widths at both ends are those of their rows. */
START_TEST(rows_are_learnt_at_their_temperatures) {
  static double x[ROWS * DIM], temperature[ROWS], y[ROWS * DIM];
  enf_trainer *tr;
  double mean[2] = {0, 0};
  begin("1 2");
  make_rows(x);
  for (size_t i = 0; i < ROWS; i++) {
    temperature[i] = i % 2 ? 2 : 1;
    for (size_t k = 0; k < DIM; k++)
      x[i * DIM + k] *= i % 2 ? 1.2 : 1;
  }
  OK(enf_prior_fit(ctx, flow, ROWS, x));
  set("train.steps", "200");
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  for (int i = 0; i < 200; i++)
    OK(enf_train_step_tempered(ctx, tr, ROWS, x, temperature, NULL, NULL));
  enf_trainer_destroy(tr);
  for (size_t k = 0; k < 2; k++) {
    enf_flow *at;
    OK(enf_at_temperature(ctx, &at, flow, 1 + (double)k));
    OK(enf_sample(ctx, at, 1, 0, ROWS, y, NULL));
    for (size_t i = 0; i < ROWS; i++)
      mean[k] += hypot(hypot(y[i * DIM + 3] - y[i * DIM], y[i * DIM + 4] - y[i * DIM + 1]),
                       y[i * DIM + 5] - y[i * DIM + 2]) /
                 ROWS;
    enf_destroy(at);
  }
  ck_assert_double_eq_tol(mean[0], 1.5, 0.02);
  ck_assert_double_eq_tol(mean[1], 1.8, 0.02);
  end();
}
END_TEST

START_TEST(weights_of_rows_keep_temperatures_with_them) {
  static double x[2 * ROWS * DIM], temperature[2 * ROWS], logw[2 * ROWS];
  enf_step_info all = ENF_STEP_INFO_INIT, half = ENF_STEP_INFO_INIT;
  begin("1 2");
  train("path-gradient", 20, "1");
  make_rows(x);
  memcpy(x + ROWS * DIM, x, ROWS * DIM * sizeof *x);
  for (size_t i = 0; i < 2 * ROWS; i++) {
    temperature[i] = 1 + (double)(i % 5) / 5;
    logw[i] = i % 2 ? -INFINITY : 0;
  }
  set("train.objective", "likelihood");
  for (int k = 0; k < 2; k++) {
    enf_trainer *tr;
    OK(enf_trainer_create(ctx, &tr, flow, opts));
    if (k == 0)
      OK(enf_train_step_tempered(ctx, tr, 2 * ROWS, x, temperature, logw, &half));
    for (size_t i = 0; k == 1 && i < ROWS; i++) {
      memmove(x + i * DIM, x + 2 * i * DIM, DIM * sizeof *x);
      temperature[i] = temperature[2 * i];
    }
    if (k == 1)
      OK(enf_train_step_tempered(ctx, tr, ROWS, x, temperature, NULL, &all));
    enf_trainer_destroy(tr);
    enf_destroy(flow);
    enf_opts_destroy(opts);
    teardown();
    begin("1 2");
    train("path-gradient", 20, "1");
    set("train.objective", "likelihood");
  }
  ck_assert_double_eq_tol(half.loss, all.loss, 1e-12);
  ck_assert_double_eq_tol(half.grad_norm, all.grad_norm, 1e-10);
  end();
}
END_TEST

/* ---- a flow at a temperature ----------------------------------------------------------------- */

START_TEST(a_file_keeps_the_temperature) {
  static double x[ROWS * DIM], logp[2][ROWS];
  enf_flow *at, *read;
  double T;
  begin("0.5 2");
  train("energy", 5, "1");
  make_rows(x);
  OK(enf_at_temperature(ctx, &at, flow, 1.25));
  OK(enf_log_prob(ctx, at, ROWS, x, logp[0]));
  OK(enf_save(ctx, at, "build/tests/temperatures.safetensors"));
  OK(enf_load(ctx, &read, "build/tests/temperatures.safetensors"));
  remove("build/tests/temperatures.safetensors");
  OK(enf_log_prob(ctx, read, ROWS, x, logp[1]));
  ck_assert_mem_eq(logp[0], logp[1], sizeof logp[0]);
  ck_assert_int_eq(enf_get_real(read, "temperature", &T), ENF_OK);
  ck_assert_double_eq(T, 1.25);
  OK(enf_log_prob(ctx, flow, ROWS, x, logp[1]));
  ck_assert_double_ne(logp[0][0], logp[1][0]);
  enf_destroy(read);
  enf_destroy(at);
  end();
}
END_TEST

START_TEST(gradients_are_those_of_differences) {
  static double x[ROWS * DIM], logp[3], grad[DIM];
  const double h = 1e-5;
  enf_flow *at;
  begin("1 3");
  train("energy", 20, "1");
  make_rows(x);
  OK(enf_at_temperature(ctx, &at, flow, 2.2));
  OK(enf_log_prob_grad(ctx, at, 1, x, logp, grad));
  for (size_t k = 0; k < DIM; k++) {
    double moved[2 * DIM];
    memcpy(moved, x, DIM * sizeof *x), memcpy(moved + DIM, x, DIM * sizeof *x);
    moved[k] += h, moved[DIM + k] -= h;
    OK(enf_log_prob(ctx, at, 2, moved, logp + 1));
    ck_assert_double_eq_tol(grad[k], (logp[1] - logp[2]) / (2 * h), 1e-5 * (1 + fabs(grad[k])));
  }
  enf_destroy(at);
  end();
}
END_TEST

START_TEST(steps_are_the_same_for_any_number_of_threads) {
  static double weight[2][4096];
  size_t rows, cols;
  for (size_t k = 0; k < 2; k++) {
    const char *name;
    begin("1 2");
    train("refine", 3, k ? "2" : "1");
    ck_assert_int_eq(enf_params_info(flow, 2, &name, &rows, &cols), ENF_OK);
    ck_assert(rows * cols <= 4096);
    OK(enf_params_get(ctx, flow, name, weight[k], rows * cols));
    end();
  }
  ck_assert_mem_eq(weight[0], weight[1], rows * cols * sizeof(double));
}
END_TEST

static int add_nothing(void *user, size_t n, double *sum) {
  (void)user, (void)n, (void)sum;
  return 0;
}

/* A rank's pieces of a batch have the temperatures of the whole, however small they are. */
START_TEST(ranks_are_at_all_temperatures) {
  static const char *const objectives[] = {"energy", "path-gradient"};
  enf_step_info alone = ENF_STEP_INFO_INIT, rank = ENF_STEP_INFO_INIT;
  for (int k = 0; k < 2; k++) {
    enf_trainer *tr;
    begin("1 2.5");
    train("energy", 5, "1");
    set("train.objective", objectives[_i]);
    OK(enf_trainer_create(ctx, &tr, flow, opts));
    ck_assert_int_eq(enf_trainer_set_energy(tr, springs, NULL), ENF_OK);
    if (k == 0)
      ck_assert_int_eq(enf_trainer_set_reduce(tr, add_nothing, NULL, 0, 1), ENF_OK);
    OK(enf_train_step(ctx, tr, 96, NULL, k == 0 ? &rank : &alone));
    enf_trainer_destroy(tr);
    end();
  }
  ck_assert_double_eq_tol(rank.loss, alone.loss, 1e-9 * fabs(alone.loss));
  ck_assert_double_eq_tol(rank.grad_norm, alone.grad_norm, 1e-9 * alone.grad_norm);
}
END_TEST

/* The file of a mixture, the second part of which is put to temperature 1 behind its back. */
static void cool_second_part(const char *path) {
  static const char key[] = "\"part.1.model.temperature\":\"";
  static char text[1 << 16];
  FILE *file = fopen(path, "r+b");
  ck_assert_ptr_nonnull(file);
  const size_t length_of = fread(text, 1, sizeof text, file);
  size_t at = 0;
  while (at + sizeof key < length_of && memcmp(text + at, key, sizeof key - 1) != 0)
    at++;
  ck_assert_uint_lt(at + sizeof key, length_of);
  fseek(file, (long)(at + sizeof key - 1), SEEK_SET);
  fputc('1', file);
  fclose(file);
}

START_TEST(parts_of_mixtures_are_at_one_temperature) {
  static double x[ROWS * DIM], hot[ROWS];
  enf_flow *at, *mix, *cooled;
  enf_trainer *tr;
  enf_fit_plan plan = ENF_FIT_PLAN_INIT;
  begin("1 2");
  make_rows(x);
  for (size_t i = 0; i < ROWS; i++)
    hot[i] = 2;
  OK(enf_at_temperature(ctx, &at, flow, 2));
  const enf_flow *const two[] = {flow, at}, *const same[] = {at, at};
  REFUSED(ENF_ERR_SHAPE, "model.temperature of part 1", enf_mixture_create(ctx, &mix, 2, two, NULL));
  OK(enf_mixture_create(ctx, &mix, 2, same, NULL));
  OK(enf_save(ctx, mix, "test_temperatures.safetensors"));
  cool_second_part("test_temperatures.safetensors");
  REFUSED(ENF_ERR_FORMAT, "model.temperature of part 1", enf_load(ctx, &cooled, "test_temperatures.safetensors"));
  remove("test_temperatures.safetensors");
  set("train.objective", "likelihood");
  OK(enf_trainer_create(ctx, &tr, mix, opts));
  REFUSED(ENF_ERR_UNSUPPORTED, "parts of a mixture",
          enf_train_step_tempered(ctx, tr, ROWS, x, hot, NULL, NULL));
  plan.steps = 1;
  plan.validation = x;
  plan.validation_temperature = hot;
  plan.held_out = plan.batch = 8;
  plan.look_every = 1;
  REFUSED(ENF_ERR_UNSUPPORTED, "a mixture", enf_fit(ctx, tr, ROWS, x, &plan, NULL, NULL, NULL));
  enf_trainer_destroy(tr);
  set("train.objective", "energy");
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  ck_assert_int_eq(enf_trainer_set_energy(tr, springs, NULL), ENF_OK);
  REFUSED(ENF_ERR_ARG, "takes no rows", enf_train_step_tempered(ctx, tr, ROWS, x, hot, NULL, NULL));
  enf_trainer_destroy(tr);
  enf_destroy(mix);
  enf_destroy(at);
  end();
}
END_TEST

/* ---- bad input ------------------------------------------------------------------------------- */

START_TEST(what_cannot_be_is_refused) {
  static const char *const wrong[] = {"2 1", "1", "1 2 3", "2 3", "0 2", "1 1", "1 x", "-1 2", "1 inf",
                                      "1e-7 2", "1 1e7"};
  static double x[ROWS * DIM], hot[ROWS];
  enf_flow *at, *plain;
  enf_trainer *tr;
  begin("1 2");
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    ck_assert_msg(enf_opts_set(opts, "model.temperatures", wrong[i]) != ENF_OK, "%s", wrong[i]);
  REFUSED(ENF_ERR_RANGE, "1 to 2", enf_at_temperature(ctx, &at, flow, 2.5));
  ck_assert_int_eq(enf_at_temperature(ctx, &at, flow, NAN), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_at_temperature(ctx, NULL, flow, 1), ENF_ERR_ARG);
  ck_assert_int_eq(enf_at_temperature(ctx, &at, NULL, 1), ENF_ERR_ARG);
  make_rows(x);
  for (size_t i = 0; i < ROWS; i++)
    hot[i] = 3;
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  ck_assert_int_eq(enf_train_step_tempered(ctx, tr, ROWS, x, hot, NULL, NULL), ENF_ERR_RANGE);
  enf_trainer_destroy(tr);
  set("model.temperature", "3");
  ck_assert_int_eq(enf_create(ctx, &plain, opts), ENF_ERR_OPTION);
  set("model.temperatures", "");
  REFUSED(ENF_ERR_OPTION, "is 3, and", enf_create(ctx, &plain, opts));
  set("model.temperature", "1");
  OK(enf_create(ctx, &plain, opts));
  ck_assert_int_eq(enf_at_temperature(ctx, &at, plain, 1), ENF_ERR_UNSUPPORTED);
  OK(enf_trainer_create(ctx, &tr, plain, opts));
  ck_assert_int_eq(enf_train_step_tempered(ctx, tr, ROWS, x, hot, NULL, NULL), ENF_ERR_UNSUPPORTED);
  enf_trainer_destroy(tr);
  enf_destroy(plain);
  end();
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_set_timeout(tests, 60);
  tcase_add_loop_test(tests, every_temperature_has_its_partition_function, 0, 2);
  tcase_add_test(tests, rows_are_learnt_at_their_temperatures);
  tcase_add_test(tests, weights_of_rows_keep_temperatures_with_them);
  tcase_add_test(tests, a_file_keeps_the_temperature);
  tcase_add_test(tests, gradients_are_those_of_differences);
  tcase_add_test(tests, steps_are_the_same_for_any_number_of_threads);
  tcase_add_loop_test(tests, ranks_are_at_all_temperatures, 0, 2);
  tcase_add_test(tests, parts_of_mixtures_are_at_one_temperature);
  tcase_add_test(tests, what_cannot_be_is_refused);
  return run_suite("temperatures", tests);
}
