/* test_vector.c -- the vector space, the field of vectors, the linear map and the Student-t prior as
   parts of flows: gradients of every objective, densities, files, what depends on nothing. */
#include "laws/objectives.h"

static enf_energy *gaussians;
static bool train_prior;

/* model.map, model.prior and whether it is trained. */
static const char *const kinds[][3] = {{"cnf", "gaussian", "0"},
                                       {"linear*2+cnf", "gaussian", "0"},
                                       {"cnf+linear", "student-t", "1"},
                                       {"linear*3", "student-t", "0"},
                                       {"autoregressive*2", "gaussian", "0"},
                                       {"residual*2", "gaussian", "0"}};
enum { KINDS = 6, PURE = 3 /* no field */ };

static void choose(int kind) {
  set("model.space", "vector");
  set("model.particles", "1");
  set("model.map", kinds[kind][0]);
  set("model.prior", kinds[kind][1]);
  set("model.prior_train", train_prior ? kinds[kind][2] : "0");
  set("train.coupling", "ot");
}

/* begin() with the energy of the vector space. */
static void begin_vector(int kind) {
  choose(kind);
  begin();
  OK(enf_energy_builtin(ctx, &gaussians, "gaussians:n=3,radius=1.1,std=0.9"));
  ck_assert_int_eq(enf_trainer_set_energy(tr, enf_energy_eval, gaussians), ENF_OK);
}

static void end_vector(void) {
  end();
  enf_energy_destroy(gaussians);
  gaussians = NULL;
}

/* ---- gradients ------------------------------------------------------------------------------- */

START_TEST(gradients_of_the_density_s_objectives_are_those_of_differences) {
  const int kind = _i / LOSSES / 2;
  if (_i / LOSSES % 2)
    set("train.trace", "exact");
  train_prior = _i % LOSSES == 0; /* by likelihood only */
  begin_vector(kind);
  compare(tables[_i % LOSSES], 1e-7);
  end_vector();
}
END_TEST

START_TEST(gradient_of_flow_matching_is_that_of_differences) {
  begin_vector(0);
  compare(&enf__flow_matching, 1e-7);
  end_vector();
}
END_TEST

START_TEST(prior_of_particles_is_trained_by_likelihood) {
  set("model.prior", "student-t");
  set("model.prior_train", "1");
  begin();
  compare(&enf__likelihood, 1e-7);
  end();
}
END_TEST

START_TEST(gradient_of_the_density_is_that_of_differences) {
  double x[2] = {0.4, -1.3}, logq, grad[2], side[2];
  set("ode.steps", "20");
  set("logdet.method", "coupled");
  begin_vector(_i);
  OK(enf_log_prob_grad(ctx, flow, 1, x, &logq, grad));
  for (size_t k = 0; k < 2; k++) {
    const double keep = x[k], h = 1e-5;
    for (int s = 0; s < 2; s++) {
      x[k] = keep + (s ? h : -h);
      OK(enf_log_prob(ctx, flow, 1, x, &side[s]));
    }
    x[k] = keep;
    ck_assert_double_eq_tol(grad[k], (side[1] - side[0]) / (2 * h), 1e-7);
  }
  end_vector();
}
END_TEST

/* ---- densities ------------------------------------------------------------------------------- */

static void integrate_finely(const char *tolerance) {
  set("ode.method", "dopri5");
  set("ode.rtol", tolerance);
  set("ode.atol", tolerance);
  set("logdet.tol", tolerance);
}

/* Over x = sinh y, which reaches far with few points. */
START_TEST(density_integrates_to_one) {
  enum { SIDE = 141 };
  static double x[SIDE * SIDE * 2], logq[SIDE * SIDE];
  const double step = 0.075;
  integrate_finely("1e-5");
  if (strcmp(kinds[_i][1], "gaussian") != 0)
    set("model.prior_df", "20"); /* tails that end within the square */
  begin_vector(_i);
  for (size_t i = 0; i < SIDE * SIDE; i++) {
    x[2 * i] = sinh(step * ((double)(i % SIDE) - (SIDE - 1) / 2));
    x[2 * i + 1] = sinh(step * ((double)(i / SIDE) - (SIDE - 1) / 2));
  }
  OK(enf_log_prob(ctx, flow, SIDE * SIDE, x, logq));
  double sum = 0;
  for (size_t i = 0; i < SIDE * SIDE; i++)
    sum += exp(logq[i]) * hypot(1, x[2 * i]) * hypot(1, x[2 * i + 1]) * step * step;
  ck_assert_double_eq_tol(sum, 1, strstr(kinds[_i][0], "auto") ? 2e-3 : 1e-4); /* kinks */
  end_vector();
}
END_TEST

