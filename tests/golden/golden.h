/* golden.h -- reads a golden file: a published network's weights, and what its authors' code gives
   for it (README.md in this folder). */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "field/field.h"
#include "io/io.h"
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef GOLDEN_DIR
#define GOLDEN_DIR "tests/golden"
#endif

static const char *const golden_files[] = {"egnn_dw4", "egnn_lj13", "egnn_species",
                                           "egnn_mean_noatt_notanh"};
enum { GOLDEN_FILES = 4 };

typedef struct {
  enf_ctx *ctx;
  enf__st_file file;
  enf__model model;
  enf__shape shape;
  enf__params params;
  int species[32];
  enf__field *field;
  size_t B;
} golden;

static inline double *golden_doubles(const golden *g, const char *name, size_t *count) {
  const enf__st_tensor *t = enf__st_find(&g->file, name);
  ck_assert_msg(t != NULL, "the golden file has no tensor %s", name);
  double *out = malloc(t->count * sizeof *out);
  enf__st_doubles(t, out);
  if (count)
    *count = t->count;
  return out;
}

static inline size_t golden_number(const golden *g, const char *key) {
  return (size_t)strtoul(enf__st_meta_find(&g->file, key), NULL, 10);
}

/* A field and a table of parameters, zero, for the model. */
static inline void golden_make_field(golden *g) {
  enf__params_open(g->ctx, &g->params);
  ck_assert_int_eq(enf__field_create(g->ctx, &g->field, &g->model, &g->params), ENF_OK);
  ck_assert_int_eq(enf__params_allocate(g->ctx, &g->params), ENF_OK);
}

static inline void golden_open(golden *g, const char *name) {
  char path[256];
  memset(g, 0, sizeof *g);
  snprintf(path, sizeof path, GOLDEN_DIR "/%s.safetensors", name);
  ck_assert_int_eq(enf_ctx_create(&g->ctx, NULL), ENF_OK);
  ck_assert_msg(enf__st_read(g->ctx, &g->file, path) == ENF_OK, "%s", enf_ctx_errmsg(g->ctx));
  g->shape =
      (enf__shape){.particles = golden_number(g, "N"), .dimensions = golden_number(g, "dim")};
  g->model = (enf__model){.hidden = golden_number(g, "hidden"),
                          .layers = golden_number(g, "layers"),
                          .edge_depth = 2,
                          .node_depth = 2,
                          .attention = golden_number(g, "attention") != 0,
                          .tanh = golden_number(g, "tanh") != 0,
                          .mean = !strcmp(enf__st_meta_find(&g->file, "aggregation"), "mean")};
  const char *text = enf__st_meta_find(&g->file, "species");
  if (strcmp(text, "none") != 0) {
    char *rest = (char *)(uintptr_t)text;
    for (size_t i = 0; i < g->shape.particles; i++) {
      g->species[i] = (int)strtol(rest, &rest, 10);
      if ((size_t)g->species[i] >= g->model.species_count)
        g->model.species_count = (size_t)g->species[i] + 1;
    }
    g->shape.kind = g->species;
  }
  golden_make_field(g);
  for (size_t k = 0; k < g->params.count; k++) {
    const enf__tensor *t = &g->params.tensor[k];
    char full[128];
    size_t count;
    snprintf(full, sizeof full, "weights.%s", t->name);
    double *w = golden_doubles(g, full, &count);
    ck_assert_uint_eq(count, t->rows * t->cols);
    memcpy(g->params.value + t->offset, w, count * sizeof *w);
    free(w);
  }
  enf__field_pack(g->field, g->params.value);
  g->B = enf__st_find(&g->file, "x")->shape[0];
}

static inline void golden_close(golden *g) {
  enf__field_destroy(g->field);
  enf__params_close(&g->params);
  enf__st_free(&g->file);
  enf_ctx_destroy(g->ctx);
}

/* max |a-b| / max |b|; absolute where b is zero. */
static inline double golden_error(size_t n, const double *a, const double *b) {
  double worst = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    if (!(fabs(a[i] - b[i]) <= worst))
      worst = fabs(a[i] - b[i]);
    if (fabs(b[i]) > size)
      size = fabs(b[i]);
  }
  return size > 0 ? worst / size : worst;
}

/* A context in one precision and kernel table; false if this processor does not have it. */
static inline bool golden_configure(golden *g, const char *precision, const char *kernel) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(g->ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "run.precision", precision), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "run.kernel", kernel), ENF_OK);
  const enf_status status = enf_ctx_configure(g->ctx, opts);
  enf_opts_destroy(opts);
  if (status == ENF_ERR_UNSUPPORTED)
    return false;
  ck_assert_msg(status == ENF_OK, "%s", enf_ctx_errmsg(g->ctx));
  return true;
}

#endif
