/* The linear map against golden vectors: z, log-determinant, likelihood and its gradients by W, b and
   x, exact and self-normalizing; the smooth activation between two layers. */
#include "flows.h"

enum { D = 6, ROWS = 8, SMOOTH = 20 };

static void open_linear(const char *map, const char *dimensions, const char *gradient) {
  const char *rows[][2] = {{"model.space", "vector"},
                           {"model.dimensions", dimensions},
                           {"model.map", map},
                           {"model.linear_gradient", gradient},
                           {"model.linear_lambda", "0.5"}, /* as the file has it */
                           {NULL, NULL}};
  open_flow("families_linear", rows);
}

START_TEST(linear_map_agrees_with_golden_vectors) {
  open_linear("linear", "6", "exact");
  set("linear.0.weight", "W");
  set("linear.0.bias", "b");
  double *x = numbers("x", NULL), z[ROWS * D], logdet[ROWS];
  double dx[ROWS * D], gradient[D * D + D] = {0};
  ck_assert_int_eq(enf_transport(g.ctx, flow, ROWS, 1, 0, x, z, logdet), ENF_OK);
  for (size_t i = 0; i < ROWS; i++)
    ck_assert(logdet[i] == logdet[0]);
  const double nll = mean_nll(ROWS, x);
  expect("z", ROWS * D, z);
  expect("logdet", 1, logdet);
  expect("nll", 1, &nll);
  ck_assert_uint_eq(flow->params.size, D * D + D);
  pull_likelihood(ROWS, x, dx, gradient);
  expect("exact.grad_W", D * D, gradient);
  expect("exact.grad_b", D, gradient + D * D);
  expect("grad_x", ROWS * D, dx);
  free(x);
  close_flow();
}
END_TEST

/* W^-1, as the columns that the map to the data makes of unit vectors. */
static void set_inverse(void) {
  double units[D * D] = {0}, columns[D * D], zero[D] = {0}, inverse[D * D];
  ck_assert_int_eq(enf_params_set(g.ctx, flow, "linear.0.bias", zero, D), ENF_OK);
  for (size_t k = 0; k < D; k++)
    units[k * D + k] = 1;
  ck_assert_int_eq(enf_transport(g.ctx, flow, D, 0, 1, units, columns, NULL), ENF_OK);
  for (size_t i = 0; i < D; i++)
    for (size_t k = 0; k < D; k++)
      inverse[i * D + k] = columns[k * D + i];
  ck_assert_int_eq(enf_params_set(g.ctx, flow, "linear.0.inverse", inverse, D * D), ENF_OK);
  set("linear.0.bias", "b");
}

/* With a second matrix that is not the inverse, and with the inverse, where twice the gradient by W
   is the exact one. */
START_TEST(self_normalizing_gradient_agrees_with_golden_vectors) {
  open_linear("linear", "6", "self-normalizing");
  set("linear.0.weight", "W");
  set("linear.0.bias", "b");
  set("linear.0.inverse", "R");
  if (_i)
    set_inverse();
  double *x = numbers("x", NULL), dx[ROWS * D];
  double *gradient = calloc(flow->params.size, sizeof *gradient);
  pull_likelihood(ROWS, x, dx, gradient);
  expect("grad_x", ROWS * D, dx);
  expect_part(1e-11, _i ? "surrogate_inverse.grad_W" : "surrogate.grad_W", gradient,
              "linear.0.weight");
  expect_part(1e-11, _i ? "surrogate_inverse.grad_R" : "surrogate.grad_R", gradient,
              "linear.0.inverse");
  double W[D * D], R[D * D], off = 0; /* the mean of |R W x - x|^2 */
  ck_assert_int_eq(enf_params_get(g.ctx, flow, "linear.0.weight", W, D * D), ENF_OK);
  ck_assert_int_eq(enf_params_get(g.ctx, flow, "linear.0.inverse", R, D * D), ENF_OK);
  for (size_t k = 0; k < ROWS * D; k++) {
    double sum = -x[k];
    for (size_t j = 0; j < D * D; j++)
      sum += R[k % D * D + j / D] * W[j] * x[k / D * D + j % D];
    off += sum * sum / ROWS;
  }
  if (_i)
    ck_assert_double_lt(off, 1e-20);
  else
    expect("surrogate.reconstruction", 1, &off);
  for (size_t k = 0; k < D * D; k++)
    gradient[k] *= 2;
  if (_i)
    expect_within(1e-12, "exact.grad_W", D * D, gradient);
  free(gradient);
  free(x);
  close_flow();
}
END_TEST

/* Two layers that are the identity leave the function between them. */
START_TEST(activation_agrees_with_golden_vectors) {
  open_linear("linear*2", "1", "exact");
  double *x = numbers("smooth.x", NULL), y[SMOOTH], logdet[SMOOTH], back[SMOOTH];
  ck_assert_int_eq(enf_transport(g.ctx, flow, SMOOTH, 1, 0, x, y, logdet), ENF_OK);
  expect("smooth.y", SMOOTH, y);
  expect("smooth.logderivative", SMOOTH, logdet);
  ck_assert_int_eq(enf_transport(g.ctx, flow, SMOOTH, 0, 1, y, back, NULL), ENF_OK);
  expect("smooth.x", SMOOTH, back);
  free(x);
  close_flow();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden linear");
  tcase_add_test(c, linear_map_agrees_with_golden_vectors);
  tcase_add_loop_test(c, self_normalizing_gradient_agrees_with_golden_vectors, 0, 2);
  tcase_add_test(c, activation_agrees_with_golden_vectors);
  return run_suite("golden linear", c);
}
