/* The spline map against recorded flows of molecules in internal coordinates: states and
   log-determinants layer by layer, samples, and the gradient of the mean negative log-density by
   every parameter, in both precisions and in every kernel table this processor has. The part of
   the chart in them is not this map's: the recorded line_logdet and log_jacobian stand in. */
#include "core/params.h"
#include "io/io.h"
#include "map/spline.h"
#include "spline_back.h"
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Errors allowed: of a layer's image and of its origin from recorded states, of the way through all
   layers, of gradients; 0: not asked. Layers of `edge` have slopes up to 1e5: its recorded numbers
   are 4e-10 away from those in extended precision, and float32 can be asked for the way to the data
   only. */
typedef struct {
  double layer, value, chain, gradient;
} limits;

static const struct {
  const char *file;
  limits limit[2]; /* float64, float32 */
} cases[] = {
    {"three", {{1e-10, 1e-10, 1e-10, 1e-8}, {1e-4, 1e-4, 1e-4, 1e-3}}},
    {"small", {{1e-10, 1e-10, 1e-10, 1e-8}, {1e-4, 1e-4, 1e-4, 1e-3}}},
    {"edge", {{1e-10, 1e-10, 1e-9, 1e-8}, {0, 1e-4, 0, 0}}},
    {"seven", {{1e-10, 1e-10, 1e-10, 1e-8}, {1e-4, 1e-4, 1e-4, 1e-3}}},
};
enum { FILES = 4, MOST_COORDINATES = 32 };

static const char *const precisions[] = {"float64", "float32"};
static const char *const kernels[] = {"baseline", "avx2", "avx512", "blas"};

static enf_ctx *ctx;
static enf__st_file file;
static enf__spline_model model;
static bool circle[MOST_COORDINATES];
static enf__params params;
static enf__spline *map;
static size_t B, C, M;

static double *doubles(const char *name) {
  const enf__st_tensor *t = enf__st_find(&file, name);
  ck_assert_msg(t != NULL, "the golden file has no tensor %s", name);
  double *out = malloc((t->count + 1) * sizeof *out);
  enf__st_doubles(t, out);
  return out;
}

static double *layer_doubles(size_t l, const char *what) {
  char name[64];
  snprintf(name, sizeof name, "layer.%zu.%s", l, what);
  return doubles(name);
}

static size_t number(const char *key) {
  return (size_t)strtoul(enf__st_meta_find(&file, key), NULL, 10);
}

/* Dihedrals are the last coordinates, one of each row behind the root's; t is on a circle. */
static void read_circles(void) {
  size_t next = 2 * number("particles") - 3;
  for (const char *row = strchr(enf__st_meta_find(&file, "zmatrix"), ';'); row;
       row = strchr(row + 1, ';'))
    circle[next++] = row[strcspn(row, "ti")] == 't';
  ck_assert_uint_eq(next, C);
}

static void open_golden(const char *name) {
  char path[256];
  snprintf(path, sizeof path, "tests/golden/internal_%s.safetensors", name);
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_msg(enf__st_read(ctx, &file, path) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  C = 3 * number("particles") - 6;
  M = number("layers");
  B = enf__st_find(&file, "y")->shape[0];
  memset(circle, 0, sizeof circle);
  read_circles();
  model = (enf__spline_model){.coordinates = C,
                              .circle = circle,
                              .layers = M,
                              .hidden = number("hidden"),
                              .depth = number("depth"),
                              .bins = number("bins"),
                              .bound = (double)number("bound")};
  enf__params_open(ctx, &params);
  ck_assert_msg(enf__spline_create(ctx, &map, &model, &params) == ENF_OK, "%s",
                enf_ctx_errmsg(ctx));
  ck_assert_int_eq(enf__params_allocate(ctx, &params), ENF_OK);
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *t = &params.tensor[k];
    char full[128];
    snprintf(full, sizeof full, "weights.%s", t->name);
    ck_assert_uint_eq(enf__st_find(&file, full)->count, t->rows * t->cols);
    double *w = doubles(full);
    memcpy(params.value + t->offset, w, t->rows * t->cols * sizeof *w);
    free(w);
  }
  enf__spline_pack(map, params.value);
}

static void close_golden(void) {
  enf__spline_destroy(map);
  enf__params_close(&params);
  enf__st_free(&file);
  enf_ctx_destroy(ctx);
}

static bool configure(const char *precision, const char *kernel) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  enf_opts_set(opts, "run.precision", precision);
  enf_opts_set(opts, "run.kernel", kernel);
  const enf_status status = enf_ctx_configure(ctx, opts);
  enf_opts_destroy(opts);
  return status == ENF_OK;
}

static enf__arena *workspace(bool reverse) {
  const size_t bytes = enf__spline_workspace(map, &ctx->run, reverse);
  ck_assert_int_eq(enf__reserve(ctx, 0, bytes), ENF_OK);
  return &ctx->workers[0];
}

