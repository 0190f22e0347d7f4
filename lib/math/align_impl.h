/* align_impl.h -- the one source of the alignment kernels; the files in baseline/, avx2/ and
   avx512/ define ENF__TABLE and include it.

   Particles of a group of n alike: cost_ab = |x_a|^2/2 - <x_a,y_b>, the squared distance up to
   terms of the columns, which every permutation pays alike. The assignment is exact (shortest
   augmenting paths on reduced costs, Jonker and Volgenant 1987): every column's price is its least
   cost, a row that is the least of some column gets it, and each row still free is assigned along a
   shortest path (Dijkstra), after which the prices are raised so that an assigned row has its least
   reduced cost at its column. |x_a|^2/2 makes the first prices good: most rows are assigned at
   once, since the nearest row is then the cheapest. The rows' state is a few vectors; up to two
   vectors of columns they stay in registers.

   The aligned distance is |x|^2 + |y|^2 - 2 (s1 + s2 +- s3), s the singular values of
   M = sum_a x_a y_P(a)^T, and the smallest takes the sign of det M unless reflections are allowed;
   one pair per lane, by one-sided Jacobi rotations (Hestenes 1958) of M's columns, which are as
   good for singular M as for any other. Two dimensions: s1 +- s2 = sqrt((M11 +- M22)^2 + (M12 -+
   M21)^2). */
#include "math/align.h"
#include <math.h>
#define ENF__DOUBLE 0
#include "math/simd.h"
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define LANES ((size_t)ENF__LANES)
#define UNROLL _Pragma("GCC unroll 4")
#define FREE (-1)
/* Vectors whose masks are looked at together: a branch for each would be foretold badly. */
#define AT_ONCE (64 / LANES)
enum { PLANES = 3, MOMENTS = 9, SWEEPS = 4 };
/* Where a search for the least begins: above every cost. */
#define NEVER 1e30f

/* ---- what vectors lack ------------------------------------------------------------------------
 */

INLINE vec vec_least(vec a, vec b) {
#if defined(__AVX512F__)
  return (vec)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (vec)_mm256_min_ps((__m256)a, (__m256)b);
#else
  return vec_select(a < b, a, b);
#endif
}

INLINE vec vec_choose(ivec mask, vec yes, vec no) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  return (vec)_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)mask);
#else
  return vec_select(mask, yes, no);
#endif
}

/* The least lane. */
INLINE float vec_lowest(vec v) {
#if defined(__SSE2__) || defined(__AVX2__)
  __m128 part[ENF__VECTOR_BYTES / 16];
  memcpy(part, &v, sizeof v);
#if ENF__VECTOR_BYTES == 64
  part[0] = _mm_min_ps(_mm_min_ps(part[0], part[2]), _mm_min_ps(part[1], part[3]));
#elif ENF__VECTOR_BYTES == 32
  part[0] = _mm_min_ps(part[0], part[1]);
#endif
  part[0] = _mm_min_ps(part[0], _mm_movehl_ps(part[0], part[0]));
  return _mm_cvtss_f32(_mm_min_ss(part[0], _mm_shuffle_ps(part[0], part[0], 1)));
#else
  float least = v[0];
  for (int k = 1; k < ENF__LANES; k++)
    least = v[k] < least ? v[k] : least;
  return least;
#endif
}

/* Bit k: lane k of the mask. */
INLINE uint32_t vec_bits(ivec mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)mask);
#elif defined(__AVX2__)
  return (uint32_t)_mm256_movemask_ps((__m256)mask);
#elif defined(__SSE2__)
  return (uint32_t)_mm_movemask_ps((__m128)mask);
#else
  uint32_t bits = 0;
  for (int k = 0; k < ENF__LANES; k++)
    bits |= (uint32_t)(mask[k] & 1) << k;
  return bits;
#endif
}

INLINE ivec ivec_set(int32_t a) { return (ivec){0} + a; }

INLINE ivec lane_numbers(void) {
  ivec v;
  for (int k = 0; k < ENF__LANES; k++)
    v[k] = k;
  return v;
}

/* ---- the assignment ---------------------------------------------------------------------------
 */

/* A group of n alike in V vectors of columns. */
typedef struct {
  size_t n;
  float *cost;     /* (n, V vectors) */
  vec *price;      /* of the columns */
  vec *length;     /* of the shortest path to a column */
  ivec *open;      /* mask: column not yet reached */
  ivec *before;    /* row before a column on its path; at first: its cheapest row */
  int32_t *row;    /* of a column, or FREE */
  int32_t *column; /* of a row, or FREE */
  int32_t *waiting;
} problem;

