/* linear.c -- the map "linear" of the vector space: layers z = W x + b, every one but the last
   followed by y_i = alpha z_i + (1 - alpha) log(1 + e^z_i), alpha = 0.3, from the data to the
   prior.

     log |dz/dx| = log |det W|, by an LU decomposition with partial pivoting; there x = W^-1 (z - b)
     and the gradient of log |det W|, W^-T, are got from W^-1. Both are found when somebody asks for
     the first time since the parameters have changed: an averaged flow that nobody uses costs nothing.

   Through it, with cotangents dz and dl of the log-determinant: dx = W^T dz, dW += dz x^T + dl
   W^-T, db += dz. Back, with dx and dl: dz = W^-T dx, dW -= dz x^T + dl W^-T, db -= dz. A singular
   W has no inverse: the samples fail with NONFINITE. Everything is double.

   With model.linear_gradient self-normalizing (Keller et al. 2020, arXiv:2011.07248) a second
   matrix R learns to be W^-1, and through a layer to the prior, for the weight v = -dl of a sample,

     dW += (dz x^T - v R^T)/2 + 2 v lambda R^T e x^T,  e = R W x - x
     dR += (v W^T - dx (W x)^T)/2 + 2 v lambda e (W x)^T

   The factor 1/2 is the publication's, the mean of the likelihoods of W and of R. There is no W^-1 in it;
   log |det W| is wanted for the loss alone. Products are of all samples of a task at once, by the
   kernels, whose matrices are padded. */
#include "map/formula.h"
#include "map/smooth.h"
#include "math/kernels.h"
#include "math/lu.h"
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* A matrix as rows are multiplied with it: itself and its transpose (P,P), padded with zeros. */
typedef struct {
  double *back, *there;
} padded;

typedef struct {
  const double *w, *b; /* (D,D) and (D), of the flow's parameters */
  const double *r;     /* (D,D) R, or NULL */
  padded W, R, inverse; /* what is there of them */
  double log_det;       /* log |det W|, if it is there; NaN if W is singular */
  atomic_int there;     /* which of the four; set under the lock */
} layer;

enum { LOG_DET = 1, WEIGHTS = 2, SECOND = 4, INVERSE = 8 };

typedef struct {
  enf__formula head;
  size_t dim;
  size_t *weight, *bias; /* (M) their offsets */
  size_t *second;        /* (M) those of R, or NULL */
  double lambda;
  layer *layer;          /* (M) */
  double *block;         /* of all padded matrices, and scratch of 2 (D,D) */
  pthread_mutex_t *lock; /* whoever finds what is not there yet */
} linear;

/* ---- making ---------------------------------------------------------------------------------- */

static void destroy(enf__map *map) {
  linear *l = (linear *)map;
  const enf_alloc alloc = map->alloc;
  enf__free(&alloc, l->weight);
  enf__free(&alloc, l->bias);
  enf__free(&alloc, l->second);
  enf__free(&alloc, l->layer);
  enf__free(&alloc, l->block);
  if (l->lock)
    pthread_mutex_destroy(l->lock);
  enf__free(&alloc, l->lock);
  enf__free(&alloc, l);
}

static const enf__formula_ops formula;

