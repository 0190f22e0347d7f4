/* residual_pairwise.c -- the residual maps "monotone" and "kernel": F is the gradient of a sum of
   functions of distances (math/pairwise.h), one for every pair of species.

   g' is a uniform quadratic B-spline on [0,R] with K cells, constant beyond, whose coefficients
   a_0 = a_1, a_1 ... a_K, a_{K+1} = a_K are, with w trained and 0 the identity,

     kernel    (c/N) tanh w               |g'| <= c/N, so that F is Lipschitz with constant c
     monotone  (c/N) w, below 0 (c/N) (e^w - 1)    g' >= -c/N, so that 1 + J >= 1 - c

   for the complete graph's Laplacian is at most N (docs/math.md). Either way x + F(x) is the
   gradient of a strongly convex function, so Newton's method with a line search finds its
   inverse from anywhere. Every sample is a lane of its own. All of it is double. */
#include "map/residual.h"
#include "map/residual_series.h"
#include <math.h>
#include <string.h>

/* Of a sum of distances, in units of the largest coordinate. */
static const double ROUNDING = 1e-13;
/* Along a Newton step y - T falls to zero, for T is the gradient of a convex function; where SLACK
   of it is left the search for the zero ends, or after TRIES. */
static const double SLACK = 0.5, LONGER = 8;
enum { TRIES = 20 };

typedef struct {
  enf__residual head;
  bool both_sides; /* kernel: bounded above, too */
  size_t rows, cells;
  double range;
  size_t *weight; /* (M) offsets of (rows,cells) */
  int32_t *row;   /* (pairs) */
  double *spline; /* (M,rows,cells,4) */
  double *slope;  /* (M,rows,cells) da/dw */
} pairwise;

static const pairwise *of(const enf__residual *kind) { return (const pairwise *)kind; }
static size_t size_of(const pairwise *p) { return enf__space_state(p->head.space); }
static size_t triangle(size_t n) { return n * (n + 1) / 2; }

/* ---- making ---------------------------------------------------------------------------------- */

static void destroy(enf__residual *kind) {
  pairwise *p = (pairwise *)kind;
  const enf_alloc alloc = kind->alloc;
  enf__free(&alloc, p->weight);
  enf__free(&alloc, p->row);
  enf__free(&alloc, p->spline);
  enf__free(&alloc, p->slope);
  enf__free(&alloc, p);
}

/* Of the pairs (0,1), (0,2) ... their species' row. */
static void number_pairs(const enf__shape *shape, int32_t *row) {
  for (size_t i = 0; i < shape->particles; i++)
    for (size_t j = i + 1; j < shape->particles; j++)
      *row++ = (int32_t)enf__shape_species(shape, i, j);
}

static enf_status create(enf_ctx *ctx, enf__residual **kind, const enf__map_spec *spec) {
  const enf__space *space = spec->space;
  if (space->ops != &enf__particles_ops)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.residual: functions of distances need model.space particles");
  pairwise *p = enf__alloc(&ctx->alloc, sizeof *p);
  if (!p)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  const enf_opts *opts = spec->options;
  const size_t N = space->shape.particles;
  *p =
      (pairwise){.head.alloc = ctx->alloc,
                 .both_sides = enf__opts_int(opts, ENF__OPT_MODEL_RESIDUAL) == ENF__RESIDUAL_KERNEL,
                 .rows = triangle(space->kinds ? space->kinds : 1),
                 .cells = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_RESIDUAL_CELLS),
                 .range = enf__opts_real(opts, ENF__OPT_MODEL_RESIDUAL_RANGE)};
  p->weight = enf__alloc_array(&ctx->alloc, spec->layers, sizeof *p->weight);
  p->row = enf__alloc_array(&ctx->alloc, N * (N - 1) / 2, sizeof *p->row);
  if (!p->weight || !p->row) {
    destroy(&p->head);
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  }
  number_pairs(&space->shape, p->row);
  *kind = &p->head;
  return ENF_OK;
}