/* Costs, and every column's least and where. */
INLINE void fill(const size_t V, const problem *p, const float *points, const float *planes,
                 size_t columns) {
  UNROLL for (size_t k = 0; k < V; k++) {
    p->price[k] = vec_set(NEVER);
    p->before[k] = ivec_set(0);
  }
  for (size_t a = 0; a < p->n; a++) {
    const float *x = points + 4 * a;
    UNROLL for (size_t k = 0; k < V; k++) {
      const float *y = planes + k * LANES;
      vec c = vec_set(x[3]) - vec_set(x[0]) * vec_load(y);
      c -= vec_set(x[1]) * vec_load(y + columns);
      c -= vec_set(x[2]) * vec_load(y + 2 * columns);
      vec_store(p->cost + (a * V + k) * LANES, c);
      const ivec lower = c < p->price[k];
      p->price[k] = vec_least(c, p->price[k]);
      p->before[k] = (ivec)vec_choose(lower, (vec)ivec_set((int32_t)a), (vec)p->before[k]);
    }
  }
}

/* Every row that is the cheapest of a column gets it. Returns the number of rows left. */
INLINE size_t take_cheapest(const problem *p, const int32_t *cheapest) {
  for (size_t a = 0; a < p->n; a++)
    p->column[a] = FREE;
  for (size_t b = 0; b < p->n; b++)
    p->column[cheapest[b]] = (int32_t)b;
  for (size_t b = 0; b < p->n; b++)
    p->row[b] = p->column[cheapest[b]] == (int32_t)b ? cheapest[b] : FREE;
  size_t left = 0;
  for (size_t a = 0; a < p->n; a++) {
    p->waiting[left] = (int32_t)a;
    left += p->column[a] == FREE;
  }
  return left;
}

/* The first column not yet reached whose path is `length` long: there is one. */
INLINE size_t column_at(const size_t V, const problem *p, float length) {
  size_t first = 0;
  uint64_t bits = 0;
  for (;; first += AT_ONCE) {
    for (size_t k = first; k < V && k < first + AT_ONCE; k++)
      bits |= (uint64_t)vec_bits((p->length[k] == vec_set(length)) & p->open[k])
              << ((k - first) * LANES);
    if (bits || first + AT_ONCE >= V)
      return first * LANES + (size_t)__builtin_ctzll(bits);
  }
}

/* A path reaches row a with reduced costs counted from `base`: keep the shorter way to each column.
   Returns the nearest column not yet reached, and its length. */
INLINE size_t relax(const size_t V, const problem *p, int32_t a, float base, float *nearest) {
  const float *cost = p->cost + (size_t)a * V * LANES;
  vec near = vec_set(INFINITY);
  UNROLL for (size_t k = 0; k < V; k++) {
    const vec h = vec_load(cost + k * LANES) - p->price[k] - vec_set(base);
    const ivec shorter = (h < p->length[k]) & p->open[k];
    p->length[k] = vec_choose(shorter, h, p->length[k]);
    p->before[k] = (ivec)vec_choose(shorter, (vec)ivec_set(a), (vec)p->before[k]);
    near = vec_least(near, vec_choose(p->open[k], p->length[k], vec_set(INFINITY)));
  }
  *nearest = vec_lowest(near);
  return column_at(V, p, *nearest);
}

INLINE void augment(const size_t V, const problem *p, int32_t start) {
  const float *prices = (const float *)p->price;
  float length;
  UNROLL for (size_t k = 0; k < V; k++) {
    p->length[k] = vec_set(INFINITY);
    p->open[k] = lane_numbers() + (int32_t)(k * LANES) < ivec_set((int32_t)p->n);
  }
  size_t b = relax(V, p, start, 0, &length);
  while (p->row[b] != FREE) {
    const int32_t a = p->row[b];
    UNROLL for (size_t k = 0; k < V; k++) p->open[k] &=
        lane_numbers() + (int32_t)(k * LANES) != ivec_set((int32_t)b);
    b = relax(V, p, a, p->cost[(size_t)a * V * LANES + b] - prices[b] - length, &length);
  }
  UNROLL for (size_t k = 0; k < V; k++) p->price[k] =
      vec_choose(p->open[k], p->price[k], p->price[k] + (p->length[k] - vec_set(length)));
  const int32_t *before = (const int32_t *)p->before;
  for (int32_t a = FREE; a != start;) {
    a = before[b];
    p->row[b] = a;
    const size_t next = (size_t)p->column[a];
    p->column[a] = (int32_t)b;
    b = next;
  }
}

