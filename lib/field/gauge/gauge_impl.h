/* gauge_impl.h -- the kernels of the velocity fields of matrices, for one instruction set and one n
   (ENF__N; 0: known at run time). The including file also defines ENF__TABLE.

   Samples go through in as many lanes as a vector has; a lane that is left over repeats the first
   sample. */
#include "field/gauge/drain_pull.h"
#include "field/gauge/local.h"
#if ENF__N == 1
#include "field/gauge/angles.h"
#else
#include "field/gauge/plaquettes.h"
#endif

/* ---- memory ---------------------------------------------------------------------------------- */

static vec *vecs_take(enf__arena *arena, size_t count) { return ENF__TAKE(arena, vec, count); }

static void take_drain(job *j, bool reverse, enf__arena *arena) {
  const size_t *side = j->shape->links.side, longest = side[0] > side[1] ? side[0] : side[1];
  line l;
  const size_t kept = reverse ? j->V : 3 * longest; /* of Ma and Mb */
  j->whole = reverse;
  for (size_t i = 0; i < (reverse ? 8u : 4u); i++)
    j->part[i] = vecs_take(arena, (i < 2 ? kept : j->V) * j->algebra);
  j->line = vecs_take(arena, line_take(&l, j->n, j->matrix, j->algebra, longest, reverse, NULL));
}

static job job_take(const enf__gauge_shape *shape, bool reverse, enf__arena *arena) {
  const size_t n = shape->links.n, links = enf__links_count(&shape->links);
  job j = {.shape = shape,
           .n = n,
           .matrix = matrix_of(n),
           .algebra = n * n,
           .V = shape->lift == ENF__LIFT_CLASS ? 1 : enf__links_sites(&shape->links),
           .links = links};
  j.u = vecs_take(arena, links * j.matrix);
  j.c = vecs_take(arena, shape->terms);
  j.g = vecs_take(arena, j.V * j.algebra);
  j.a = vecs_take(arena, links * j.algebra);
  if (reverse) {
    j.du = vecs_take(arena, links * j.matrix);
    j.dc = vecs_take(arena, shape->terms);
    j.dg = vecs_take(arena, j.V * j.algebra);
    j.da = vecs_take(arena, links * j.algebra);
  }
  if (shape->lift == ENF__LIFT_DRAIN)
    take_drain(&j, reverse, arena);
  return j;
}

static size_t workspace(const enf__gauge_shape *shape, bool reverse) {
  enf__arena count = {0};
  job_take(shape, reverse, &count);
  return count.used;
}

/* ---- samples and lanes ----------------------------------------------------------------------- */

/* Numbers that are brought into lanes, or out of them, before the next: they stay in cache. */
enum { PIECE = 64 };

INLINE void load_piece(size_t S, size_t stride, const double *x, size_t count, double *out) {
  for (size_t lane = 0; lane < (size_t)ENF__LANES; lane++) {
    const double *sample = x + (lane < S ? lane : 0) * stride;
    for (size_t i = 0; i < count; i++)
      out[i * (size_t)ENF__LANES + lane] = sample[i];
  }
}

/* Numbers `from` ... of S samples that are `stride` apart -> count vecs. */
static void load(size_t S, size_t stride, const double *x, size_t from, size_t count, vec *out) {
  for (size_t i = 0; i < count; i += PIECE)
    load_piece(S, stride, x + from + i, count - i < PIECE ? count - i : PIECE, (double *)(out + i));
}

static void store(size_t S, size_t stride, const vec *in, size_t from, size_t count, double *x) {
  for (size_t done = 0; done < count; done += PIECE)
    for (size_t lane = 0; lane < S; lane++)
      for (size_t i = done; i < count && i < done + PIECE; i++)
        x[lane * stride + from + i] = ((const double *)in)[i * (size_t)ENF__LANES + lane];
}

static void load_samples(job *j, size_t S, const double *c, const double *x, size_t stride) {
  load(S, stride, x, 0, j->links * j->matrix, j->u);
  load(S, j->shape->terms, c, 0, j->shape->terms, j->c);
}

static vec load_numbers(size_t S, const double *x) {
  vec v = vec_set(0);
  for (size_t lane = 0; x && lane < S; lane++)
    v[lane] = x[lane];
  return v;
}

/* ---- the field ------------------------------------------------------------------------------- */

static void find_tangent(job *j, bool divergence) {
  find_fields(j, divergence);
  switch (j->shape->lift) {
  case ENF__LIFT_CLASS:
    vecs_copy(j->algebra, j->g, j->a);
    break;
  case ENF__LIFT_LOCAL:
    local_lift(j);
    break;
  default:
    drain(j);
  }
}

/* v = A U of one link */
INLINE void velocity_at(const job *j, size_t link, vec *v) {
  const size_t n = size_of(j);
  if (n == 1)
    v[0] = j->a[link];
  else
    algebra_product(n, algebra_at(j, j->a, link), j->u + link * j->matrix, v);
}