START_TEST(heavy_tails_integrate_to_one) {
  enum { POINTS = 401 };
  double x[POINTS], logq[POINTS], sum = 0;
  set("model.dimensions", "1");
  integrate_finely("1e-9");
  choose(_i == 0 ? 2 : 3);
  set("model.prior_df", "1.5");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  for (size_t i = 0; i < POINTS; i++)
    x[i] = sinh(((double)i - (POINTS - 1) / 2) * 0.1);
  OK(enf_log_prob(ctx, flow, POINTS, x, logq));
  for (size_t i = 0; i < POINTS; i++)
    sum += exp(logq[i]) * sqrt(1 + x[i] * x[i]) * 0.1;
  ck_assert_double_eq_tol(sum, 1, 1e-6);
}
END_TEST

START_TEST(samples_have_the_density_they_are_given_with) {
  enum { SAMPLES = 40 };
  double x[SAMPLES * 2], logq[SAMPLES], again[SAMPLES];
  integrate_finely("1e-9");
  begin_vector(_i);
  OK(enf_sample(ctx, flow, 4, 0, SAMPLES, x, logq));
  OK(enf_log_prob(ctx, flow, SAMPLES, x, again));
  for (size_t i = 0; i < SAMPLES; i++)
    ck_assert_double_eq_tol(logq[i], again[i], 1e-6);
  end_vector();
}
END_TEST

START_TEST(transport_goes_there_and_back) {
  enum { SAMPLES = 5 };
  double x[SAMPLES * 2], y[SAMPLES * 2], z[SAMPLES * 2], there[SAMPLES], back[SAMPLES];
  integrate_finely("1e-9");
  begin_vector(_i);
  enf__random_normal(1, 2, 3, SAMPLES * 2, x);
  OK(enf_transport(ctx, flow, SAMPLES, 1, 0, x, y, there));
  OK(enf_transport(ctx, flow, SAMPLES, 0, 1, y, z, back));
  for (size_t i = 0; i < SAMPLES * 2; i++)
    ck_assert_double_eq_tol(z[i], x[i], _i == PURE ? 1e-12 : 1e-7);
  for (size_t i = 0; i < SAMPLES; i++)
    ck_assert_double_eq_tol(there[i], -back[i], _i == PURE ? 1e-12 : 1e-6);
  end_vector();
}
END_TEST

START_TEST(transport_stops_between_layers) {
  enum { SAMPLES = 5, LAYERS = 3 };
  double x[SAMPLES * 2], y[SAMPLES * 2], at[SAMPLES * 2], whole[SAMPLES], sum[SAMPLES] = {0},
      part[SAMPLES];
  begin_vector(PURE);
  enf__random_normal(1, 2, 3, SAMPLES * 2, x);
  OK(enf_transport(ctx, flow, SAMPLES, 1, 0, x, y, whole));
  memcpy(at, x, sizeof at);
  for (int k = LAYERS; k > 0; k--) {
    double next[SAMPLES * 2];
    OK(enf_transport(ctx, flow, SAMPLES, k / (double)LAYERS, (k - 1) / (double)LAYERS, at, next,
                     part));
    memcpy(at, next, sizeof at);
    for (size_t i = 0; i < SAMPLES; i++)
      sum[i] += part[i];
  }
  for (size_t i = 0; i < SAMPLES * 2; i++)
    ck_assert_double_eq_tol(at[i], y[i], 1e-12);
  for (size_t i = 0; i < SAMPLES; i++)
    ck_assert_double_eq_tol(sum[i], whole[i], 1e-12);
  end_vector();
}
END_TEST

START_TEST(log_determinants_are_those_of_the_jacobian) {
  double x[2] = {0.6, -0.2}, y[2], logdet, side[2][2], J[2][2];
  integrate_finely("1e-9");
  begin_vector(_i);
  OK(enf_transport(ctx, flow, 1, 1, 0, x, y, &logdet));
  for (size_t k = 0; k < 2; k++) {
    const double keep = x[k], h = 1e-4;
    for (int s = 0; s < 2; s++) {
      x[k] = keep + (s ? h : -h);
      OK(enf_transport(ctx, flow, 1, 1, 0, x, side[s], NULL));
    }
    x[k] = keep;
    for (size_t c = 0; c < 2; c++)
      J[c][k] = (side[1][c] - side[0][c]) / (2 * h);
  }
  const double want = log(fabs(J[0][0] * J[1][1] - J[0][1] * J[1][0]));
  ck_assert_double_eq_tol(logdet, want, _i == PURE ? 1e-8 : 1e-6);
  end_vector();
}
END_TEST