static void add(enf__residual *kind, size_t layer, enf__params *params) {
  pairwise *p = (pairwise *)kind;
  p->weight[layer] =
      enf__params_add(params, (enf__tensor){.rows = p->rows, .cols = p->cells, .turns = true},
                      "residual.%zu.weight", layer);
}

static enf_status allocate(enf_ctx *ctx, enf__residual *kind) {
  pairwise *p = (pairwise *)kind;
  const size_t count = kind->layers * p->rows;
  p->spline = enf__alloc_array(&kind->alloc, count, p->cells * 4 * sizeof *p->spline);
  p->slope = enf__alloc_array(&kind->alloc, count, p->cells * sizeof *p->slope);
  if (!p->spline || !p->slope)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  return ENF_OK;
}

/* ---- the functions' numbers ------------------------------------------------------------------ */

static double coefficient(const pairwise *p, double w, double *slope) {
  const double share = p->head.bound / (double)p->head.space->shape.particles;
  if (p->both_sides) {
    const double t = tanh(w);
    *slope = share * (1 - t) * (1 + t);
    return share * t;
  }
  *slope = w > 0 ? share : share * exp(w);
  return share * (w > 0 ? w : expm1(w));
}

/* Beside the coefficient of a cell; those of the first and the last cell are repeated. */
static size_t left(size_t cell) { return cell ? cell - 1 : 0; }
static size_t right(size_t cell, size_t cells) { return cell + 1 < cells ? cell + 1 : cell; }

/* One function: spline (cells,4) and slope (cells) from w (cells). The coefficient a_{k+1} is that
   of w_k, so cell k has those of k-1, k, k+1. */
static void tabulate(const pairwise *p, const double *w, double *spline, double *slope) {
  const size_t K = p->cells;
  const double h = p->range / (double)K;
  double below = 0;
  for (size_t k = 0; k < K; k++) {
    double unused;
    const double a = coefficient(p, w[left(k)], &unused),
                 c = coefficient(p, w[right(k, K)], &unused);
    const double b = coefficient(p, w[k], &slope[k]);
    double *cell = spline + 4 * k;
    cell[0] = below;
    cell[1] = (a + b) / 2;
    cell[2] = b - a;
    cell[3] = (a - 2 * b + c) / 2;
    below += h * (a + 4 * b + c) / 6;
  }
}

/* Back: dspline (cells,4), which is used up, to dw (cells) +=. */
static void untabulate(const pairwise *p, double *dspline, const double *slope, double *dw) {
  const size_t K = p->cells;
  const double h = p->range / (double)K;
  double below = 0;
  for (size_t k = K; k-- > 0;) {
    const double *d = dspline + 4 * k, part = h * below / 6;
    dw[left(k)] += slope[left(k)] * (d[1] / 2 - d[2] + d[3] / 2 + part);
    dw[k] += slope[k] * (d[1] / 2 + d[2] - d[3] + 4 * part);
    dw[right(k, K)] += slope[right(k, K)] * (d[3] / 2 + part);
    below += d[0];
  }
}

static void pack(enf__residual *kind, const double *params) {
  pairwise *p = (pairwise *)kind;
  for (size_t m = 0; m < kind->layers; m++)
    for (size_t r = 0; r < p->rows; r++) {
      const size_t function = m * p->rows + r;
      tabulate(p, params + p->weight[m] + r * p->cells, p->spline + function * p->cells * 4,
               p->slope + function * p->cells);
    }
}

static bool view_of(const enf__residual *kind, size_t layer, enf__pairwise *view) {
  const pairwise *p = of(kind);
  *view = (enf__pairwise){.particles = p->head.space->shape.particles,
                         .dimensions = p->head.space->shape.dimensions,
                         .row = p->row,
                         .cells = p->cells,
                         .width = p->range / (double)p->cells,
                         .spline = p->spline + layer * p->rows * p->cells * 4};
  return p->both_sides;
}

/* ---- lanes ----------------------------------------------------------------------------------- */