static void forward_lanes(job *j, size_t S, const double *c, const double *x, size_t stride,
                          double *v, double *div) {
  vec out[MATRIX] = {0};
  load_samples(j, S, c, x, stride);
  if (v)
    find_tangent(j, div != NULL);
  else
    find_fields(j, true);
  for (size_t k = 0; v && k < j->links; k++) {
    if (k + FETCHED < j->links) {
      fetch(j->matrix, j->u + (k + FETCHED) * j->matrix);
      fetch(j->algebra, algebra_at(j, j->a, k + FETCHED));
    }
    velocity_at(j, k, out);
    store(S, stride, out, k * j->matrix, j->matrix, v);
  }
  for (size_t lane = 0; div && lane < S; lane++)
    div[lane] = j->div[lane];
}

/* ---- reverse --------------------------------------------------------------------------------- */

/* da and, if it is wanted, du of sum <a,v> + speed |v|^2; returns |v|^2 where A is known. */
static vec pull_velocity(job *j, size_t S, const double *a, vec speed, bool known) {
  const size_t n = size_of(j), dim = j->links * j->matrix;
  vec of[MATRIX], v[MATRIX] = {0}, m[MATRIX], square = vec_set(0);
  for (size_t k = 0; k < j->links; k++) {
    vec *da = algebra_at(j, j->da, k);
    load(S, dim, a, k * j->matrix, j->matrix, of);
    if (known) {
      velocity_at(j, k, v);
      for (size_t i = 0; i < j->matrix; i++) {
        square = vec_fma(v[i], v[i], square);
        of[i] = vec_fma(vec_set(2) * speed, v[i], of[i]);
      }
    }
    if (n == 1) {
      da[0] = of[0];
      continue;
    }
    product_adjoint(n, of, j->u + k * j->matrix, m);
    antihermitian(n, m, da);
    if (!j->du)
      continue;
    algebra_product(n, algebra_at(j, j->a, k), of, m); /* A^+ = -A */
    vecs_add(j->matrix, -1, m, j->du + k * j->matrix);
  }
  return square;
}

static void pull_tangent(job *j) {
  vecs_clear(j->V * j->algebra, j->dg);
  switch (j->shape->lift) {
  case ENF__LIFT_CLASS:
    vecs_copy(j->algebra, j->da, j->dg);
    break;
  case ENF__LIFT_LOCAL:
    local_pull(j);
    break;
  default:
    drain_pull(j);
  }
  pull_fields(j);
}

typedef struct {
  const double *c, *x, *a, *b, *speed;
  double *dx, *dc, *value;
} batch;

static void reverse_lanes(job *j, size_t S, const batch *of) {
  const size_t dim = j->links * j->matrix, terms = j->shape->terms;
  const bool known = of->dx || of->speed || of->value; /* is A wanted */
  load_samples(j, S, of->c, of->x, dim);
  if (known)
    find_tangent(j, of->value != NULL);
  if (j->du)
    vecs_clear(dim, j->du);
  if (j->dc)
    vecs_clear(terms, j->dc);
  j->b = load_numbers(S, of->b);
  const vec square = pull_velocity(j, S, of->a, load_numbers(S, of->speed), known);
  pull_tangent(j);
  if (j->du)
    store(S, dim, j->du, 0, dim, of->dx);
  if (j->dc)
    store(S, terms, j->dc, 0, terms, of->dc);
  for (size_t lane = 0; of->value && lane < S; lane++) {
    of->value[2 * lane] = j->div[lane];
    of->value[2 * lane + 1] = square[lane];
  }
}

/* ---- the table ------------------------------------------------------------------------------- */

static size_t lanes_of(size_t S, size_t done) {
  return S - done < (size_t)ENF__LANES ? S - done : (size_t)ENF__LANES;
}

static void forward(const enf__gauge_shape *shape, enf__arena *arena, size_t S, const double *c,
                    const double *x, size_t stride, double *v, double *div) {
  const size_t mark = arena->used;
  job j = job_take(shape, false, arena);
  for (size_t done = 0; done < S; done += (size_t)ENF__LANES)
    forward_lanes(&j, lanes_of(S, done), c + done * shape->terms, x + done * stride, stride,
                  v ? v + done * stride : NULL, div ? div + done : NULL);
  arena->used = mark;
}

static void reverse(const enf__gauge_shape *shape, enf__arena *arena, size_t S, const double *c,
                    const double *x, const double *a, const double *b, const double *speed,
                    double *dx, double *dc, double *value) {
  const size_t mark = arena->used;
  job j = job_take(shape, true, arena);
  const size_t dim = j.links * j.matrix, terms = shape->terms;
  j.du = dx ? j.du : NULL;
  j.dc = dc ? j.dc : NULL;
  for (size_t done = 0; done < S; done += (size_t)ENF__LANES) {
    const batch of = {.c = c + done * terms,
                      .x = x + done * dim,
                      .a = a + done * dim,
                      .b = b ? b + done : NULL,
                      .speed = speed ? speed + done : NULL,
                      .dx = dx ? dx + done * dim : NULL,
                      .dc = dc ? dc + done * terms : NULL,
                      .value = value ? value + 2 * done : NULL};
    reverse_lanes(&j, lanes_of(S, done), &of);
  }
  arena->used = mark;
}

extern const enf__gauge_kernels ENF__TABLE;
const enf__gauge_kernels ENF__TABLE = {workspace, forward, reverse};
