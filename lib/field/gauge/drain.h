/* drain.h -- the drain lift. In a frame with axes (p,q), G at the corner of its plaquette, T_mu X(x)
   = U_mu(x) X(x+mu) U_mu(x)^+, and S_mu the ramp along mu (ramp.h):

     A_p = S_q G,   M = G - A_p + T_q A_p,   A_q = - S_p M

   so that every plaquette moves by its own G but for the lattice's mean. A is the mean over the
   eight symmetries h of the square of h^-1 A(h U). Two of them are the frames (0,1) and (1,0), in
   which G has the other sign; in each there are the reflections of either axis. A ramp does not
   change under a reflection along its own axis, and G at another corner of its plaquette is G
   carried along an edge. So, with b = G carried to corner x+p,

     a(x) = S_q G (x),   b(x) = S_q of G at x+p, along the line through x+p
     A_p = 2/8 ( a + b carried back )
     Ma = G - a + T_q a at x,   Mb the same of b, at x+p
     low(x) = Ma + Mb carried to x,   high(x) = Ma carried to x+q + Mb carried to x+p+q and x+q
     A_q = - 1/8 ( S_p low + S_p high along the line through x+q, carried back ).

   Arrays of plaquettes are stored at their corner x, wherever their values live. a and b are
   kept for the reverse alone. Ma and Mb are wanted by lines along q, and of a line that is done only
   the reverse asks again: going forward three lines of them are kept, the last of the lattice and
   the two at work, so that what one step leaves for the next is in cache on lattices of any size. */
#ifndef ENF__GAUGE_DRAIN_H
#define ENF__GAUGE_DRAIN_H

#include "field/gauge/ramp.h"

typedef struct {
  job *j;
  size_t p, q;
  double sign;             /* of G */
  bool lift;               /* is A wanted */
  vec *Ma, *Mb;            /* (lines kept,n^2) */
  vec *low, *high;         /* (V,n^2) */
  vec *a, *b, *da, *db;    /* the same, for the reverse; da and db of low and high, then of Ma and Mb */
  line l;
} frame;

static frame frame_of(job *j, size_t p) {
  return (frame){.j = j,
             .p = p,
             .q = 1 - p,
             .sign = p == 0 ? 1 : -1,
             .Ma = j->part[0],
             .Mb = j->part[1],
             .low = j->part[2],
             .high = j->part[3],
             .a = j->part[4],
             .b = j->part[5],
             .da = j->part[6],
             .db = j->part[7]};
}

/* The line along axis mu through site x, with its products. */
static void open_line(frame *f, size_t mu, size_t x, bool reverse) {
  const job *j = f->j;
  const size_t L = j->shape->links.side[mu];
  line_take(&f->l, j->n, j->matrix, j->algebra, L, reverse, j->line);
  for (size_t k = 0; k < L; k++, x = ahead(j, x, mu)) {
    fetch(j->matrix, link_at(j, mu, along(j, x, mu)));
    line_extend(&f->l, k, link_at(j, mu, x));
  }
  if (reverse && j->du)
    vecs_clear((L + 1) * j->matrix, f->l.dH);
}

/* The number of plaquette x's line along q, and where Ma and Mb have the plaquette. */
static size_t line_of(const frame *f, size_t x) {
  const size_t L1 = f->j->shape->links.side[1];
  return f->p == 0 ? x / L1 : x % L1;
}
static size_t kept_at(const frame *f, size_t x) {
  const size_t *side = f->j->shape->links.side, i = line_of(f, x);
  if (f->j->whole)
    return x;
  return (i + 1 == side[f->p] ? 2 : i % 2) * side[f->q] + (f->p == 0 ? x % side[1] : x / side[1]);
}

/* The site where line i along axis mu begins, i = 0 ... the other side. */
static size_t line_start(const job *j, size_t mu, size_t i) {
  return mu == 1 ? i * j->shape->links.side[1] : i;
}

/* ---- lines along q: a, b, Ma, Mb ------------------------------------------------------------- */

/* A line has two ramps, of what is at its plaquettes (way 0) and of what comes from those behind it
   (way 1): the plaquette whose part is at site x. */
static size_t plaquette_at(const job *j, size_t mu, size_t x, size_t way) {
  return way == 0 ? x : behind(j, x, mu);
}

/* G, or G of the plaquettes behind, carried here, into the line's X. */
static void load_fields(const frame *f, size_t x, size_t way) {
  const job *j = f->j;
  const size_t n = size_of(j), A = j->algebra;
  for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->q)) {
    const size_t at = plaquette_at(j, f->p, x, way), next = along(j, at, f->q);
    vec *X = f->l.X + k * A;
    fetch(A, algebra_at(j, j->g, next));
    if (way == 0) {
      vecs_copy(A, algebra_at(j, j->g, at), X);
    } else {
      fetch(j->matrix, link_at(j, f->p, next));
      carry_back(n, link_at(j, f->p, at), algebra_at(j, j->g, at), X);
    }
    for (size_t i = 0; i < A; i++)
      X[i] *= vec_set(f->sign);
  }
}

