/* residual_mlp.c -- the residual map "mlp" of the vector space: F is a network of Lipschitz
   constant c (lipschitz_net.h), or, in the plane, its mean over a group of rotations (c2 ... c16)
   or of rotations and reflections (d2 ... d16), model.symmetry:

     F(x) = mean_g g^T f(g x),  J = mean_g g^T f'(g x) g,  l = log |det (1 + J)|,  dl = tr (1+J)^-1
   dJ

   which is equivariant and has the same constant. J is found by D tangents, its determinant by
   elimination. The inverse is Newton's; a step after which y - T(x) has not fallen by c is replaced
   by x <- x + (y - T(x)), after which it has. */
#include "map/lipschitz_net.h"
#include "map/residual.h"
#include "math/lu.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 512, MOST_ELEMENTS = 32 };

typedef struct {
  enf__residual head;
  size_t elements; /* of the group */
  double group[MOST_ELEMENTS][4];
  enf__lipschitz_net *net; /* (M) */
  double *block;
} mlp;

static const mlp *of(const enf__residual *kind) { return (const mlp *)kind; }

/* ---- making ---------------------------------------------------------------------------------- */

static void destroy(enf__residual *kind) {
  mlp *p = (mlp *)kind;
  const enf_alloc alloc = kind->alloc;
  enf__free(&alloc, p->net);
  enf__free(&alloc, p->block);
  enf__free(&alloc, p);
}

/* From "none", "c8", "d4": its elements as matrices. */
static void make_group(mlp *p, const char *text) {
  const bool reflects = *text == 'd';
  const size_t n = *text == 'n' ? 1 : (size_t)atoi(text + 1);
  const double turn = 2 * acos(-1) / (double)n;
  p->elements = reflects ? 2 * n : n;
  for (size_t k = 0; k < n; k++) {
    const double c = cos(turn * (double)k), s = sin(turn * (double)k);
    const double rotation[4] = {c, -s, s, c}, reflection[4] = {c, s, s, -c};
    memcpy(p->group[k], rotation, sizeof rotation);
    if (reflects)
      memcpy(p->group[n + k], reflection, sizeof reflection);
  }
}

static enf_status create(enf_ctx *ctx, enf__residual **kind, const enf__map_spec *spec) {
  const enf_opts *opts = spec->options;
  const size_t D = enf__space_state(spec->space);
  const char *symmetry = enf__opts_text(opts, ENF__OPT_MODEL_SYMMETRY);
  if (spec->space->ops != &enf__vector_ops)
    return enf__fail(
        ctx, ENF_ERR_OPTION,
        "model.residual mlp has no symmetry of particles; it needs model.space vector");
  if (strcmp(symmetry, "none") && D != 2)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.symmetry %.8s is of the plane, model.dimensions is %zu", symmetry, D);
  mlp *p = enf__alloc(&ctx->alloc, sizeof *p);
  if (!p)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  *p = (mlp){.head.alloc = ctx->alloc};
  p->net = enf__alloc_array(&ctx->alloc, spec->layers, sizeof *p->net);
  if (!p->net) {
    destroy(&p->head);
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  }
  make_group(p, symmetry);
  for (size_t m = 0; m < spec->layers; m++)
    p->net[m] =
        (enf__lipschitz_net){.dim = D,
                             .hidden = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_HIDDEN),
                             .layers = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_LAYERS) + 1,
                             .bound = enf__opts_real(opts, ENF__OPT_MODEL_BOUND)};
  *kind = &p->head;
  return ENF_OK;
}

static void add(enf__residual *kind, size_t layer, enf__params *params) {
  enf__lipschitz_add(&((mlp *)kind)->net[layer], params, layer);
}

static enf_status allocate(enf_ctx *ctx, enf__residual *kind) {
  mlp *p = (mlp *)kind;
  const size_t numbers = enf__lipschitz_numbers(p->net);
  p->block = enf__alloc_array(&kind->alloc, kind->layers, numbers * sizeof *p->block);
  if (!p->block)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  for (size_t m = 0; m < kind->layers; m++)
    enf__lipschitz_place(&p->net[m], p->block + m * numbers);
  return ENF_OK;
}

