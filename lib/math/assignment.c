/* assignment.c -- exact linear assignment by shortest augmenting paths.

   Minimise sum_i cost[i][column(i)] over permutations (Jonker and Volgenant 1987, Computing 38,
   325-340). v_j are the columns' prices; u_i = min_j (cost_ij - v_j) follows from them. Three
   stages: column reduction (each column's price is its least cost, its row gets it if free),
   augmenting row reduction (a free row takes its best column and lowers that column's price until
   its second best is as good), and for each row still free a shortest augmenting path over the
   reduced costs cost_ij - u_i - v_j >= 0 (Dijkstra on the dense matrix, O(n^2) for a path).

   Always: an assigned row has its least reduced cost at its column. So the assignment is optimal
   up to the rounding of float32 sums of costs, and exactly so for costs whose sums are exact
   (small integers). Ties, equal and repeated rows are fine. No allocation; the same bits on every
   processor: comparisons and additions only, ties go to the lowest column of a lane. */
#include "math/assignment.h"
#include <math.h>
#define ENF__DOUBLE 0
#include "math/simd.h"

#define FREE UINT32_MAX
#define LANES ((size_t)ENF__LANES)

typedef int32_t ivec_u __attribute__((vector_size(ENF__VECTOR_BYTES), aligned(sizeof(int32_t))));

typedef struct {
  size_t n;
  const float *cost;
  uint32_t *column; /* of a row, or FREE */
  uint32_t *row;    /* of a column, or FREE */
  float *v;         /* prices */
  float *price;     /* prices of columns not yet reached, -inf for the others */
  float *length;    /* of the shortest path to a column, +inf once it is reached */
  float *reached;   /* that length, in the order of `order` */
  uint32_t *order;  /* columns reached */
  uint32_t *before; /* the row before a column on its shortest path */
  uint32_t *open;   /* rows to be assigned */
} problem;

static void lay_out(problem *p, size_t n, void *work) {
  float *reals = work;
  p->n = n;
  p->v = reals;
  p->price = reals + n;
  p->length = reals + 2 * n;
  p->reached = reals + 3 * n;
  uint32_t *ints = (uint32_t *)work + 4 * n;
  p->row = ints;
  p->order = ints + n;
  p->before = ints + 2 * n;
  p->open = ints + 3 * n;
}

size_t enf__assignment_workspace(size_t n) { return 8 * n * sizeof(float); }

INLINE ivec select_int(ivec mask, ivec yes, ivec no) { return (mask & yes) | (~mask & no); }

INLINE ivec ivec_set(size_t a) {
  ivec v = {0};
  return v + (int32_t)a;
}

/* Sums of a few costs must stay finite. */
static bool usable(size_t n, const float *cost) {
  ivec good = ~ivec_set(0);
  size_t k = 0;
  for (; k + LANES <= n * n; k += LANES) {
    const vec c = vec_load(cost + k);
    good &= (c > vec_set(-1e30f)) & (c < vec_set(1e30f));
  }
  bool all = true;
  for (size_t lane = 0; lane < LANES; lane++)
    all = all && good[lane];
  for (; k < n * n; k++)
    all = all && cost[k] > -1e30f && cost[k] < 1e30f;
  return all;
}

/* least (n) becomes row i where that is cheaper than the price, and the price its cost. */
static void lower_prices(problem *p, size_t i, uint32_t *least) {
  const float *c = p->cost + i * p->n;
  size_t j = 0;
  for (; j + LANES <= p->n; j += LANES) {
    const vec old = vec_load(p->v + j), new = vec_load(c + j);
    const ivec mask = new < old;
    vec_store(p->v + j, vec_select(mask, new, old));
    ivec_u *where = (ivec_u *)(void *)(least + j);
    *where = select_int(mask, ivec_set(i), *where);
  }
  for (; j < p->n; j++)
    if (c[j] < p->v[j])
      p->v[j] = c[j], least[j] = (uint32_t)i;
}

/* Every column's price becomes its least cost. Returns the number of rows that got no column. */
static size_t reduce_columns(problem *p) {
  uint32_t *least = p->before;
  for (size_t j = 0; j < p->n; j++) {
    p->v[j] = INFINITY;
    p->row[j] = p->column[j] = FREE;
  }
  for (size_t i = 0; i < p->n; i++)
    lower_prices(p, i, least);
  for (size_t j = p->n; j-- > 0;) {
    if (p->column[least[j]] != FREE)
      continue;
    p->column[least[j]] = (uint32_t)j;
    p->row[j] = least[j];
  }
  size_t open = 0;
  for (size_t i = 0; i < p->n; i++)
    if (p->column[i] == FREE)
      p->open[open++] = (uint32_t)i;
  return open;
}

/* The least two reduced costs of a row, and where. */
typedef struct {
  float value[2];
  size_t where[2];
} best;

static void meet(best *b, float h, size_t j) {
  if (h >= b->value[1])
    return;
  if (h < b->value[0]) {
    b->value[1] = b->value[0], b->where[1] = b->where[0];
    b->value[0] = h, b->where[0] = j;
  } else {
    b->value[1] = h, b->where[1] = j;
  }
}

