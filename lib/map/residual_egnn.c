/* residual_egnn.c -- the residual map "egnn": F is a network of all particles of Lipschitz constant c
   (bounded_graph.h), no gradient, so its Jacobian J is not symmetric.

   J is found by n = N D tangents, log |det (1 + J)| = l and (1 + J)^-1 = G by elimination; tr G dJ is
   the sum over k of row k of G times the derivative of J's column k: n ways back. The inverse is
   Newton's; a step after which y - T(x) has not fallen by c is replaced by x <- x + (y - T(x)),
   after which it has. */
#include "map/bounded_graph.h"
#include "map/residual.h"
#include "math/lu.h"
#include <math.h>
#include <string.h>

typedef struct {
  enf__residual head;
  enf__bounded_graph *net; /* (M) */
  double *block;
} graph;

static const graph *of(const enf__residual *kind) { return (const graph *)kind; }

/* ---- making ---------------------------------------------------------------------------------- */

static void destroy(enf__residual *kind) {
  graph *p = (graph *)kind;
  const enf_alloc alloc = kind->alloc;
  enf__free(&alloc, p->net);
  enf__free(&alloc, p->block);
  enf__free(&alloc, p);
}

static enf_status create(enf_ctx *ctx, enf__residual **kind, const enf__map_spec *spec) {
  const enf__space *space = spec->space;
  if (space->ops != &enf__particles_ops)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.residual egnn is a network of particles; it needs model.space particles");
  graph *p = enf__alloc(&ctx->alloc, sizeof *p);
  if (!p)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  *p = (graph){.head.alloc = ctx->alloc};
  p->net = enf__alloc_array(&ctx->alloc, spec->layers, sizeof *p->net);
  if (!p->net) {
    destroy(&p->head);
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  }
  const size_t kinds = space->kinds ? space->kinds : 1;
  for (size_t m = 0; m < spec->layers; m++)
    p->net[m] = (enf__bounded_graph){
        .shape = &space->shape,
        .rows = kinds * (kinds + 1) / 2,
        .hidden = (size_t)enf__opts_int(spec->options, ENF__OPT_MODEL_HIDDEN),
        .bound = enf__opts_real(spec->options, ENF__OPT_MODEL_BOUND)};
  *kind = &p->head;
  return ENF_OK;
}

static void add(enf__residual *kind, size_t layer, enf__params *params) {
  enf__bounded_graph_add(&((graph *)kind)->net[layer], params, layer);
}

static enf_status allocate(enf_ctx *ctx, enf__residual *kind) {
  graph *p = (graph *)kind;
  const size_t numbers = enf__bounded_graph_numbers(p->net);
  p->block = enf__alloc_array(&kind->alloc, kind->layers, numbers * sizeof *p->block);
  if (!p->block)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  for (size_t m = 0; m < kind->layers; m++)
    enf__bounded_graph_place(&p->net[m], p->block + m * numbers);
  return ENF_OK;
}

static void pack(enf__residual *kind, const double *params) {
  for (size_t m = 0; m < kind->layers; m++)
    enf__bounded_graph_pack(&((graph *)kind)->net[m], params);
}

/* ---- one sample ------------------------------------------------------------------------------ */

typedef struct {
  const enf__bounded_graph *net;
  enf__bounded_graph_work rows;
  size_t n;
  double *x, *F, *unit, *column, *rest, *trial, *zero; /* (n) */
  double *matrix, *inverse;                            /* (n,n) */
} work;

static work lay_out(const enf__residual *kind, size_t layer, enf__arena *arena) {
  work w = {.net = &of(kind)->net[layer], .n = enf__space_state(kind->space)};
  double **vectors[] = {&w.x, &w.F, &w.unit, &w.column, &w.rest, &w.trial, &w.zero};
  w.rows = enf__bounded_graph_take(w.net, arena);
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
    *vectors[i] = ENF__TAKE(arena, double, w.n);
  w.matrix = ENF__TAKE(arena, double, w.n *w.n);
  w.inverse = ENF__TAKE(arena, double, w.n *w.n);
  return w;
}

/* For its use: the arrays that begin as zeros. */
static work begin(const enf__residual *kind, size_t layer, enf__arena *arena) {
  const work w = lay_out(kind, layer, arena);
  memset(w.unit, 0, w.n * sizeof *w.unit);
  memset(w.zero, 0, w.n * sizeof *w.zero);
  return w;
}

static size_t workspace(const enf__residual *kind, const enf__run *run) {
  enf__arena count = {0};
  (void)run;
  lay_out(kind, 0, &count);
  return count.used;
}

static double cost(const enf__residual *kind) {
  const double N = (double)kind->space->shape.particles, n = (double)enf__space_state(kind->space);
  const double H = (double)of(kind)->net->hidden;
  return n * (2 * N * H * H + 20 * N * N * H) + 2 * n * n * n;
}

/* F at x into w.F. */
static void value(const work *w, const double *x) {
  enf__bounded_graph_value(w->net, &w->rows, x, w->F);
}

