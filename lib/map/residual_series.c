/* residual_series.c -- the series of log |det (1 + J)|, and that of its gradient, for functions of
   distances (math/pairwise.h).

   A probe takes (1 + J) v - v as often as its last term says, a product with the matrix each: it pays
   where the matrix is large, some n^2 for every term where the Cholesky factor takes n^3/6. Of densities,
   probes and last terms are keyed by the seed and a hash of the layer's own point, so that an estimate
   does not depend on its company; those of a training are the batch's. With the terms' factors f_k

     dl = sum_k k f_k tr (J^(k-1) dJ) = E[w . dJ eps],   w = sum_k k f_k J^(k-1) eps

   (Neumann's series, in the place of the inverse: Chen et al. 2019): as the exact gradient, tr G dJ,
   with (w eps^T + eps w^T)/2 for the inverse G. */
#include "map/residual_series.h"
#include "core/random.h"
#include "map/probe.h"
#include "map/series.h"
#include <string.h>

typedef struct {
  const enf__pairwise_kernels *ops;
  size_t n, lanes;
  double *x, *eps, *v, *out, *neumann; /* (n,lanes) */
  double *one;                         /* (n) */
  double *matrix;                      /* (n(n+1)/2,lanes) 1 + J */
  uint64_t index[ENF__PAIRWISE_LANES];
} work;

