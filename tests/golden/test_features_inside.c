/* What the published networks have inside: the layers' states, the whole Jacobian and its parts, and
   the losses of flow matching with their gradients. */
#include "feature_files.h"
#define ENF__DOUBLE 1
#include "field/egnn/forward.h"

enum { WIDEST = 64, ATOMS = 12 };

static features f;
static golden *g = &f.of;

static void set_up(int file) {
  features_open(&f, features_files[file], false);
  golden_configure(g, "float64", "auto");
}

static void expect(const char *what, size_t n, const double *got, const double *want) {
  const double error = golden_error(n, got, want);
  ck_assert_msg(error <= 1e-10, "%s: relative error %.2e", what, error);
}

/* The state of molecule m in a tensor; the shape becomes its. */
static size_t enter(const char *tensor, size_t m, double *out) {
  g->shape.particles = f.atoms[m];
  return features_state(&f, tensor, m, out);
}

static enf__arena *workspace(enf__work work) {
  const size_t bytes = enf__field_workspace(g->field, &g->ctx->run, &g->shape, work);
  ck_assert_int_eq(enf__reserve(g->ctx, 0, bytes), ENF_OK);
  return &g->ctx->workers[0];
}

/* ---- layers ---------------------------------------------------------------------------------- */

static void check_features(const group *y, size_t l, size_t m) {
  double want[ATOMS * WIDEST], got[ATOMS * WIDEST];
  const size_t H = g->model.hidden;
  char name[32];
  snprintf(name, sizeof name, "dyn.layer%zu.h", l);
  features_rows(&f, name, m, H, 0, H, want);
  for (size_t i = 0; i < f.atoms[m]; i++)
    memcpy(got + i * H, h_behind(y, l) + i * y->H, H * sizeof *got);
  expect(name, f.atoms[m] * H, got, want);
}

/* Positions behind layer l by their differences, which the next layer keeps. */
static void check_positions(const group *y, size_t l, size_t m) {
  double x[3 * ATOMS], want[3 * ATOMS * ATOMS], got[3 * ATOMS * ATOMS];
  char name[32];
  snprintf(name, sizeof name, "dyn.layer%zu.x", l);
  features_rows(&f, name, m, 3, 0, 3, x);
  for (size_t e = 0; e < y->e; e++)
    for (size_t a = 0; a < 3; a++) {
      want[3 * e + a] = x[3 * y->recv[e] + (int32_t)a] - x[3 * y->send[e] + (int32_t)a];
      got[3 * e + a] = y->layer[l + 1].r[a * y->e + e];
    }
  expect(name, 3 * y->e, got, want);
}

/* Behind the last layer: where the velocity leads from the beginning, less the mean. */
static void check_end(const double *x, const double *v, size_t m) {
  double want[3 * ATOMS], got[3 * ATOMS], mean[3] = {0};
  const size_t n = f.atoms[m];
  char name[32];
  snprintf(name, sizeof name, "dyn.layer%zu.x", g->model.layers - 1);
  features_rows(&f, name, m, 3, 0, 3, want);
  for (size_t k = 0; k < 3 * n; k++)
    mean[k % 3] += want[k] / (double)n;
  for (size_t k = 0; k < 3 * n; k++) {
    want[k] -= mean[k % 3];
    got[k] = x[k] + v[k];
  }
  expect(name, 3 * n, got, want);
}

START_TEST(layers_are_the_published_ones) {
  double x[FEATURES_MOST], v[FEATURES_MOST];
  set_up(_i);
  const double t = features_number(&f, "dyn.t", 0);
  for (size_t m = 0; m < g->B; m++) {
    group y;
    enter("dyn.xh", m, x);
    const enf__points at = {&g->shape, 1, &t, x};
    enf__field_velocity(g->field, &g->ctx->run, workspace(ENF__VELOCITY), &at, v);
    egnn_open_group(&y, (const enf__egnn *)(const void *)g->field, &g->shape, ENF__VJP,
                    workspace(ENF__VJP));
    y.k = enf__kernels_f64_of(g->ctx->run.kernel);
    y.fk = enf__field_kernels_f64_of(g->ctx->run.kernel);
    egnn_enter_samples(&y, &at, 0, 1);
    egnn_forward(&y);
    for (size_t l = 0; l < g->model.layers; l++)
      check_features(&y, l, m);
    for (size_t l = 0; l + 1 < g->model.layers; l++)
      check_positions(&y, l, m);
    check_end(x, v, m);
  }
  golden_close(g);
}
END_TEST

/* ---- the Jacobian ---------------------------------------------------------------------------- */

/* Place of row (i,c) of an (N,C) tensor in a state: positions, then features. */
static size_t place(size_t n, size_t i, size_t c) {
  return c < 3 ? 3 * i + c : 3 * n + i * f.F + c - 3;
}

