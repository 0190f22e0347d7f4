/* fields.h -- what test_field_laws.c works with: random networks of many shapes, calls of the fields,
   comparing.

   Every call works in an arena of exactly the promised size that starts as NaN and stands between
   guards, so a workspace that is too small, left behind or read before it is written shows up in
   whatever law is being tested. */
#ifndef FIELDS_H
#define FIELDS_H

#include "core/random.h"
#include "field/field.h"
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random networks ------------------------------------------------------------------------- */

enum {
  PUBLISHED = 50,
  EGNNS = PUBLISHED + 25,
  EQUIVARIANT = EGNNS + 10,
  VECTORS = EQUIVARIANT + 8, /* which have no symmetry */
  NETWORKS = VECTORS + 10,   /* egnns that tell left from right at the end */
  MOST = 18,
  SAMPLES = 2,
  SEED = 20
};

static const char *const kernel_names[] = {"baseline", "avx2", "avx512", "blas"};
enum { KERNELS = 4, BLAS = 3 };

static enf_ctx *ctx;
static enf__field *field;
static enf__model model;
static enf__shape shape;
static enf__params params;
static size_t size; /* N D */
static int species[6];
static char about[128];
static unsigned char *block; /* workspace of all calls, as large as the largest needed */
static size_t block_bytes;
static double x[SAMPLES * MOST], t[SAMPLES], a[SAMPLES * MOST], eps[SAMPLES * MOST];

static bool coin(int network, uint32_t which) {
  return enf__random_below(SEED, which, (uint64_t)network, 2);
}

/* Edge and node networks of 2 linear layers, then deeper ones. */
static void choose_model(int i) {
  static const size_t hidden[] = {8, 32, 40};
  const int deep = i - PUBLISHED, which = i < PUBLISHED ? i
                                          : i < EGNNS   ? deep + deep % 2 * 25
                                          : i < VECTORS ? 5 * (i - EGNNS)
                                                        : 25 + (i * 7 - VECTORS) % 25;
  shape =
      (enf__shape){.particles = 2 + (size_t)which / 5 % 5, .dimensions = 2 + (size_t)which / 25};
  if (i >= EQUIVARIANT && i < VECTORS) {
    static const size_t dimensions[] = {1, 2, 5, MOST};
    shape = (enf__shape){.particles = 1, .dimensions = dimensions[i % 4]};
  }
  model = (enf__model){.kind = i < EGNNS         ? ENF__FIELD_EGNN
                               : i < EQUIVARIANT ? ENF__FIELD_PAIR_KERNEL
                               : i < VECTORS     ? ENF__FIELD_MLP
                                                 : ENF__FIELD_EGNN,
                       .dimensions = shape.dimensions,
                       .layers = 1 + (size_t)which % 5,
                       .edge_depth = deep < 0 ? 2 : 2 + (size_t)(deep + 1) % 3,
                       .node_depth = deep < 0 ? 2 : 2 + (size_t)(deep / 3 + 1) % 3,
                       .hidden = hidden[enf__random_below(SEED, 9, (uint64_t)i, 3)],
                       .attention = coin(i, 1),
                       .tanh = coin(i, 2),
                       .mean = coin(i, 3),
                       .kernels = 9,
                       .kernel_times = 4,
                       .kernel_range = 4,
                       .hand = i >= VECTORS};
  if (model.kind != ENF__FIELD_MLP && coin(i, 4)) {
    for (size_t k = 0; k < shape.particles; k++)
      species[k] = (int)(k * 5 % 3 % 2 + k % 2);
    shape.kind = species;
    model.species_count = 3;
  }
  size = shape.particles * shape.dimensions;
  snprintf(about, sizeof about, "%s N=%zu D=%zu L=%zu H=%zu %zu/%zu%s%s%s%s",
           model.hand                             ? "hand"
           : model.kind == ENF__FIELD_EGNN        ? "egnn"
           : model.kind == ENF__FIELD_PAIR_KERNEL ? "pairs"
                                                  : "mlp", shape.particles, shape.dimensions, model.layers,
           model.hidden, model.edge_depth, model.node_depth, shape.kind ? " species" : "",
           model.attention ? " attention" : "", model.tanh ? " tanh" : "",
           model.mean ? " mean" : "");
}