/* As many samples at work. */
typedef struct {
  const enf__pairwise_kernels *ops;
  enf__pairwise view;
  size_t n, lanes;
  double *x, *y, *trial, *step, *rest, *solved; /* (n,lanes) */
  double *matrix;                               /* (n(n+1)/2,lanes) */
  double *dspline;                              /* (rows,cells,4) */
} work;

static work lay_out(const pairwise *p, size_t layer, const enf__run *run, enf__arena *arena) {
  work w = {.ops = enf__pairwise_kernels_of(run->kernel), .n = size_of(p)};
  view_of(&p->head, layer, &w.view);
  w.lanes = w.ops->lanes;
  const size_t numbers = w.n * w.lanes;
  w.x = ENF__TAKE(arena, double, numbers);
  w.y = ENF__TAKE(arena, double, numbers);
  w.trial = ENF__TAKE(arena, double, numbers);
  w.step = ENF__TAKE(arena, double, numbers);
  w.rest = ENF__TAKE(arena, double, numbers);
  w.solved = ENF__TAKE(arena, double, numbers);
  w.matrix = ENF__TAKE(arena, double, triangle(w.n) * w.lanes);
  w.dspline = ENF__TAKE(arena, double, p->rows * p->cells * 4);
  return w;
}

static size_t workspace(const enf__residual *kind, const enf__run *run) {
  enf__arena count = {0};
  lay_out(of(kind), 0, run, &count);
  return count.used;
}

static double cost(const enf__residual *kind) {
  const double N = (double)kind->space->shape.particles, n = (double)size_of(of(kind));
  return n * n * n / 6 + 30 * N * N;
}

/* From rows `stride` apart to lanes; lanes without a row are zero. */
static void load(const work *w, size_t rows, const double *x, size_t stride, double *lanes) {
  for (size_t l = 0; l < w->lanes; l++)
    for (size_t k = 0; k < w->n; k++)
      lanes[k * w->lanes + l] = l < rows ? x[l * stride + k] : 0;
}

static void store(const work *w, size_t rows, const double *lanes, double *x) {
  for (size_t l = 0; l < rows; l++)
    for (size_t k = 0; k < w->n; k++)
      x[l * w->n + k] = lanes[k * w->lanes + l];
}

static size_t rows_from(const work *w, size_t S, size_t first) {
  return S - first < w->lanes ? S - first : w->lanes;
}

static void forward(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                    size_t S, double *x, double *logdet) {
  const work w = lay_out(of(kind), layer, run, arena);
  double l[ENF__PAIRWISE_LANES];
  for (size_t first = 0; first < S; first += w.lanes) {
    const size_t rows = rows_from(&w, S, first);
    load(&w, rows, x + first * w.n, w.n, w.x);
    w.ops->value(&w.view, w.x, w.y, logdet ? w.matrix : NULL);
    store(&w, rows, w.y, x + first * w.n);
    if (!logdet)
      continue;
    w.ops->factor(w.n, w.matrix, l);
    for (size_t i = 0; i < rows; i++)
      logdet[first + i] += l[i];
  }
}

/* ---- the inverse ----------------------------------------------------------------------------- */

/* Where a lane's Newton iteration is. */
typedef struct {
  double square;        /* |y - T(x)|^2 at x */
  double largest;       /* of its coordinates */
  double rate;          /* y - T(x) along the step */
  double share;         /* of the step that is tried */
  double before, after; /* shares around the zero */
  double rounding;      /* of T(x) */
  double logdet;        /* log |det (1 + J(x))| */
  size_t steps, tries;
  bool moved; /* x is new: there will be a new step */
  bool stuck; /* the last one has hardly helped */
  bool done;
} lane;

static void begin_lane(const work *w, size_t l, lane *at) {
  double most = 0;
  for (size_t k = 0; k < w->n; k++)
    most = fmax(most, fabs(w->y[k * w->lanes + l]));
  *at = (lane){.square = INFINITY, .largest = INFINITY, .share = 1, .rounding = ROUNDING * most};
}

