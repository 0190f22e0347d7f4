/* flows.h -- a flow with the weights of a golden file, and its map there and back with cotangents:
   what the golden tests of maps share. */
#ifndef FLOWS_H
#define FLOWS_H

#include "flow/flow.h"
#include "golden.h"

static golden g;
static enf_flow *flow;
static const char *golden_case = ""; /* what names in the file begin with */

/* A double-precision flow of scale 1; the options end with a NULL. */
static inline void open_flow(const char *file, const char *(*rows)[2]) {
  enf_opts *opts;
  char path[256];
  snprintf(path, sizeof path, GOLDEN_DIR "/%s.safetensors", file);
  g = (golden){0};
  ck_assert_int_eq(enf_ctx_create(&g.ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__st_read(g.ctx, &g.file, path), ENF_OK);
  ck_assert_int_eq(enf_opts_create(g.ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.data_scale", "1"), ENF_OK);
  for (; (*rows)[0]; rows++)
    ck_assert_msg(enf_opts_set(opts, (*rows)[0], (*rows)[1]) == ENF_OK, "%s",
                  enf_opts_errmsg(opts));
  ck_assert_msg(enf_create(g.ctx, &flow, opts) == ENF_OK, "%s", enf_ctx_errmsg(g.ctx));
  enf_opts_destroy(opts);
}

static inline void close_flow(void) {
  enf_destroy(flow);
  enf__st_free(&g.file);
  enf_ctx_destroy(g.ctx);
}

static inline double *numbers(const char *tensor, size_t *count) {
  char name[160];
  snprintf(name, sizeof name, "%s%s", golden_case, tensor);
  return golden_doubles(&g, name, count);
}

static inline const char *meta(const char *key) {
  char name[160];
  snprintf(name, sizeof name, "%s%s", golden_case, key);
  return enf__st_meta_find(&g.file, name);
}

static inline void set(const char *name, const char *tensor) {
  size_t count;
  double *w = numbers(tensor, &count);
  ck_assert_msg(enf_params_set(g.ctx, flow, name, w, count) == ENF_OK, "%s", enf_ctx_errmsg(g.ctx));
  free(w);
}

static inline void expect_within(double tol, const char *tensor, size_t n, const double *got) {
  size_t count;
  double *want = numbers(tensor, &count);
  ck_assert_uint_eq(count, n);
  const double error = golden_error(n, got, want);
  ck_assert_msg(error <= tol, "%s%s is off by %g", golden_case, tensor, error);
  free(want);
}

static inline void expect(const char *tensor, size_t n, const double *got) {
  expect_within(1e-12, tensor, n, got);
}

/* n samples from t0 to t1 and back with cotangents dy, dlogdet; y and logdet may be NULL. */
static inline void there_and_back(size_t n, double t0, double t1, const double *x, const double *dy,
                                  const double *dlogdet, double *y, double *logdet, double *dx,
                                  double *gradient) {
  enf__journey j = {.chain = &flow->chain, .x = x, .way = {.n = n, .t0 = t0, .t1 = t1}};
  const enf__pulled pulled = {
      .dy = dy, .dlogdet = dlogdet, .dx = dx, .gradients = gradient, .scale = 1};
  ck_assert_uint_eq(enf__journey_pieces(j.chain, n), 1);
  ck_assert_int_eq(
      enf__reserve(g.ctx, enf__journey_call_bytes(&j), enf__journey_worker_bytes(&j, &g.ctx->run)),
      ENF_OK);
  enf__journey_take(&j, &g.ctx->arena);
  ck_assert_int_eq(enf__journey_forward(g.ctx, &j), ENF_OK);
  if (y)
    memcpy(y, j.y, n * enf__space_state(&flow->space) * sizeof *y);
  if (logdet)
    memcpy(logdet, j.logdet, n * sizeof *logdet);
  ck_assert_int_eq(enf__journey_reverse(g.ctx, &j, &pulled), ENF_OK);
}

/* The same to the prior, with the cotangents of the mean of -log q and a unit normal prior. */
static inline void pull_likelihood(size_t n, const double *x, double *dx, double *gradient) {
  const size_t size = n * enf__space_state(&flow->space);
  double *z = malloc(size * sizeof *z), *dlogdet = malloc(n * sizeof *dlogdet);
  ck_assert_int_eq(enf_transport(g.ctx, flow, n, 1, 0, x, z, NULL), ENF_OK);
  for (size_t i = 0; i < size; i++)
    z[i] /= (double)n;
  for (size_t i = 0; i < n; i++)
    dlogdet[i] = -1 / (double)n;
  there_and_back(n, 1, 0, x, z, dlogdet, NULL, NULL, dx, gradient);
  free(z);
  free(dlogdet);
}

/* That part of a gradient by all parameters that is by this one. */
static inline const double *part_of(const double *gradient, const char *name, size_t *count) {
  for (size_t i = 0; i < flow->params.count; i++) {
    const enf__tensor *t = &flow->params.tensor[i];
    if (strcmp(t->name, name))
      continue;
    *count = t->rows * t->cols;
    return gradient + t->offset;
  }
  ck_abort_msg("the flow has no tensor %s", name);
}

static inline void expect_part(double tol, const char *tensor, const double *gradient,
                               const char *name) {
  size_t count;
  const double *part = part_of(gradient, name, &count);
  expect_within(tol, tensor, count, part);
}

/* -log q, the mean over n samples. */
static inline double mean_nll(size_t n, const double *x) {
  double *logq = malloc(n * sizeof *logq), sum = 0;
  ck_assert_int_eq(enf_log_prob(g.ctx, flow, n, x, logq), ENF_OK);
  for (size_t i = 0; i < n; i++)
    sum -= logq[i] / (double)n;
  free(logq);
  return sum;
}

#endif