/* ---- what nothing depends on ----------------------------------------------------------------- */

enum { MANY = 70 };

START_TEST(samples_depend_neither_on_threads_nor_on_company) {
  double x[MANY * 2], logq[MANY], y[MANY * 2], other[MANY];
  begin_vector(_i);
  OK(enf_sample(ctx, flow, 4, 0, MANY, x, logq));
  set("run.threads", "2");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_sample(ctx, flow, 4, 0, 33, y, other));
  OK(enf_sample(ctx, flow, 4, 33, MANY - 33, y + 66, other + 33));
  ck_assert_mem_eq(x, y, sizeof x);
  ck_assert_mem_eq(logq, other, sizeof logq);
  OK(enf_log_prob(ctx, flow, MANY, x, logq));
  for (size_t i = 0; i < MANY; i++)
    OK(enf_log_prob(ctx, flow, 1, x + 2 * i, other + i));
  ck_assert_mem_eq(logq, other, sizeof logq);
  end_vector();
}
END_TEST

START_TEST(a_file_keeps_the_flow) {
  double x[MANY * 2], logq[MANY], other[MANY];
  enf_flow *read;
  begin_vector(_i);
  OK(enf_sample(ctx, flow, 4, 0, MANY, x, NULL));
  OK(enf_log_prob(ctx, flow, MANY, x, logq));
  OK(enf_save(ctx, flow, path));
  OK(enf_load(ctx, &read, path));
  OK(enf_log_prob(ctx, read, MANY, x, other));
  ck_assert_mem_eq(logq, other, sizeof logq);
  enf_destroy(read);
  end_vector();
}
END_TEST

static void train(int steps, enf_step_info *info) {
  for (int k = 0; k < steps; k++)
    OK(enf_train_step(ctx, tr, ROWS, data, info));
}

/* Every objective; two threads; a trainer's file in the middle. */
START_TEST(trainings_give_the_same_bits_resumed_and_by_two_threads) {
  enf_step_info info = ENF_STEP_INFO_INIT;
  const int objective = _i % (OBJECTIVES + 1), kind = objective ? _i / (OBJECTIVES + 1) : 0;
  double *want;
  size_t bytes;
  set("train.objective", objective ? objectives[objective - 1] : "flow-matching");
  begin_vector(kind);
  train(4, &info);
  ck_assert(isfinite(info.loss));
  ck_assert_uint_eq(info.skipped, 0);
  want = weights(&bytes);
  end_vector();
  set("run.threads", "2");
  begin_vector(kind);
  train(2, &info);
  OK(enf_trainer_save(ctx, tr, path));
  enf_trainer_destroy(tr);
  tr = NULL;
  OK(enf_trainer_load(ctx, &tr, flow, path));
  ck_assert_int_eq(enf_trainer_set_energy(tr, enf_energy_eval, gaussians), ENF_OK);
  train(2, &info);
  ck_assert_mem_eq(want, flow->params.value, bytes);
  free(want);
  end_vector();
}
END_TEST

/* ---- refusals -------------------------------------------------------------------------------- */

static void expect_told(enf_status status, enf_status want, const char *words) {
  ck_assert_msg(status == want && strstr(enf_ctx_errmsg(ctx), words), "status %d: %s", status,
                enf_ctx_errmsg(ctx));
}

START_TEST(what_a_chain_has_not_is_said) {
  double x[2] = {0}, v[2], length[2];
  const double t = 0.5;
  begin_vector(1);
  expect_told(enf_velocity(ctx, flow, 1, &t, x, v, NULL), ENF_ERR_UNSUPPORTED, "linear*2+cnf");
  expect_told(enf_path_lengths(ctx, flow, 1, 0, 1, length, v), ENF_ERR_UNSUPPORTED,
              "linear*2+cnf");
  end_vector();
}
END_TEST

START_TEST(fields_are_refused_in_other_spaces) {
  static const char *const rows[][2] = {
      {"vector", "egnn"}, {"vector", "pair-kernel"}, {"particles", "mlp"}};
  set("model.space", rows[_i][0]);
  set("model.field", rows[_i][1]);
  set("model.particles", _i < 2 ? "1" : "3");
  expect_told(enf_create(ctx, &flow, opts), ENF_ERR_OPTION, rows[_i][1]);
}
END_TEST

START_TEST(linear_maps_are_refused_for_particles) {
  set("model.map", "linear+cnf");
  expect_told(enf_create(ctx, &flow, opts), ENF_ERR_OPTION, "model.space vector");
}
END_TEST

