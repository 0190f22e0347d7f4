/* The residual maps of particles against golden vectors: the map both ways, its log-determinant,
   Jacobian, functions of distance, likelihood, gradients through either way, and the series of the
   log-determinant. */
#include "flows.h"
#include "map/residual.h"
#include "map/series.h"
#include "math/jacobi.h"

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

/* ---- functions of distance, Jacobian, series ---------------------------------------------------- */

/* A map of the case's functions, with its kernels at work on one sample. */
static struct {
  const enf__pairwise_kernels *ops;
  enf__pairwise view;
  enf__residual *kind;
  enf__params params;
  enf__map_spec spec;
  enf_opts *opts;
  size_t n;
} r;

static void open_functions(int i) {
  open_case(i, "to-prior");
  r.ops = enf__pairwise_kernels_of(ENF__KERNEL_BASELINE);
  r.n = enf__space_state(&flow->space);
  enf__params_open(g.ctx, &r.params);
  r.spec = (enf__map_spec){flow->options, &flow->space, 1, &r.params};
  ck_assert_int_eq(enf__residual_pairwise.create(g.ctx, &r.kind, &r.spec), ENF_OK);
  r.kind->space = &flow->space;
  r.kind->layers = 1;
  r.kind->bound = strtod(meta("bound"), NULL);
  enf__residual_pairwise.add(r.kind, 0, &r.params);
  ck_assert_int_eq(enf__residual_pairwise.allocate(g.ctx, r.kind), ENF_OK);
}

static void close_functions(void) {
  enf__residual_pairwise.destroy(r.kind);
  enf__params_close(&r.params);
  close_flow();
}

/* J (n,n) at x with these weights. */
static void jacobian_of(const double *weight, const double *x, double *J) {
  const size_t L = r.ops->lanes, n = r.n;
  double lanes[MOST * ENF__PAIRWISE_LANES] = {0}, y[MOST * ENF__PAIRWISE_LANES];
  double matrix[MOST * MOST * ENF__PAIRWISE_LANES];
  enf__residual_pairwise.pack(r.kind, weight);
  enf__residual_pairwise.view(r.kind, 0, &r.view);
  for (size_t k = 0; k < n; k++)
    lanes[k * L] = x[k];
  r.ops->value(&r.view, lanes, y, matrix);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++)
      J[i * n + j] = J[j * n + i] = matrix[(i * (i + 1) / 2 + j) * L] - (i == j);
}

START_TEST(jacobians_agree_with_golden_vectors) {
  open_functions(_i);
  double *x = numbers("x", NULL), *w = numbers("weight", NULL), J[2 * MOST * MOST];
  for (size_t b = 0; b < 2; b++)
    jacobian_of(w, x + b * r.n, J + b * r.n * r.n);
  expect_within(1e-10, "jacobian", 2 * r.n * r.n, J);
  double ends[ROWS * 2], lam[MOST];
  for (size_t b = 0; b < ROWS; b++) { /* least and greatest eigenvalue */
    jacobian_of(w, x + b * r.n, J);
    enf__eigenvalues(r.n, J, lam);
    ends[2 * b] = lam[r.n - 1];
    ends[2 * b + 1] = lam[0];
  }
  expect_within(1e-10, "eigenvalues", ROWS * 2, ends);
  free(w);
  free(x);
  close_functions();
}
END_TEST

/* g, g', g'' of row 0 from the table of cells. */
START_TEST(functions_of_distance_agree_with_golden_vectors) {
  open_functions(_i);
  size_t count;
  double *d = numbers("grid.d", &count), *w = numbers("weight", NULL), got[3][64];
  enf__residual_pairwise.pack(r.kind, w);
  enf__residual_pairwise.view(r.kind, 0, &r.view);
  const double h = r.view.width;
  for (size_t k = 0; k < count; k++) {
    const size_t cell = (size_t)fmin(d[k] / h, (double)(r.view.cells - 1));
    const double *c = r.view.spline + 4 * cell, u = fmin(d[k] / h - (double)cell, 1);
    const double beyond = d[k] - ((double)cell + u) * h;
    got[1][k] = c[1] + c[2] * u + c[3] * u * u;
    got[0][k] = c[0] + h * (c[1] * u + c[2] * u * u / 2 + c[3] * u * u * u / 3) + beyond * got[1][k];
    got[2][k] = u == 1 ? 0 : (c[2] + 2 * c[3] * u) / h;
  }
  const size_t K = r.view.cells, rows = r.kind->space->kinds ? r.kind->space->kinds : 1;
  double a[128];
  for (size_t row = 0; row < rows * (rows + 1) / 2; row++)
    for (size_t k = 0; k < K; k++) {
      const double *c = r.view.spline + 4 * (row * K + k);
      a[row * (K + 2) + k] = c[1] - c[2] / 2;
      a[row * (K + 2) + k + 1] = c[1] + c[2] / 2;
      a[row * (K + 2) + k + 2] = 2 * c[3] + c[1] + c[2] / 2 + c[2];
    }
  expect_within(1e-10, "coefficients", rows * (rows + 1) / 2 * (K + 2), a);
  expect_within(1e-10, "grid.g", count, got[0]);
  expect_within(1e-10, "grid.g1", count, got[1]);
  expect_within(1e-10, "grid.g2", count, got[2]);
  free(d);
  free(w);
  close_functions();
}
END_TEST

