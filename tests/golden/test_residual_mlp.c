/* The residual maps of vectors against golden vectors: y, log-determinant, likelihood and gradients
   through the norms and over the group. The file's networks have hidden layers of different widths:
   the flow's, all as wide as the widest, have zeros there. */
#include "flows.h"

/* case, dimensions, symmetry, hidden width, hidden layers */
static const char *const cases[][5] = {{"c8.", "2", "c8", "6", "2"},
                                       {"d4.", "2", "d4", "5", "1"},
                                       {"plain.", "5", "none", "7", "2"}};
enum { CASES = 3, ROWS = 6, MOST = 5 };

static void file_shape(const char *tensor, size_t *rows, size_t *cols) {
  char name[96];
  snprintf(name, sizeof name, "%s%s", golden_case, tensor);
  const enf__st_tensor *t = enf__st_find(&g.file, name);
  ck_assert_ptr_nonnull(t);
  *rows = t->shape[0];
  *cols = t->count / t->shape[0];
}

/* The flow's tensor of that layer and part, from the file's padded with zeros. */
static void set_padded(const enf__tensor *t, const char *tensor) {
  size_t rows, cols;
  double *w = numbers(tensor, NULL), *padded = calloc(t->rows * t->cols, sizeof *padded);
  file_shape(tensor, &rows, &cols);
  for (size_t r = 0; r < rows; r++)
    memcpy(padded + r * t->cols, w + r * cols, cols * sizeof *w);
  ck_assert_int_eq(enf_params_set(g.ctx, flow, t->name, padded, t->rows * t->cols), ENF_OK);
  free(padded);
  free(w);
}

/* A group without fixed points leaves nothing of the last bias: its gradient is rounding. */
static void expect_padded(const enf__tensor *t, const char *tensor, const double *gradient) {
  size_t rows, cols;
  double *want = numbers(tensor, NULL);
  file_shape(tensor, &rows, &cols);
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < cols; c++)
      ck_assert_msg(fabs(gradient[t->offset + r * t->cols + c] - want[r * cols + c]) <= 1e-12,
                    "%s%s[%zu,%zu]", golden_case, tensor, r, c);
  free(want);
}

static void open_case(int i) {
  const char *rows[][2] = {{"model.space", "vector"},
                           {"model.dimensions", cases[i][1]},
                           {"model.symmetry", cases[i][2]},
                           {"model.hidden", cases[i][3]},
                           {"model.layers", cases[i][4]},
                           {"model.bound", "0.9"},
                           {"model.map", "residual"},
                           {NULL, NULL}};
  open_flow("families_residual_mlp", rows);
  golden_case = cases[i][0];
}

/* For every tensor of the network, with the file's name for it after `before`. */
static void for_tensors(const char *before, const double *gradient) {
  for (size_t k = 0; k < flow->params.count; k++) {
    const enf__tensor *t = &flow->params.tensor[k];
    char name[96];
    if (strstr(t->name, "scale"))
      continue;
    snprintf(name, sizeof name, "%s%s", before, t->name + strlen("residual.0."));
    if (gradient)
      expect_padded(t, name, gradient);
    else
      set_padded(t, name);
  }
}

START_TEST(map_agrees_with_golden_vectors) {
  open_case(_i);
  for_tensors("weight.", NULL);
  size_t count;
  double *x = numbers("x", &count), y[ROWS * MOST], logdet[ROWS], back[ROWS * MOST], dx[ROWS * MOST];
  ck_assert_int_eq(enf_transport(g.ctx, flow, ROWS, 1, 0, x, y, logdet), ENF_OK);
  expect("y", count, y);
  expect("logdet", ROWS, logdet);
  const double nll = mean_nll(ROWS, x);
  expect("nll", 1, &nll);
  ck_assert_int_eq(enf_transport(g.ctx, flow, ROWS, 0, 1, y, back, logdet), ENF_OK);
  expect_within(1e-9, "x", count, back);
  double *gradient = calloc(flow->params.size, sizeof *gradient);
  pull_likelihood(ROWS, x, dx, gradient);
  expect_within(1e-10, "grad.x", count, dx);
  for_tensors("grad.", gradient);
  free(gradient);
  free(x);
  close_flow();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden residual mlp");
  tcase_add_loop_test(c, map_agrees_with_golden_vectors, 0, CASES);
  return run_suite("golden residual mlp", c);
}