static void pack(enf__residual *kind, const double *params) {
  for (size_t m = 0; m < kind->layers; m++)
    enf__lipschitz_pack(&((mlp *)kind)->net[m], params);
}

/* ---- F and its Jacobian ---------------------------------------------------------------------- */

/* As many samples as are worked on together. */
typedef struct {
  const mlp *p;
  const enf__lipschitz_net *net;
  const enf__kernels_f64 *k;
  size_t D, P; /* coordinates of a sample, of a padded row */
  enf__lipschitz_rows r;
  double *x, *y, *trial, *rest, *a; /* (C,D) */
  double *J, *inverse;              /* (C,D,D) */
  double *small[2];                 /* (D,D) */
} work;

static size_t chunk_of(const mlp *p) {
  const size_t rows = p->elements * (p->net->dim + 1);
  return rows < MOST_ROWS ? MOST_ROWS / rows : 1;
}

static work lay_out(const mlp *p, size_t layer, const enf__run *run, enf__arena *arena) {
  const size_t C = chunk_of(p), D = p->net->dim;
  work w = {.p = p,
            .net = &p->net[layer],
            .k = enf__kernels_f64_of(run->kernel),
            .D = D,
            .P = ENF__PADDED(D)};
  w.r = enf__lipschitz_take(w.net, C * p->elements, true, arena);
  double **vectors[] = {&w.x, &w.y, &w.trial, &w.rest, &w.a};
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
    *vectors[i] = ENF__TAKE(arena, double, C *D);
  w.J = ENF__TAKE(arena, double, C *D *D);
  w.inverse = ENF__TAKE(arena, double, C *D *D);
  for (int i = 0; i < 2; i++)
    w.small[i] = ENF__TAKE(arena, double, D *D);
  return w;
}

static size_t workspace(const enf__residual *kind, const enf__run *run) {
  enf__arena count = {0};
  lay_out(of(kind), 0, run, &count);
  return count.used;
}

static double cost(const enf__residual *kind) {
  const enf__lipschitz_net *net = of(kind)->net;
  const double D = (double)net->dim, H = (double)net->hidden;
  return (double)of(kind)->elements * (D + 1) * H * (2 * D + H * (double)net->layers);
}

/* out = g in, or g^T in; in one element's group as it is. */
static void act(const work *w, size_t element, bool transposed, const double *in, double *out) {
  const double *g = w->p->group[element];
  if (w->p->elements == 1) {
    memmove(out, in, w->D * sizeof *out);
    return;
  }
  const double x = in[0], y = in[1];
  out[0] = g[0] * x + (transposed ? g[2] : g[1]) * y;
  out[1] = (transposed ? g[1] : g[2]) * x + g[3] * y;
}

/* out (D,D) = g in g^T, or g^T in g. */
static void conjugate(const work *w, size_t element, bool transposed, const double *in,
                      double *out) {
  const size_t D = w->D;
  double *half = w->small[1];
  if (w->p->elements == 1) {
    memmove(out, in, D * D * sizeof *out);
    return;
  }
  for (size_t a = 0; a < D; a++)
    act(w, element, transposed, in + a * D, half + a * D); /* rows: in g^T */
  for (size_t b = 0; b < D; b++) {
    double column[2] = {half[b], half[D + b]};
    act(w, element, transposed, column, column);
    out[b] = column[0];
    out[D + b] = column[1];
  }
}

/* F (n,D) and J of x (n,D); n at most the chunk. */
static void evaluate(work *w, size_t n, const double *x, double *F) {
  const size_t D = w->D, P = w->P, G = w->p->elements;
  const double share = 1 / (double)G;
  w->r.n = n * G;
  w->r.rows = w->r.n * (D + 1);
  memset(w->r.x, 0, w->r.n * P * sizeof *w->r.x);
  for (size_t row = 0; row < w->r.n; row++)
    act(w, row % G, false, x + row / G * D, w->r.x + row * P);
  enf__lipschitz_forward(w->net, w->k, &w->r);
  memset(F, 0, n * D * sizeof *F);
  memset(w->J, 0, n * D * D * sizeof *w->J);
  for (size_t row = 0; row < w->r.n; row++) {
    double *f = F + row / G * D, *J = w->J + row / G * D * D, *small = w->small[0];
    act(w, row % G, true, w->r.f + row * P, small);
    for (size_t a = 0; a < D; a++)
      f[a] += share * small[a];
    for (size_t a = 0; a < D; a++)
      for (size_t b = 0; b < D; b++)
        small[a * D + b] = w->r.f[((b + 1) * w->r.n + row) * P + a];
    conjugate(w, row % G, true, small, small);
    for (size_t k = 0; k < D * D; k++)
      J[k] += share * small[k];
  }
}