static enf_status plan(enf_ctx *ctx, enf__map **map, const enf__map_spec *spec) {
  const size_t D = enf__space_state(spec->space), M = spec->layers;
  if (spec->space->ops != &enf__vector_ops)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.map: a linear map of particles has no symmetry; it needs "
                     "model.space vector");
  linear *l = enf__alloc(&ctx->alloc, sizeof *l);
  if (!l)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  *l = (linear){.head = {.base.alloc = ctx->alloc, .formula = &formula},
                .dim = D,
                .lambda = enf__opts_real(spec->options, ENF__OPT_MODEL_LINEAR_LAMBDA)};
  const bool learns =
      enf__opts_int(spec->options, ENF__OPT_MODEL_LINEAR_GRADIENT) == ENF__LINEAR_SELF_NORMALIZING;
  l->weight = enf__alloc_array(&ctx->alloc, M, sizeof *l->weight);
  l->bias = enf__alloc_array(&ctx->alloc, M, sizeof *l->bias);
  l->layer = enf__alloc_array(&ctx->alloc, M, sizeof *l->layer);
  if (learns)
    l->second = enf__alloc_array(&ctx->alloc, M, sizeof *l->second);
  if (!l->weight || !l->bias || !l->layer || (learns && !l->second)) {
    destroy(&l->head.base);
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  }
  for (size_t m = 0; m < M; m++) {
    l->weight[m] = enf__params_add(
        spec->params, (enf__tensor){.rows = D, .cols = D, .diagonal = 1, .turns = true},
        "linear.%zu.weight", m);
    l->bias[m] =
        enf__params_add(spec->params, (enf__tensor){.rows = D, .cols = 1}, "linear.%zu.bias", m);
    if (learns)
      l->second[m] = enf__params_add(
          spec->params, (enf__tensor){.rows = D, .cols = D, .diagonal = 1, .turns = true},
          "linear.%zu.inverse", m);
  }
  *map = &l->head.base;
  return ENF_OK;
}

static void place(double **block, size_t square, padded *matrix) {
  matrix->back = *block;
  matrix->there = *block + square;
  *block += 2 * square;
}

static enf_status allocate(enf_ctx *ctx, enf__map *map) {
  linear *l = (linear *)map;
  const size_t P = ENF__PADDED(l->dim), square = P * P, matrices = l->second ? 6 : 4;
  l->lock = enf__alloc(&map->alloc, sizeof *l->lock);
  if (l->lock)
    pthread_mutex_init(l->lock, NULL);
  l->block = enf__alloc_array(&map->alloc, matrices * map->layers + 2, square * sizeof *l->block);
  if (!l->block || !l->lock)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  memset(l->block, 0, (matrices * map->layers + 2) * square * sizeof *l->block);
  double *rest = l->block + 2 * square;
  for (size_t m = 0; m < map->layers; m++) {
    layer *at = &l->layer[m];
    *at = (layer){.w = NULL};
    place(&rest, square, &at->W);
    place(&rest, square, &at->inverse);
    if (l->second)
      place(&rest, square, &at->R);
  }
  return ENF_OK;
}

/* ---- what is made from the parameters -------------------------------------------------------- */

static void pack(enf__map *map, const double *params) {
  linear *l = (linear *)map;
  for (size_t m = 0; m < map->layers; m++) {
    layer *at = &l->layer[m];
    at->w = params + l->weight[m];
    at->b = params + l->bias[m];
    at->r = l->second ? params + l->second[m] : NULL;
    atomic_store(&at->there, 0);
  }
}

/* In tiles, so that neither side runs out of the cache. */
static void copy(size_t n, const double *a, padded *matrix) {
  enum { TILE = 16 };
  const size_t P = ENF__PADDED(n);
  for (size_t i = 0; i < n; i++)
    memcpy(matrix->back + i * P, a + i * n, n * sizeof *a);
  for (size_t row = 0; row < n; row += TILE)
    for (size_t col = 0; col < n; col += TILE)
      for (size_t i = row; i < n && i < row + TILE; i++)
        for (size_t k = col; k < n && k < col + TILE; k++)
          matrix->there[k * P + i] = a[i * n + k];
}

static void find(const linear *l, layer *at, int what, int there) {
  const size_t D = l->dim;
  double *scratch = l->block, *inverse = l->block + D * D, log_det;
  if (what == WEIGHTS || what == SECOND) {
    copy(D, what == SECOND ? at->r : at->w, what == SECOND ? &at->R : &at->W);
    return;
  }
  memcpy(scratch, at->w, D * D * sizeof *scratch);
  if (what == INVERSE) {
    log_det = enf__lu_invert(D, scratch, inverse);
    copy(D, inverse, &at->inverse);
  } else {
    log_det = enf__lu_log_det(D, scratch);
  }
  if (!(there & LOG_DET)) /* others may read it */
    at->log_det = log_det;
}

