/* test_internal.c -- internal coordinates against golden vectors: coordinates, Jacobian, chart and
   placing as an automatic-differentiation program in double precision has them. */
#include "golden.h"
#include "space/chart.h"

/* internal_ala2_geometry holds the geometry only. */
static const char *const names[] = {"three", "small", "edge", "seven", "ala2_geometry"};
enum { FILES = 5 };

typedef struct {
  golden g;
  enf_alloc alloc;
  enf__zmatrix z;
  enf__chart chart;
  size_t N, C;
} molecule;

static void open_molecule(molecule *m, const char *name) {
  char path[256];
  memset(m, 0, sizeof *m);
  snprintf(path, sizeof path, GOLDEN_DIR "/internal_%s.safetensors", name);
  ck_assert_int_eq(enf_ctx_create(&m->g.ctx, NULL), ENF_OK);
  m->alloc = m->g.ctx->alloc;
  ck_assert_msg(enf__st_read(m->g.ctx, &m->g.file, path) == ENF_OK, "%s", enf_ctx_errmsg(m->g.ctx));
  m->N = golden_number(&m->g, "particles");
  m->C = 3 * m->N - 6;
  m->g.B = enf__st_find(&m->g.file, "x")->shape[0];
  ck_assert_msg(enf__zmatrix_parse(m->g.ctx, &m->alloc, m->N,
                                   enf__st_meta_find(&m->g.file, "zmatrix"), &m->z) == ENF_OK,
                "%s", enf_ctx_errmsg(m->g.ctx));
  ck_assert_int_eq(enf__chart_create(m->g.ctx, &m->alloc, &m->z, &m->chart), ENF_OK);
  double *center = golden_doubles(&m->g, "weights.internal.center", NULL);
  double *width = golden_doubles(&m->g, "weights.internal.width", NULL);
  ck_assert_int_eq(enf__chart_check_centers(m->g.ctx, &m->z, center), ENF_OK);
  ck_assert_int_eq(enf__chart_check_widths(m->g.ctx, &m->z, width), ENF_OK);
  enf__chart_set(&m->chart, center, width);
  free(center), free(width);
}

static void close_molecule(molecule *m) {
  enf__chart_destroy(&m->alloc, &m->chart);
  enf__zmatrix_free(&m->alloc, &m->z);
  enf__st_free(&m->g.file);
  enf_ctx_destroy(m->g.ctx);
}

/* out (B,size) against the tensor. */
static void assert_golden(const molecule *m, const char *name, size_t size, const double *out) {
  size_t count;
  double *expected = golden_doubles(&m->g, name, &count);
  ck_assert_uint_eq(count, m->g.B * size);
  const double error = golden_error(count, out, expected);
  ck_assert_msg(error <= 1e-10, "%s: relative error %.3g", name, error);
  free(expected);
}

START_TEST(coordinates_and_the_chart_are_the_golden_ones) {
  molecule m;
  open_molecule(&m, names[_i]);
  const size_t B = m.g.B, N = m.N, C = m.C;
  double *x = golden_doubles(&m.g, "x", NULL);
  double *q = malloc(B * C * sizeof *q), *y = malloc(B * C * sizeof *y), *back = malloc(C * 8);
  double *jacobian = malloc(B * sizeof *q), *line = malloc(B * sizeof *q);
  for (size_t i = 0; i < B; i++) {
    enf__fault fault;
    double volume;
    ck_assert(enf__internal_measure(&m.z, x + i * 3 * N, q + i * C, jacobian + i, &fault));
    line[i] = enf__chart_line(&m.chart, q + i * C, back);
    ck_assert(enf__chart_enter(&m.chart, x + i * 3 * N, y + i * C, &volume, &fault));
    const double constant = -log(8 * M_PI * M_PI) + 1.5 * log((double)N);
    ck_assert_double_eq_tol(volume, line[i] - jacobian[i] + constant, 1e-11 * fabs(volume));
  }
  assert_golden(&m, "coordinates", C, q);
  assert_golden(&m, "log_jacobian", 1, jacobian);
  assert_golden(&m, "y", C, y);
  assert_golden(&m, "line_logdet", 1, line);
  free(x), free(q), free(y), free(back), free(jacobian), free(line);
  close_molecule(&m);
}
END_TEST

START_TEST(samples_are_placed_as_the_golden_ones) {
  molecule m;
  open_molecule(&m, names[_i]);
  double *y = golden_doubles(&m.g, "sample.y", NULL), *x = malloc(m.g.B * 3 * m.N * sizeof *x);
  for (size_t i = 0; i < m.g.B; i++) {
    enf__fault fault;
    ck_assert(enf__chart_leave(&m.chart, y + i * m.C, x + i * 3 * m.N, NULL, &fault));
  }
  assert_golden(&m, "sample.x", 3 * m.N, x);
  free(x), free(y);
  close_molecule(&m);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("golden");
  tcase_add_loop_test(tests, coordinates_and_the_chart_are_the_golden_ones, 0, FILES);
  tcase_add_loop_test(tests, samples_are_placed_as_the_golden_ones, 0, FILES);
  return run_suite("internal", tests);
}