/* (1 + J)^-1 of every sample; returns log |det| of number i. */
static double invert_matrix(const work *w, size_t i) {
  const size_t D = w->D;
  memcpy(w->small[0], w->J + i * D * D, D * D * sizeof *w->J);
  for (size_t a = 0; a < D; a++)
    w->small[0][a * D + a] += 1;
  return enf__lu_invert(D, w->small[0], w->inverse + i * D * D);
}

static void forward(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                    size_t S, double *x, double *logdet) {
  work w = lay_out(of(kind), layer, run, arena);
  const size_t C = chunk_of(of(kind));
  for (size_t first = 0; first < S; first += C) {
    const size_t n = S - first < C ? S - first : C;
    double *at = x + first * w.D;
    evaluate(&w, n, at, w.y);
    for (size_t k = 0; k < n * w.D; k++)
      at[k] += w.y[k];
    for (size_t i = 0; logdet && i < n; i++)
      logdet[first + i] += invert_matrix(&w, i);
  }
}

/* ---- the inverse ----------------------------------------------------------------------------- */

/* Where a sample's iteration is. */
typedef struct {
  double square, largest; /* of y - T(x) */
  double logdet;
  bool newton, done; /* is trial a Newton step? */
} state;

/* F(trial) of sample i: takes the trial or, where a Newton step is not good enough, leaves it; then
   the next trial. */
static void step(const work *w, size_t i, const double *F, const enf__run *run, state *at) {
  const size_t D = w->D;
  const double c = w->net->bound;
  double *x = w->x + i * D, *trial = w->trial + i * D, *rest = w->rest + i * D, square = 0;
  double largest = 0;
  for (size_t k = 0; k < D; k++) {
    const double off = w->y[i * D + k] - trial[k] - F[i * D + k];
    square += off * off;
    largest = fmax(largest, fabs(off));
  }
  const bool good = !at->newton || square <= c * c * at->square;
  if (!good) {
    at->newton = false;
    for (size_t k = 0; k < D; k++)
      trial[k] = x[k] + rest[k];
    return;
  }
  at->square = square;
  at->largest = largest;
  at->logdet = invert_matrix(w, i);
  at->newton = true;
  at->done = largest <= run->inverse_tol;
  for (size_t k = 0; k < D; k++) {
    x[k] = trial[k];
    rest[k] = w->y[i * D + k] - trial[k] - F[i * D + k];
  }
  for (size_t a = 0; a < D; a++)
    for (size_t b = 0; b < D; b++)
      trial[a] += w->inverse[(i * D + a) * D + b] * rest[b];
}

/* y (n,D) -> x. */
static void solve(work *w, size_t n, const enf__run *run, state *states) {
  const size_t bytes = n * w->D * sizeof *w->x;
  memcpy(w->x, w->y, bytes);
  memcpy(w->trial, w->y, bytes);
  for (size_t i = 0; i < n; i++)
    states[i] = (state){.square = INFINITY, .largest = INFINITY};
  size_t busy = n;
  for (size_t k = 0; k < run->inverse_iterations && busy; k++) {
    evaluate(w, n, w->trial, w->a);
    busy = 0;
    for (size_t i = 0; i < n; i++) {
      if (!states[i].done)
        step(w, i, w->a, run, &states[i]);
      busy += !states[i].done;
    }
  }
}

