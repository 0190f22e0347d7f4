/* forward.c -- memory of the field of vectors, velocity and tangents: see work.h. */
#include "field/mlp/work.h"

static rows open_rows(const enf__mlp *f, size_t count, bool keep, enf__arena *arena) {
  const enf__mlp_linear *first = &f->linear[0], *last = &f->linear[f->layers];
  const size_t H = first->out_padded, layer = count * H;
  rows r = {.kept = keep ? layer : 0};
  const size_t all = keep ? f->layers * layer : layer;
  r.u = ENF__TAKE(arena, REAL, count * first->in_padded);
  r.z = ENF__TAKE(arena, REAL, all);
  r.h = ENF__TAKE(arena, REAL, all);
  r.v = ENF__TAKE(arena, REAL, count * last->out_padded);
  if (!keep)
    return r;
  r.of_v = ENF__TAKE(arena, REAL, count * last->out_padded);
  r.of_h = ENF__TAKE(arena, REAL, layer);
  r.of_z = ENF__TAKE(arena, REAL, layer);
  r.of_u = ENF__TAKE(arena, REAL, count * first->in_padded);
  return r;
}

group mlp_open_group(const enf__mlp *f, int kernel, enf__work work, enf__arena *arena) {
  const size_t n = samples_of(f, work), layer = n * f->linear[0].out_padded;
  const bool reverse = work >= ENF__VJP;
  group g = {.f = f,
             .k = KERNELS_OF(kernel),
             .fk = FIELD_KERNELS_OF(kernel),
             .w = PACKED(f),
             .T = enf__mlp_tangents(f, work)};
  g.value = open_rows(f, n, reverse, arena);
  g.tangent = open_rows(f, n * g.T, reverse, arena);
  g.silu = ENF__TAKE(arena, REAL, layer);
  if (!reverse && g.T == 0)
    return g;
  const size_t all = reverse ? f->layers * layer : layer;
  g.slope = ENF__TAKE(arena, REAL, all);
  g.curve = ENF__TAKE(arena, REAL, all);
  g.ones = ENF__TAKE(arena, REAL, layer);
  g.unused = ENF__TAKE(arena, REAL, layer);
  for (size_t i = 0; arena->base && i < layer; i++)
    g.ones[i] = 1;
  if (!reverse)
    return g;
  g.grad = ENF__TAKE(arena, REAL, f->grad_count);
  g.v = ENF__TAKE(arena, double, n * f->D);
  g.a = ENF__TAKE(arena, double, n * f->D);
  return g;
}

size_t mlp_workspace(const enf__field *field, int kernel, const enf__shape *shape, enf__work work) {
  enf__arena count = {0};
  (void)shape;
  mlp_open_group((const enf__mlp *)field, kernel, work, &count);
  return count.used;
}

/* ---- what goes in ---------------------------------------------------------------------------- */

static void enter_time(double t, REAL *out) {
  const double turn = 2 * acos(-1);
  *out++ = (REAL)t;
  for (size_t k = 1; k <= ENF__MLP_WAVES; k++) {
    *out++ = (REAL)cos(turn * (double)k * t);
    *out++ = (REAL)sin(turn * (double)k * t);
  }
}

void mlp_enter(group *g, const enf__points *at, size_t first, size_t S, const double *eps) {
  const size_t D = g->f->D, T = g->T, width = g->f->linear[0].in_padded;
  g->samples = g->value.rows = S;
  g->tangent.rows = S * T;
  memset(g->value.u, 0, S * width * sizeof(REAL));
  memset(g->tangent.u, 0, S * T * width * sizeof(REAL));
  for (size_t s = 0; s < S; s++) {
    REAL *u = g->value.u + s * width, *e = g->tangent.u + s * T * width;
    for (size_t k = 0; k < D; k++)
      u[k] = (REAL)at->x[(first + s) * D + k];
    enter_time(at->t[first + s], u + D);
    for (size_t k = 0; eps && T > 0 && k < D; k++)
      e[k] = (REAL)eps[(first + s) * D + k];
    for (size_t k = 0; !eps && k < T; k++)
      e[k * width + k] = 1;
  }
}

/* ---- through the layers ---------------------------------------------------------------------- */

