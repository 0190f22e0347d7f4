/* gauge.h -- a golden file of a flow on matrices: the flow, and tensors to compare with. */
#ifndef GOLDEN_GAUGE_H
#define GOLDEN_GAUGE_H

#include "flow/flow.h"
#include "golden.h"
#include "math/sun.h"
#include <enf/enf.h>

typedef struct {
  golden g;          /* ctx, file and B only */
  const char *lift;  /* "drain.", "local.", or "" of one variable */
  enf_flow *flow;
  size_t B, n, links, width, dim, group; /* group: n^2 - 1, or 1 */
  double *x, *t;
} matrices;

static const struct {
  const char *file, *lift, *field;
} gauge_cases[] = {{"gauge_one_su2", "", "class"},       {"gauge_one_su3", "", "class"},
                   {"gauge_one_su4", "", "class"},       {"gauge_u1_4x4", "drain.", "drain"},
                   {"gauge_u1_3x5", "drain.", "drain"},  {"gauge_su2_4x4", "drain.", "drain"},
                   {"gauge_su2_3x2", "drain.", "drain"}, {"gauge_su3_4x4", "drain.", "drain"},
                   {"gauge_u1_4x4", "local.", "local"},  {"gauge_u1_3x5", "local.", "local"},
                   {"gauge_su2_4x4", "local.", "local"}, {"gauge_su2_3x2", "local.", "local"},
                   {"gauge_su3_4x4", "local.", "local"}};
enum { GAUGE_CASES = 13, GAUGE_ONE = 3 };
static const char tight[] = "ode.rtol=1e-12 ode.atol=1e-12 ode.max_steps=100000";

/* Zeros. */
static inline double *doubles(size_t count) {
  double *x = calloc(count + 1, sizeof *x);
  ck_assert_ptr_nonnull(x);
  return x;
}

/* The tensor lift + name. */
static inline double *tensor_of(const matrices *m, const char *name) {
  char full[64];
  snprintf(full, sizeof full, "%s%s", m->lift, name);
  return golden_doubles(&m->g, full, NULL);
}

static inline void gauge_ok(const matrices *m, enf_status status) {
  ck_assert_msg(status == ENF_OK, "%s", enf_ctx_errmsg(m->g.ctx));
}

static inline void gauge_open(matrices *m, int i, const char *run) {
  enf_opts *opts;
  char path[256], text[512];
  memset(m, 0, sizeof *m);
  m->lift = gauge_cases[i].lift;
  snprintf(path, sizeof path, GOLDEN_DIR "/%s.safetensors", gauge_cases[i].file);
  ck_assert_int_eq(enf_ctx_create(&m->g.ctx, NULL), ENF_OK);
  gauge_ok(m, enf__st_read(m->g.ctx, &m->g.file, path));
  const enf__st_file *file = &m->g.file;
  const char *lattice = enf__st_meta_find(file, "lattice"), *pairs = enf__st_meta_find(file, "pairs");
  const bool one = !strcmp(lattice, "one"), drain = !strcmp(m->lift, "drain.");
  ck_assert_int_eq(enf_opts_create(m->g.ctx, &opts), ENF_OK);
  const char *const settings[][2] = {{"model.space", one ? "group" : "lattice"},
                                     {"model.group", enf__st_meta_find(file, "group")},
                                     {"model.lattice", one ? "" : lattice},
                                     {"model.field", gauge_cases[i].field},
                                     {"model.degree", enf__st_meta_find(file, "degree")},
                                     {"model.times", enf__st_meta_find(file, "times")},
                                     {"model.pairs", drain ? pairs : "0"},
                                     {"run.precision", "float64"},
                                     {"logdet.checks", "0"}};
  for (size_t k = 0; k < sizeof settings / sizeof *settings; k++)
    ck_assert_msg(enf_opts_set(opts, settings[k][0], settings[k][1]) == ENF_OK, "%s",
                  enf_opts_errmsg(opts));
  snprintf(text, sizeof text, "%s", run);
  for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
    char *value = strchr(word, '=');
    *value++ = 0;
    ck_assert_int_eq(enf_opts_set(opts, word, value), ENF_OK);
  }
  gauge_ok(m, enf_ctx_configure(m->g.ctx, opts));
  gauge_ok(m, enf_create(m->g.ctx, &m->flow, opts));
  enf_opts_destroy(opts);
  const enf__links *l = &m->flow->space.links;
  m->n = l->n;
  m->links = enf__links_count(l);
  m->width = enf__links_width(l);
  m->group = enf__links_freedom(l);
  m->dim = m->links * m->width;
  size_t count;
  m->x = golden_doubles(&m->g, "x", &count);
  m->t = golden_doubles(&m->g, "t", NULL);
  m->B = count / m->dim;
  double *weights = tensor_of(m, "weights.class");
  gauge_ok(m, enf_params_set(m->g.ctx, m->flow, "class", weights, m->flow->params.size));
  free(weights);
}

static inline void gauge_close(matrices *m) {
  free(m->x);
  free(m->t);
  enf_destroy(m->flow);
  enf__st_free(&m->g.file);
  enf_ctx_destroy(m->g.ctx);
}

/* max|a-b| / max|b| */
static inline double distance_of(size_t count, const double *a, const double *b) {
  double most = 0, size = 0;
  for (size_t i = 0; i < count; i++) {
    const double off = fabs(a[i] - b[i]);
    most = off > most || isnan(off) ? off : most;
    size = fmax(size, fabs(b[i]));
  }
  return size > 0 ? most / size : most;
}

static inline void gauge_compare(const matrices *m, const char *name, size_t count,
                                 const double *found, double tolerance) {
  double *wanted = tensor_of(m, name);
  const double off = distance_of(count, found, wanted);
  ck_assert_msg(off <= tolerance, "%s%s: off by %g, %g is allowed", m->lift, name, off, tolerance);
  free(wanted);
}

/* Points of the space: angles modulo 2 pi. */
static inline void gauge_compare_points(const matrices *m, const char *name, double *found,
                                        double tolerance) {
  double *wanted = tensor_of(m, name);
  for (size_t i = 0; m->n == 1 && i < m->B * m->dim; i++)
    found[i] = wanted[i] + remainder(found[i] - wanted[i], 2 * M_PI);
  free(wanted);
  gauge_compare(m, name, m->B * m->dim, found, tolerance);
}

/* Matrices sum_a T_a c_a U at points x (rows,dim) -> c (rows,links,group). */
static inline void components_of(const matrices *m, size_t rows, const double *x, const double *grad,
                                 double *c) {
  for (size_t k = 0; k < rows * m->links; k++) {
    double a[ENF__SUN_DOUBLES];
    if (m->n == 1) {
      c[k] = grad[k];
      continue;
    }
    enf__sun_product_adjoint(m->n, grad + k * m->width, x + k * m->width, a);
    enf__sun_components(m->n, a, c + k * m->group);
  }
}

#endif