static void invert(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                   size_t S, double *x, double *logdet, enf__failure *why) {
  work w = lay_out(of(kind), layer, run, arena);
  const size_t C = chunk_of(of(kind));
  state states[MOST_ROWS];
  for (size_t first = 0; first < S; first += C) {
    const size_t n = S - first < C ? S - first : C;
    memcpy(w.y, x + first * w.D, n * w.D * sizeof *x);
    solve(&w, n, run, states);
    memcpy(x + first * w.D, w.x, n * w.D * sizeof *x);
    for (size_t i = 0; i < n; i++) {
      if (logdet)
        logdet[first + i] -= states[i].logdet;
      if (!states[i].done && why[first + i].status == ENF_OK)
        why[first + i] = (enf__failure){.status = ENF_ERR_INVERSE, .h = states[i].largest};
    }
  }
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* Back through the network that evaluate left: b (n,D) . F + mu l, where sign times dlogdet (n) is
   mu; dx (n,D) = its gradient by x; dparams += or NULL. */
static void reverse(const work *w, const double *b, double sign, const double *dlogdet, double *dx,
                    double *dparams) {
  const size_t D = w->D, P = w->P, G = w->p->elements, rows = w->r.n;
  const double share = 1 / (double)G;
  memset(w->r.df, 0, w->r.rows * P * sizeof *w->r.df);
  for (size_t row = 0; row < rows; row++) {
    const size_t i = row / G;
    double *df = w->r.df + row * P, *small = w->small[0];
    act(w, row % G, false, b + i * D, df);
    for (size_t a = 0; a < D; a++)
      df[a] *= share;
    for (size_t k = 0; k < D * D; k++)
      small[k] = sign * dlogdet[i] * share * w->inverse[i * D * D + k % D * D + k / D];
    conjugate(w, row % G, false, small, small);
    for (size_t a = 0; a < D; a++)
      for (size_t c = 0; c < D; c++)
        w->r.df[((c + 1) * rows + row) * P + a] = small[a * D + c];
  }
  enf__lipschitz_reverse(w->net, w->k, &w->r, dparams);
  memset(dx, 0, rows / G * D * sizeof *dx);
  for (size_t row = 0; row < rows; row++) {
    act(w, row % G, true, w->r.dx + row * P, w->small[0]);
    for (size_t a = 0; a < D; a++)
      dx[row / G * D + a] += w->small[0][a];
  }
}

/* out = (1 + J)^-T in, of every sample. */
static void solve_transposed(const work *w, size_t n, const double *in, double *out) {
  const size_t D = w->D;
  for (size_t i = 0; i < n; i++)
    for (size_t a = 0; a < D; a++) {
      double sum = 0;
      for (size_t b = 0; b < D; b++)
        sum += w->inverse[(i * D + b) * D + a] * in[i * D + b];
      out[i * D + a] = sum;
    }
}

/* As in residual_pairwise.c, but for J, which is not symmetric here. */
static void pull(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                 const enf__residual_back *back) {
  work w = lay_out(of(kind), layer, run, arena);
  const size_t C = chunk_of(of(kind)), D = w.D;
  for (size_t first = 0; first < back->S; first += C) {
    const size_t n = back->S - first < C ? back->S - first : C;
    const double *dlogdet = back->dlogdet + first;
    double *cotangent = back->a + first * D;
    for (size_t i = 0; i < n; i++)
      memcpy(w.x + i * D, back->x + (first + i) * back->stride, D * sizeof *w.x);
    evaluate(&w, n, w.x, w.y);
    for (size_t i = 0; i < n; i++)
      invert_matrix(&w, i);
    if (!back->inverse) {
      reverse(&w, cotangent, 1, dlogdet, w.rest, back->dparams);
      for (size_t k = 0; k < n * D; k++)
        cotangent[k] += w.rest[k];
      continue;
    }
    memset(w.a, 0, n * D * sizeof *w.a);
    reverse(&w, w.a, -1, dlogdet, w.rest, NULL);
    for (size_t k = 0; k < n * D; k++)
      w.rest[k] += cotangent[k];
    solve_transposed(&w, n, w.rest, cotangent);
    for (size_t k = 0; k < n * D; k++)
      w.a[k] = -cotangent[k];
    if (back->dparams)
      reverse(&w, w.a, -1, dlogdet, w.rest, back->dparams);
  }
}

const enf__residual_kind enf__residual_mlp = {create, add,       allocate, destroy, pack,
                                              cost,   workspace, forward,  invert,  pull,    NULL};
