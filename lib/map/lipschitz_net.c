/* lipschitz_net.c -- the network there and back (lipschitz_net.h). With s = sigmoid(1.5 z):

     phi = 1.5 z s/1.65,  phi' = 1.5 (s + w)/1.65,  phi'' = 2.25 s (1-s) (2 + 1.5 z (1 - 2s))/1.65,
     w = 1.5 z s (1-s);   tangents: a' = phi' z'
     back: dz = phi' da + phi'' sum z' da',  dz' = phi' da'
     dW of the factor min(1, k/|W|_2), k = c^(1/L):  factor dV - (k/|W|^2) (sum dV W) u v^T,  V =
   factor W */
#include "map/lipschitz_net.h"
#include "math/spectral.h"
#include <math.h>
#include <string.h>

static const double STEEP = 1.5, FLAT = 1 / 1.65;

static size_t padded(size_t n) { return ENF__PADDED(n); }

/* ---- parameters ------------------------------------------------------------------------------ */

/* Initial values as PyTorch's; zeros in the last layer, so that the map begins as the identity. */
void enf__lipschitz_add(enf__lipschitz_net *net, enf__params *params, size_t number) {
  for (size_t l = 0; l < net->layers; l++) {
    enf__lipschitz_layer *y = &net->layer[l];
    const bool last = l + 1 == net->layers;
    y->in = l ? net->hidden : net->dim;
    y->out = last ? net->dim : net->hidden;
    const double spread = last ? 0 : 1 / sqrt((double)y->in);
    y->weight = enf__params_add(params,
                                (enf__tensor){.rows = y->out,
                                              .cols = y->in,
                                              .spread = last ? 1e-2 / sqrt((double)y->in) : spread,
                                              .turns = true},
                                "residual.%zu.%zu.weight", number, l);
    y->bias = enf__params_add(
        params, (enf__tensor){.rows = y->out, .cols = 1, .spread = spread, .turns = true},
        "residual.%zu.%zu.bias", number, l);
  }
}

static size_t square_of(const enf__lipschitz_layer *y) { return padded(y->in) * padded(y->out); }

static size_t work_of(const enf__lipschitz_net *net) {
  size_t most = 0;
  for (size_t l = 0; l < net->layers; l++)
    most = enf__larger(most, enf__spectral_work(net->layer[l].out, net->layer[l].in));
  return most;
}

size_t enf__lipschitz_numbers(const enf__lipschitz_net *net) {
  size_t sum = ENF__PADDED(work_of(net));
  for (size_t l = 0; l < net->layers; l++)
    sum += 2 * square_of(&net->layer[l]) + 2 * padded(net->layer[l].out) + padded(net->layer[l].in);
  return sum;
}

static double *cut_off(double **block, size_t count) {
  double *at = *block;
  *block += count;
  return at;
}

void enf__lipschitz_place(enf__lipschitz_net *net, double *block) {
  for (size_t l = 0; l < net->layers; l++) {
    enf__lipschitz_layer *y = &net->layer[l];
    y->there = cut_off(&block, square_of(y));
    y->back = cut_off(&block, square_of(y));
    y->b = cut_off(&block, padded(y->out));
    y->u = cut_off(&block, padded(y->out));
    y->v = cut_off(&block, padded(y->in));
  }
  net->work = block;
}

static void pack_layer(const enf__lipschitz_net *net, enf__lipschitz_layer *y, const double *w,
                       const double *b) {
  const double most = pow(net->bound, 1 / (double)net->layers);
  double square = 0;
  for (size_t k = 0; k < y->out * y->in; k++)
    square += w[k] * w[k];
  y->factor = 1;
  y->cut = 0;
  if (square > most * most) { /* else the norm is not above it, either */
    const double norm = enf__spectral_norm(y->out, y->in, w, y->u, y->v, net->work);
    y->factor = norm > most ? most / norm : 1;
    y->cut = norm > most ? -most / (norm * norm) : 0;
  }
  memset(y->there, 0, square_of(y) * sizeof *w);
  memset(y->back, 0, square_of(y) * sizeof *w);
  memset(y->b, 0, padded(y->out) * sizeof *w);
  memcpy(y->b, b, y->out * sizeof *b);
  for (size_t o = 0; o < y->out; o++)
    for (size_t i = 0; i < y->in; i++)
      y->there[i * padded(y->out) + o] = y->back[o * padded(y->in) + i] =
          y->factor * w[o * y->in + i];
}

void enf__lipschitz_pack(enf__lipschitz_net *net, const double *params) {
  for (size_t l = 0; l < net->layers; l++) {
    enf__lipschitz_layer *y = &net->layer[l];
    pack_layer(net, y, params + y->weight, params + y->bias);
  }
}

/* ---- there ----------------------------------------------------------------------------------- */

enf__lipschitz_rows enf__lipschitz_take(const enf__lipschitz_net *net, size_t n, bool tangents,
                                        enf__arena *arena) {
  enf__lipschitz_rows r = {.n = n, .rows = tangents ? (net->dim + 1) * n : n};
  const size_t D = r.rows * padded(net->dim), H = r.rows * padded(net->hidden);
  const size_t widest = enf__larger(padded(net->dim), padded(net->hidden));
  r.x = ENF__TAKE(arena, double, D);
  r.f = ENF__TAKE(arena, double, D);
  r.df = ENF__TAKE(arena, double, D);
  r.dx = ENF__TAKE(arena, double, D);
  r.z = ENF__TAKE(arena, double, H *(net->layers - 1));
  r.a = ENF__TAKE(arena, double, H *(net->layers - 1));
  r.dz = ENF__TAKE(arena, double, H);
  r.da = ENF__TAKE(arena, double, H);
  r.s = ENF__TAKE(arena, double, n *padded(net->hidden));
  r.grad = ENF__TAKE(arena, double, widest *widest);
  return r;
}

