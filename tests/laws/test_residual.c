/* test_residual.c -- residual maps of particles: their bounds, inverses, determinants, symmetries,
   gradients of every objective, and what they depend on and what not. */
#include "laws/objectives.h"
#include "math/pairwise.h"

/* model.residual, model.explicit, model.map. */
static const char *const kinds[][3] = {{"monotone", "to-prior", "residual*2"},
                                       {"kernel", "to-prior", "residual*2"},
                                       {"monotone", "to-data", "residual*2"},
                                       {"egnn", "to-prior", "residual*2"},
                                       {"egnn", "to-data", "residual*2"},
                                       {"kernel", "to-data", "residual*2+cnf"}};
enum { KINDS = 6, PURE = 5 /* without a field */, WIDE = 5 * 3 };

static const char *map; /* instead of the kind's, unless NULL */

static void choose(int kind) {
  set("model.residual", kinds[kind][0]);
  set("model.explicit", kinds[kind][1]);
  set("model.map", map ? map : kinds[kind][2]);
  set("model.residual_cells", "6");
}

static void begin_residual(int kind) {
  choose(kind);
  begin();
}

/* Five particles of two species in three dimensions, with weights of this size. */
static void begin_wide(int kind, double size) {
  choose(kind);
  set("model.particles", "5");
  set("model.dimensions", "3");
  set("model.species", "0 0 1 1 1");
  set("model.data_scale", "1");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  enf__random_normal(4, 62, 0, flow->params.size, flow->params.value);
  for (size_t i = 0; i < flow->params.count; i++) {
    const enf__tensor *t = &flow->params.tensor[i];
    for (size_t k = 0; k < t->rows * t->cols; k++)
      flow->params.value[t->offset + k] *= t->cols == 1 ? 0.1 : size;
  }
  enf__flow_pack(flow);
}

static void draw(size_t n, double *x) {
  for (size_t i = 0; i < n; i++)
    enf__space_normal(&flow->space, 1.2, 5, 63, i, x + i * WIDE);
}

/* ---- gradients ------------------------------------------------------------------------------- */

START_TEST(gradients_of_objectives_are_those_of_differences) {
  begin_residual(_i / LOSSES);
  compare(tables[_i % LOSSES], 1e-7);
}
END_TEST

START_TEST(gradient_of_the_density_is_that_of_differences) {
  double x[WIDE], logq, grad[WIDE], side[2];
  begin_wide(_i, 1);
  draw(1, x);
  OK(enf_log_prob_grad(ctx, flow, 1, x, &logq, grad));
  for (size_t k = 0; k < WIDE; k++) {
    const double keep = x[k], h = 1e-5;
    for (int s = 0; s < 2; s++) {
      x[k] = keep + (s ? h : -h);
      OK(enf_log_prob(ctx, flow, 1, x, &side[s]));
    }
    x[k] = keep;
    ck_assert_double_eq_tol(grad[k], (side[1] - side[0]) / (2 * h), 1e-7 * (1 + fabs(grad[k])));
  }
}
END_TEST

/* ---- bounds and determinants ----------------------------------------------------------------- */

/* dz/dx of the whole map at one x, a row for every cotangent, and the log-determinant. */
static double jacobian(double t0, double t1, const double *x, double J[WIDE][WIDE]) {
  double copies[WIDE * WIDE], units[WIDE * WIDE] = {0}, zero[WIDE] = {0};
  for (size_t k = 0; k < WIDE; k++) {
    memcpy(copies + k * WIDE, x, WIDE * sizeof *x);
    units[k * WIDE + k] = 1;
  }
  enf__journey j = {.chain = &flow->chain, .x = copies, .way = {.n = WIDE, .t0 = t0, .t1 = t1}};
  const enf__pulled pulled = {.dy = units, .dlogdet = zero, .dx = &J[0][0], .scale = 1};
  OK(enf__reserve(ctx, enf__journey_call_bytes(&j), enf__journey_worker_bytes(&j, &ctx->run)));
  enf__journey_take(&j, &ctx->arena);
  OK(enf__journey_forward(ctx, &j));
  OK(enf__journey_reverse(ctx, &j, &pulled));
  return j.logdet[0];
}