/* The next share to try, of a step that has `along` left of its rate: by the straight line through
   both, within the shares around the zero, or beyond the last one. */
static double next_share(lane *at, double along) {
  const double zero = at->share * at->rate / (at->rate - along);
  *(along > 0 ? &at->before : &at->after) = at->share;
  if (at->after == INFINITY)
    return along < at->rate ? fmin(fmax(zero, 2 * at->share), LONGER * at->share)
                            : LONGER * at->share;
  const double width = at->after - at->before, half = at->before + width / 2;
  return along > 0 ? half : fmin(fmax(zero, at->before + width / 10), at->after - width / 10);
}

/* rest is T(trial); it becomes y - T(trial), and trial becomes x if it is good enough. */
static void judge(const work *w, size_t l, lane *at) {
  double square = 0, along = 0, largest = 0;
  for (size_t k = 0; k < w->n; k++) {
    const size_t place = k * w->lanes + l;
    const double off = w->y[place] - w->rest[place];
    square += off * off;
    along += off * w->step[place];
    largest = fmax(largest, fabs(off));
    w->rest[place] = off;
  }
  at->moved = (fabs(along) <= SLACK * at->rate || at->tries == TRIES) && isfinite(square);
  if (!at->moved) {
    at->tries++;
    at->share = next_share(at, isfinite(square) ? along : -at->rate);
    return;
  }
  at->stuck = square > at->square / 4;
  at->square = square;
  at->largest = largest;
  for (size_t k = 0; k < w->n; k++)
    w->x[k * w->lanes + l] = w->trial[k * w->lanes + l];
}

static void begin_step(const work *w, size_t l, lane *at) {
  at->steps++;
  at->tries = 0;
  at->share = 1;
  at->before = at->rate = 0;
  at->after = INFINITY;
  for (size_t k = 0; k < w->n; k++) {
    const size_t place = k * w->lanes + l;
    w->step[place] = w->solved[place];
    at->rate += w->solved[place] * w->rest[place];
  }
}

static void next_trial(const work *w, size_t l, const lane *at) {
  for (size_t k = 0; k < w->n; k++) {
    const size_t place = k * w->lanes + l;
    w->trial[place] = w->x[place] + at->share * w->step[place];
  }
}

static bool is_done(const lane *at, const enf__run *run) {
  return at->largest <= run->inverse_tol || at->steps == run->inverse_iterations ||
         at->tries > TRIES || (at->stuck && at->largest <= at->rounding);
}

/* y -> x with T(x) = y; lanes that are done stay as they are. */
static void newton(const work *w, const enf__run *run, lane *lanes) {
  const size_t bytes = w->n * w->lanes * sizeof *w->x;
  for (size_t l = 0; l < w->lanes; l++)
    begin_lane(w, l, &lanes[l]);
  memcpy(w->x, w->y, bytes);
  memcpy(w->trial, w->y, bytes);
  memset(w->step, 0, bytes);
  for (size_t busy = w->lanes; busy;) {
    double logdet[ENF__PAIRWISE_LANES] = {0};
    bool moved = false;
    w->ops->value(&w->view, w->trial, w->rest, w->matrix);
    for (size_t l = 0; l < w->lanes; l++)
      if (!lanes[l].done) {
        judge(w, l, &lanes[l]);
        moved = moved || lanes[l].moved;
      }
    if (moved) {
      w->ops->factor(w->n, w->matrix, logdet);
      memcpy(w->solved, w->rest, bytes);
      w->ops->solve(w->n, w->matrix, w->solved);
    }
    busy = 0;
    for (size_t l = 0; l < w->lanes; l++) {
      lane *at = &lanes[l];
      if (at->done)
        continue;
      if (at->moved) {
        at->logdet = logdet[l];
        begin_step(w, l, at);
      }
      next_trial(w, l, at);
      at->done = is_done(at, run);
      busy += !at->done;
    }
  }
}

static bool arrived(const lane *at, double tol) { return at->largest <= fmax(tol, at->rounding); }

