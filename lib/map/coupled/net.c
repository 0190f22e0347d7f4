/* net.c -- the network of a half step: what it sees in positions p, as matrices and shifts of every
   particle. */
#include "map/coupled/work.h"

/* Bytes of a tile's rows; samples of a tile at most; rows of a chunk, times H. */
enum { TILE_BYTES = 256 * 1024, TILE_SAMPLES = 64, CHUNK_REALS = 1536, LEAST_CHUNK = 16 };

/* Terms of the series of log(1 + t). */
enum { TERMS = ENF__DOUBLE ? 17 : 8 };

static size_t samples_of(const enf__coupled *map) {
  const size_t N = map->space->shape.particles, H = map->padded;
  const size_t reals = (4 * map->rows.count + 8 * N) * H;
  const size_t samples = TILE_BYTES / sizeof(REAL) / reals;
  return samples < 1 ? 1 : samples < TILE_SAMPLES ? samples : TILE_SAMPLES;
}

static void take_rounds(tile *t, enf__arena *arena) {
  const size_t R = t->map->rounds, H = t->H;
  t->round = ENF__TAKE(arena, round_kept, R + 1);
  round_kept spare, *kept = t->round;
  for (size_t r = 0; r <= R; r++) {
    round_kept *k = kept ? kept + r : &spare; /* an arena that counts gives nothing */
    k->in = ENF__TAKE(arena, REAL, t->n * 2 * H);
    if (r == R)
      return;
    k->pq = ENF__TAKE(arena, REAL, (t->n > t->map->kinds ? t->n : t->map->kinds) * 2 * H);
    k->a5 = ENF__TAKE(arena, REAL, t->n * H);
    k->slope5 = t->reverse ? ENF__TAKE(arena, REAL, t->n * H) : NULL;
    k->slope2 = t->reverse ? ENF__TAKE(arena, REAL, t->e * H) : NULL;
  }
}

static void fill_rows(tile *t) {
  const enf__coupled_rows *rows = &t->map->rows;
  for (size_t e = 0; e < t->e; e++) {
    const size_t k = e % rows->count, first = e / rows->count * t->N;
    const size_t i = (size_t)rows->recv[k], j = (size_t)rows->send[k];
    t->recv[e] = (int32_t)(first + i);
    t->send[e] = (int32_t)(first + j);
    t->class_i[e] = (int32_t)enf__coupled_kind(t->map, i);
    t->class_j[e] = (int32_t)enf__coupled_kind(t->map, j);
    t->mirror[e] = rows->mirror[k];
  }
}

void coupled_open(tile *t, const enf__coupled *map, bool reverse, enf__arena *arena) {
  const size_t H = map->padded, N = map->space->shape.particles, D = map->space->shape.dimensions;
  *t = (tile){.map = map, .most = samples_of(map), .N = N, .D = D, .H = H, .reverse = reverse};
  t->n = t->most * N;
  t->e = t->most * map->rows.count;
  t->chunk = CHUNK_REALS / H < LEAST_CHUNK ? LEAST_CHUNK : CHUNK_REALS / H;
  int32_t **lists[] = {&t->recv, &t->send, &t->class_i, &t->class_j, &t->none};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    *lists[i] = ENF__TAKE(arena, int32_t, t->e);
  REAL **numbers[] = {&t->mirror, &t->d, &t->o0, &t->o1, &t->c0, &t->c1, &t->rise};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    *numbers[i] = ENF__TAKE(arena, REAL, t->e);
  const size_t kept = reverse ? t->e : t->chunk;
  t->p = ENF__TAKE(arena, REAL, t->n * D);
  t->r = ENF__TAKE(arena, REAL, t->e * D);
  t->a1 = ENF__TAKE(arena, REAL, t->chunk * H);
  t->m = ENF__TAKE(arena, REAL, kept * H);
  t->q7 = ENF__TAKE(arena, REAL, kept * H);
  t->slope7 = reverse ? ENF__TAKE(arena, REAL, t->e * H) : NULL;
  t->q9 = ENF__TAKE(arena, REAL, t->n * H);
  t->slope9 = reverse ? ENF__TAKE(arena, REAL, t->n * H) : NULL;
  t->s = ENF__TAKE(arena, REAL, t->n);
  t->v = ENF__TAKE(arena, REAL, t->n * D);
  t->P = ENF__TAKE(arena, REAL, t->n * SYMMETRIC);
  t->zero = ENF__TAKE(arena, REAL, t->e + H);
  take_rounds(t, arena);
  if (!t->recv)
    return;
  fill_rows(t);
  memset(t->none, 0, t->e * sizeof *t->none);
  memset(t->zero, 0, (t->e + H) * sizeof *t->zero);
}