/* Least and greatest eigenvalue of a symmetric matrix, by Jacobi's rotations. */
static void eigenvalues(double A[WIDE][WIDE], double *least, double *most) {
  for (int sweep = 0; sweep < 30; sweep++)
    for (size_t p = 0; p < WIDE; p++)
      for (size_t q = p + 1; q < WIDE; q++) {
        const double angle = 0.5 * atan2(2 * A[p][q], A[q][q] - A[p][p]);
        const double c = cos(angle), s = sin(angle);
        for (size_t k = 0; k < WIDE; k++) {
          const double a = A[k][p], b = A[k][q];
          A[k][p] = c * a - s * b;
          A[k][q] = s * a + c * b;
        }
        for (size_t k = 0; k < WIDE; k++) {
          const double a = A[p][k], b = A[q][k];
          A[p][k] = c * a - s * b;
          A[q][k] = s * a + c * b;
        }
      }
  *least = *most = A[0][0];
  for (size_t k = 1; k < WIDE; k++) {
    *least = fmin(*least, A[k][k]);
    *most = fmax(*most, A[k][k]);
  }
}

/* Weights up to a million: the bound holds whatever they are. */
START_TEST(jacobians_keep_their_bounds) {
  enum { DRAWS = 6 };
  double x[DRAWS * WIDE], J[WIDE][WIDE], least, most;
  set("model.bound", "0.8");
  map = "residual";
  begin_wide(_i % 2, pow(100, _i / 2));
  for (size_t i = 0; i < flow->params.count; i++)
    if (strstr(flow->params.tensor[i].name, "scale"))
      flow->params.value[flow->params.tensor[i].offset] = 0;
  enf__flow_pack(flow);
  draw(DRAWS, x);
  for (size_t i = 0; i < DRAWS; i++) {
    jacobian(1, 0, x + i * WIDE, J);
    for (size_t a = 0; a < WIDE; a++)
      for (size_t b = 0; b < a; b++)
        ck_assert_double_eq_tol(J[a][b], J[b][a], 1e-12 * (1 + fabs(J[a][b])));
    eigenvalues(J, &least, &most);
    ck_assert_double_ge(least, 1 - 0.8 - 1e-9 * most);
    if (_i % 2)
      ck_assert_double_le(most, 1 + 0.8 + 1e-9);
  }
}
END_TEST

/* log |det| of the whole space by elimination: on the mean-free subspace the scales' share of the
   mean is not in it. */
START_TEST(log_determinants_are_those_of_the_jacobian) {
  double x[WIDE], J[WIDE][WIDE], want = 0, scales = 0;
  begin_wide(_i, 1);
  draw(1, x);
  const double got = jacobian(1, 0, x, J);
  for (size_t c = 0; c < WIDE; c++) {
    size_t p = c;
    for (size_t r = c; r < WIDE; r++)
      p = fabs(J[r][c]) > fabs(J[p][c]) ? r : p;
    for (size_t k = 0; k < WIDE; k++) {
      const double keep = J[c][k];
      J[c][k] = J[p][k];
      J[p][k] = keep;
    }
    want += log(fabs(J[c][c]));
    for (size_t r = c + 1; r < WIDE; r++)
      for (size_t k = WIDE; k-- > c;)
        J[r][k] -= J[r][c] / J[c][c] * J[c][k];
  }
  for (size_t i = 0; i < flow->params.count; i++)
    if (strstr(flow->params.tensor[i].name, "scale"))
      scales += flow->params.value[flow->params.tensor[i].offset];
  want -= 3 * (strcmp(kinds[_i][1], "to-data") ? scales : -scales);
  ck_assert_double_eq_tol(got, want, 1e-9);
}
END_TEST

/* By the distance r of two particles in the plane, over y = r / sqrt 2. */
START_TEST(density_of_two_particles_integrates_to_one) {
  enum { POINTS = 4001 };
  static double x[POINTS * 4], logq[POINTS];
  const double step = 12.0 / (POINTS - 1);
  double sum = 0;
  choose(_i);
  set("model.particles", "2");
  begin();
  for (size_t i = 0; i < POINTS; i++)
    x[4 * i] = (double)i * step * sqrt(2);
  OK(enf_log_prob(ctx, flow, POINTS, x, logq));
  for (size_t i = 0; i < POINTS; i++)
    sum += (i % 2 ? 4 : 2) / 3.0 * exp(logq[i]) * 2 * acos(-1) * (double)i * step * step;
  ck_assert_double_eq_tol(sum, 1, 1e-6);
}
END_TEST

