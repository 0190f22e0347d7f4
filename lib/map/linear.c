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
   log |det W| is wanted for the loss alone. */
#include "map/formula.h"
#include "math/lu.h"
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static const double ALPHA = 0.3;
enum { NEWTON_STEPS = 60 };

typedef struct {
  const double *w, *b; /* (D,D) and (D), of the flow's parameters */
  const double *r;     /* (D,D) R, or NULL */
  double *inverse;     /* (D,D) W^-1, if it is there */
  double log_det;      /* log |det W|, if it is there; NaN if W is singular */
  atomic_int there;    /* LOG_DET, INVERSE; set under the lock */
} layer;

enum { LOG_DET = 1, INVERSE = 2 };

typedef struct {
  enf__formula head;
  size_t dim;
  size_t *weight, *bias; /* (M) their offsets */
  size_t *second;        /* (M) those of R, or NULL */
  double lambda;
  layer *layer;  /* (M) */
  double *block; /* of all inverses, and scratch of (D,D) */
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

static enf_status allocate(enf_ctx *ctx, enf__map *map) {
  linear *l = (linear *)map;
  const size_t square = l->dim * l->dim;
  l->lock = enf__alloc(&map->alloc, sizeof *l->lock);
  if (l->lock)
    pthread_mutex_init(l->lock, NULL);
  l->block = enf__alloc_array(&map->alloc, map->layers + 1, square * sizeof *l->block);
  if (!l->block || !l->lock)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  for (size_t m = 0; m < map->layers; m++)
    l->layer[m] = (layer){.inverse = l->block + m * square};
  return ENF_OK;
}

/* ---- the inverse ----------------------------------------------------------------------------- */

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

/* A layer with that of it. */
static const layer *layer_with(const linear *l, size_t m, int what) {
  layer *at = &l->layer[m];
  const size_t D = l->dim;
  double *scratch = l->block + l->head.base.layers * D * D;
  if (atomic_load_explicit(&at->there, memory_order_acquire) & what)
    return at;
  pthread_mutex_lock(l->lock);
  const int there = atomic_load(&at->there);
  if (!(there & what)) {
    memcpy(scratch, at->w, D * D * sizeof *scratch);
    const double log_det = what == INVERSE ? enf__lu_invert(D, scratch, at->inverse)
                                           : enf__lu_log_det(D, scratch);
    if (!(there & LOG_DET)) /* others may read it */
      at->log_det = log_det;
    atomic_fetch_or_explicit(&at->there, what | LOG_DET, memory_order_release);
  }
  pthread_mutex_unlock(l->lock);
  return at;
}

/* ---- the activation -------------------------------------------------------------------------- */

static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double smooth(double x) { return ALPHA * x + (1 - ALPHA) * softplus(x); }
static double slope(double x) { return ALPHA + (1 - ALPHA) * sigmoid(x); }
/* d log slope / dx */
static double bend(double x) {
  const double s = sigmoid(x);
  return (1 - ALPHA) * s * (1 - s) / slope(x);
}

/* Newton from the nearer asymptote: the function is convex, its slope between alpha and 1. */
static double unsmooth(double y) {
  double x = y > 0 ? y : y / ALPHA;
  for (size_t k = 0; k < NEWTON_STEPS; k++) {
    const double step = (smooth(x) - y) / slope(x);
    x -= step;
    if (!(fabs(step) > 1e-16 * fabs(x)))
      break;
  }
  return x;
}

/* ---- one layer, one sample ------------------------------------------------------------------- */

/* out (n) = a (n,n) x, or a^T x, which walks along the rows, too. */
static void times(size_t n, const double *a, bool transposed, const double *x, double *out) {
  for (size_t i = 0; !transposed && i < n; i++) {
    double sum = 0;
    for (size_t k = 0; k < n; k++)
      sum += a[i * n + k] * x[k];
    out[i] = sum;
  }
  for (size_t i = 0; transposed && i < n; i++)
    out[i] = 0;
  for (size_t k = 0; transposed && k < n; k++)
    for (size_t i = 0; i < n; i++)
      out[i] += a[k * n + i] * x[k];
}

/* x -> z -> y with z in z (n); returns log |dy/dx|. */
static double to_prior(const linear *l, size_t m, double *x, double *z) {
  const layer *at = layer_with(l, m, LOG_DET);
  double log_det = at->log_det;
  times(l->dim, at->w, false, x, z);
  for (size_t i = 0; i < l->dim; i++) {
    z[i] += at->b[i];
    x[i] = z[i];
    if (m + 1 == l->head.base.layers)
      continue;
    log_det += log(slope(z[i]));
    x[i] = smooth(z[i]);
  }
  return log_det;
}

/* y -> z -> x with z in z (n); returns log |dx/dy|. */
static double to_data(const linear *l, size_t m, double *x, double *z) {
  const layer *at = layer_with(l, m, INVERSE);
  const bool last = m + 1 == l->head.base.layers;
  double log_det = -at->log_det;
  for (size_t i = 0; i < l->dim; i++) {
    z[i] = last ? x[i] : unsmooth(x[i]);
    log_det -= last ? 0 : log(slope(z[i]));
    z[i] -= at->b[i];
  }
  times(l->dim, at->inverse, false, z, x);
  for (size_t i = 0; i < l->dim; i++)
    z[i] += at->b[i];
  return log_det;
}

static void add_outer(size_t n, double weight, const double *dz, const double *x, double *dw) {
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < n; k++)
      dw[i * n + k] += weight * dz[i] * x[k];
}