INLINE void assign(const size_t V, const problem *p, const float *points, const float *planes,
                   size_t columns) {
  fill(V, p, points, planes, columns);
  const size_t left = take_cheapest(p, (const int32_t *)p->before);
  for (size_t k = 0; k < left; k++)
    augment(V, p, p->waiting[k]);
}

/* Up to two vectors of columns stay in registers. */
#define IN_REGISTERS(V)                                                                            \
  static void assign_##V(const problem *p, const float *points, const float *planes,               \
                         size_t columns) {                                                         \
    vec price[V], length[V];                                                                       \
    ivec open[V], before[V];                                                                       \
    const problem q = {.n = p->n,                                                                  \
                       .cost = p->cost,                                                            \
                       .price = price,                                                             \
                       .length = length,                                                           \
                       .open = open,                                                               \
                       .before = before,                                                           \
                       .row = p->row,                                                              \
                       .column = p->column,                                                        \
                       .waiting = p->waiting};                                                     \
    assign(V, &q, points, planes, columns);                                                        \
  }
IN_REGISTERS(1)
IN_REGISTERS(2)

static void assign_many(const problem *p, const float *points, const float *planes,
                        size_t columns) {
  assign((p->n + LANES - 1) / LANES, p, points, planes, columns);
}

/* ---- the permutation --------------------------------------------------------------------------
 */

typedef struct {
  problem p;
  float *moments;    /* (9, lanes): M of one pair per lane */
  uint32_t *partner; /* (N) */
} workspace;

static workspace lay_out(const enf__align *align, enf__arena *arena) {
  const size_t n = align->largest, V = (n + LANES - 1) / LANES;
  workspace w = {.p = {.cost = ENF__TAKE(arena, float, n *V *LANES),
                       .price = ENF__TAKE(arena, vec, V),
                       .length = ENF__TAKE(arena, vec, V),
                       .open = ENF__TAKE(arena, ivec, V),
                       .before = ENF__TAKE(arena, ivec, V),
                       .row = ENF__TAKE(arena, int32_t, n),
                       .column = ENF__TAKE(arena, int32_t, n),
                       .waiting = ENF__TAKE(arena, int32_t, n + 1)}};
  w.moments = ENF__TAKE(arena, float, MOMENTS *LANES);
  w.partner = ENF__TAKE(arena, uint32_t, align->particles);
  return w;
}

static workspace lay_in(const enf__align *align, void *memory) {
  enf__arena arena = {.base = memory, .capacity = SIZE_MAX};
  return lay_out(align, &arena);
}

static size_t workspace_bytes(const enf__align *align) {
  enf__arena count = {0};
  lay_out(align, &count);
  return count.used;
}

/* Particle partner[a] of y goes with particle a of x, both in order. */
static void find_partners(const enf__align *align, workspace *w, const enf__packed *x,
                          const enf__packed *y, uint32_t *partner) {
  const float *planes = y->planes;
  for (size_t g = 0; g < align->groups; g++) {
    const uint32_t begin = align->begin[g];
    const size_t n = align->begin[g + 1] - begin, V = (n + LANES - 1) / LANES;
    const float *points = x->points + 4 * begin;
    partner[begin] = begin;
    if (n == 1)
      continue;
    w->p.n = n;
    (V == 1 ? assign_1 : V == 2 ? assign_2 : assign_many)(&w->p, points, planes, align->columns);
    for (size_t a = 0; a < n; a++)
      partner[begin + a] = begin + (uint32_t)w->p.column[a];
    planes += (n + ENF__ALIGN_PAD - 1) / ENF__ALIGN_PAD * ENF__ALIGN_PAD;
  }
}

static void match(const enf__align *align, const enf__packed *x, const enf__packed *y, void *work,
                  uint32_t *partner) {
  workspace w = lay_in(align, work);
  find_partners(align, &w, x, y, w.partner);
  for (size_t a = 0; a < align->particles; a++)
    partner[align->order[a]] = align->order[w.partner[a]];
}

/* ---- the rotation -----------------------------------------------------------------------------
 */

typedef float four __attribute__((vector_size(16), aligned(4)));