/* ---- the inverse ----------------------------------------------------------------------------- */

START_TEST(transport_goes_there_and_back) {
  enum { SAMPLES = 21 };
  double x[SAMPLES * WIDE], y[SAMPLES * WIDE], z[SAMPLES * WIDE], there[SAMPLES], back[SAMPLES];
  const double size = pow(100, _i / PURE);
  const double way = strcmp(kinds[_i % PURE][1], "to-data") ? 0 : 1; /* the formula's */
  map = _i < PURE ? NULL : "residual";
  begin_wide(_i % PURE, size);
  draw(SAMPLES, x);
  OK(enf_transport(ctx, flow, SAMPLES, 1 - way, way, x, y, there));
  OK(enf_transport(ctx, flow, SAMPLES, way, 1 - way, y, z, back));
  for (size_t i = 0; i < SAMPLES * WIDE; i++)
    ck_assert_double_eq_tol(z[i], x[i], 1e-9 * (1 + fabs(y[i])));
  for (size_t i = 0; i < SAMPLES; i++)
    ck_assert_double_eq_tol(there[i], -back[i], 1e-8 * (1 + fabs(there[i])));
}
END_TEST

START_TEST(transport_stops_between_layers) {
  double x[WIDE], y[WIDE], z[WIDE], logdet, first, second;
  begin_wide(_i, 1);
  draw(1, x);
  OK(enf_transport(ctx, flow, 1, 1, 0, x, z, &logdet));
  OK(enf_transport(ctx, flow, 1, 1, 0.5, x, y, &first));
  OK(enf_transport(ctx, flow, 1, 0.5, 0, y, y, &second));
  ck_assert_double_eq_tol(first + second, logdet, 1e-9);
  for (size_t i = 0; i < WIDE; i++)
    ck_assert_double_eq_tol(y[i], z[i], 1e-9);
}
END_TEST

START_TEST(an_inverse_that_does_not_converge_fails_its_sample) {
  double x[3 * WIDE], y[3 * WIDE];
  set("inverse.max_iterations", "1");
  begin_wide(0, 1);
  draw(3, x);
  memset(x + WIDE, 0, WIDE * sizeof *x); /* where it begins */
  ck_assert_int_eq(enf_transport(ctx, flow, 3, 0, 1, x, y, NULL), ENF_ERR_INVERSE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "inverse.max_iterations = 1"));
  ck_assert(isnan(y[0]) && y[WIDE] == 0 && isnan(y[2 * WIDE]));
}
END_TEST

/* ---- symmetries ------------------------------------------------------------------------------ */

/* Turned, reflected, like particles exchanged. */
static void move(const double *x, double *y) {
  static const int order[5] = {1, 0, 3, 4, 2};
  const double c = cos(0.7), s = sin(0.7);
  for (size_t i = 0; i < 5; i++) {
    const double *from = x + 3 * order[i];
    y[3 * i] = c * from[0] - s * from[1];
    y[3 * i + 1] = -from[2];
    y[3 * i + 2] = s * from[0] + c * from[1];
  }
}

START_TEST(maps_are_equivariant) {
  double x[WIDE], moved[WIDE], z[WIDE], z_moved[WIDE], want[WIDE], logdet, logdet_moved;
  begin_wide(_i % PURE, 2);
  draw(1, x);
  move(x, moved);
  const double t = _i / PURE;
  OK(enf_transport(ctx, flow, 1, t, 1 - t, x, z, &logdet));
  OK(enf_transport(ctx, flow, 1, t, 1 - t, moved, z_moved, &logdet_moved));
  move(z, want);
  ck_assert_double_eq_tol(logdet, logdet_moved, 1e-11);
  for (size_t i = 0; i < WIDE; i++)
    ck_assert_double_eq_tol(z_moved[i], want[i], 1e-11);
}
END_TEST

/* ---- what nothing depends on ----------------------------------------------------------------- */

enum { MANY = 70 };

