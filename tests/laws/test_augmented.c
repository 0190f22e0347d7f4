/* test_augmented.c -- couplings of particles with a copy of them: inverses, determinants, symmetries,
   gradients of every objective, estimates of the density, and what they depend on and what not. */
#include "laws/objectives.h"
#include "math/lu.h"
#include <enf/lines.h>
#include <enf/mixture.h>

/* model.map, model.layers, model.species: one row of messages for two, and one each. */
static const char *const kinds[][3] = {
    {"coupling*2", "1", ""}, {"coupling", "2", ""}, {"coupling*2", "1", "0 0 1"}};
static const char *const wide_species[] = {"", "", "0 0 1 1 1"};
enum { KINDS = 3, WIDE = 5 * 3, STATE = 2 * WIDE };

static void choose(int kind) {
  set("model.map", kinds[kind][0]);
  set("model.layers", kinds[kind][1]);
  set("model.species", kinds[kind][2]);
}

/* Five particles in three dimensions, with weights away from the identity. */
static void begin_wide(int kind) {
  choose(kind);
  set("model.species", wide_species[kind]);
  set("model.particles", "5");
  set("model.dimensions", "3");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  for (size_t i = 0; i < flow->params.count; i++) {
    const enf__tensor *t = &flow->params.tensor[i];
    double kick[128];
    ck_assert_uint_le(t->rows * t->cols, 128);
    enf__random_normal(4, 62, i, t->rows * t->cols, kick);
    for (size_t k = 0; k < t->rows * t->cols; k++)
      flow->params.value[t->offset + k] += 0.3 * kick[k];
  }
  enf__flow_pack(flow);
}

static void draw(size_t n, double *x) {
  for (size_t i = 0; i < n; i++)
    enf__space_normal(&flow->space, 1.2, 5, 63, i, x + i * WIDE);
}

/* Positions and copies of the host. */
static void draw_copies(size_t n, double *x) {
  for (size_t i = 0; i < n; i++)
    enf__random_normal(5, 64, i, STATE, x + i * STATE);
}

/* ---- gradients ------------------------------------------------------------------------------- */

START_TEST(gradients_of_objectives_are_those_of_differences) {
  choose(_i / LOSSES);
  begin();
  compare(tables[_i % LOSSES], 1e-7);
}
END_TEST

/* ---- inverses and determinants --------------------------------------------------------------- */

/* dy/dx of states at one x, a row for every cotangent, and the log-determinant. */
static double jacobian(double t0, double t1, const double *x, double J[STATE][STATE],
                       double y[STATE]) {
  double copies[STATE * STATE], units[STATE * STATE] = {0}, zero[STATE] = {0};
  for (size_t k = 0; k < STATE; k++) {
    memcpy(copies + k * STATE, x, STATE * sizeof *x);
    units[k * STATE + k] = 1;
  }
  enf__journey j = {.chain = &flow->chain, .x = copies, .way = {.n = STATE, .t0 = t0, .t1 = t1}};
  const enf__pulled pulled = {.dy = units, .dlogdet = zero, .dx = &J[0][0], .scale = 1};
  OK(enf__reserve(ctx, enf__journey_call_bytes(&j), enf__journey_worker_bytes(&j, &ctx->run)));
  enf__journey_take(&j, &ctx->arena);
  OK(enf__journey_forward(ctx, &j));
  OK(enf__journey_reverse(ctx, &j, &pulled));
  memcpy(y, j.y, STATE * sizeof *y);
  return j.logdet[0];
}

/* dy/dx_k by differences of fourth order. */
static void differences(double t, double *x, size_t k, double out[STATE]) {
  static double other[STATE][STATE];
  static const double weight[] = {1, -8, 8, -1};
  const double keep = x[k], h = 1e-5;
  double y[STATE];
  memset(out, 0, STATE * sizeof *out);
  for (int side = 0; side < 4; side++) {
    x[k] = keep + h * (side < 2 ? side - 2 : side - 1);
    jacobian(t, 1 - t, x, other, y);
    for (size_t c = 0; c < STATE; c++)
      out[c] += weight[side] * y[c] / (12 * h);
  }
  x[k] = keep;
}