/* ---- geometry -------------------------------------------------------------------------------- */

static void enter(tile *t, const double *p, size_t stride) {
  const size_t size = t->N * t->D;
  for (size_t s = 0; s < t->S; s++)
    for (size_t i = 0; i < size; i++)
      t->p[s * size + i] = (REAL)p[s * stride + i];
  for (size_t a = 0; a < t->D; a++)
    for (size_t e = 0; e < t->e; e++)
      t->r[a * t->e + e] =
          t->p[(size_t)t->recv[e] * t->D + a] - t->p[(size_t)t->send[e] * t->D + a];
  for (size_t e = 0; e < t->e; e++)
    t->d[e] = (REAL)1e-8;
  for (size_t a = 0; a < t->D; a++)
    for (size_t e = 0; e < t->e; e++)
      t->d[e] += t->r[a * t->e + e] * t->r[a * t->e + e];
  for (size_t e = 0; e < t->e; e++)
    t->d[e] = SQRT(t->d[e]);
}

/* log(1 + t) = 2 artanh(t/(2 + t)), 0 <= t <= 1 */
static inline REAL log_one_plus(REAL x) {
  const REAL y = x / (2 + x), square = y * y;
  REAL sum = 0;
  for (int k = TERMS; k > 0; k--)
    sum = sum * square + (REAL)1 / (REAL)(2 * k - 1);
  return 2 * y * sum;
}

static void coefficients(tile *t) {
  REAL *restrict o0 = t->o0, *restrict c0 = t->c0, *restrict c1 = t->c1, *restrict rise = t->rise;
  const REAL *restrict d = t->d, *restrict o1 = t->o1;
  for (size_t e = 0; e < t->e; e++) {
    const REAL u = 4 * o1[e] - 4;
    rise[e] = u > 0 ? -u : u;
  }
  t->k->exp(t->e, rise, rise);
  for (size_t e = 0; e < t->e; e++) {
    const REAL u = 4 * o1[e] - 4, x = rise[e], up = u > 0 ? u : 0;
    c0[e] = o0[e] / (d[e] + 1);
    c1[e] = (up + log_one_plus(x)) / (d[e] * d[e]);
    rise[e] = (u > 0 ? 1 : x) / (1 + x);
  }
}

static inline __attribute__((always_inline)) void spread(const tile *t, const size_t D) {
  const size_t e1 = t->e;
  memset(t->v, 0, t->n * D * sizeof *t->v);
  memset(t->P, 0, t->n * SYMMETRIC * sizeof *t->P);
  for (size_t e = 0; e < e1; e++) {
    const size_t i = (size_t)t->recv[e], j = (size_t)t->send[e];
    const REAL mirror = t->mirror[e];
    REAL *vi = t->v + i * D, *vj = t->v + j * D;
    REAL *Pi = t->P + i * SYMMETRIC, *Pj = t->P + j * SYMMETRIC;
    for (size_t a = 0, k = 0; a < D; a++) {
      const REAL ra = t->r[a * e1 + e], v = t->c0[e] * ra, cr = t->c1[e] * ra;
      vi[a] += v;
      vj[a] -= mirror * v;
      for (size_t b = 0; b <= a; b++, k++) {
        const REAL P = cr * t->r[b * e1 + e];
        Pi[k] += P;
        Pj[k] += mirror * P;
      }
    }
  }
}

/* ---- the network ----------------------------------------------------------------------------- */