static void set_tangents(const enf__lipschitz_net *net, const enf__lipschitz_rows *r) {
  const size_t P = padded(net->dim);
  for (size_t row = r->n; row < r->rows; row++) {
    memset(r->x + row * P, 0, P * sizeof *r->x);
    r->x[row * P + row / r->n - 1] = 1;
  }
}

/* s of the values z, (n,H padded). */
static void sigmoids(const enf__lipschitz_net *net, const enf__kernels_f64 *k,
                     const enf__lipschitz_rows *r, const double *z) {
  const size_t count = r->n * padded(net->hidden);
  for (size_t i = 0; i < count; i++)
    r->s[i] = STEEP * z[i];
  k->sigmoid(count, r->s, r->s);
}

static double slope_of(double z, double s) { return STEEP * FLAT * (s + STEEP * z * s * (1 - s)); }
static double curve_of(double z, double s) {
  return STEEP * STEEP * FLAT * s * (1 - s) * (2 + STEEP * z * (1 - 2 * s));
}

static void bend(const enf__lipschitz_net *net, const enf__kernels_f64 *k,
                 const enf__lipschitz_rows *r, const double *z, double *a) {
  const size_t count = r->n * padded(net->hidden), all = r->rows * padded(net->hidden);
  sigmoids(net, k, r, z);
  for (size_t i = 0; i < count; i++) {
    const double slope = slope_of(z[i], r->s[i]);
    a[i] = STEEP * FLAT * z[i] * r->s[i];
    for (size_t t = i + count; t < all; t += count)
      a[t] = slope * z[t];
  }
}

void enf__lipschitz_forward(const enf__lipschitz_net *net, const enf__kernels_f64 *k,
                            const enf__lipschitz_rows *r) {
  const size_t layer = r->rows * padded(net->hidden);
  set_tangents(net, r);
  for (size_t l = 0; l < net->layers; l++) {
    const enf__lipschitz_layer *y = &net->layer[l];
    const size_t K = padded(y->in), P = padded(y->out);
    const double *in = l ? r->a + (l - 1) * layer : r->x;
    double *out = l + 1 < net->layers ? r->z + l * layer : r->f;
    k->gemm(r->n, K, P, in, K, y->there, P, NULL, 0, y->b, false, out, P);
    k->gemm(r->rows - r->n, K, P, in + r->n * K, K, y->there, P, NULL, 0, NULL, false,
            out + r->n * P, P);
    if (l + 1 < net->layers)
      bend(net, k, r, out, r->a + l * layer);
  }
}

/* ---- back ------------------------------------------------------------------------------------ */

/* da (rows,H padded) -> dz. */
static void unbend(const enf__lipschitz_net *net, const enf__kernels_f64 *k,
                   const enf__lipschitz_rows *r, const double *z) {
  const size_t count = r->n * padded(net->hidden), all = r->rows * padded(net->hidden);
  sigmoids(net, k, r, z);
  for (size_t i = 0; i < count; i++) {
    const double slope = slope_of(z[i], r->s[i]);
    double sum = 0;
    for (size_t t = i + count; t < all; t += count) {
      sum += z[t] * r->da[t];
      r->dz[t] = slope * r->da[t];
    }
    r->dz[i] = slope * r->da[i] + curve_of(z[i], r->s[i]) * sum;
  }
}

static void add_gradient(const enf__kernels_f64 *k, const enf__lipschitz_rows *r,
                         const enf__lipschitz_layer *y, const double *in, const double *dout,
                         double *dparams) {
  const size_t K = padded(y->out), P = padded(y->in);
  double *dw = dparams + y->weight, *db = dparams + y->bias, along = 0;
  memset(r->grad, 0, K * P * sizeof *r->grad);
  k->gemm_grad(r->rows, K, P, dout, K, in, P, r->grad, P);
  for (size_t row = 0; row < r->n; row++)
    for (size_t o = 0; o < y->out; o++)
      db[o] += dout[row * K + o];
  for (size_t o = 0; y->cut != 0 && o < y->out; o++)
    for (size_t i = 0; i < y->in; i++)
      along += r->grad[o * P + i] * y->back[o * P + i];
  along *= y->cut / y->factor;
  for (size_t o = 0; o < y->out; o++)
    for (size_t i = 0; i < y->in; i++)
      dw[o * y->in + i] +=
          y->factor * r->grad[o * P + i] + (y->cut != 0 ? along * y->u[o] * y->v[i] : 0);
}

void enf__lipschitz_reverse(const enf__lipschitz_net *net, const enf__kernels_f64 *k,
                            const enf__lipschitz_rows *r, double *dparams) {
  const size_t layer = r->rows * padded(net->hidden);
  for (size_t l = net->layers; l-- > 0;) {
    const enf__lipschitz_layer *y = &net->layer[l];
    const size_t K = padded(y->out), P = padded(y->in);
    const double *in = l ? r->a + (l - 1) * layer : r->x;
    const double *dout = l + 1 < net->layers ? r->dz : r->df;
    if (dparams)
      add_gradient(k, r, y, in, dout, dparams);
    k->gemm(r->rows, K, P, dout, K, y->back, P, NULL, 0, NULL, false, l ? r->da : r->dx, P);
    if (l)
      unbend(net, k, r, r->z + (l - 1) * layer);
  }
}