/* A layer with that of it; with the inverse comes the log-determinant. */
static const layer *layer_with(const linear *l, size_t m, int what) {
  layer *at = &l->layer[m];
  if (atomic_load_explicit(&at->there, memory_order_acquire) & what)
    return at;
  pthread_mutex_lock(l->lock);
  const int there = atomic_load(&at->there);
  if (!(there & what)) {
    find(l, at, what, there);
    atomic_fetch_or_explicit(&at->there, what == INVERSE ? INVERSE | LOG_DET : what,
                             memory_order_release);
  }
  pthread_mutex_unlock(l->lock);
  return at;
}

/* ---- a task's samples ------------------------------------------------------------------------ */

typedef struct {
  const enf__kernels_f64 *k;
  size_t D, P, S;
  double *x, *z, *a, *b, *out; /* (S,P); zero behind D */
  double *grad;                /* (P,P) */
} work;

static work lay_out(const linear *l, const enf__run *run, size_t S, enf__arena *arena) {
  work w = {.k = enf__kernels_f64_of(run->kernel), .D = l->dim, .P = ENF__PADDED(l->dim), .S = S};
  double **rows[] = {&w.x, &w.z, &w.a, &w.b, &w.out};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    *rows[i] = ENF__TAKE(arena, double, S *w.P);
  w.grad = ENF__TAKE(arena, double, w.P *w.P);
  return w;
}

/* With zeros where rows are padded. */
static work begin(const linear *l, const enf__run *run, size_t S, enf__arena *arena) {
  const work w = lay_out(l, run, S, arena);
  double *const rows[] = {w.x, w.z, w.a, w.b, w.out};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    memset(rows[i], 0, S * w.P * sizeof **rows);
  return w;
}

/* to (S,P) = rows of from times B */
static void times(const work *w, const double *from, const double *B, double *to) {
  w->k->gemm(w->S, w->P, w->P, from, w->P, B, w->P, NULL, 0, NULL, false, to, w->P);
}

/* dw (D,D) += sign times the sum over rows of the products of d and x */
static void add_products(const work *w, double sign, const double *d, const double *x, double *dw) {
  memset(w->grad, 0, w->P * w->P * sizeof *w->grad);
  w->k->gemm_grad(w->S, w->P, w->P, d, w->P, x, w->P, w->grad, w->P);
  for (size_t i = 0; i < w->D; i++)
    for (size_t k = 0; k < w->D; k++)
      dw[i * w->D + k] += sign * w->grad[i * w->P + k];
}

/* Rows `stride` apart to padded ones. */
static void load(const work *w, const double *rows, size_t stride, double *to) {
  for (size_t i = 0; i < w->S; i++)
    memcpy(to + i * w->P, rows + i * stride, w->D * sizeof *to);
}

/* x (S,D) -> z -> y with z in w.z; returns log |det W|. log_det (S) += the activation's. */
static double to_prior(const linear *l, size_t m, const work *w, bool with_inverse, double *x,
                       double *log_det) {
  const layer *at = layer_with(l, m, WEIGHTS);
  const bool last = m + 1 == l->head.base.layers;
  load(w, x, w->D, w->x);
  times(w, w->x, at->W.there, w->z);
  for (size_t i = 0; i < w->S; i++)
    for (size_t k = 0; k < w->D; k++) {
      double *z = &w->z[i * w->P + k];
      *z += at->b[k];
      x[i * w->D + k] = last ? *z : enf__smooth(*z);
      log_det[i] += last ? 0 : log(enf__smooth_slope(*z));
    }
  return layer_with(l, m, with_inverse ? INVERSE : LOG_DET)->log_det;
}