static void add_parameters(const linear *l, size_t m, double sign, const double *dz,
                           const double *x, double *dparams) {
  double *db = dparams + l->bias[m];
  add_outer(l->dim, sign, dz, x, dparams + l->weight[m]);
  for (size_t i = 0; i < l->dim; i++)
    db[i] += sign * dz[i];
}

/* The surrogate: dx is W^T dz, work (3 D) scratch. */
static void add_surrogate(const linear *l, size_t m, const double *dz, const double *x,
                          const double *z, const double *dx, double dlogdet, double *work,
                          double *dparams) {
  const size_t n = l->dim;
  const layer *at = &l->layer[m];
  double *db = dparams + l->bias[m], *e = work, *back = work + n, *out = work + 2 * n;
  const double pull = -2 * l->lambda * dlogdet;
  for (size_t i = 0; i < n; i++)
    out[i] = z[i] - at->b[i];
  times(n, at->r, false, out, e);
  for (size_t i = 0; i < n; i++)
    e[i] -= x[i];
  times(n, at->r, true, e, back);
  for (size_t i = 0; i < n; i++) {
    db[i] += dz[i];
    back[i] = dz[i] / 2 + pull * back[i];
    e[i] = pull * e[i] - dx[i] / 2;
  }
  add_outer(n, 1, back, x, dparams + l->weight[m]);
  add_outer(n, 1, e, out, dparams + l->second[m]);
}

/* d (n,n) += weight a^T */
static void add_transposed(size_t n, double weight, const double *a, double *d) {
  for (size_t k = 0; k < n; k++)
    for (size_t i = 0; i < n; i++)
      d[i * n + k] += weight * a[k * n + i];
}

/* What is the same for all samples: of the log-determinant, dlogdet being summed over them. */
static void add_log_det(const linear *l, size_t m, bool back, double dlogdet, double *dparams) {
  double *dw = dparams + l->weight[m];
  if (!l->second || back) {
    add_transposed(l->dim, back ? -dlogdet : dlogdet, layer_with(l, m, INVERSE)->inverse, dw);
    return;
  }
  add_transposed(l->dim, dlogdet / 2, l->layer[m].r, dw);
  add_transposed(l->dim, -dlogdet / 2, l->layer[m].w, dparams + l->second[m]);
}

/* Cotangents a of what left the layer become those of what entered it; x and z are its points, x
   on the side of the data. */