/* log |det (1 + J)| at x, and the inverse. */
static double determinant(const work *w, const double *x) {
  const size_t n = w->n;
  for (size_t k = 0; k < n; k++) {
    w->unit[k] = 1;
    enf__bounded_graph_tangent(w->net, &w->rows, x, w->unit, w->column);
    w->unit[k] = 0;
    for (size_t a = 0; a < n; a++)
      w->matrix[a * n + k] = w->column[a] + (a == k);
  }
  return enf__lu_invert(n, w->matrix, w->inverse);
}

static void forward(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                    size_t S, double *x, double *logdet) {
  const work w = begin(kind, layer, arena);
  (void)run;
  for (size_t i = 0; i < S; i++, x += w.n) {
    if (logdet)
      logdet[i] += determinant(&w, x);
    value(&w, x);
    for (size_t k = 0; k < w.n; k++)
      x[k] += w.F[k];
  }
}

/* ---- the inverse ----------------------------------------------------------------------------- */

/* w.column = y - T(x), F being left at x; its square and largest number. */
static double miss(const work *w, const double *x, const double *y, double *largest) {
  double square = 0;
  value(w, x);
  *largest = 0;
  for (size_t k = 0; k < w->n; k++) {
    w->column[k] = y[k] - x[k] - w->F[k];
    square += w->column[k] * w->column[k];
    *largest = fmax(*largest, fabs(w->column[k]));
  }
  return square;
}

/* y (n) becomes x; returns log |det (1 + J(x))|. */
static double solve(const work *w, const enf__run *run, double *y, double *largest) {
  const size_t n = w->n, bytes = n * sizeof *y;
  const double c = w->net->bound;
  double logdet = 0, square;
  memcpy(w->x, y, bytes);
  square = miss(w, w->x, y, largest);
  for (size_t k = 0;; k++) {
    memcpy(w->rest, w->column, bytes);
    logdet = determinant(w, w->x);
    if (*largest <= run->inverse_tol || k == run->inverse_iterations)
      break;
    for (size_t a = 0; a < n; a++) {
      w->trial[a] = w->x[a];
      for (size_t b = 0; b < n; b++)
        w->trial[a] += w->inverse[a * n + b] * w->rest[b];
    }
    double next = miss(w, w->trial, y, largest);
    if (!(next <= c * c * square)) {
      for (size_t a = 0; a < n; a++)
        w->trial[a] = w->x[a] + w->rest[a];
      next = miss(w, w->trial, y, largest);
    }
    memcpy(w->x, w->trial, bytes);
    square = next;
  }
  memcpy(y, w->x, bytes);
  return logdet;
}

static void invert(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                   size_t S, double *x, double *logdet, enf__failure *why) {
  const work w = begin(kind, layer, arena);
  for (size_t i = 0; i < S; i++, x += w.n) {
    double largest;
    const double l = solve(&w, run, x, &largest);
    if (logdet)
      logdet[i] -= l;
    if (!(largest <= run->inverse_tol) && why[i].status == ENF_OK)
      why[i] = (enf__failure){.status = ENF_ERR_INVERSE, .h = largest};
  }
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* w.trial = the gradient of b . F + mu l by x, G being in w.inverse; dparams += or NULL. */
static void reverse(const work *w, const double *x, const double *b, double mu, double *dparams) {
  double dkappa = 0;
  memset(w->trial, 0, w->n * sizeof *w->trial);
  enf__bounded_graph_reverse(w->net, &w->rows, x, w->zero, b, w->zero, w->trial, dparams, &dkappa);
  for (size_t k = 0; k < w->n && mu != 0; k++) {
    for (size_t a = 0; a < w->n; a++)
      w->column[a] = mu * w->inverse[k * w->n + a];
    w->unit[k] = 1;
    enf__bounded_graph_reverse(w->net, &w->rows, x, w->unit, w->zero, w->column, w->trial, dparams,
                               &dkappa);
    w->unit[k] = 0;
  }
  if (dparams)
    enf__bounded_graph_pull_bound(w->net, dkappa, dparams);
}

/* As in residual_mlp.c. */
static void pull(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                 const enf__residual_back *back) {
  const work w = begin(kind, layer, arena);
  const double *x = back->x;
  const size_t n = w.n;
  double *a = back->a;
  (void)run;
  for (size_t i = 0; i < back->S; i++, x += back->stride, a += n) {
    determinant(&w, x);
    if (!back->inverse) {
      reverse(&w, x, a, back->dlogdet[i], back->dparams);
      for (size_t k = 0; k < n; k++)
        a[k] += w.trial[k];
      continue;
    }
    reverse(&w, x, w.zero, -back->dlogdet[i], NULL);
    for (size_t k = 0; k < n; k++)
      w.rest[k] = a[k] + w.trial[k];
    for (size_t k = 0; k < n; k++) {
      a[k] = 0;
      for (size_t b = 0; b < n; b++)
        a[k] += w.inverse[b * n + k] * w.rest[b];
      w.F[k] = -a[k];
    }
    if (back->dparams)
      reverse(&w, x, w.F, -back->dlogdet[i], back->dparams);
  }
}

const enf__residual_kind enf__residual_egnn = {create, add,       allocate, destroy, pack,
                                               cost,   workspace, forward,  invert,  pull,    NULL};