/* out (rows of l) = in W (+ b). */
static void apply(const group *g, const rows *r, size_t j, const REAL *in, bool bias, bool silu,
                  REAL *out) {
  const enf__mlp_linear *l = &g->f->linear[j];
  g->k->gemm(r->rows, l->in_padded, l->out_padded, in, l->in_padded, g->w + l->w, l->out_padded,
             NULL, 0, bias ? g->w + l->b : NULL, silu, out, l->out_padded);
}

/* h = before + change; before is NULL in the first layer. */
static void add_layer(size_t count, const REAL *before, const REAL *change, REAL *h) {
  for (size_t i = 0; i < count; i++)
    h[i] = before ? before[i] + change[i] : change[i];
}

static void values(group *g, size_t j) {
  const rows *r = &g->value;
  const size_t count = r->rows * g->f->linear[0].out_padded;
  const REAL *before = j > 0 ? layer_of(r, r->h, j - 1) : NULL;
  REAL *z = layer_of(r, r->z, j);
  apply(g, r, j, before ? before : r->u, true, !g->slope, g->slope ? z : g->silu);
  if (g->slope)
    g->fk->pair_silu(count, z, g->ones, g->silu, g->unused, layer_of(r, g->slope, j),
                     layer_of(r, g->curve, j));
  add_layer(count, before, g->silu, layer_of(r, r->h, j));
}

static void tangents(group *g, size_t j) {
  const rows *r = &g->tangent;
  const size_t H = g->f->linear[0].out_padded;
  const REAL *before = j > 0 ? layer_of(r, r->h, j - 1) : NULL;
  const REAL *slope = layer_of(&g->value, g->slope, j);
  REAL *z = layer_of(r, r->z, j), *h = layer_of(r, r->h, j);
  apply(g, r, j, before ? before : r->u, false, false, z);
  for (size_t row = 0; row < r->rows; row++) {
    const size_t at = row * H, of = row / g->T * H;
    for (size_t c = 0; c < H; c++)
      h[at + c] = (before ? before[at + c] : 0) + slope[of + c] * z[at + c];
  }
}

void mlp_forward(group *g) {
  const size_t L = g->f->layers;
  for (size_t j = 0; j < L; j++) {
    values(g, j);
    if (g->T > 0)
      tangents(g, j);
  }
  apply(g, &g->value, L, layer_of(&g->value, g->value.h, L - 1), true, false, g->value.v);
  if (g->T > 0)
    apply(g, &g->tangent, L, layer_of(&g->tangent, g->tangent.h, L - 1), false, false,
          g->tangent.v);
}

double mlp_trace(const group *g, size_t sample) {
  const size_t D = g->f->D, in = g->f->linear[0].in_padded;
  const size_t out = g->f->linear[g->f->layers].out_padded;
  double sum = 0;
  for (size_t row = sample * g->T; row < (sample + 1) * g->T; row++)
    for (size_t k = 0; k < D; k++)
      sum += (double)g->tangent.u[row * in + k] * (double)g->tangent.v[row * out + k];
  return sum;
}

void mlp_give(const group *g, const rows *r, double *out) {
  const size_t D = g->f->D, width = g->f->linear[g->f->layers].out_padded;
  for (size_t row = 0; row < r->rows; row++)
    for (size_t k = 0; k < D; k++)
      out[row * D + k] = (double)r->v[row * width + k];
}

void mlp_passes_forward(const enf__field *field, int kernel, enf__arena *arena,
                        const enf__points *at, const double *eps, double *v, double *v_dot,
                        double *form) {
  const enf__mlp *f = (const enf__mlp *)field;
  const size_t used = arena->used;
  const enf__work work = eps ? ENF__JVP : form ? ENF__DIVERGENCE : ENF__VELOCITY;
  const size_t n = samples_of(f, work);
  group g = mlp_open_group(f, kernel, work, arena);
  for (size_t s = 0; s < at->S; s += n) {
    mlp_enter(&g, at, s, smaller(n, at->S - s), eps);
    mlp_forward(&g);
    if (v)
      mlp_give(&g, &g.value, v + s * f->D);
    if (v_dot)
      mlp_give(&g, &g.tangent, v_dot + s * f->D);
    for (size_t i = 0; form && i < g.samples; i++)
      form[s + i] = mlp_trace(&g, i);
  }
  arena->used = used;
}
