/* masked_net.c -- the masked network there and back (masked_net.h). */
#include "map/masked_net.h"
#include <math.h>
#include <string.h>

enum { TILE = ENF__MASKED_TILE, LAYERS = ENF__MASKED_LAYERS, FIRST = 0, LAST = LAYERS - 1 };

/* initial, block0.0, block0.1, block1.0, block1.1, final */
static size_t rows_of(const enf__masked_net *net, int layer) {
  return layer == LAST ? 2 * net->dim : net->hidden;
}
static size_t cols_of(const enf__masked_net *net, int layer) {
  return layer == FIRST ? net->dim : net->hidden;
}

static size_t hidden_degree(size_t dim, size_t unit) { return dim > 1 ? unit % (dim - 1) + 1 : 0; }

static bool counts(const enf__masked_net *net, int layer, size_t row, size_t col) {
  const size_t D = net->dim;
  if (layer == FIRST)
    return hidden_degree(D, row) >= col + 1;
  if (layer == LAST)
    return row / 2 + 1 > hidden_degree(D, col);
  return hidden_degree(D, row) >= hidden_degree(D, col);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* Initial values as PyTorch's; those of a block's second layer within 1e-3. */
void enf__masked_add(enf__masked_net *net, enf__params *params, size_t number) {
  static const char *const names[] = {"initial",  "block0.0", "block0.1",
                                      "block1.0", "block1.1", "final"};
  for (int l = 0; l < LAYERS; l++) {
    const size_t rows = rows_of(net, l), cols = cols_of(net, l);
    const double spread = l == 2 || l == 4 ? 1e-3 : 1 / sqrt((double)cols);
    net->weight[l] =
        enf__params_add(params, (enf__tensor){.rows = rows, .cols = cols, .spread = spread},
                        "maf.%zu.%s.weight", number, names[l]);
    net->bias[l] = enf__params_add(params, (enf__tensor){.rows = rows, .cols = 1, .spread = spread},
                                   "maf.%zu.%s.bias", number, names[l]);
  }
}

static size_t numbers_of(const enf__masked_net *net, int layer) {
  return rows_of(net, layer) * (cols_of(net, layer) + 1);
}

size_t enf__masked_numbers(const enf__masked_net *net) {
  size_t sum = 0;
  for (int l = 0; l < LAYERS; l++)
    sum += numbers_of(net, l);
  return sum;
}

/* Weights of a layer; its biases are behind them. */
static double *packed_of(const enf__masked_net *net, int layer) {
  double *at = net->packed;
  for (int l = 0; l < layer; l++)
    at += numbers_of(net, l);
  return at;
}

void enf__masked_pack(const enf__masked_net *net, const double *params) {
  for (int l = 0; l < LAYERS; l++) {
    const size_t rows = rows_of(net, l), cols = cols_of(net, l);
    double *w = packed_of(net, l);
    for (size_t r = 0; r < rows; r++)
      for (size_t c = 0; c < cols; c++)
        w[r * cols + c] = counts(net, l, r, c) ? params[net->weight[l] + r * cols + c] : 0;
    memcpy(w + rows * cols, params + net->bias[l], rows * sizeof *w);
  }
}

/* ---- a layer --------------------------------------------------------------------------------- */

static double relu(double x) { return x > 0 ? x : 0; }

/* out = base + b + W in, of relu(in) if that is asked; base NULL: 0. */
static void through(const enf__masked_net *net, int layer, bool bent, const double *in,
                    const double *base, double *out) {
  const size_t rows = rows_of(net, layer), cols = cols_of(net, layer);
  const double *w = packed_of(net, layer), *b = w + rows * cols;
  for (size_t r = 0; r < rows; r++) {
    double sum[TILE];
    for (size_t t = 0; t < TILE; t++)
      sum[t] = base ? base[r * TILE + t] + b[r] : b[r];
    for (size_t c = 0; c < cols; c++)
      for (size_t t = 0; t < TILE; t++)
        sum[t] += w[r * cols + c] * (bent ? relu(in[c * TILE + t]) : in[c * TILE + t]);
    memcpy(out + r * TILE, sum, sizeof sum);
  }
}

/* Cotangents dout of what came out to din += of what went in, through relu' if that was bent. */
static void back(const enf__masked_net *net, int layer, bool bent, const double *in,
                 const double *dout, double *din, double *dparams) {
  const size_t rows = rows_of(net, layer), cols = cols_of(net, layer);
  const double *w = packed_of(net, layer);
  for (size_t c = 0; c < cols; c++) {
    double sum[TILE] = {0};
    for (size_t r = 0; r < rows; r++)
      for (size_t t = 0; t < TILE; t++)
        sum[t] += w[r * cols + c] * dout[r * TILE + t];
    for (size_t t = 0; t < TILE; t++)
      din[c * TILE + t] += bent && !(in[c * TILE + t] > 0) ? 0 : sum[t];
  }
  for (size_t r = 0; dparams && r < rows; r++) {
    for (size_t t = 0; t < TILE; t++)
      dparams[net->bias[layer] + r] += dout[r * TILE + t];
    for (size_t c = 0; c < cols; c++) {
      double sum = 0;
      for (size_t t = 0; t < TILE; t++)
        sum += dout[r * TILE + t] * (bent ? relu(in[c * TILE + t]) : in[c * TILE + t]);
      if (counts(net, layer, r, c))
        dparams[net->weight[layer] + r * cols + c] += sum;
    }
  }
}

/* ---- the network ----------------------------------------------------------------------------- */

enf__masked_tile enf__masked_take(const enf__masked_net *net, enf__arena *arena) {
  const size_t D = net->dim * TILE, H = net->hidden * TILE;
  enf__masked_tile t = {.v = ENF__TAKE(arena, double, D), .dv = ENF__TAKE(arena, double, D)};
  t.out = ENF__TAKE(arena, double, 2 * D);
  t.dout = ENF__TAKE(arena, double, 2 * D);
  for (int k = 0; k < 3; k++)
    t.h[k] = ENF__TAKE(arena, double, H);
  for (int k = 0; k < 2; k++)
    t.u[k] = ENF__TAKE(arena, double, H);
  t.dh = ENF__TAKE(arena, double, H);
  t.du = ENF__TAKE(arena, double, H);
  return t;
}

void enf__masked_forward(const enf__masked_net *net, const enf__masked_tile *t) {
  through(net, FIRST, false, t->v, NULL, t->h[0]);
  for (int k = 0; k < 2; k++) {
    through(net, 2 * k + 1, true, t->h[k], NULL, t->u[k]);
    through(net, 2 * k + 2, true, t->u[k], t->h[k], t->h[k + 1]);
  }
  through(net, LAST, false, t->h[2], NULL, t->out);
}

void enf__masked_reverse(const enf__masked_net *net, const enf__masked_tile *t, double *dparams) {
  const size_t hidden = net->hidden * TILE * sizeof *t->dh;
  memset(t->dh, 0, hidden);
  back(net, LAST, false, t->h[2], t->dout, t->dh, dparams);
  for (int k = 2; k-- > 0;) {
    memset(t->du, 0, hidden);
    back(net, 2 * k + 2, true, t->u[k], t->dh, t->du, dparams);
    back(net, 2 * k + 1, true, t->h[k], t->du, t->dh, dparams);
  }
  memset(t->dv, 0, net->dim * TILE * sizeof *t->dv);
  back(net, FIRST, false, t->v, t->dh, t->dv, dparams);
}