/* Against differences, and its determinant; the mean of x, which the map takes off, is put back. */
START_TEST(jacobians_are_those_of_differences) {
  static double J[STATE][STATE];
  double x[STATE], y[STATE], column[STATE], matrix[STATE * STATE];
  const double t = _i / KINDS;
  begin_wide(_i % KINDS);
  draw_copies(1, x);
  flow->space.ops->project(&flow->space, x);
  const double logdet = jacobian(t, 1 - t, x, J, y);
  for (size_t k = 0; k < STATE; k++) {
    differences(t, x, k, column);
    for (size_t c = 0; c < STATE; c++)
      ck_assert_double_eq_tol(J[c][k], column[c], 1e-8 * (1 + fabs(J[c][k])));
  }
  for (size_t a = 0; a < STATE; a++)
    for (size_t b = 0; b < STATE; b++)
      matrix[a * STATE + b] = J[a][b] + (a < WIDE && b < WIDE && a % 3 == b % 3 ? 0.2 : 0);
  ck_assert_double_eq_tol(logdet, enf__lu_log_det(STATE, matrix), 1e-8);
}
END_TEST

START_TEST(transport_goes_there_and_back) {
  enum { SAMPLES = 21 };
  double x[SAMPLES * STATE], y[SAMPLES * STATE], z[SAMPLES * STATE], there[SAMPLES], back[SAMPLES];
  const double t = _i / KINDS;
  begin_wide(_i % KINDS);
  draw_copies(SAMPLES, x);
  OK(enf_transport(ctx, flow, SAMPLES, t, 1 - t, x, y, there));
  OK(enf_transport(ctx, flow, SAMPLES, 1 - t, t, y, z, back));
  for (size_t i = 0; i < SAMPLES * STATE; i++) {
    ck_assert_double_eq_tol(z[i], x[i], 1e-9);
    ck_assert_double_eq_tol(there[i / STATE], -back[i / STATE], 1e-9);
  }
}
END_TEST

START_TEST(transport_stops_between_layers) {
  double x[STATE], y[STATE], z[STATE], logdet, first, second;
  begin_wide(0);
  draw_copies(1, x);
  OK(enf_transport(ctx, flow, 1, 1, 0, x, z, &logdet));
  OK(enf_transport(ctx, flow, 1, 1, 0.5, x, y, &first));
  OK(enf_transport(ctx, flow, 1, 0.5, 0, y, y, &second));
  ck_assert_double_eq_tol(first + second, logdet, 1e-11);
  for (size_t i = 0; i < STATE; i++)
    ck_assert_double_eq_tol(y[i], z[i], 1e-11);
}
END_TEST

/* ---- symmetries ------------------------------------------------------------------------------ */

/* Turned, reflected, like particles exchanged, moved. */
static void move(const double *x, double *y) {
  static const int order[5] = {1, 0, 3, 4, 2};
  const double c = cos(0.7), s = sin(0.7);
  for (size_t i = 0; i < 10; i++) {
    const double *from = x + 3 * (i / 5 * 5 + (size_t)order[i % 5]);
    y[3 * i] = c * from[0] - s * from[1] + 0.3;
    y[3 * i + 1] = -from[2] - 1;
    y[3 * i + 2] = s * from[0] + c * from[1];
  }
}

START_TEST(maps_are_equivariant) {
  double x[STATE], moved[STATE], z[STATE], z_moved[STATE], want[STATE], logdet, logdet_moved;
  const double t = _i / KINDS;
  begin_wide(_i % KINDS);
  draw_copies(1, x);
  move(x, moved);
  OK(enf_transport(ctx, flow, 1, t, 1 - t, x, z, &logdet));
  OK(enf_transport(ctx, flow, 1, t, 1 - t, moved, z_moved, &logdet_moved));
  move(z, want);
  ck_assert_double_eq_tol(logdet, logdet_moved, 1e-11);
  for (size_t i = 0; i < STATE; i++)
    ck_assert_double_eq_tol(z_moved[i], want[i], 1e-11);
}
END_TEST

