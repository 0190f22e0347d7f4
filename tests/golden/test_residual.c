/* The residual maps of particles against golden vectors: the map both ways, its log-determinant,
   likelihood, and gradients through either way. */
#include "flows.h"

static const char *const cases[] = {"lipschitz_n4d2.", "monotone_n4d2.", "lipschitz_species.",
                                    "monotone_n3d3."};
enum { CASES = 4, ROWS = 4, MOST = 15 };

/* The options in the file's words. */
static void open_case(int i, const char *way) {
  golden_case = "";
  const char *rows[][2] = {{"model.particles", "2"}, {NULL, NULL}};
  open_flow("families_residual_kernel", rows);
  golden_case = cases[i];
  const bool monotone = strcmp(meta("kind"), "monotone") == 0;
  const char *wanted[][2] = {{"model.particles", meta("particles")},
                             {"model.dimensions", meta("dimensions")},
                             {"model.species", meta("species")},
                             {"model.map", "residual"},
                             {"model.residual", monotone ? "monotone" : "kernel"},
                             {"model.residual_cells", meta("coefficients")},
                             {"model.residual_range", meta("range")},
                             {"model.bound", meta("bound")},
                             {"model.explicit", way},
                             {NULL, NULL}};
  enf_destroy(flow);
  const golden old = g;
  open_flow("families_residual_kernel", wanted);
  enf__st_file file = old.file;
  enf__st_free(&file);
  enf_ctx_destroy(old.ctx);
  set("residual.0.weight", "weight");
}

START_TEST(map_agrees_with_golden_vectors) {
  open_case(_i, "to-prior");
  size_t count;
  double *x = numbers("x", &count), y[ROWS * MOST], logdet[ROWS], back[ROWS * MOST];
  ck_assert_int_eq(enf_transport(g.ctx, flow, ROWS, 1, 0, x, y, logdet), ENF_OK);
  expect("y", count, y);
  expect("logdet", ROWS, logdet);
  const double nll = mean_nll(ROWS, x);
  expect("nll", 1, &nll);
  ck_assert_int_eq(enf_transport(g.ctx, flow, ROWS, 0, 1, y, back, logdet), ENF_OK);
  expect_within(1e-9, "x", count, back);
  for (size_t i = 0; i < ROWS; i++)
    logdet[i] = -logdet[i];
  expect_within(1e-9, "logdet", ROWS, logdet);
  free(x);
  close_flow();
}
END_TEST

START_TEST(gradients_agree_with_golden_vectors) {
  open_case(_i, "to-prior");
  size_t count;
  double *x = numbers("x", &count), dx[ROWS * MOST];
  double *gradient = calloc(flow->params.size, sizeof *gradient);
  pull_likelihood(ROWS, x, dx, gradient);
  expect_within(1e-10, "grad.x", count, dx);
  expect_part(1e-10, "grad.weight", gradient, "residual.0.weight");
  free(gradient);
  free(x);
  close_flow();
}
END_TEST

/* Whichever side is explicit, the way against the formula. */
START_TEST(gradients_through_the_inverse_agree_with_golden_vectors) {
  const bool to_data = _i / CASES;
  open_case(_i % CASES, to_data ? "to-data" : "to-prior");
  size_t count;
  double *y = numbers("y", &count), *lambda = numbers("inverse.lambda", NULL),
         *mu = numbers("inverse.mu", NULL), x[ROWS * MOST], dy[ROWS * MOST], logdet[ROWS];
  double *gradient = calloc(flow->params.size, sizeof *gradient);
  for (size_t i = 0; i < ROWS; i++)
    mu[i] = -mu[i]; /* of log |dx/dy| */
  there_and_back(ROWS, to_data ? 1 : 0, to_data ? 0 : 1, y, lambda, mu, x, logdet, dy, gradient);
  expect_within(1e-9, "x", count, x);
  expect_within(1e-9, "inverse.dy", count, dy);
  expect_part(1e-9, "inverse.grad.weight", gradient, "residual.0.weight");
  free(gradient);
  free(mu);
  free(lambda);
  free(y);
  close_flow();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden residual");
  tcase_add_loop_test(c, map_agrees_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, gradients_agree_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, gradients_through_the_inverse_agree_with_golden_vectors, 0, 2 * CASES);
  return run_suite("golden residual", c);
}