/* Initial weights barely move anything; these do: velocities of order 1. */
static void choose_weights(int i) {
  enf__params_init(&params, (uint64_t)i);
  const double range = model.tanh ? 15.0 / (double)model.layers * (model.mean ? 19 : 1) : 1;
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *tensor = &params.tensor[k];
    const bool last_coordinate = strstr(tensor->name, "coord_mlp.2") != NULL,
               pair = strstr(tensor->name, "pair_kernel.pair") != NULL,
               chiral = strstr(tensor->name, "chiral") != NULL,
               last = model.kind == ENF__FIELD_MLP && k + 2 >= params.count;
    double *w = params.value + tensor->offset;
    for (size_t j = 0; j < tensor->rows * tensor->cols; j++)
      if (last_coordinate)
        w[j] *= 1000 / range;
      else if (last)
        w[j] *= 100;
      else if (pair || chiral) {
        enf__random_normal(SEED, 5, k * 1000 + j, 1, &w[j]);
        w[j] *= chiral ? 0.5 : 1;
      }
  }
  enf__field_pack(field, params.value);
}

static void center(double *y) {
  if (shape.particles == 1)
    return;
  for (size_t d = 0; d < shape.dimensions; d++) {
    double mean = 0;
    for (size_t k = 0; k < shape.particles; k++)
      mean += y[k * shape.dimensions + d] / (double)shape.particles;
    for (size_t k = 0; k < shape.particles; k++)
      y[k * shape.dimensions + d] -= mean;
  }
}

static void random_points(int i, size_t S, double *points, double *times) {
  enf__random_normal(SEED, 6, (uint64_t)i, S * size, points);
  enf__random_uniform(SEED, 7, (uint64_t)i, S, times);
  for (size_t s = 0; s < S; s++)
    center(points + s * size);
}

static bool configure(const char *precision, const char *kernel) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "run.precision", precision), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "run.kernel", kernel), ENF_OK);
  const enf_status status = enf_ctx_configure(ctx, opts);
  enf_opts_destroy(opts);
  ck_assert_msg(status == ENF_OK || status == ENF_ERR_UNSUPPORTED, "%s", enf_ctx_errmsg(ctx));
  return status == ENF_OK;
}

static void open_network(int i) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  choose_model(i);
  enf__params_open(ctx, &params);
  ck_assert_int_eq(enf__field_create(ctx, &field, &model, &params), ENF_OK);
  ck_assert_int_eq(enf__params_allocate(ctx, &params), ENF_OK);
  choose_weights(i);
  random_points(i, SAMPLES, x, t);
  enf__random_normal(SEED, 8, (uint64_t)i, SAMPLES * size, a);
  enf__random_normal(SEED, 10, (uint64_t)i, SAMPLES * size, eps);
  ck_assert(configure("float64", "auto"));
}

static void close_network(void) {
  free(block);
  block = NULL;
  block_bytes = 0;
  enf__field_destroy(field);
  enf__params_close(&params);
  enf_ctx_destroy(ctx);
}

/* ---- calls in an exact workspace ------------------------------------------------------------- */

enum { GUARD = 256, POISON = 0xff };

static enf__arena open_arena(enf__work work) {
  const size_t bytes = enf__field_workspace(field, &ctx->run, &shape, work),
               all = bytes + 2 * GUARD;
  if (all > block_bytes) {
    free(block);
    block_bytes = (all + ENF__ALIGN - 1) / ENF__ALIGN * ENF__ALIGN;
    block = aligned_alloc(ENF__ALIGN, block_bytes);
  }
  memset(block, POISON, all);
  return (enf__arena){.base = (char *)block + GUARD, .capacity = bytes};
}