static void invert(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                   size_t S, double *x, double *logdet, enf__failure *why) {
  const work w = lay_out(of(kind), layer, run, arena);
  lane lanes[ENF__PAIRWISE_LANES];
  for (size_t first = 0; first < S; first += w.lanes) {
    const size_t rows = rows_from(&w, S, first);
    load(&w, rows, x + first * w.n, w.n, w.y);
    newton(&w, run, lanes);
    store(&w, rows, w.x, x + first * w.n);
    for (size_t i = 0; i < rows; i++) {
      if (logdet)
        logdet[first + i] -= lanes[i].logdet;
      if (!arrived(&lanes[i], run->inverse_tol) && why[first + i].status == ENF_OK)
        why[first + i] = (enf__failure){.status = ENF_ERR_INVERSE, .h = lanes[i].largest};
    }
  }
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* T: da = (1 + J) a + mu dl/dx, its functions' numbers by a . F + mu l; cotangents are in trial, and come
   back there. The matrix is the inverse, or an estimate of it. */
static void pull_there(const work *w, const double *mu, double *dspline) {
  w->ops->pull(&w->view, w->x, w->matrix, w->trial, mu, w->rest, dspline);
  for (size_t k = 0; k < w->n * w->lanes; k++)
    w->trial[k] += w->rest[k];
}

/* Its inverse, l of the way being -l: b = (1 + J)^-1 (a + mu dl/dx), the numbers by mu l - b . F. */
static void pull_back(const work *w, const double *mu, double *dspline) {
  const size_t numbers = w->n * w->lanes;
  memset(w->step, 0, numbers * sizeof *w->step);
  w->ops->pull(&w->view, w->x, w->matrix, w->step, mu, w->rest, NULL);
  for (size_t k = 0; k < numbers; k++)
    w->rest[k] += w->trial[k];
  w->ops->times(w->n, w->matrix, w->rest, w->trial);
  for (size_t k = 0; k < numbers; k++)
    w->step[k] = -w->trial[k];
  if (dspline)
    w->ops->pull(&w->view, w->x, w->matrix, w->step, mu, NULL, dspline);
}

static void invert_matrix(const work *w) {
  double unused[ENF__PAIRWISE_LANES];
  w->ops->value(&w->view, w->x, w->y, w->matrix);
  w->ops->factor(w->n, w->matrix, unused);
  w->ops->invert(w->n, w->matrix);
}

static void pull(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                 const enf__residual_back *back) {
  const pairwise *p = of(kind);
  const work w = lay_out(p, layer, run, arena);
  const size_t used = arena->used;
  double *dspline = back->dparams ? w.dspline : NULL;
  memset(w.dspline, 0, p->rows * p->cells * 4 * sizeof *w.dspline);
  for (size_t first = 0; first < back->S; first += w.lanes, arena->used = used) {
    const size_t rows = rows_from(&w, back->S, first);
    double mu[ENF__PAIRWISE_LANES] = {0};
    for (size_t l = 0; l < rows; l++)
      mu[l] = back->inverse ? -back->dlogdet[first + l] : back->dlogdet[first + l];
    load(&w, rows, back->x + first * back->stride, back->stride, w.x);
    load(&w, rows, back->a + first * w.n, w.n, w.trial);
    if (back->probed)
      enf__residual_series_inverse(kind, layer, run, arena, rows, w.x, back->probed, first, w.matrix);
    else
      invert_matrix(&w);
    (back->inverse ? pull_back : pull_there)(&w, mu, dspline);
    store(&w, rows, w.trial, back->a + first * w.n);
  }
  for (size_t r = 0; dspline && r < p->rows; r++)
    untabulate(p, w.dspline + r * p->cells * 4, p->slope + (layer * p->rows + r) * p->cells,
               back->dparams + p->weight[layer] + r * p->cells);
}

const enf__residual_kind enf__residual_pairwise = {create, add,       allocate, destroy, pack,
                                                   cost,   workspace, forward,  invert,  pull,    view_of};
