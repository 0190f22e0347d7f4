/* reverse.c -- the reverse passes of the field of vectors: see work.h. */
#include "field/mlp/work.h"

/* ---- through the layers ---------------------------------------------------------------------- */

/* of_in = of_out W^T; from = of_in: added to it. */
static void pull_linear(const group *g, const rows *r, size_t j, const REAL *of_out,
                        const REAL *from, REAL *of_in) {
  const enf__mlp_linear *l = &g->f->linear[j];
  g->k->gemm(r->rows, l->out_padded, l->in_padded, of_out, l->out_padded, g->w + l->wt,
             l->in_padded, from, l->in_padded, NULL, false, of_in, l->in_padded);
}

/* What went into linear layer j. */
static const REAL *input_of(const rows *r, size_t j) {
  return j > 0 ? layer_of(r, r->h, j - 1) : r->u;
}

static void add_gradient(const group *g, size_t j, const REAL *bar, const REAL *hat) {
  const enf__mlp_linear *l = &g->f->linear[j];
  const size_t n = l->out_padded;
  REAL *db = g->grad + l->b;
  g->k->gemm_grad(g->value.rows, l->in_padded, n, input_of(&g->value, j), l->in_padded, bar, n,
                  g->grad + l->w, n);
  g->k->gemm_grad(g->tangent.rows, l->in_padded, n, input_of(&g->tangent, j), l->in_padded, hat, n,
                  g->grad + l->w, n);
  for (size_t row = 0; row < g->value.rows; row++)
    for (size_t c = 0; c < n; c++)
      db[c] += bar[row * n + c];
}

/* From h_j to z_j, values and tangents. */
static void pull_silu(const group *g, size_t j) {
  const size_t H = g->f->linear[0].out_padded;
  const rows *r = &g->value, *t = &g->tangent;
  const REAL *slope = layer_of(r, g->slope, j), *curve = layer_of(r, g->curve, j);
  const REAL *z = layer_of(t, t->z, j);
  for (size_t s = 0; s < r->rows; s++) {
    REAL *bar = r->of_z + s * H;
    const REAL *up = slope + s * H, *bend = curve + s * H;
    for (size_t c = 0; c < H; c++)
      bar[c] = up[c] * r->of_h[s * H + c];
    for (size_t row = s * g->T; row < (s + 1) * g->T; row++)
      for (size_t c = 0; c < H; c++) {
        const REAL hat = t->of_h[row * H + c];
        t->of_z[row * H + c] = up[c] * hat;
        bar[c] += bend[c] * z[row * H + c] * hat;
      }
  }
}

/* Everything from of_v of values and tangents. */
static void reverse_group(const group *g, bool inputs, bool params) {
  const rows *r = &g->value, *t = &g->tangent;
  const size_t L = g->f->layers;
  if (params)
    add_gradient(g, L, r->of_v, t->of_v);
  pull_linear(g, r, L, r->of_v, NULL, r->of_h);
  pull_linear(g, t, L, t->of_v, NULL, t->of_h);
  for (size_t j = L; j-- > 0;) {
    pull_silu(g, j);
    if (params)
      add_gradient(g, j, r->of_z, t->of_z);
    if (j > 0) {
      pull_linear(g, r, j, r->of_z, r->of_h, r->of_h);
      pull_linear(g, t, j, t->of_z, t->of_h, t->of_h);
    } else if (inputs) {
      pull_linear(g, r, 0, r->of_z, NULL, r->of_u);
    }
  }
}

/* ---- in and out ------------------------------------------------------------------------------ */

static void give_inputs(const group *g, double *dx) {
  const size_t D = g->f->D, width = g->f->linear[0].in_padded;
  for (size_t s = 0; s < g->samples; s++)
    for (size_t k = 0; k < D; k++)
      dx[s * D + k] = (double)g->value.of_u[s * width + k];
}

static void unpack_gradient(const enf__mlp *f, const REAL *grad, double *dparams) {
  for (size_t j = 0; j <= f->layers; j++) {
    const enf__mlp_linear *l = &f->linear[j];
    double *dw = dparams + l->weight_param, *db = dparams + l->bias_param;
    for (size_t o = 0; o < l->out; o++) {
      db[o] += (double)grad[l->b + o];
      for (size_t i = 0; i < l->in; i++)
        *dw++ += (double)grad[l->w + i * l->out_padded + o];
    }
  }
}