/* ---- densities ------------------------------------------------------------------------------- */

/* Two particles in the plane, y = r / sqrt 2, under u = y^2/2: Z = 2 pi, exactly by the weights of
   samples, whatever their copies are. */
START_TEST(weights_of_samples_are_exact) {
  enum { SAMPLES = 20000 };
  static double x[SAMPLES * 4], logp[SAMPLES];
  double sum = 0, square = 0;
  choose(0);
  set("model.particles", "2");
  begin();
  OK(enf_sample(ctx, flow, 3, 0, SAMPLES, x, logp));
  for (size_t i = 0; i < SAMPLES; i++) {
    const double u = pow(x[4 * i] - x[4 * i + 2], 2) + pow(x[4 * i + 1] - x[4 * i + 3], 2);
    const double w = exp(-u / 4 - logp[i]) / (2 * acos(-1));
    sum += w / SAMPLES;
    square += w * w / SAMPLES;
  }
  ck_assert_double_lt(square, 20);
  ck_assert_double_eq_tol(sum, 1, 4 * sqrt(square / SAMPLES));
}
END_TEST

/* And by estimates at points, integrated over the distance; their variance is the one that is said. */
START_TEST(estimates_of_the_density_integrate_to_one) {
  enum { POINTS = 301 };
  static double x[POINTS * 4], logq[POINTS], var[POINTS];
  const double step = 9.0 / (POINTS - 1);
  double sum = 0, square = 0;
  choose(0);
  set("model.particles", "2");
  set("logdet.probes", "100");
  begin();
  for (size_t i = 0; i < POINTS; i++)
    x[4 * i] = (double)i * step * sqrt(2);
  OK(enf_log_prob_estimate(ctx, flow, POINTS, x, 11, logq, var));
  for (size_t i = 0; i < POINTS; i++) {
    const double part = (i % 2 ? 4 : 2) / 3.0 * exp(logq[i]) * 2 * acos(-1) * (double)i * step * step;
    ck_assert_double_gt(var[i], 0);
    sum += part;
    square += part * part * var[i];
  }
  ck_assert_double_lt(square, 1e-3);
  ck_assert_double_eq_tol(sum, 1, 4 * sqrt(square));
}
END_TEST

START_TEST(an_estimate_is_the_mean_of_its_draws) {
  double x[3 * WIDE], one[3], many[3], var[3], again[3];
  begin_wide(0);
  draw(3, x);
  OK(enf_log_prob(ctx, flow, 3, x, one));
  OK(enf_log_prob(ctx, flow, 3, x, again));
  ck_assert_mem_eq(one, again, sizeof one);
  OK(enf_log_prob_estimate(ctx, flow, 3, x, 0, again, var));
  ck_assert_mem_eq(one, again, sizeof one);
  ck_assert(isnan(var[0]));
  OK(enf_log_prob_estimate(ctx, flow, 3, x, 1, again, var));
  ck_assert_double_gt(fabs(one[0] - again[0]), 1e-6);
  set("logdet.probes", "2");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_log_prob_estimate(ctx, flow, 3, x, 0, many, var));
  for (size_t i = 0; i < 3; i++) {
    const double second = log(2 * exp(many[i]) - exp(one[i]));
    const double mean = (exp(one[i]) + exp(second)) / 2;
    const double want = pow(exp(one[i]) - exp(second), 2) / 4 / (mean * mean);
    ck_assert_double_eq_tol(var[i], want, 1e-9 * (1 + want));
  }
}
END_TEST

/* ---- what nothing depends on ----------------------------------------------------------------- */

enum { MANY = 70 };