/* moments (3,3,lanes) at `lane` = sum_a x_a y_partner(a)^T / (|x| |y|). */
static void moment(size_t particles, const float *x, const float *y, const uint32_t *partner,
                   float scale, float *moments, size_t lane) {
  four m[3] = {{0}};
  for (size_t a = 0; a < particles; a++) {
    const four right = *(const four *)(const void *)(y + 4 * partner[a]);
    for (size_t i = 0; i < 3; i++)
      m[i] += x[4 * a + i] * right;
  }
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 3; j++)
      moments[(3 * i + j) * LANES + lane] = m[i][j] * scale;
}

INLINE vec vec_abs(vec v) { return (vec)((ivec)v & ~(ivec)vec_set(-0.0f)); }
INLINE vec vec_sign(vec v) { return (vec)(((ivec)v & (ivec)vec_set(-0.0f)) | (ivec)vec_set(1)); }
INLINE vec dot(const vec *a, const vec *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/* Turn columns a and b in their plane until they are orthogonal. */
INLINE void rotate(vec *a, vec *b) {
  const vec product = dot(a, b), twice = product + product, gap = dot(b, b) - dot(a, a);
  const vec root = vec_sqrt(gap * gap + twice * twice);
  const vec t = twice * vec_sign(gap) / (vec_abs(gap) + root + vec_set(1e-30f));
  const vec c = vec_set(1) / vec_sqrt(vec_set(1) + t * t), s = c * t;
  for (int i = 0; i < 3; i++) {
    const vec old = a[i];
    a[i] = c * old - s * b[i];
    b[i] = s * old + c * b[i];
  }
}

/* s1 + s2 + s3 of the columns, lane by lane; s1 + s2 - s3 where the determinant is negative, if
   reflections are not allowed. */
static vec sum_3(const float *moments, bool reflect) {
  vec a[3], b[3], c[3];
  for (size_t i = 0; i < 3; i++) {
    a[i] = vec_load(moments + (3 * i) * LANES);
    b[i] = vec_load(moments + (3 * i + 1) * LANES);
    c[i] = vec_load(moments + (3 * i + 2) * LANES);
  }
  for (int sweep = 0; sweep < SWEEPS; sweep++) {
    rotate(a, b);
    rotate(a, c);
    rotate(b, c);
  }
  const vec sa = vec_sqrt(dot(a, a)), sb = vec_sqrt(dot(b, b)), sc = vec_sqrt(dot(c, c));
  if (reflect)
    return sa + sb + sc;
  const vec cross[3] = {b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2],
                        b[0] * c[1] - b[1] * c[0]};
  const vec least = vec_least(sa, vec_least(sb, sc));
  return sa + sb + sc - vec_select(dot(a, cross) < vec_set(0), least + least, vec_set(0));
}

INLINE vec hypotenuse(vec a, vec b) { return vec_sqrt(a * a + b * b); }

static vec sum_2(const float *moments, bool reflect) {
  const vec m00 = vec_load(moments), m01 = vec_load(moments + LANES),
            m10 = vec_load(moments + 3 * LANES), m11 = vec_load(moments + 4 * LANES);
  const vec turned = hypotenuse(m00 + m11, m01 - m10), mirrored = hypotenuse(m00 - m11, m01 + m10);
  return reflect ? vec_select(turned < mirrored, mirrored, turned) : turned;
}

static void distances(const enf__align *align, const enf__packed *x, size_t count,
                      const enf__packed *y, void *work, float *cost) {
  workspace w = lay_in(align, work);
  for (size_t first = 0; first < count; first += LANES) {
    const size_t lanes = count - first < LANES ? count - first : LANES;
    float size[ENF__LANES], sum[ENF__LANES];
    memset(w.moments, 0, MOMENTS * LANES * sizeof *w.moments);
    for (size_t lane = 0; lane < lanes; lane++) {
      const enf__packed *to = y + first + lane;
      size[lane] = sqrtf(x->square) * sqrtf(to->square);
      find_partners(align, &w, x, to, w.partner);
      moment(align->particles, x->points, to->points, w.partner,
             size[lane] > 0 ? 1 / size[lane] : 0, w.moments, lane);
    }
    vec_store(sum, align->dimensions == 3 ? sum_3(w.moments, align->reflect)
                                          : sum_2(w.moments, align->reflect));
    for (size_t lane = 0; lane < lanes; lane++) {
      const float square = x->square + y[first + lane].square - 2 * size[lane] * sum[lane];
      cost[first + lane] = square > 0 ? square : 0;
    }
  }
}

const enf__align_kernels ENF__TABLE;
const enf__align_kernels ENF__TABLE = {workspace_bytes, distances, match};