static best least_two(const problem *p, size_t i) {
  const float *c = p->cost + i * p->n;
  best b = {{INFINITY, INFINITY}, {0, 0}};
  vec first = vec_set(INFINITY), second = first;
  ivec at_first = ivec_set(0), at_second = at_first, at = at_first;
  for (size_t lane = 0; lane < LANES; lane++)
    at[lane] = (int32_t)lane;
  size_t j = 0;
  for (; j + LANES <= p->n; j += LANES, at += (int32_t)LANES) {
    const vec h = vec_load(c + j) - vec_load(p->v + j);
    const ivec better = h < first, good = h < second;
    second = vec_select(better, first, vec_select(good, h, second));
    at_second = select_int(better, at_first, select_int(good, at, at_second));
    first = vec_select(better, h, first);
    at_first = select_int(better, at, at_first);
  }
  for (size_t lane = 0; lane < LANES && j > 0; lane++) {
    meet(&b, first[lane], (size_t)at_first[lane]);
    meet(&b, second[lane], (size_t)at_second[lane]);
  }
  for (; j < p->n; j++)
    meet(&b, c[j] - p->v[j], j);
  return b;
}

/* One pass over the open rows. A row displaced by a strictly better one is taken again at once,
   one displaced by an equal is left to the next stage: every repetition lowers a price. Their
   number is bounded as well, for prices that would go down in steps of one rounding error. */
static size_t reduce_rows(problem *p, size_t open) {
  size_t left = 0, at = 0, repetitions = 4 * p->n;
  while (at < open) {
    const uint32_t i = p->open[at++];
    const best b = least_two(p, i);
    size_t j = b.where[0];
    const float lowered = p->v[j] - (b.value[1] - b.value[0]);
    const bool strict = lowered < p->v[j];
    if (strict)
      p->v[j] = lowered;
    else if (p->row[j] != FREE)
      j = b.where[1];
    const uint32_t displaced = p->row[j];
    p->row[j] = i;
    p->column[i] = (uint32_t)j;
    if (displaced == FREE)
      continue;
    p->column[displaced] = FREE;
    if (strict && repetitions > 0)
      repetitions--, p->open[--at] = displaced;
    else
      p->open[left++] = displaced;
  }
  return left;
}

/* A path reaches row i with reduced costs counted from `base`: keep the shorter way to each column.
   Returns the nearest column not yet reached. */
static size_t relax(problem *p, uint32_t i, float base) {
  const float *c = p->cost + i * p->n;
  vec nearest = vec_set(INFINITY);
  size_t j = 0;
  for (; j + LANES <= p->n; j += LANES) {
    const vec h = vec_load(c + j) - vec_load(p->price + j) - vec_set(base);
    const vec old = vec_load(p->length + j);
    const ivec shorter = h < old;
    const vec length = vec_select(shorter, h, old);
    vec_store(p->length + j, length);
    ivec_u *before = (ivec_u *)(void *)(p->before + j);
    *before = select_int(shorter, ivec_set(i), *before);
    nearest = vec_select(length < nearest, length, nearest);
  }
  float least = INFINITY;
  for (size_t lane = 0; lane < LANES; lane++)
    if (nearest[lane] < least)
      least = nearest[lane];
  for (; j < p->n; j++) {
    const float h = c[j] - p->price[j] - base;
    if (h < p->length[j])
      p->length[j] = h, p->before[j] = i;
    if (p->length[j] < least)
      least = p->length[j];
  }
  for (j = 0; p->length[j] != least; j++) {
  }
  return j;
}

/* Assign row `start` along the shortest augmenting path, and bring the prices up to date. */
static void augment(problem *p, uint32_t start) {
  const size_t n = p->n;
  for (size_t j = 0; j < n; j++)
    p->length[j] = INFINITY, p->price[j] = p->v[j];
  size_t reached = 0, j = relax(p, start, 0);
  float length = p->length[j];
  while (p->row[j] != FREE) {
    p->order[reached] = (uint32_t)j;
    p->reached[reached++] = length;
    p->length[j] = INFINITY;
    p->price[j] = -INFINITY;
    const uint32_t i = p->row[j];
    j = relax(p, i, p->cost[i * n + j] - p->v[j] - length);
    length = p->length[j];
  }
  for (size_t k = 0; k < reached; k++)
    p->v[p->order[k]] += p->reached[k] - length;
  for (uint32_t i = FREE; i != start;) {
    i = p->before[j];
    p->row[j] = i;
    const size_t next = p->column[i];
    p->column[i] = (uint32_t)j;
    j = next;
  }
}

bool enf__assignment_solve(size_t n, const float *cost, void *work, uint32_t *column) {
  problem p = {.cost = cost, .column = column};
  for (size_t i = 0; i < n; i++)
    column[i] = (uint32_t)i;
  if (!usable(n, cost))
    return false;
  if (n < 2)
    return true;
  lay_out(&p, n, work);
  size_t open = reduce_columns(&p);
  open = reduce_rows(&p, open);
  for (size_t k = 0; k < open; k++)
    augment(&p, p.open[k]);
  return true;
}