START_TEST(samples_depend_neither_on_threads_nor_on_company) {
  double x[MANY * WIDE], logq[MANY], y[MANY * WIDE], other[MANY];
  set("run.precision", _i / KINDS ? "float32" : "float64");
  begin_wide(_i % KINDS);
  OK(enf_sample(ctx, flow, 4, 0, MANY, x, logq));
  set("run.threads", "2");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_sample(ctx, flow, 4, 0, 33, y, other));
  OK(enf_sample(ctx, flow, 4, 33, MANY - 33, y + 33 * WIDE, other + 33));
  ck_assert_mem_eq(x, y, sizeof x);
  ck_assert_mem_eq(logq, other, sizeof logq);
  OK(enf_log_prob(ctx, flow, MANY, x, logq));
  for (size_t i = 0; i < MANY; i++)
    OK(enf_log_prob(ctx, flow, 1, x + WIDE * i, other + i));
  ck_assert_mem_eq(logq, other, sizeof logq);
}
END_TEST

START_TEST(kernels_agree) {
  static const char *const kernels[] = {"baseline", "avx2", "avx512"};
  double x[MANY * WIDE], logq[MANY], first[MANY];
  begin_wide(_i);
  draw(MANY, x);
  for (size_t k = 0; k < 3; k++) {
    set("run.kernel", kernels[k]);
    if (enf_ctx_configure(ctx, opts) != ENF_OK)
      continue;
    OK(enf_log_prob(ctx, flow, MANY, x, logq));
    if (k == 0)
      memcpy(first, logq, sizeof first);
    for (size_t i = 0; i < MANY; i++)
      ck_assert_double_eq_tol(logq[i], first[i], 1e-9 * (1 + fabs(first[i])));
  }
}
END_TEST

START_TEST(float32_is_near_to_float64) {
  double x[MANY * WIDE], wide[MANY], narrow[MANY];
  begin_wide(_i);
  draw(MANY, x);
  OK(enf_log_prob(ctx, flow, MANY, x, wide));
  set("run.precision", "float32");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_log_prob(ctx, flow, MANY, x, narrow));
  for (size_t i = 0; i < MANY; i++)
    ck_assert_double_eq_tol(narrow[i], wide[i], 1e-4 * (1 + fabs(wide[i])));
}
END_TEST

START_TEST(a_file_keeps_the_flow) {
  double x[MANY * WIDE], logq[MANY], other[MANY];
  enf_flow *read;
  set("model.augment_std", "0.3");
  begin_wide(_i);
  draw(MANY, x);
  OK(enf_log_prob(ctx, flow, MANY, x, logq));
  OK(enf_save(ctx, flow, path));
  OK(enf_load(ctx, &read, path));
  OK(enf_log_prob(ctx, read, MANY, x, other));
  ck_assert_mem_eq(logq, other, sizeof logq);
  enf_destroy(read);
}
END_TEST

START_TEST(trainings_give_the_same_bits_by_two_threads) {
  size_t bytes;
  set("train.objective", objectives[_i]);
  set("run.precision", "float32");
  choose(2);
  begin();
  step();
  ck_assert(isfinite(step().loss));
  double *one = weights(&bytes);
  end();
  set("run.threads", "2");
  begin();
  step();
  step();
  double *two = weights(&bytes);
  ck_assert_mem_eq(one, two, bytes);
  free(one);
  free(two);
}
END_TEST

/* Nothing learnt, the same rows: another loss. */
START_TEST(copies_of_rows_are_new_in_every_step) {
  set("train.lr", "0");
  set("train.objective", "likelihood");
  choose(0);
  begin();
  const double first = step().loss;
  ck_assert_double_gt(fabs(step().loss - first), 1e-6);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

START_TEST(what_has_no_density_is_refused) {
  double x[WIDE], logq, grad[WIDE];
  enf_flow *mix;
  begin_wide(0);
  draw(1, x);
  ck_assert_int_eq(enf_log_prob_grad(ctx, flow, 1, x, &logq, grad), ENF_ERR_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "enf_log_prob_grad"));
  ck_assert_int_eq(enf_singular_values(ctx, flow, 1, x, &logq, grad), ENF_ERR_UNSUPPORTED);
  const enf_flow *parts[] = {flow, flow};
  ck_assert_int_eq(enf_mixture_create(ctx, &mix, 2, parts, NULL), ENF_ERR_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "a mixture"));
}
END_TEST

