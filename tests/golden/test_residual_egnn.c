/* The residual map "egnn" against golden vectors: the map both ways, its log-determinant and bound,
   likelihood and gradients, those through kappa included. */
#include "flows.h"
#include "map/bounded_graph.h"
#include "math/spectral.h"

static const char *const cases[][6] = {{"n4d2.", "4", "2", "8", "0 0 0 0", "0.9"},
                                       {"species.", "5", "3", "6", "0 0 1 1 2", "0.9"}};
static const char *const tensors[] = {"a", "b1", "Wn", "we", "b2", "w", "g"};
enum { CASES = 2, TENSORS = 7, ROWS = 3, MOST = 15 };

static void open_case(int i, const char *way) {
  const char *rows[][2] = {{"model.particles", cases[i][1]}, {"model.dimensions", cases[i][2]},
                           {"model.hidden", cases[i][3]},    {"model.species", cases[i][4]},
                           {"model.bound", cases[i][5]},     {"model.map", "residual"},
                           {"model.residual", "egnn"},       {"model.explicit", way},
                           {NULL, NULL}};
  char name[64], from[64];
  golden_case = "";
  open_flow("families_residual_egnn", rows);
  golden_case = cases[i][0];
  for (size_t k = 0; k < TENSORS; k++) {
    snprintf(name, sizeof name, "residual.0.%s", tensors[k]);
    snprintf(from, sizeof from, "weight.%s", tensors[k]);
    set(name, from);
  }
}

START_TEST(map_agrees_with_golden_vectors) {
  open_case(_i, "to-prior");
  size_t count;
  double *x = numbers("x", &count), y[ROWS * MOST], logdet[ROWS], back[ROWS * MOST];
  ck_assert_int_eq(enf_transport(g.ctx, flow, ROWS, 1, 0, x, y, logdet), ENF_OK);
  expect_within(1e-10, "y", count, y);
  expect_within(1e-10, "logdet", ROWS, logdet);
  const double nll = mean_nll(ROWS, x);
  expect("nll", 1, &nll);
  ck_assert_int_eq(enf_transport(g.ctx, flow, ROWS, 0, 1, y, back, logdet), ENF_OK);
  expect_within(1e-9, "x", count, back);
  free(x);
  close_flow();
}
END_TEST

START_TEST(bound_and_jacobian_agree_with_golden_vectors) {
  open_case(_i, "to-prior");
  const size_t n = enf__space_state(&flow->space), H = strtoul(cases[_i][3], NULL, 10);
  const int kinds = (int)(flow->space.kinds ? flow->space.kinds : 1);
  enf__bounded_graph net = {.shape = &flow->space.shape,
                            .rows = (size_t)(kinds * (kinds + 1) / 2),
                            .hidden = H,
                            .bound = 0.9};
  enf__params params;
  enf__params_open(g.ctx, &params);
  enf__bounded_graph_add(&net, &params, 0);
  double block[4096], *x = numbers("x", NULL), J[MOST * MOST], unit[MOST] = {0}, column[MOST];
  ck_assert_uint_le(enf__bounded_graph_numbers(&net), 4096);
  enf__bounded_graph_place(&net, block);
  enf__bounded_graph_pack(&net, flow->params.value + 1); /* behind the first scale */
  ck_assert_int_eq(enf__reserve(g.ctx, 1 << 16, 0), ENF_OK);
  const enf__bounded_graph_work work = enf__bounded_graph_take(&net, &g.ctx->arena);
  double norm[ROWS], u[MOST], v[MOST], scratch[1024];
  ck_assert_uint_le(enf__spectral_work(n, n), 1024);
  for (size_t b = ROWS; b-- > 0;) { /* the first one stays */
    for (size_t k = 0; k < n; k++) {
      unit[k] = 1;
      enf__bounded_graph_tangent(&net, &work, x + b * n, unit, column);
      unit[k] = 0;
      for (size_t a = 0; a < n; a++)
        J[a * n + k] = column[a];
    }
    norm[b] = enf__spectral_norm(n, n, J, u, v, scratch);
    ck_assert_double_le(norm[b], 0.9);
  }
  expect_within(1e-10, "norm", ROWS, norm);
  const double lipschitz = (double)flow->space.shape.particles * (1 + net.l);
  expect("kappa", 1, &net.kappa);
  expect("lipschitz", 1, &lipschitz);
  expect_within(1e-10, "jacobian", n * n, J);
  enf__params_close(&params);
  free(x);
  close_flow();
}
END_TEST

START_TEST(gradients_agree_with_golden_vectors) {
  open_case(_i, "to-prior");
  size_t count;
  char name[64], from[64];
  double *x = numbers("x", &count), dx[ROWS * MOST];
  double *gradient = calloc(flow->params.size, sizeof *gradient);
  pull_likelihood(ROWS, x, dx, gradient);
  expect_within(1e-8, "grad.x", count, dx);
  for (size_t k = 0; k < TENSORS; k++) {
    snprintf(name, sizeof name, "residual.0.%s", tensors[k]);
    snprintf(from, sizeof from, "grad.%s", tensors[k]);
    expect_part(1e-8, from, gradient, name);
  }
  free(gradient);
  free(x);
  close_flow();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden residual egnn");
  tcase_add_loop_test(c, map_agrees_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, bound_and_jacobian_agree_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, gradients_agree_with_golden_vectors, 0, CASES);
  return run_suite("golden residual egnn", c);
}