/* log |det (1 + J)| with probe eps up to term `last`, and w = sum_k (-1)^k a_(k+1) J^k eps. */
static double series_of(const enf__series *s, size_t last, const double *J, const double *eps,
                        double *w) {
  double v[MOST], next[MOST], sum = 0;
  memcpy(v, eps, r.n * sizeof *v);
  memset(w, 0, r.n * sizeof *w);
  for (size_t k = 1; k <= last; k++) {
    const double factor = enf__series_factor(s, k);
    for (size_t i = 0; i < r.n; i++) {
      w[i] += (double)k * factor * v[i];
      next[i] = 0;
      for (size_t j = 0; j < r.n; j++)
        next[i] += J[i * r.n + j] * v[j];
    }
    for (size_t i = 0; i < r.n; i++)
      sum += factor * eps[i] * next[i];
    memcpy(v, next, sizeof v);
  }
  return sum;
}

/* The mean over rows of w^T J eps. */
static double bilinear(const double *weight, const double *x, const double *w, const double *eps) {
  double J[MOST * MOST], sum = 0;
  for (size_t b = 0; b < ROWS; b++) {
    jacobian_of(weight, x + b * r.n, J);
    for (size_t i = 0; i < r.n; i++)
      for (size_t j = 0; j < r.n; j++)
        sum += w[b * r.n + i] * J[i * r.n + j] * eps[b * r.n + j] / ROWS;
  }
  return sum;
}

START_TEST(series_agrees_with_golden_vectors) {
  const bool roulette = _i / 2;
  open_functions(_i % 2 ? 2 : 0);
  const enf__series s = {roulette ? 2 : 12, 0.5};
  size_t count;
  double *x = numbers("x", NULL), *weight = numbers("weight", &count);
  double *eps = numbers("series.eps", NULL);
  char name[64];
  snprintf(name, sizeof name, "%sroulette.draw", golden_case);
  const int64_t *draw = enf__st_find(&g.file, name)->data;
  double logdet[ROWS], w[ROWS * MOST], J[MOST * MOST], *slope = malloc(count * sizeof *slope);
  for (size_t b = 0; b < ROWS; b++) {
    jacobian_of(weight, x + b * r.n, J);
    logdet[b] = series_of(&s, s.terms + (roulette ? (size_t)draw[b] : 0), J, eps + b * r.n,
                          w + b * r.n);
  }
  expect_within(1e-10, roulette ? "roulette.logdet" : "series.logdet", ROWS, logdet);
  expect_within(1e-10, roulette ? "roulette.neumann" : "series.neumann", ROWS * r.n, w);
  for (size_t k = 0; k < count; k++) { /* differences of order 4 */
    const double keep = weight[k], h = 1e-3;
    double at[4];
    for (int side = 0; side < 4; side++) {
      weight[k] = keep + h * (side < 2 ? side - 2 : side - 1);
      at[side] = bilinear(weight, x, w, eps);
    }
    weight[k] = keep;
    slope[k] = (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h);
  }
  expect_within(1e-8, roulette ? "roulette.grad.weight" : "series.grad.weight", count, slope);
  free(slope);
  double *const all[] = {x, weight, eps};
  for (size_t k = 0; k < 3; k++)
    free(all[k]);
  close_functions();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden residual");
  tcase_add_loop_test(c, map_agrees_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, gradients_agree_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, gradients_through_the_inverse_agree_with_golden_vectors, 0, 2 * CASES);
  tcase_add_loop_test(c, jacobians_agree_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, functions_of_distance_agree_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, series_agrees_with_golden_vectors, 0, 4);
  return run_suite("golden residual", c);
}