static void pull_layer(const linear *l, size_t m, bool back, const double *x, const double *z,
                       double dlogdet, double *a, double *work, double *dparams) {
  const layer *at = back ? layer_with(l, m, INVERSE) : &l->layer[m];
  const bool last = m + 1 == l->head.base.layers;
  const size_t n = l->dim;
  if (!back) {
    for (size_t i = 0; i < n; i++)
      work[i] = last ? a[i] : slope(z[i]) * a[i] + dlogdet * bend(z[i]);
    times(n, at->w, true, work, a);
  } else {
    times(n, at->inverse, true, a, work);
    for (size_t i = 0; i < n; i++)
      a[i] = last ? work[i] : (work[i] - dlogdet * bend(z[i])) / slope(z[i]);
  }
  if (dparams && l->second && !back)
    add_surrogate(l, m, work, x, z, a, dlogdet, work + n, dparams);
  else if (dparams)
    add_parameters(l, m, back ? -1 : 1, work, x, dparams);
}

/* ---- the formula -------------------------------------------------------------------------------
 */

/* x and z of every layer. */
static size_t record_of(const enf__map *map) { return 2 * map->layers * ((linear *)map)->dim; }

static double cost(const enf__map *map) {
  const double D = (double)((const linear *)map)->dim;
  return (double)map->layers * (D * D + 40 * D);
}

static size_t workspace(const enf__map *map, const enf__run *run, size_t S) {
  (void)run;
  (void)S;
  enf__arena count = {0};
  ENF__TAKE(&count, double, 4 * ((const linear *)map)->dim);
  return count.used;
}

static void apply(const enf__map *map, const enf__run *run, enf__arena *arena,
                  const enf__stretch *stretch, size_t S, double *x, double *logdet, double *record,
                  double *aside, enf__failure *why) {
  const linear *l = (const linear *)map;
  const size_t D = l->dim, kept = record_of(map);
  double *work = ENF__TAKE(arena, double, D);
  (void)run;
  (void)aside;
  for (size_t i = 0; i < S; i++, x += D) {
    double sum = 0;
    for (size_t k = stretch->first; k < stretch->end; k++) {
      const size_t m = stretch->to_data ? stretch->end - 1 - (k - stretch->first) : k;
      double *points = record ? record + i * kept + 2 * m * D : NULL;
      double *z = points ? points + D : work;
      if (points && !stretch->to_data)
        memcpy(points, x, D * sizeof *x);
      sum += stretch->to_data ? to_data(l, m, x, z) : to_prior(l, m, x, z);
      if (points && stretch->to_data)
        memcpy(points, x, D * sizeof *x);
    }
    if (!isfinite(sum) && why[i].status == ENF_OK)
      why[i] = (enf__failure){
          .status = ENF_ERR_NONFINITE, .what = "log |det W| of a linear map", .t = 0};
    if (logdet)
      logdet[i] += sum;
  }
}

static void pull(const enf__map *map, const enf__run *run, enf__arena *arena, bool to_data,
                 size_t S, const double *record, const double *aside, const double *dlogdet,
                 double *a, double *dparams) {
  const linear *l = (const linear *)map;
  const size_t D = l->dim, M = map->layers, kept = record_of(map);
  double *work = ENF__TAKE(arena, double, 4 * D), sum = 0;
  (void)run;
  (void)aside;
  for (size_t i = 0; i < S; i++)
    sum += dlogdet[i];
  for (size_t m = 0; dparams && m < M; m++)
    add_log_det(l, m, to_data, sum, dparams);
  for (size_t i = 0; i < S; i++)
    for (size_t k = 0; k < M; k++) {
      const size_t m = to_data ? k : M - 1 - k;
      const double *points = record + i * kept + 2 * m * D;
      pull_layer(l, m, to_data, points, points + D, dlogdet[i], a + i * D, work, dparams);
    }
}

static const enf__formula_ops formula = {1, record_of, NULL, cost, workspace, apply, pull};

const enf__map_ops enf__linear_ops = {
    .plan = plan, .allocate = allocate, .destroy = destroy, .pack = pack, ENF__FORMULA_ROWS};
