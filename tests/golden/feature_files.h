/* feature_files.h -- golden files of molecules with features: (B,N,C) tensors, C = D + F, padded to
   the largest molecule, become states of one molecule, positions and then features. Gradients are
   whole or, as X.pick.NAME and X.sums.NAME, in entries (README.md in this folder). */
#ifndef GOLDEN_FEATURES_H
#define GOLDEN_FEATURES_H

#include "golden.h"

enum { FEATURES_MOST = 12 * 9 }; /* numbers of a state */

static const char *const features_files[] = {"features_small", "features_continuous", "features_wide"};
enum { FEATURES_FILES = 3 };

typedef struct {
  golden of;
  size_t F, most; /* features; atoms of the largest molecule */
  size_t atoms[8];
  bool backward; /* data at t = 0 */
} features;

/* The first tensor that ends so. */
static inline const char *features_name(const golden *g, const char *prefix, const char *end) {
  for (size_t i = 0; i < g->file.tensors; i++) {
    const char *name = g->file.tensor[i].name;
    if (!strncmp(name, prefix, strlen(prefix)) && strlen(name) >= strlen(end) &&
        !strcmp(name + strlen(name) - strlen(end), end))
      return name;
  }
  ck_abort_msg("no tensor %s...%s", prefix, end);
  return NULL;
}

static inline void features_load(golden *g, const char *prefix) {
  for (size_t k = 0; k < g->params.count; k++) {
    const enf__tensor *t = &g->params.tensor[k];
    const char *name = strstr(t->name, "egnn.");
    size_t count;
    double *w = golden_doubles(g, features_name(g, prefix, name), &count);
    ck_assert_uint_eq(count, t->rows * t->cols);
    memcpy(g->params.value + t->offset, w, count * sizeof *w);
    free(w);
  }
  enf__field_pack(g->field, g->params.value);
}

static inline int64_t features_integer(const features *f, const char *tensor, size_t index) {
  const enf__st_tensor *t = enf__st_find(&f->of.file, tensor);
  int64_t value;
  ck_assert_msg(t && t->dtype == ENF__I64 && index < t->count, "no integers %s", tensor);
  memcpy(&value, (const char *)t->data + index * sizeof value, sizeof value);
  return value;
}

static inline void features_open(features *f, const char *name, bool reversed) {
  char path[256];
  golden *g = &f->of;
  memset(f, 0, sizeof *f);
  snprintf(path, sizeof path, GOLDEN_DIR "/%s.safetensors", name);
  ck_assert_int_eq(enf_ctx_create(&g->ctx, NULL), ENF_OK);
  ck_assert_msg(enf__st_read(g->ctx, &g->file, path) == ENF_OK, "%s", enf_ctx_errmsg(g->ctx));
  f->F = golden_number(g, "features");
  f->most = golden_number(g, "padded_atoms");
  f->backward = !strcmp(enf__st_meta_find(&g->file, "data_time"), "0.0");
  g->B = golden_number(g, "batch");
  double *mask = golden_doubles(g, "in.node_mask", NULL);
  for (size_t i = 0; i < g->B * f->most; i++)
    f->atoms[i / f->most] += mask[i] != 0;
  free(mask);
  for (size_t m = 0; m < g->B; m++)
    ck_assert_uint_eq(f->atoms[m], (size_t)features_integer(f, "in.n_atoms", m));
  g->shape = (enf__shape){.dimensions = 3, .features = f->F};
  g->model = (enf__model){.kind = ENF__FIELD_EGNN,
                          .hidden = golden_number(g, "hidden"),
                          .layers = golden_number(g, "layers"),
                          .edge_depth = 2,
                          .node_depth = 2,
                          .attention = true,
                          .tanh = true,
                          .features = f->F,
                          .inputs = f->F,
                          .outputs = f->F + 1,
                          .reversed = reversed};
  golden_make_field(g);
  features_load(g, "weights.flow");
}

/* Molecule m's rows of a (B,most,columns) tensor; columns first ... first+count-1 of each. */
static inline void features_rows(const features *f, const char *tensor, size_t m, size_t columns,
                                 size_t first, size_t count, double *out) {
  double *all = golden_doubles(&f->of, tensor, NULL);
  for (size_t i = 0; i < f->atoms[m]; i++)
    memcpy(out + i * count, all + ((m * f->most + i) * columns) + first, count * sizeof *out);
  free(all);
}

/* Molecule m of a (B,most,C) tensor as a state; its numbers. */
static inline size_t features_state(const features *f, const char *tensor, size_t m, double *out) {
  const size_t n = f->atoms[m];
  features_rows(f, tensor, m, 3 + f->F, 0, 3, out);
  features_rows(f, tensor, m, 3 + f->F, 3, f->F, out + 3 * n);
  return n * (3 + f->F);
}

static inline double features_number(const features *f, const char *tensor, size_t m) {
  double *all = golden_doubles(&f->of, tensor, NULL);
  const double value = all[m];
  free(all);
  return value;
}

/* Is `got` (n) the gradient "group.grad.name", or what the file has of it? */
static inline void features_expect_gradient(const features *f, const char *group, const char *name,
                                            size_t n, const double *got, double limit,
                                            double rounding) {
  char full[256];
  double sums[2] = {0, 0}, picks[128];
  snprintf(full, sizeof full, "%s.grad.%s", group, name);
  if (enf__st_find(&f->of.file, full)) {
    double *want = golden_doubles(&f->of, full, NULL);
    const double error = golden_error(n, got, want);
    ck_assert_msg(error <= limit, "%s: relative error %.2e, allowed %.0e", full, error, limit);
    free(want);
    return;
  }
  size_t m;
  snprintf(full, sizeof full, "%s.pick.%s", group, name);
  double *want = golden_doubles(&f->of, full, &m);
  snprintf(full, sizeof full, "%s.sums.%s", group, name);
  double *both = golden_doubles(&f->of, full, NULL), scale = 0;
  for (size_t i = 0; i < n; i++) {
    sums[0] += got[i] * got[i];
    sums[1] += got[i] * cos((double)i);
    scale = fmax(scale, fabs(got[i]));
  }
  sums[0] = sqrt(sums[0]);
  for (size_t i = 0; i < m; i++)
    picks[i] = got[i * n / m];
  for (size_t i = 0; i < m; i++)
    ck_assert_msg(fabs(picks[i] - want[i]) <= limit * fmax(scale, limit) + rounding,
                  "%s [%zu]: %.15g, not %.15g", full, i, picks[i], want[i]);
  const double apart = fmax(fabs(sums[0] - both[0]), fabs(sums[1] - both[1]));
  ck_assert_msg(golden_error(2, sums, both) <= 10 * limit || both[0] < limit ||
                    apart <= rounding * (double)n,
                "%s: %.15g %.15g, not %.15g %.15g", full, sums[0], sums[1], both[0], both[1]);
  free(want), free(both);
}

#endif