/* The cotangents a (samples,D) of v. */
static void enter_cotangents(const group *g, const double *a) {
  const size_t D = g->f->D, width = g->f->linear[g->f->layers].out_padded;
  memset(g->value.of_v, 0, g->samples * width * sizeof(REAL));
  for (size_t s = 0; s < g->samples; s++)
    for (size_t k = 0; k < D; k++)
      g->value.of_v[s * width + k] = (REAL)a[s * D + k];
}

static void clear_gradient(const group *g) { memset(g->grad, 0, g->f->grad_count * sizeof(REAL)); }

static void vjp(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                enf__cotangent_fn cotangent, void *user, double *dx, double *dparams) {
  const enf__mlp *f = (const enf__mlp *)field;
  const size_t used = arena->used, n = samples_of(f, ENF__VJP);
  group g = mlp_open_group(f, kernel, ENF__VJP, arena);
  clear_gradient(&g);
  for (size_t s = 0; s < at->S; s += n) {
    mlp_enter(&g, at, s, smaller(n, at->S - s), NULL);
    mlp_forward(&g);
    mlp_give(&g, &g.value, g.v);
    cotangent(user, s, g.samples, g.v, g.a);
    enter_cotangents(&g, g.a);
    reverse_group(&g, dx != NULL, dparams != NULL);
    if (dx)
      give_inputs(&g, dx + s * f->D);
  }
  if (dparams)
    unpack_gradient(f, g.grad, dparams);
  arena->used = used;
}

/* ---- with a trace ---------------------------------------------------------------------------- */

/* w = b e + 2 d J e of every tangent e; returns |J e|^2 summed over the sample's. */
static double enter_tangent_cotangents(const group *g, size_t sample, double b, double d) {
  const size_t D = g->f->D, in = g->f->linear[0].in_padded;
  const size_t out = g->f->linear[g->f->layers].out_padded;
  const rows *t = &g->tangent;
  double square = 0;
  for (size_t row = sample * g->T; row < (sample + 1) * g->T; row++) {
    memset(t->of_v + row * out, 0, out * sizeof(REAL));
    for (size_t k = 0; k < D; k++) {
      const double change = (double)t->v[row * out + k];
      square += change * change;
      t->of_v[row * out + k] = (REAL)(b * (double)t->u[row * in + k] + 2 * d * change);
    }
  }
  return square;
}

/* a + 2 c v into g->a; returns |v|^2. */
static double add_speed(const group *g, size_t sample, const double *a, double c) {
  const size_t D = g->f->D;
  const double *v = g->v + sample * D;
  double square = 0;
  for (size_t k = 0; k < D; k++) {
    square += v[k] * v[k];
    g->a[sample * D + k] = a[k] + 2 * c * v[k];
  }
  return square;
}

static void enter_sample(const group *g, const enf__cotangent *of, size_t first, size_t s,
                         double *value) {
  const size_t i = first + s;
  const double speed = add_speed(g, s, of->a + i * g->f->D, of->c ? of->c[i] : 0);
  const double bent = enter_tangent_cotangents(g, s, of->b[i], of->d ? of->d[i] : 0);
  if (!value)
    return;
  value += i * ENF__VALUES;
  value[ENF__TRACE_VALUE] = mlp_trace(g, s);
  value[ENF__SPEED_VALUE] = of->c ? speed : 0;
  value[ENF__JACOBIAN_VALUE] = of->d ? bent : 0;
}

static void vjp_trace(const enf__field *field, int kernel, enf__arena *arena,
                      const enf__points *at, const enf__cotangent *of, const enf__gradient *out) {
  const enf__mlp *f = (const enf__mlp *)field;
  const size_t used = arena->used;
  const enf__work work = of->eps ? ENF__VJP_PROBE : ENF__VJP_TRACE;
  const size_t n = samples_of(f, work);
  group g = mlp_open_group(f, kernel, work, arena);
  clear_gradient(&g);
  for (size_t s = 0; s < at->S; s += n) {
    mlp_enter(&g, at, s, smaller(n, at->S - s), of->eps);
    mlp_forward(&g);
    mlp_give(&g, &g.value, g.v);
    for (size_t i = 0; i < g.samples; i++)
      enter_sample(&g, of, s, i, out->value);
    enter_cotangents(&g, g.a);
    reverse_group(&g, out->dx != NULL, out->dparams != NULL);
    if (out->dx)
      give_inputs(&g, out->dx + s * f->D);
  }
  if (out->dparams)
    unpack_gradient(f, g.grad, out->dparams);
  arena->used = used;
}

const enf__field_passes SUFFIX(enf__mlp_passes) = {mlp_workspace, mlp_passes_forward, vjp,
                                                   vjp_trace};