static void close_arena(const enf__arena *arena) {
  if (arena->used)
    ck_abort_msg("%s: a call kept %zu bytes of its workspace", about, arena->used);
  for (size_t i = 0; i < GUARD; i++)
    if (block[i] != POISON || block[GUARD + arena->capacity + i] != POISON)
      ck_abort_msg("%s: a call wrote outside its workspace", about);
}

static void velocity(size_t S, const double *times, const double *points, double *v) {
  enf__arena arena = open_arena(ENF__VELOCITY);
  enf__field_velocity(field, &ctx->run, &arena, &(enf__points){&shape, S, times, points}, v);
  close_arena(&arena);
}

static void divergence(size_t S, const double *times, const double *points, double *v,
                       double *div) {
  enf__arena arena = open_arena(ENF__DIVERGENCE);
  enf__field_divergence(field, &ctx->run, &arena, &(enf__points){&shape, S, times, points}, v, div);
  close_arena(&arena);
}

static void jvp(size_t S, const double *times, const double *points, const double *probe, double *v,
                double *form) {
  enf__arena arena = open_arena(ENF__JVP);
  enf__field_jvp(field, &ctx->run, &arena, &(enf__points){&shape, S, times, points}, probe, v, NULL,
                 form);
  close_arena(&arena);
}

typedef struct {
  const double *a;
  double *v; /* what the callback saw, or NULL */
} cotangents;

static void give_cotangent(void *user, size_t first, size_t S, const double *v, double *out) {
  const cotangents *c = user;
  memcpy(out, c->a + first * size, S * size * sizeof *out);
  if (c->v)
    memcpy(c->v + first * size, v, S * size * sizeof *v);
}

static void vjp(size_t S, const double *times, const double *points, const double *cotangent,
                double *v, double *dx, double *dparams) {
  cotangents c = {cotangent, v};
  enf__arena arena = open_arena(ENF__VJP);
  enf__field_vjp(field, &ctx->run, &arena, &(enf__points){&shape, S, times, points}, give_cotangent,
                 &c, dx, dparams);
  close_arena(&arena);
}

static void vjp_trace(size_t S, const double *times, const double *points, const double *probe,
                      const double *cotangent, const double *weight, double *dx, double *dparams) {
  enf__arena arena = open_arena(probe ? ENF__VJP_PROBE : ENF__VJP_TRACE);
  enf__field_vjp_trace(field, &ctx->run, &arena, &(enf__points){&shape, S, times, points},
                       &(enf__cotangent){probe, cotangent, weight, NULL, NULL, NULL},
                       &(enf__gradient){dx, dparams, NULL});
  close_arena(&arena);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static double largest(size_t n, const double *y) {
  double most = 0;
  for (size_t i = 0; i < n; i++)
    if (!(fabs(y[i]) <= most))
      most = fabs(y[i]);
  return most;
}

/* Differences relative to the largest number, or to `least` where all are small. */
static void expect_close(const char *what, size_t n, const double *got, const double *want,
                         double tolerance, double least) {
  const double limit = tolerance * fmax(largest(n, want), least);
  for (size_t i = 0; i < n; i++)
    if (!(fabs(got[i] - want[i]) <= limit))
      ck_abort_msg("%s: %s [%zu] is %.15g, not %.15g", about, what, i, got[i], want[i]);
}

static double dot(size_t n, const double *y, const double *z) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += y[i] * z[i];
  return sum;
}

/* d/dh f(h) at 0, to fourth order in the step. */
static double slope(double (*f)(void *user, double h), void *user, double step) {
  return (f(user, -2 * step) - 8 * f(user, -step) + 8 * f(user, step) - f(user, 2 * step)) /
         (12 * step);
}

/* <a, v(x + h u)> for one sample, u any direction. */
typedef struct {
  size_t sample;
  const double *a, *u;
} ray;

static double along_ray(void *user, double h) {
  const ray *r = user;
  double y[MOST], v[MOST];
  for (size_t i = 0; i < size; i++)
    y[i] = x[r->sample * size + i] + h * r->u[i];
  velocity(1, t + r->sample, y, v);
  return dot(size, r->a, v);
}

#endif
