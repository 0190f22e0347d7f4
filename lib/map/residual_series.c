/* residual_series.c -- the series of log |det (1 + J)| for functions of distances (math/pairwise.h).

   A probe takes (1 + J) v - v as often as its last term says, a product with the matrix each: it pays
   where the matrix is large, some n^2 for every term where the Cholesky factor takes n^3/6. Probes
   and last terms are keyed by the seed and a hash of the layer's own point, so that an estimate does
   not depend on its company. */
#include "map/residual_series.h"
#include "core/random.h"
#include "map/probe.h"
#include "map/series.h"
#include <string.h>

typedef struct {
  const enf__pairwise_kernels *ops;
  size_t n, lanes;
  double *x, *eps, *v, *out; /* (n,lanes) */
  double *one;               /* (n) */
  double *matrix;            /* (n(n+1)/2,lanes) 1 + J */
  uint64_t index[ENF__PAIRWISE_LANES];
} work;

static work lay_out(const enf__residual *kind, const enf__run *run, enf__arena *arena) {
  work w = {.ops = enf__pairwise_kernels_of(run->kernel), .n = enf__space_state(kind->space)};
  w.lanes = w.ops->lanes;
  w.x = ENF__TAKE(arena, double, w.n *w.lanes);
  w.eps = ENF__TAKE(arena, double, w.n *w.lanes);
  w.v = ENF__TAKE(arena, double, w.n *w.lanes);
  w.out = ENF__TAKE(arena, double, w.n *w.lanes);
  w.one = ENF__TAKE(arena, double, w.n);
  w.matrix = ENF__TAKE(arena, double, w.n *(w.n + 1) / 2 * w.lanes);
  return w;
}

bool enf__residual_has_series(const enf__residual *kind) {
  enf__pairwise view;
  return kind->ops->view && kind->ops->view(kind, 0, &view);
}

size_t enf__residual_series_workspace(const enf__residual *kind, const enf__run *run) {
  enf__arena count = {0};
  if (enf__residual_has_series(kind))
    lay_out(kind, run, &count);
  return count.used;
}

/* Numbers k (n) of a lane. */
static void spread(const work *w, size_t lane, const double *row, double *lanes) {
  for (size_t k = 0; k < w->n; k++)
    lanes[k * w->lanes + lane] = row[k];
}

/* One probe's estimates (lanes); lanes from `rows` on are empty. */
static void probe(const work *w, const enf__series *s, const enf__carry *call, size_t rows,
                  size_t number, double *sum) {
  const size_t count = w->n * w->lanes;
  size_t last[ENF__PAIRWISE_LANES] = {0}, most = 0;
  for (size_t l = 0; l < rows; l++) {
    double u;
    enf__probe_draw(call->run->probe, call->seed, w->index[l] + number, 1, w->n, w->one);
    enf__random_uniform(call->seed, ENF__STREAM_ROULETTE, w->index[l] + number, 1, &u);
    spread(w, l, w->one, w->eps);
    last[l] = enf__series_last(s, u);
    most = enf__larger(most, last[l]);
    sum[l] = 0;
  }
  memcpy(w->v, w->eps, count * sizeof *w->v);
  for (size_t k = 1; k <= most; k++) {
    const double factor = enf__series_factor(s, k);
    w->ops->times(w->n, w->matrix, w->v, w->out);
    for (size_t i = 0; i < count; i++)
      w->v[i] = w->out[i] - w->v[i];
    for (size_t l = 0; l < rows && factor != 0; l++) {
      double dot = 0;
      for (size_t i = 0; i < w->n && k <= last[l]; i++)
        dot += w->eps[i * w->lanes + l] * w->v[i * w->lanes + l];
      sum[l] += factor * dot;
    }
  }
}

void enf__residual_estimate(const enf__residual *kind, size_t layer, enf__arena *arena, size_t S,
                            const double *x, double sign, const enf__carry *call) {
  const enf__series series = enf__series_of(call->run->terms, kind->bound);
  const double m = (double)call->probes;
  enf__pairwise view;
  work w = lay_out(kind, call->run, arena);
  kind->ops->view(kind, layer, &view);
  memset(w.x, 0, w.n * w.lanes * sizeof *w.x);
  memset(w.eps, 0, w.n * w.lanes * sizeof *w.eps);
  for (size_t first = 0; first < S; first += w.lanes) {
    const size_t rows = S - first < w.lanes ? S - first : w.lanes;
    double one[ENF__PAIRWISE_LANES], mean[ENF__PAIRWISE_LANES] = {0},
        square[ENF__PAIRWISE_LANES] = {0};
    for (size_t l = 0; l < rows; l++) {
      spread(&w, l, x + (first + l) * w.n, w.x);
      w.index[l] = enf__probe_index(w.n, x + (first + l) * w.n);
    }
    w.ops->value(&view, w.x, w.out, w.matrix);
    for (size_t k = 0; k < call->probes; k++) {
      probe(&w, &series, call, rows, k, one);
      for (size_t l = 0; l < rows; l++) { /* Welford 1962 */
        const double off = one[l] - mean[l];
        mean[l] += off / (double)(k + 1);
        square[l] += off * (one[l] - mean[l]);
      }
    }
    for (size_t l = 0; l < rows; l++) {
      call->logdet[first + l] += sign * mean[l];
      call->var[first + l] += m > 1 ? square[l] / (m * (m - 1)) : (double)NAN;
    }
  }
}