START_TEST(samples_depend_neither_on_threads_nor_on_company) {
  double x[MANY * WIDE], logq[MANY], y[MANY * WIDE], other[MANY], grad[MANY * WIDE], one[WIDE];
  begin_wide(_i, 2);
  OK(enf_sample(ctx, flow, 4, 0, MANY, x, logq));
  set("run.threads", "2");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_sample(ctx, flow, 4, 0, 33, y, other));
  OK(enf_sample(ctx, flow, 4, 33, MANY - 33, y + 33 * WIDE, other + 33));
  ck_assert_mem_eq(x, y, sizeof x);
  ck_assert_mem_eq(logq, other, sizeof logq);
  OK(enf_log_prob(ctx, flow, MANY, x, logq));
  OK(enf_log_prob_grad(ctx, flow, MANY, x, logq, grad));
  for (size_t i = 0; i < MANY; i++) {
    OK(enf_log_prob_grad(ctx, flow, 1, x + WIDE * i, other + i, one));
    ck_assert_mem_eq(one, grad + WIDE * i, sizeof one);
  }
  ck_assert_mem_eq(logq, other, sizeof logq);
}
END_TEST

START_TEST(kernels_agree) {
  static const char *const kernels[] = {"baseline", "avx2", "avx512"};
  double x[MANY * WIDE], logq[MANY], grad[MANY * WIDE], first[MANY], first_grad[MANY * WIDE];
  begin_wide(_i, 2);
  draw(MANY, x);
  for (size_t k = 0; k < 3; k++) {
    set("run.kernel", kernels[k]);
    if (enf_ctx_configure(ctx, opts) != ENF_OK)
      continue;
    OK(enf_log_prob_grad(ctx, flow, MANY, x, logq, grad));
    if (k == 0) {
      memcpy(first, logq, sizeof first);
      memcpy(first_grad, grad, sizeof first_grad);
    }
    for (size_t i = 0; i < MANY * WIDE; i++) {
      ck_assert_double_eq_tol(logq[i / WIDE], first[i / WIDE], 1e-9);
      ck_assert_double_eq_tol(grad[i], first_grad[i], 1e-8 * (1 + fabs(grad[i])));
    }
  }
}
END_TEST

START_TEST(a_file_keeps_the_flow) {
  double x[MANY * WIDE], logq[MANY], other[MANY];
  enf_flow *read;
  begin_wide(_i, 1);
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
  set("train.objective", objectives[_i / KINDS]);
  begin_residual(_i % KINDS);
  step();
  ck_assert(isfinite(step().loss));
  double *want = weights(&bytes);
  end();
  set("run.threads", "2");
  begin_residual(_i % KINDS);
  step();
  step();
  ck_assert_mem_eq(want, flow->params.value, bytes);
  free(want);
}
END_TEST

/* ---- refusals -------------------------------------------------------------------------------- */

START_TEST(what_cannot_be_is_refused) {
  static const char *const rows[][3] = {{"model.bound", "1", "model.bound is 1"},
                                        {"model.space", "vector", "model.space particles"}};
  set("model.map", "residual");
  set(rows[_i][0], rows[_i][1]);
  set("model.residual", "monotone");
  set("model.particles", _i ? "1" : "3");
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), rows[_i][2]));
}
END_TEST

int main(void) {
  TCase *laws = tcase_create("residual");
  tcase_add_checked_fixture(laws, open_bag, close_bag);
  tcase_set_timeout(laws, 60);
  tcase_add_loop_test(laws, gradients_of_objectives_are_those_of_differences, 0, KINDS * LOSSES);
  tcase_add_loop_test(laws, gradient_of_the_density_is_that_of_differences, 0, PURE);
  tcase_add_loop_test(laws, jacobians_keep_their_bounds, 0, 8);
  tcase_add_loop_test(laws, log_determinants_are_those_of_the_jacobian, 0, PURE);
  tcase_add_loop_test(laws, density_of_two_particles_integrates_to_one, 0, PURE);
  tcase_add_loop_test(laws, transport_goes_there_and_back, 0, PURE * 4);
  tcase_add_loop_test(laws, transport_stops_between_layers, 0, PURE);
  tcase_add_test(laws, an_inverse_that_does_not_converge_fails_its_sample);
  tcase_add_loop_test(laws, maps_are_equivariant, 0, PURE * 2);
  tcase_add_loop_test(laws, samples_depend_neither_on_threads_nor_on_company, 0, PURE);
  tcase_add_loop_test(laws, kernels_agree, 0, PURE);
  tcase_add_loop_test(laws, a_file_keeps_the_flow, 0, PURE);
  tcase_add_loop_test(laws, trainings_give_the_same_bits_by_two_threads, 0, KINDS * OBJECTIVES);
  tcase_add_loop_test(laws, what_cannot_be_is_refused, 0, 2);
  return run_suite("residual", laws);
}