/* A_p of plaquette `at` from S, that is a, or b to be carried back. */
static void add_first(const frame *f, size_t way, size_t at, const vec *S) {
  const job *j = f->j;
  vec t[ALGEBRA];
  if (way == 1)
    carry(size_of(j), link_at(j, f->p, at), S, t);
  vecs_add(j->algebra, 0.25, way == 0 ? S : t, algebra_at(j, j->a, f->p * j->V + at));
}

/* M = X - S + T S, at the corner of its plaquettes; A_p. */
static void store_means(const frame *f, size_t x, size_t way) {
  const job *j = f->j;
  const size_t A = j->algebra;
  for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->q)) {
    const size_t next = k + 1 < f->l.L ? k + 1 : 0, at = plaquette_at(j, f->p, x, way);
    const vec *X = f->l.X + k * A, *S = f->l.S + k * A;
    vec *M = algebra_at(j, way == 0 ? f->Ma : f->Mb, kept_at(f, at));
    fetch(A, algebra_at(j, j->a, f->p * j->V + along(j, at, f->q)));
    carry(size_of(j), link_at(j, f->q, x), f->l.S + next * A, M);
    for (size_t i = 0; i < A; i++)
      M[i] += X[i] - S[i];
    if (f->lift)
      add_first(f, way, at, S);
    if (j->whole)
      vecs_copy(A, S, algebra_at(j, way == 0 ? f->a : f->b, at));
  }
}

static void first_line(frame *f, size_t x) {
  open_line(f, f->q, x, false);
  for (size_t way = 0; way < 2; way++) {
    load_fields(f, x, way);
    ramp(&f->l, f->l.X, f->l.S);
    store_means(f, x, way);
  }
}

/* low and high of the plaquettes of one line, at their corners. */
static void find_sources(const frame *f, size_t x) {
  const job *j = f->j;
  const size_t n = size_of(j), A = j->algebra;
  vec t[ALGEBRA], s[ALGEBRA];
  for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->q)) {
    const size_t xp = ahead(j, x, f->p), xq = ahead(j, x, f->q), kept = kept_at(f, x);
    const vec *Ma = algebra_at(j, f->Ma, kept), *Mb = algebra_at(j, f->Mb, kept);
    vec *low = algebra_at(j, f->low, x), *high = algebra_at(j, f->high, x);
    fetch(j->matrix, link_at(j, f->q, along(j, x, f->q)));
    fetch(j->matrix, link_at(j, f->p, along(j, x, f->q)));
    carry(n, link_at(j, f->p, x), Mb, t);
    for (size_t i = 0; i < A; i++)
      low[i] = Ma[i] + t[i];
    carry_back(n, link_at(j, f->q, xp), Mb, t);
    carry(n, link_at(j, f->p, xq), t, s);
    carry_back(n, link_at(j, f->q, x), Ma, t);
    for (size_t i = 0; i < A; i++)
      high[i] = s[i] + t[i];
  }
}

/* All lines along q. Line i brings b and Mb to line i - 1, which is then
   complete; of the last line they come with the first. */
static void first_lines(frame *f) {
  const job *j = f->j;
  const size_t lines = j->shape->links.side[f->p];
  first_line(f, 0);
  for (size_t i = 1; i <= lines; i++) {
    const size_t done = line_start(j, f->q, i - 1);
    if (i < lines)
      first_line(f, line_start(j, f->q, i));
    find_sources(f, done);
  }
}

/* ---- lines along p --------------------------------------------------------------------------- */

/* low, or high of the plaquettes behind, into the line's X. */
static void load_sources(const frame *f, size_t x, size_t way) {
  const job *j = f->j;
  const size_t A = j->algebra;
  const vec *from = way == 0 ? f->low : f->high;
  for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->p)) {
    const size_t at = plaquette_at(j, f->q, x, way);
    fetch(A, from + along(j, at, f->p) * A);
    vecs_copy(A, from + at * A, f->l.X + k * A);
  }
}

/* A_q, and of the line behind. */
static void add_second(const frame *f, size_t x, size_t way) {
  const job *j = f->j;
  const size_t A = j->algebra;
  vec t[ALGEBRA];
  for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->p)) {
    const size_t at = plaquette_at(j, f->q, x, way), next = along(j, at, f->p);
    const vec *S = f->l.S + k * A;
    fetch(A, algebra_at(j, j->a, f->q * j->V + next));
    if (way == 1) {
      fetch(j->matrix, link_at(j, f->q, next));
      carry(size_of(j), link_at(j, f->q, at), S, t);
    }
    vecs_add(A, -0.125, way == 0 ? S : t, algebra_at(j, j->a, f->q * j->V + at));
  }
}

static void second_lines(frame *f) {
  const job *j = f->j;
  for (size_t i = 0; i < j->shape->links.side[f->q]; i++) {
    const size_t x = line_start(j, f->p, i);
    open_line(f, f->p, x, false);
    for (size_t way = 0; way < 2; way++) {
      load_sources(f, x, way);
      ramp(&f->l, f->l.X, f->l.S);
      add_second(f, x, way);
    }
  }
}

static void drain(job *j) {
  vecs_clear(2 * j->V * j->algebra, j->a);
  for (size_t p = 0; p < 2; p++) {
    frame f = frame_of(j, p);
    f.lift = true;
    first_lines(&f);
    second_lines(&f);
  }
}

#endif