static work lay_out(const enf__residual *kind, const enf__run *run, enf__arena *arena) {
  work w = {.ops = enf__pairwise_kernels_of(run->kernel), .n = enf__space_state(kind->space)};
  w.lanes = w.ops->lanes;
  w.x = ENF__TAKE(arena, double, w.n *w.lanes);
  w.eps = ENF__TAKE(arena, double, w.n *w.lanes);
  w.v = ENF__TAKE(arena, double, w.n *w.lanes);
  w.out = ENF__TAKE(arena, double, w.n *w.lanes);
  w.neumann = ENF__TAKE(arena, double, w.n *w.lanes);
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

/* The probe in eps of `rows` lanes, each up to its last term: sums (lanes) of the series, and unless NULL
   w (n,lanes). */
static void add_terms(const work *w, const enf__series *s, size_t rows, const size_t *last, double *sum,
                      double *neumann) {
  const size_t count = w->n * w->lanes;
  size_t most = 0;
  for (size_t l = 0; l < rows; l++) {
    most = enf__larger(most, last[l]);
    sum[l] = 0;
  }
  memcpy(w->v, w->eps, count * sizeof *w->v);
  if (neumann)
    memset(neumann, 0, count * sizeof *neumann);
  for (size_t k = 1; k <= most; k++) {
    const double factor = enf__series_factor(s, k);
    for (size_t i = 0; neumann && i < count; i++)
      neumann[i] += k <= last[i % w->lanes] ? (double)k * factor * w->v[i] : 0;
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

static size_t draw_last(const enf__series *s, uint64_t seed, uint64_t index) {
  double u;
  enf__random_uniform(seed, ENF__STREAM_ROULETTE, index, 1, &u);
  return enf__series_last(s, u);
}

static size_t rows_from(const work *w, size_t S, size_t first) {
  return S - first < w->lanes ? S - first : w->lanes;
}

static work begin(const enf__residual *kind, size_t layer, const enf__run *run, enf__arena *arena,
                  enf__pairwise *view) {
  const work w = lay_out(kind, run, arena);
  kind->ops->view(kind, layer, view);
  memset(w.x, 0, w.n * w.lanes * sizeof *w.x);
  memset(w.eps, 0, w.n * w.lanes * sizeof *w.eps);
  return w;
}

/* ---- densities ------------------------------------------------------------------------------- */

/* One probe's estimates (lanes). */
static void probe(const work *w, const enf__series *s, const enf__carry *call, size_t rows,
                  size_t number, double *sum) {
  size_t last[ENF__PAIRWISE_LANES] = {0};
  for (size_t l = 0; l < rows; l++) {
    enf__probe_draw(call->run->probe, call->seed, w->index[l] + number, 1, w->n, w->one);
    last[l] = draw_last(s, call->seed, w->index[l] + number);
    spread(w, l, w->one, w->eps);
  }
  add_terms(w, s, rows, last, sum, NULL);
}

void enf__residual_estimate(const enf__residual *kind, size_t layer, enf__arena *arena, size_t S,
                            const double *x, double sign, const enf__carry *call) {
  const enf__series series = enf__series_of(call->run->terms, kind->bound);
  const double m = (double)call->probes;
  enf__pairwise view;
  work w = begin(kind, layer, call->run, arena, &view);
  for (size_t first = 0; first < S; first += w.lanes) {
    const size_t rows = rows_from(&w, S, first);
    double one[ENF__PAIRWISE_LANES], mean[ENF__PAIRWISE_LANES] = {0},
        square[ENF__PAIRWISE_LANES] = {0};
    for (size_t l = 0; l < rows; l++) {
      spread(&w, l, x + (first + l) * w.n, w.x);
      w.index[l] = enf__random_key(w.n, x + (first + l) * w.n);
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

/* ---- trainings ------------------------------------------------------------------------------- */

/* Probe number k of samples `row` ... on the way, and last terms that are the layer's own. */
static void take_probe(const work *w, const enf__series *s, const enf__residual *kind, size_t layer,
                       const enf__way *way, size_t row, size_t rows, size_t k, size_t *last) {
  for (size_t l = 0; l < rows; l++) {
    const uint64_t index = (way->first + row + l) * way->probes + k;
    spread(w, l, way->eps + ((row + l) * way->probes + k) * w->n, w->eps);
    last[l] = draw_last(s, way->seed, index * kind->layers + layer);
  }
}

void enf__residual_series(const enf__residual *kind, size_t layer, const enf__run *run,
                          enf__arena *arena, size_t S, const double *x, const enf__stretch *by,
                          double *logdet) {
  const enf__series series = enf__series_of(run->terms, kind->bound);
  enf__pairwise view;
  const work w = begin(kind, layer, run, arena, &view);
  for (size_t first = 0; first < S; first += w.lanes) {
    const size_t rows = rows_from(&w, S, first);
    size_t last[ENF__PAIRWISE_LANES];
    double one[ENF__PAIRWISE_LANES];
    for (size_t l = 0; l < rows; l++)
      spread(&w, l, x + (first + l) * w.n, w.x);
    w.ops->value(&view, w.x, w.out, w.matrix);
    for (size_t k = 0; k < by->way->probes; k++) {
      take_probe(&w, &series, kind, layer, by->way, by->row + first, rows, k, last);
      add_terms(&w, &series, rows, last, one, NULL);
      for (size_t l = 0; l < rows; l++)
        logdet[first + l] += one[l] / (double)by->way->probes;
    }
  }
}

/* inverse += weight (w eps^T + eps w^T)/2, its lower triangle. */
static void add_product(const work *w, double weight, double *inverse) {
  for (size_t i = 0; i < w->n; i++)
    for (size_t j = 0; j <= i; j++, inverse += w->lanes)
      for (size_t l = 0; l < w->lanes; l++) {
        const size_t a = i * w->lanes + l, b = j * w->lanes + l;
        inverse[l] += 0.5 * weight * (w->neumann[a] * w->eps[b] + w->eps[a] * w->neumann[b]);
      }
}

void enf__residual_series_inverse(const enf__residual *kind, size_t layer, const enf__run *run,
                                  enf__arena *arena, size_t rows, const double *x,
                                  const enf__stretch *by, size_t first, double *inverse) {
  const enf__series series = enf__series_of(run->terms, kind->bound);
  size_t last[ENF__PAIRWISE_LANES] = {0};
  double unused[ENF__PAIRWISE_LANES];
  enf__pairwise view;
  const work w = begin(kind, layer, run, arena, &view);
  memset(inverse, 0, w.n * (w.n + 1) / 2 * w.lanes * sizeof *inverse);
  w.ops->value(&view, x, w.out, w.matrix);
  for (size_t k = 0; k < by->way->probes; k++) {
    take_probe(&w, &series, kind, layer, by->way, by->row + first, rows, k, last);
    add_terms(&w, &series, rows, last, unused, w.neumann);
    add_product(&w, 1 / (double)by->way->probes, inverse);
  }
}