START_TEST(equivariant_coupling_is_refused_for_vectors) {
  choose(0);
  OK(enf_create(ctx, &flow, opts));
  set("train.coupling", "equivariant-ot");
  expect_told(enf_trainer_create(ctx, &tr, flow, opts), ENF_ERR_OPTION, "train.coupling");
}
END_TEST

/* Densities know the group, whatever the weights are. */
START_TEST(residual_maps_have_the_symmetry_they_are_given) {
  static const char *const groups[] = {"c8", "d3"};
  double x[4] = {0.9, -0.4}, logq[2];
  set("model.symmetry", groups[_i]);
  begin_vector(KINDS - 1);
  for (size_t k = 0; k < flow->params.size; k++)
    flow->params.value[k] *= 30;
  enf__flow_pack(flow);
  const double turn = 2 * acos(-1) / (_i ? 3 : 8), c = cos(turn), s = sin(turn);
  x[2] = c * x[0] - s * x[1];
  x[3] = (s * x[0] + c * x[1]);
  if (_i)
    x[3] = -x[3];
  OK(enf_log_prob(ctx, flow, 2, x, logq));
  ck_assert_double_eq_tol(logq[0], logq[1], 1e-10);
  ck_assert_double_ge(fabs(logq[0]), 1e-3);
  end_vector();
}
END_TEST

START_TEST(groups_are_of_the_plane) {
  set("model.space", "vector");
  set("model.particles", "1");
  set("model.dimensions", "3");
  set("model.map", "residual");
  set("model.symmetry", "c4");
  expect_told(enf_create(ctx, &flow, opts), ENF_ERR_OPTION, "model.symmetry c4");
  ck_assert_int_eq(enf_opts_set(opts, "model.symmetry", "c17"), ENF_ERR_OPTION);
  ck_assert_int_eq(enf_opts_set(opts, "model.symmetry", "e2"), ENF_ERR_OPTION);
}
END_TEST

START_TEST(a_singular_matrix_fails_its_samples) {
  double x[4] = {1, 2, 3, 4}, logq[2];
  const double W[4] = {1, 2, 2, 4};
  choose(1);
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  OK(enf_params_set(ctx, flow, "linear.0.weight", W, 4));
  expect_told(enf_log_prob(ctx, flow, 2, x, logq), ENF_ERR_NONFINITE, "log |det W|");
  ck_assert(isnan(logq[0]) && isnan(logq[1]));
}
END_TEST

int main(void) {
  TCase *laws = tcase_create("vector");
  tcase_add_checked_fixture(laws, open_bag, close_bag);
  tcase_set_timeout(laws, 60);
  tcase_add_loop_test(laws, gradients_of_the_density_s_objectives_are_those_of_differences, 0,
                      KINDS * LOSSES * 2);
  tcase_add_test(laws, gradient_of_flow_matching_is_that_of_differences);
  tcase_add_test(laws, prior_of_particles_is_trained_by_likelihood);
  tcase_add_loop_test(laws, gradient_of_the_density_is_that_of_differences, 0, KINDS);
  tcase_add_loop_test(laws, density_integrates_to_one, 0, KINDS);
  tcase_add_loop_test(laws, heavy_tails_integrate_to_one, 0, 2);
  tcase_add_loop_test(laws, samples_have_the_density_they_are_given_with, 0, KINDS);
  tcase_add_loop_test(laws, transport_goes_there_and_back, 0, KINDS);
  tcase_add_test(laws, transport_stops_between_layers);
  tcase_add_loop_test(laws, log_determinants_are_those_of_the_jacobian, 0, KINDS);
  tcase_add_loop_test(laws, samples_depend_neither_on_threads_nor_on_company, 0, KINDS);
  tcase_add_loop_test(laws, a_file_keeps_the_flow, 0, KINDS);
  tcase_add_loop_test(laws, trainings_give_the_same_bits_resumed_and_by_two_threads, 0,
                      KINDS * (OBJECTIVES + 1));
  tcase_add_test(laws, what_a_chain_has_not_is_said);
  tcase_add_loop_test(laws, fields_are_refused_in_other_spaces, 0, 3);
  tcase_add_test(laws, linear_maps_are_refused_for_particles);
  tcase_add_test(laws, equivariant_coupling_is_refused_for_vectors);
  tcase_add_loop_test(laws, residual_maps_have_the_symmetry_they_are_given, 0, 2);
  tcase_add_test(laws, groups_are_of_the_plane);
  tcase_add_test(laws, a_singular_matrix_fails_its_samples);
  return run_suite("vector", laws);
}