/* Relative to the largest number. */
static void expect(const char *what, size_t n, const double *got, const double *want,
                   double limit) {
  double worst = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    const double error = fabs(got[i] - want[i]);
    worst = error <= worst ? worst : error;
    size = fabs(want[i]) > size ? fabs(want[i]) : size;
  }
  const double error = size > 0 ? worst / size : worst;
  ck_assert_msg(limit == 0 || error <= limit, "%s, %s, table %d: relative error %.2e, allowed %.0e",
                what, ctx->run.precision == ENF__FLOAT64 ? "float64" : "float32", ctx->run.kernel,
                error, limit);
}

/* Angles a turn apart are the same. */
static void expect_state(const char *what, double *got, const double *want, double limit) {
  const double turn = 2 * acos(-1);
  for (size_t i = 0; i < B * C; i++)
    if (circle[i % C])
      got[i] -= turn * rint((got[i] - want[i]) / turn);
  expect(what, B * C, got, want, limit);
}

static void carry(size_t from, size_t to, double *y, double *logdet, double *record) {
  memset(logdet, 0, B * sizeof *logdet);
  enf__spline_carry(map, &ctx->run, workspace(false), from, to, B, y, logdet, record, NULL);
}

/* Layer l both ways, from the recorded states before and behind it. */
static void check_layer(size_t l, const double *before, const double *behind, const limits *limit) {
  char what[64];
  double *logdet = layer_doubles(l, "logdet"), *y = malloc(B * C * sizeof *y),
         *got = malloc(B * sizeof *got);
  memcpy(y, before, B * C * sizeof *y);
  carry(l, l + 1, y, got, NULL);
  snprintf(what, sizeof what, "layer %zu", l);
  expect_state(what, y, behind, limit->layer);
  expect(what, B, got, logdet, limit->layer);
  memcpy(y, behind, B * C * sizeof *y);
  carry(l + 1, l, y, got, NULL);
  snprintf(what, sizeof what, "layer %zu, back", l);
  expect_state(what, y, before, limit->value);
  free(logdet), free(y), free(got);
}

static void check_layers(const limits *limit) {
  double *before = doubles("y");
  for (size_t l = 0; l < M; l++) {
    double *behind = layer_doubles(l, "y");
    check_layer(l, before, behind, limit);
    free(before);
    before = behind;
  }
  free(before);
}

static void check_samples(const limits *limit) {
  double *z = doubles("sample.z"), *y = doubles("sample.y"), *logdet = malloc(B * sizeof *logdet);
  carry(M, 0, z, logdet, NULL);
  expect_state("samples", z, y, limit->value);
  free(z), free(y), free(logdet);
}

static double log_prior(const double *z) {
  double sum = 0;
  for (size_t c = 0; c < C; c++)
    sum -= circle[c] ? log(2 * acos(-1)) : 0.5 * (z[c] * z[c] + log(2 * acos(-1)));
  return sum;
}

/* log q from z and logdet, and with it the cotangents of -mean log q: z becomes its own. */
static void log_density(double *z, const double *logdet, double *dlogdet, double *logp) {
  double *line = doubles("line_logdet"), *jacobian = doubles("log_jacobian");
  const double N = (double)number("particles"), pi = acos(-1);
  for (size_t s = 0; s < B; s++) {
    logp[s] =
        log_prior(z + s * C) + logdet[s] + line[s] - jacobian[s] - log(8 * pi * pi) + 1.5 * log(N);
    dlogdet[s] = -1 / (double)B;
    for (size_t c = 0; c < C; c++)
      z[s * C + c] = circle[c] ? 0 : z[s * C + c] / (double)B;
  }
  free(line), free(jacobian);
}

static void check_density(const limits *limit) {
  double *y = doubles("y"), *z = doubles("z"), *logdet = malloc(B * sizeof *logdet),
         *dlogdet = malloc(B * sizeof *dlogdet), *logp = malloc(B * sizeof *logp);
  double *want = doubles("logp"), *way = doubles("logdet"),
         *grad = calloc(params.size, sizeof *grad);
  double *record = malloc(B * M * C * sizeof(double));
  carry(0, M, y, logdet, record);
  expect_state("z", y, z, limit->chain);
  expect("logdet", B, logdet, way, limit->chain);
  log_density(y, logdet, dlogdet, logp);
  expect("logp", B, logp, want, limit->chain);
  spline_back(map, &ctx->run, workspace(true), 0, M, B, record, NULL, y, dlogdet, 1, grad);
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *t = &params.tensor[k];
    char name[128];
    snprintf(name, sizeof name, "nll.grad.%s", t->name);
    double *gradient = doubles(name);
    expect(name, t->rows * t->cols, grad + t->offset, gradient, limit->gradient);
    free(gradient);
  }
  free(y), free(z), free(logdet), free(dlogdet), free(logp);
  free(want), free(way), free(grad), free(record);
}

START_TEST(spline_map_agrees_with_recorded_flows) {
  open_golden(cases[_i].file);
  for (size_t p = 0; p < 2; p++)
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
      if (!configure(precisions[p], kernels[k]))
        continue;
      check_layers(&cases[_i].limit[p]);
      check_samples(&cases[_i].limit[p]);
      check_density(&cases[_i].limit[p]);
    }
  close_golden();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("spline");
  tcase_add_loop_test(tc, spline_map_agrees_with_recorded_flows, 0, FILES);
  return run_suite("golden spline map", tc);
}
