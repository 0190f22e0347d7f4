/* The map "coupling" against golden vectors: states both ways, log-determinant, the weight of a
   sample and every gradient. */
#include "flows.h"
#include <stdlib.h>

static const char *const cases[][7] = {{"n4d2.", "4", "2", "6", "1", "coupling*2", "0 0 0 0"},
                                       {"species.", "5", "3", "5", "2", "coupling", "0 0 1 1 2"}};
enum { CASES = 2, ROWS = 3, MOST = 2 * 15 };
static const double ETA = 0.5;

static void open_case(int i) {
  const char *rows[][2] = {{"model.particles", cases[i][1]}, {"model.dimensions", cases[i][2]},
                           {"model.hidden", cases[i][3]},    {"model.layers", cases[i][4]},
                           {"model.map", cases[i][5]},       {"model.species", cases[i][6]},
                           {NULL, NULL}};
  golden_case = "";
  open_flow("families_coupling", rows);
  golden_case = cases[i][0];
  ck_assert(golden_configure(&g, "float64", "auto"));
  for (size_t k = 0; k < flow->params.count; k++) {
    char from[96];
    snprintf(from, sizeof from, "weight.%s", flow->params.tensor[k].name);
    set(flow->params.tensor[k].name, from);
  }
}

/* States of two tensors, positions and their copies. */
static void read_states(const char *x, const char *a, double *state) {
  size_t count;
  double *positions = numbers(x, &count), *copies = numbers(a, NULL);
  const size_t size = count / ROWS;
  for (size_t i = 0; i < count; i++) {
    double *at = state + i / size * 2 * size + i % size;
    at[0] = positions[i];
    at[size] = (copies[i] - positions[i]) / ETA;
  }
  free(positions);
  free(copies);
}

START_TEST(states_agree_with_golden_vectors) {
  open_case(_i);
  const size_t state = enf__space_state(&flow->space), size = state / 2;
  double x[ROWS * MOST], z[ROWS * MOST], got[ROWS * MOST], logdet[ROWS], logp[ROWS];
  double dy[ROWS * MOST] = {0}, dlogdet[ROWS] = {0}, dx[ROWS * MOST], parts[2][ROWS * MOST];
  read_states("x", "a", x);
  read_states("zx", "za", z);
  there_and_back(ROWS, 1, 0, x, dy, dlogdet, got, logdet, dx, NULL);
  expect_within(1e-10, "logdet", ROWS, logdet);
  for (size_t i = 0; i < ROWS * state; i++)
    parts[i / size % 2][i / state * size + i % size] =
        got[i] * (i / size % 2 ? ETA : 1) + (i / size % 2 ? got[i - size] : 0);
  expect_within(1e-10, "zx", ROWS * size, parts[0]);
  expect_within(1e-10, "za", ROWS * size, parts[1]);
  for (size_t i = 0; i < ROWS; i++)
    logp[i] = enf__prior_log_density(&flow->prior, got + i * state) + logdet[i] -
              enf__space_noise_density(&flow->space, x + i * state);
  expect_within(1e-10, "logp", ROWS, logp);
  there_and_back(ROWS, 0, 1, z, dy, dlogdet, got, logdet, dx, NULL);
  for (size_t i = 0; i < ROWS * state; i++)
    ck_assert_double_eq_tol(got[i], x[i], 1e-9);
  for (size_t i = 0; i < ROWS; i++)
    logdet[i] = -logdet[i];
  expect_within(1e-9, "logdet", ROWS, logdet);
  close_flow();
}
END_TEST

START_TEST(gradients_agree_with_golden_vectors) {
  open_case(_i);
  const size_t state = enf__space_state(&flow->space), size = state / 2;
  double x[ROWS * MOST], z[ROWS * MOST], dy[ROWS * MOST], dlogdet[ROWS], dx[ROWS * MOST];
  double parts[2][ROWS * MOST];
  double *gradient = calloc(flow->params.size, sizeof *gradient);
  read_states("x", "a", x);
  read_states("zx", "za", z);
  for (size_t i = 0; i < ROWS * state; i++)
    dy[i] = z[i] / ROWS; /* of -log p0 */
  for (size_t i = 0; i < ROWS; i++)
    dlogdet[i] = -1.0 / ROWS;
  there_and_back(ROWS, 1, 0, x, dy, dlogdet, NULL, NULL, dx, gradient);
  for (size_t i = 0; i < ROWS; i++)
    for (size_t k = 0; k < size; k++) { /* of x at fixed a; log N(b) is in the loss */
      const double *d = dx + i * state + k, noise = x[i * state + size + k] / ROWS;
      parts[0][i * size + k] = d[0] - (d[size] - noise) / ETA;
      parts[1][i * size + k] = (d[size] - noise) / ETA;
    }
  expect_within(1e-8, "grad.x", ROWS * size, parts[0]);
  expect_within(1e-8, "grad.a", ROWS * size, parts[1]);
  for (size_t k = 0; k < flow->params.count; k++) {
    char from[96];
    snprintf(from, sizeof from, "grad.%s", flow->params.tensor[k].name);
    expect_part(1e-8, from, gradient, flow->params.tensor[k].name);
  }
  free(gradient);
  close_flow();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden coupling");
  tcase_add_loop_test(c, states_agree_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, gradients_agree_with_golden_vectors, 0, CASES);
  return run_suite("golden coupling", c);
}