/* Rows e ... e+rows-1: messages into the sums, and in the last round o. */
static void messages(tile *t, size_t r, size_t e, size_t rows) {
  const size_t H = t->H;
  const enf__coupled_net *net = &t->map->net;
  const enf__coupled_round *at = &net->round[r];
  const round_kept *y = t->round + r;
  const bool last = r + 1 == t->map->rounds;
  const size_t place = t->reverse ? e : 0;
  REAL *m = t->m + place * H, *q7 = t->q7 + place * H;
  t->fk->edge_input(rows, H, y->pq, y->pq + H, 2 * H, (r ? t->recv : t->class_i) + e,
                    (r ? t->send : t->class_j) + e, t->w + at->wd, t->zero, t->d + e, t->zero,
                    t->a1, NULL);
  t->k->residual(rows, H, H, t->a1, H, t->w + at->edge.w, t->w + at->edge.b, NULL, m,
                 y->slope2 ? y->slope2 + e * H : NULL);
  for (size_t k = 0; k < rows; k++) {
    REAL *restrict to = y->in + ((size_t)t->recv[e + k] * 2 + 1) * H;
    const REAL *restrict from = m + k * H;
    for (size_t c = 0; c < H; c++)
      to[c] += from[c];
    if (t->mirror[e + k] == 0)
      continue;
    to = y->in + ((size_t)t->send[e + k] * 2 + 1) * H;
    for (size_t c = 0; c < H; c++)
      to[c] += from[c];
  }
  if (!last)
    return;
  t->k->residual(rows, H, H, m, H, t->w + net->vector.w, t->w + net->vector.b, NULL, q7,
                 t->slope7 ? t->slope7 + e * H : NULL);
  t->k->dots(rows, H, t->w + net->w8, q7, H, t->o0 + e);
  t->k->dots(rows, H, t->w + net->w8 + H, q7, H, t->o1 + e);
}

static void run_round(tile *t, size_t r) {
  const size_t H = t->H;
  const enf__coupled_net *net = &t->map->net;
  const enf__coupled_round *at = &net->round[r];
  const round_kept *y = t->round + r;
  if (r == 0)
    t->k->gemm(t->map->kinds, H, 2 * H, t->w + net->embed, H, t->w + at->pq.w, 2 * H, NULL, 0,
               t->w + at->pq.b, false, y->pq, 2 * H);
  else
    t->k->gemm(t->n, H, 2 * H, y->in, 2 * H, t->w + at->pq.w, 2 * H, NULL, 0, t->w + at->pq.b,
               false, y->pq, 2 * H);
  for (size_t i = 0; i < t->n; i++)
    memset(y->in + (2 * i + 1) * H, 0, H * sizeof *y->in);
  for (size_t e = 0; e < t->e; e += t->chunk)
    messages(t, r, e, t->e - e < t->chunk ? t->e - e : t->chunk);
  t->k->residual(t->n, 2 * H, H, y->in, 2 * H, t->w + at->in.w, t->w + at->in.b, NULL, y->a5,
                 y->slope5);
  t->k->gemm(t->n, H, H, y->a5, H, t->w + at->out.w, H, y->in, 2 * H, t->w + at->out.b, false,
             y[1].in, 2 * H);
}

static void scales(tile *t) {
  const size_t H = t->H;
  const enf__coupled_net *net = &t->map->net;
  t->k->residual(t->n, H, H, t->round[t->map->rounds].in, 2 * H, t->w + net->scale.w,
                 t->w + net->scale.b, NULL, t->q9, t->slope9);
  t->k->dots(t->n, H, t->w + net->w10, t->q9, H, t->s);
  for (size_t i = 0; i < t->n; i++)
    t->s[i] += t->w[net->b10];
  t->k->tanh(t->n, t->s, t->s);
  for (size_t i = 0; i < t->n; i++)
    t->s[i] *= 2;
}

void coupled_network(tile *t, size_t net, size_t S, const double *p, size_t stride) {
  const enf__coupled *map = t->map;
  const size_t H = t->H;
  t->S = S;
  t->n = S * t->N;
  t->e = S * map->rows.count;
  t->w = PACKED(map) + net * map->packed;
  enter(t, p, stride);
  for (size_t i = 0; i < t->n; i++)
    memcpy(t->round[0].in + 2 * i * H,
           t->w + map->net.embed + enf__coupled_kind(map, i % t->N) * H, H * sizeof(REAL));
  for (size_t r = 0; r < map->rounds; r++)
    run_round(t, r);
  for (size_t e = 0; e < t->e; e++) {
    t->o0[e] += t->w[map->net.b8];
    t->o1[e] += t->w[map->net.b8 + 1];
  }
  scales(t);
  coefficients(t);
  if (t->D == 3)
    spread(t, 3);
  else
    spread(t, 2);
}