static void expect_refused(const char *name, const char *value, const char *sentence) {
  enf_flow *none;
  set(name, value);
  ck_assert_int_eq(enf_create(ctx, &none, opts), ENF_ERR_OPTION);
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), sentence) != NULL, "%s", enf_ctx_errmsg(ctx));
}

START_TEST(chains_and_spaces_without_couplings_are_refused) {
  choose(0);
  expect_refused("model.map", "coupling*2+cnf", "no other map");
  expect_refused("model.map", "residual+coupling", "no other map");
  set("model.map", "coupling");
  expect_refused("model.features", "2", "without features");
  set("model.features", "0");
  set("model.particles", "1");
  expect_refused("model.space", "vector", "particles without features");
  ck_assert_int_eq(enf_opts_set(opts, "model.augment_std", "0"), ENF_ERR_RANGE);
}
END_TEST

/* One that is not finite fails alone. */
START_TEST(a_sample_fails_alone) {
  double x[3 * WIDE], logq[3];
  begin_wide(1);
  draw(3, x);
  x[WIDE] = NAN;
  ck_assert_int_eq(enf_log_prob(ctx, flow, 3, x, logq), ENF_ERR_NONFINITE);
  ck_assert(isfinite(logq[0]) && isnan(logq[1]) && isfinite(logq[2]));
}
END_TEST

/* What prior and lines find in rows is of x alone. */
START_TEST(lines_and_scale_are_those_of_particles) {
  double x[MANY * WIDE], scale, plain_scale;
  enf_flow *plain;
  enf_lines lines = ENF_LINES_INIT, plain_lines = ENF_LINES_INIT;
  begin_wide(0);
  draw(MANY, x);
  set("model.map", "residual");
  OK(enf_create(ctx, &plain, opts));
  OK(enf_data_scale(ctx, flow, MANY, x, &scale, NULL));
  OK(enf_data_scale(ctx, plain, MANY, x, &plain_scale, NULL));
  ck_assert_double_eq(scale, plain_scale);
  OK(enf_reference_lines(ctx, flow, MANY, x, 0, &lines));
  OK(enf_reference_lines(ctx, plain, MANY, x, 0, &plain_lines));
  ck_assert_double_eq(lines.nll_isotropic, plain_lines.nll_isotropic);
  ck_assert_double_eq(lines.nll_covariance, plain_lines.nll_covariance);
  enf_destroy(plain);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("augmented couplings");
  tcase_add_checked_fixture(c, open_bag, close_bag);
  tcase_add_loop_test(c, gradients_of_objectives_are_those_of_differences, 0, KINDS * LOSSES);
  tcase_add_loop_test(c, jacobians_are_those_of_differences, 0, 2 * KINDS);
  tcase_add_loop_test(c, transport_goes_there_and_back, 0, 2 * KINDS);
  tcase_add_test(c, transport_stops_between_layers);
  tcase_add_loop_test(c, maps_are_equivariant, 0, 2 * KINDS);
  tcase_add_test(c, weights_of_samples_are_exact);
  tcase_add_test(c, estimates_of_the_density_integrate_to_one);
  tcase_add_test(c, an_estimate_is_the_mean_of_its_draws);
  tcase_add_loop_test(c, samples_depend_neither_on_threads_nor_on_company, 0, 2 * KINDS);
  tcase_add_loop_test(c, kernels_agree, 0, KINDS);
  tcase_add_loop_test(c, float32_is_near_to_float64, 0, KINDS);
  tcase_add_loop_test(c, a_file_keeps_the_flow, 0, KINDS);
  tcase_add_loop_test(c, trainings_give_the_same_bits_by_two_threads, 0, OBJECTIVES);
  tcase_add_test(c, copies_of_rows_are_new_in_every_step);
  tcase_add_test(c, what_has_no_density_is_refused);
  tcase_add_test(c, chains_and_spaces_without_couplings_are_refused);
  tcase_add_test(c, a_sample_fails_alone);
  tcase_add_test(c, lines_and_scale_are_those_of_particles);
  return run_suite("augmented couplings", c);
}