/* The columns of molecule m's Jacobian, one tangent each, beside the published ones. */
static void check_jacobian(size_t m) {
  double x[FEATURES_MOST], unit[FEATURES_MOST] = {0}, column[FEATURES_MOST], want[FEATURES_MOST];
  double parts[2] = {0}, square = 0, form;
  const double t = features_number(&f, "dyn.t", 0);
  const size_t size = enter("dyn.xh", m, x), n = f.atoms[m], C = 3 + f.F;
  const enf__points at = {&g->shape, 1, &t, x};
  double *all = golden_doubles(g, "dyn.jacobian", NULL);
  for (size_t j = 0; j < n; j++)
    for (size_t d = 0; d < C; d++) {
      const size_t own = place(n, j, d);
      unit[own] = 1;
      enf__field_jvp(g->field, &g->ctx->run, workspace(ENF__JVP), &at, unit, NULL, column, &form);
      unit[own] = 0;
      for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < C; c++)
          want[place(n, i, c)] = all[(((m * f.most + i) * C + c) * f.most + j) * C + d];
      expect("a column of the Jacobian", size, column, want);
      parts[d >= 3] += column[own];
      for (size_t k = 0; k < size; k++)
        square += column[k] * column[k];
    }
  const double published[] = {features_number(&f, "dyn.div_x", m),
                              features_number(&f, "dyn.div_h", m)};
  const double frobenius = features_number(&f, "dyn.jac_frobenius2", m);
  expect("the divergence's parts", 2, parts, published);
  expect("the Frobenius norm", 1, &square, &frobenius);
  free(all);
}

START_TEST(jacobian_is_the_published_one) {
  set_up(_i);
  for (size_t m = 0; m < g->B; m++)
    check_jacobian(m);
  golden_close(g);
}
END_TEST

/* ---- flow matching --------------------------------------------------------------------------- */

typedef struct {
  const char *name; /* of tensors */
  size_t m, size;
  double target[FEATURES_MOST], v[FEATURES_MOST];
  double weight; /* of this molecule's squares in the loss */
} matching;

static void residual(void *user, size_t first, size_t S, const double *v, double *a) {
  matching *q = user;
  ck_assert_uint_eq(first + S, 1);
  memcpy(q->v, v, q->size * sizeof *v);
  for (size_t k = 0; k < q->size; k++)
    a[k] = 2 * q->weight * (v[k] - q->target[k]);
}

/* Molecule m's share of the loss, whose gradients are compared and added. */
static double match(matching *q, double *gradient) {
  double y0[FEATURES_MOST], y1[FEATURES_MOST], yt[FEATURES_MOST], dx[FEATURES_MOST],
      want[FEATURES_MOST], square[2] = {0};
  const double t = features_number(&f, "fm.t", q->m);
  char name[32];
  q->size = enter("fm.y0", q->m, y0);
  enter("fm.y1", q->m, y1);
  enter("fm.yt", q->m, yt);
  for (size_t k = 0; k < q->size; k++) {
    want[k] = (1 - t) * y0[k] + t * y1[k];
    q->target[k] = y1[k] - y0[k];
  }
  expect("fm.yt", q->size, want, yt);
  const enf__points at = {&g->shape, 1, &t, yt};
  enf__field_vjp(g->field, &g->ctx->run, workspace(ENF__VJP), &at, residual, q, dx, gradient);
  enter("fm.v", q->m, want);
  expect("fm.v", q->size, q->v, want);
  for (size_t k = 0; k < q->size; k++)
    square[k >= 3 * f.atoms[q->m]] += (q->v[k] - q->target[k]) * (q->v[k] - q->target[k]);
  const double published[] = {features_number(&f, "fm.square_x", q->m),
                              features_number(&f, "fm.square_h", q->m)};
  expect("squares", 2, square, published);
  snprintf(name, sizeof name, "%s.grad_yt", q->name);
  enter(name, q->m, want);
  expect(name, q->size, dx, want);
  return q->weight * (square[0] + square[1]);
}

static void check_matching(const char *what, bool by_molecule) {
  double *gradient = calloc(g->params.size, sizeof *gradient), loss = 0, coordinates = 0;
  char name[32];
  matching q = {.name = what};
  for (size_t m = 0; m < g->B; m++)
    coordinates += (double)(f.atoms[m] * (3 + f.F));
  for (q.m = 0; q.m < g->B; q.m++) {
    const double own = (double)(f.atoms[q.m] * (3 + f.F) * g->B);
    q.weight = 1 / (by_molecule ? own : coordinates);
    loss += match(&q, gradient);
  }
  snprintf(name, sizeof name, "%s.loss", what);
  const double want = features_number(&f, name, 0);
  expect(name, 1, &loss, &want);
  for (size_t k = 0; k < g->params.count; k++) {
    const enf__tensor *t = &g->params.tensor[k];
    const char *full = features_name(g, "weights.flow", t->name) + strlen("weights.");
    features_expect_gradient(&f, what, full, t->rows * t->cols, gradient + t->offset, 1e-10, 0);
  }
  free(gradient);
}

START_TEST(losses_of_flow_matching_are_the_published_ones) {
  set_up(_i);
  check_matching("fm", false);
  if (enf__st_find(&g->file, "fm_molecule.loss"))
    check_matching("fm_molecule", true);
  golden_close(g);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("inside");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, layers_are_the_published_ones, 0, FEATURES_FILES);
  tcase_add_loop_test(tc, jacobian_is_the_published_one, 0, FEATURES_FILES);
  tcase_add_loop_test(tc, losses_of_flow_matching_are_the_published_ones, 0, FEATURES_FILES);
  return run_suite("golden features, inside", tc);
}