/* y (S,D) -> x with z in w.z; returns -log |det W|. */
static double to_data(const linear *l, size_t m, const work *w, double *x, double *log_det) {
  const layer *at = layer_with(l, m, INVERSE);
  const bool last = m + 1 == l->head.base.layers;
  for (size_t i = 0; i < w->S; i++)
    for (size_t k = 0; k < w->D; k++) {
      const double y = x[i * w->D + k], z = last ? y : enf__unsmooth(y);
      log_det[i] -= last ? 0 : log(enf__smooth_slope(z));
      w->z[i * w->P + k] = z;
      w->x[i * w->P + k] = z - at->b[k];
    }
  times(w, w->x, at->inverse.there, w->a);
  for (size_t i = 0; i < w->S; i++)
    memcpy(x + i * w->D, w->a + i * w->P, w->D * sizeof *x);
  return -at->log_det;
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* d (D,D) += weight times a padded matrix */
static void add_padded(const work *w, double weight, const double *a, double *d) {
  for (size_t i = 0; i < w->D; i++)
    for (size_t k = 0; k < w->D; k++)
      d[i * w->D + k] += weight * a[i * w->P + k];
}

/* What is the same for all samples: of the log-determinant, dlogdet being summed over them. */
static void add_log_det(const linear *l, size_t m, const work *w, bool back, double dlogdet,
                        double *dparams) {
  double *dw = dparams + l->weight[m];
  if (!l->second || back) {
    add_padded(w, back ? -dlogdet : dlogdet, layer_with(l, m, INVERSE)->inverse.there, dw);
    return;
  }
  add_padded(w, dlogdet / 2, layer_with(l, m, SECOND)->R.there, dw);
  add_padded(w, -dlogdet / 2, layer_with(l, m, WEIGHTS)->W.there, dparams + l->second[m]);
}

/* The surrogate, with dz in w.a, dx in w.b, x in w.x, z in w.z. */
static void add_surrogate(const linear *l, size_t m, const work *w, const double *dlogdet,
                          double *dparams) {
  const layer *at = layer_with(l, m, SECOND);
  const size_t P = w->P;
  for (size_t i = 0; i < w->S; i++)
    for (size_t k = 0; k < w->D; k++)
      w->z[i * P + k] -= at->b[k];
  times(w, w->z, at->R.there, w->out); /* e */
  for (size_t i = 0; i < w->S; i++)
    for (size_t k = 0; k < w->D; k++) {
      const size_t q = i * P + k;
      w->out[q] = -2 * l->lambda * dlogdet[i] * (w->out[q] - w->x[q]);
      w->b[q] = w->out[q] - w->b[q] / 2;
    }
  add_products(w, 1, w->b, w->z, dparams + l->second[m]);
  times(w, w->out, at->R.back, w->b);
  for (size_t q = 0; q < w->S * P; q++)
    w->b[q] += w->a[q] / 2;
  add_products(w, 1, w->b, w->x, dparams + l->weight[m]);
}

/* dz of every sample into w.a, and cotangents a (S,D) of what left the layer become those of what
   entered it. */
static void pull_values(const linear *l, size_t m, const work *w, bool back, const double *dlogdet,
                        double *a) {
  const layer *at = layer_with(l, m, back ? INVERSE : WEIGHTS);
  const bool last = m + 1 == l->head.base.layers;
  const size_t D = w->D, P = w->P;
  load(w, a, D, back ? w->b : w->a);
  if (back)
    times(w, w->b, at->inverse.back, w->a);
  for (size_t i = 0; i < w->S; i++)
    for (size_t k = 0; k < D; k++) {
      double *dz = &w->a[i * P + k];
      const double z = w->z[i * P + k], bent = last ? 0 : dlogdet[i] * enf__smooth_bend(z);
      const double steep = last ? 1 : enf__smooth_slope(z);
      if (back)
        a[i * D + k] = (*dz - bent) / steep;
      else
        *dz = steep * *dz + bent;
    }
  if (back)
    return;
  times(w, w->a, at->W.back, w->b);
  for (size_t i = 0; i < w->S; i++)
    memcpy(a + i * D, w->b + i * P, D * sizeof *a);
}

static void pull_layer(const linear *l, size_t m, const work *w, bool back, const double *dlogdet,
                       double *a, double *dparams) {
  const double sign = back ? -1 : 1;
  pull_values(l, m, w, back, dlogdet, a);
  if (!dparams)
    return;
  for (size_t i = 0; i < w->S; i++)
    for (size_t k = 0; k < w->D; k++)
      dparams[l->bias[m] + k] += sign * w->a[i * w->P + k];
  if (l->second && !back)
    add_surrogate(l, m, w, dlogdet, dparams);
  else
    add_products(w, sign, w->a, w->x, dparams + l->weight[m]);
}

/* ---- the formula ----------------------------------------------------------------------------- */

/* x and z of every layer. */
static size_t record_of(const enf__map *map) { return 2 * map->layers * ((linear *)map)->dim; }

/* Products take the kernels an eighth of what others take. */
static double cost(const enf__map *map) {
  const double D = (double)((const linear *)map)->dim;
  return (double)map->layers * (D * D / 8 + 40 * D);
}

static size_t workspace(const enf__map *map, const enf__run *run, size_t S) {
  enf__arena count = {0};
  lay_out((const linear *)map, run, S, &count);
  ENF__TAKE(&count, double, S);
  return count.used;
}

/* Column `which` of the record gets padded rows, or (S,D) ones. */
static void keep(const linear *l, size_t S, size_t which, const double *rows, size_t stride,
                 double *record) {
  const size_t kept = record_of(&l->head.base);
  for (size_t i = 0; record && i < S; i++)
    memcpy(record + i * kept + which * l->dim, rows + i * stride, l->dim * sizeof *rows);
}

static void apply(const enf__map *map, const enf__run *run, enf__arena *arena,
                  const enf__stretch *stretch, size_t S, double *x, double *logdet, double *record,
                  double *aside, enf__failure *why) {
  const linear *l = (const linear *)map;
  const size_t D = l->dim;
  const work w = begin(l, run, S, arena);
  double *log_det = ENF__TAKE(arena, double, S), sum = 0;
  (void)aside;
  memset(log_det, 0, S * sizeof *log_det);
  for (size_t k = stretch->first; k < stretch->end; k++) {
    const size_t m = stretch->to_data ? stretch->end - 1 - (k - stretch->first) : k;
    if (!stretch->to_data)
      keep(l, S, 2 * m, x, D, record);
    sum += stretch->to_data ? to_data(l, m, &w, x, log_det)
                            : to_prior(l, m, &w, record && !l->second, x, log_det);
    if (stretch->to_data)
      keep(l, S, 2 * m, x, D, record);
    keep(l, S, 2 * m + 1, w.z, w.P, record);
  }
  for (size_t i = 0; i < S; i++) {
    if (!isfinite(sum + log_det[i]) && why[i].status == ENF_OK)
      why[i] = (enf__failure){
          .status = ENF_ERR_NONFINITE, .what = "log |det W| of a linear map", .t = 0};
    if (logdet)
      logdet[i] += sum + log_det[i];
  }
}

static void pull(const enf__map *map, const enf__run *run, enf__arena *arena, bool to_data,
                 size_t S, const double *record, const double *aside, const double *dlogdet,
                 double *a, double *dparams) {
  const linear *l = (const linear *)map;
  const size_t D = l->dim, M = map->layers, kept = record_of(map);
  const work w = begin(l, run, S, arena);
  double sum = 0;
  (void)aside;
  for (size_t i = 0; i < S; i++)
    sum += dlogdet[i];
  for (size_t k = 0; k < M; k++) {
    const size_t m = to_data ? k : M - 1 - k;
    load(&w, record + 2 * m * D, kept, w.x);
    load(&w, record + (2 * m + 1) * D, kept, w.z);
    pull_layer(l, m, &w, to_data, dlogdet, a, dparams);
    if (dparams)
      add_log_det(l, m, &w, to_data, sum, dparams);
  }
}

static const enf__formula_ops formula = {.together = 1,
                                         .record = record_of,
                                         .cost = cost,
                                         .workspace = workspace,
                                         .apply = apply,
                                         .pull = pull};

const enf__map_ops enf__linear_ops = {
    .plan = plan, .allocate = allocate, .destroy = destroy, .pack = pack, ENF__FORMULA_ROWS};
