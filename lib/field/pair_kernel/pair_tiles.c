/* pair_tiles.c -- memory of the pair kernel, pairs by tiles, coefficients of a time: see work.h. */
#include "field/pair_kernel/work.h"

static void open_reverse(group *g, enf__arena *arena) {
  const enf__pair_kernel *f = g->f;
  const size_t n = enf__pair_kernel_group(f);
  REAL **tile[] = {&g->p0, &g->p1, &g->slope};
  for (size_t i = 0; i < sizeof tile / sizeof *tile; i++)
    *tile[i] = ENF__TAKE(arena, REAL, TILE);
  g->dcoef = ENF__TAKE(arena, REAL, n * f->columns);
  g->dbasis = ENF__TAKE(arena, REAL, n * f->Tp);
  g->ones = ENF__TAKE(arena, REAL, n);
  g->sink = ENF__TAKE(arena, REAL, 3 * n);
  g->grad = ENF__TAKE(arena, REAL, f->grad_count);
  g->v = ENF__TAKE(arena, double, n * g->N * g->D);
  g->a = ENF__TAKE(arena, double, n * g->N * g->D);
  g->v_hat = ENF__TAKE(arena, double, n * g->N * g->D);
  g->form = ENF__TAKE(arena, double, n);
  for (size_t i = 0; arena->base && i < n; i++)
    g->ones[i] = 1;
}

group pairs_open_group(const enf__pair_kernel *f, const enf__shape *shape, int kernel, bool reverse,
                       enf__arena *arena) {
  const size_t n = enf__pair_kernel_group(f);
  group g = {.f = f, .shape = shape, .N = shape->particles, .D = shape->dimensions};
  g.k = KERNELS_OF(kernel);
  g.fk = FIELD_KERNELS_OF(kernel);
  g.w = PACKED(f);
  g.time = ENF__TAKE(arena, REAL, n);
  g.basis = ENF__TAKE(arena, REAL, n * f->Tp);
  g.coef = ENF__TAKE(arena, REAL, n * f->columns);
  g.pair = ENF__TAKE(arena, pair, TILE);
  g.seg = ENF__TAKE(arena, int32_t, TILE);
  REAL **tile[] = {&g.d, &g.phi, &g.phi1};
  for (size_t i = 0; i < sizeof tile / sizeof *tile; i++)
    *tile[i] = ENF__TAKE(arena, REAL, TILE);
  if (reverse)
    open_reverse(&g, arena);
  return g;
}

size_t pairs_workspace(const enf__field *field, int kernel, const enf__shape *shape,
                       enf__work work) {
  enf__arena count = {0};
  pairs_open_group((const enf__pair_kernel *)field, shape, kernel, work >= ENF__VJP, &count);
  return count.used;
}

static void advance(const group *g, cursor *at) {
  enf__pair_next(&at->pair);
  if (enf__pair_is(&at->pair))
    return;
  at->sample++;
  at->pair = enf__pair_first(g->shape);
}

cursor pairs_first_pair(const group *g) { return (cursor){.pair = enf__pair_first(g->shape)}; }

/* Fill the tile from the cursor on; the number of pairs, 0 at the end of the group. */
size_t pairs_fill_tile(group *g, const double *x, cursor *at) {
  size_t rows = 0;
  for (; rows < TILE && at->sample < g->samples && enf__pair_is(&at->pair);
       rows++, advance(g, at)) {
    pair *p = &g->pair[rows];
    const size_t i = at->pair.i, j = at->pair.j;
    double square = 0;
    p->sample = at->sample;
    p->i = (at->sample * g->N + i) * g->D;
    p->j = (at->sample * g->N + j) * g->D;
    for (size_t a = 0; a < g->D; a++) {
      p->r[a] = x[p->i + a] - x[p->j + a];
      square += p->r[a] * p->r[a];
    }
    p->d = sqrt(square);
    g->d[rows] = (REAL)p->d;
    g->seg[rows] = (int32_t)(at->sample * g->f->species_pairs + enf__shape_species(g->shape, i, j));
  }
  return rows;
}

/* Coefficients of the functions of distance, for the group's times. */
void pairs_start_group(group *g, size_t samples, const double *t) {
  const enf__pair_kernel *f = g->f;
  g->samples = samples;
  for (size_t s = 0; s < samples; s++)
    g->time[s] = (REAL)t[s];
  g->fk->basis(samples, f->Tp, g->time, g->w + f->t_center, g->w + f->t_sharp, g->basis);
  g->k->gemm(samples, f->Tp, f->columns, g->basis, f->Tp, g->w + f->weight, f->columns, NULL, 0,
             NULL, false, g->coef, f->columns);
}
