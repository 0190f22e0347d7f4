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

   Arrays of plaquettes are stored at their corner x, wherever their values live. */
#ifndef ENF__GAUGE_DRAIN_H
#define ENF__GAUGE_DRAIN_H

#include "field/gauge/ramp.h"

typedef struct {
  job *j;
  size_t p, q;
  double sign;                         /* of G */
  vec *a, *b, *Ma, *Mb, *low, *high;   /* (V,n^2) */
  vec *da, *db; /* of low and high, then of Ma and Mb; reverse only */
  line l;
} frame;

static frame frame_of(job *j, size_t p) {
  return (frame){.j = j,
             .p = p,
             .q = 1 - p,
             .sign = p == 0 ? 1 : -1,
             .a = j->part[0],
             .b = j->part[1],
             .Ma = j->part[2],
             .Mb = j->part[3],
             .low = j->part[4],
             .high = j->part[5],
             .da = j->part[6],
             .db = j->part[7]};
}

/* The line along axis mu through site x, with its products. */
static void open_line(frame *f, size_t mu, size_t x, bool reverse) {
  const job *j = f->j;
  const size_t L = j->shape->links.side[mu];
  line_take(&f->l, j->n, j->matrix, j->algebra, L, reverse, j->line);
  for (size_t k = 0; k < L; k++, x = ahead(j, x, mu))
    line_extend(&f->l, k, link_at(j, mu, x));
  if (reverse && j->du)
    vecs_clear((L + 1) * j->matrix, f->l.dH);
}

/* The site where line i along axis mu begins, i = 0 ... the other side. */
static size_t line_start(const job *j, size_t mu, size_t i) {
  return mu == 1 ? i * j->shape->links.side[1] : i;
}

/* ---- lines along q: a, b, Ma, Mb ------------------------------------------------------------- */

/* G and G of the plaquettes behind, carried here, into the line's X. */
static void load_fields(const frame *f, size_t x) {
  const job *j = f->j;
  const size_t n = size_of(j), A = j->algebra;
  for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->q)) {
    const size_t back = behind(j, x, f->p);
    vec *here = f->l.X[0] + k * A, *there = f->l.X[1] + k * A;
    for (size_t i = 0; i < A; i++)
      here[i] = vec_set(f->sign) * algebra_at(j, j->g, x)[i];
    carry_back(n, link_at(j, f->p, back), algebra_at(j, j->g, back), there);
    for (size_t i = 0; i < A; i++)
      there[i] *= vec_set(f->sign);
  }
}

/* M = X - S + T S of both ramps, b and Mb at the corner of their plaquettes. */
static void store_means(const frame *f, size_t x) {
  const job *j = f->j;
  const size_t A = j->algebra;
  for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->q)) {
    const size_t next = k + 1 < f->l.L ? k + 1 : 0;
    for (size_t way = 0; way < 2; way++) {
      const size_t at = way == 0 ? x : behind(j, x, f->p);
      const vec *X = f->l.X[way] + k * A, *S = f->l.S[way] + k * A;
      vec *M = algebra_at(j, way == 0 ? f->Ma : f->Mb, at);
      carry(size_of(j), link_at(j, f->q, x), f->l.S[way] + next * A, M);
      for (size_t i = 0; i < A; i++)
        M[i] += X[i] - S[i];
      vecs_copy(A, S, algebra_at(j, way == 0 ? f->a : f->b, at));
    }
  }
}

static void first_lines(frame *f) {
  const job *j = f->j;
  for (size_t i = 0; i < j->shape->links.side[f->p]; i++) {
    const size_t x = line_start(j, f->q, i);
    open_line(f, f->q, x, false);
    load_fields(f, x);
    for (size_t way = 0; way < 2; way++)
      ramp(&f->l, f->l.X[way], f->l.S[way]);
    store_means(f, x);
  }
}

/* low and high, at the corner of their plaquettes. */
static void find_sources(const frame *f) {
  const job *j = f->j;
  const size_t n = size_of(j), A = j->algebra;
  vec t[ALGEBRA], s[ALGEBRA];
  for (size_t x = 0; x < j->V; x++) {
    const size_t xp = ahead(j, x, f->p), xq = ahead(j, x, f->q);
    const vec *Ma = algebra_at(j, f->Ma, x), *Mb = algebra_at(j, f->Mb, x);
    vec *low = algebra_at(j, f->low, x), *high = algebra_at(j, f->high, x);
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

/* ---- lines along p --------------------------------------------------------------------------- */

/* low, and high of the plaquettes behind, into the line's X. */
static void load_sources(const frame *f, size_t x) {
  const job *j = f->j;
  const size_t A = j->algebra;
  for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->p)) {
    vecs_copy(A, algebra_at(j, f->low, x), f->l.X[0] + k * A);
    vecs_copy(A, algebra_at(j, f->high, behind(j, x, f->q)), f->l.X[1] + k * A);
  }
}

static void second_lines(frame *f) {
  const job *j = f->j;
  const size_t A = j->algebra;
  vec t[ALGEBRA];
  for (size_t i = 0; i < j->shape->links.side[f->q]; i++) {
    size_t x = line_start(j, f->p, i);
    open_line(f, f->p, x, false);
    load_sources(f, x);
    for (size_t way = 0; way < 2; way++)
      ramp(&f->l, f->l.X[way], f->l.S[way]);
    for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->p)) {
      const size_t back = behind(j, x, f->q);
      vecs_add(A, -0.125, f->l.S[0] + k * A, algebra_at(j, j->a, f->q * j->V + x));
      carry(size_of(j), link_at(j, f->q, back), f->l.S[1] + k * A, t);
      vecs_add(A, -0.125, t, algebra_at(j, j->a, f->q * j->V + back));
    }
  }
}

static void add_first(const frame *f) {
  const job *j = f->j;
  vec t[ALGEBRA];
  for (size_t x = 0; x < j->V; x++) {
    vec *a = algebra_at(j, j->a, f->p * j->V + x);
    carry(size_of(j), link_at(j, f->p, x), algebra_at(j, f->b, x), t);
    vecs_add(j->algebra, 0.25, algebra_at(j, f->a, x), a);
    vecs_add(j->algebra, 0.25, t, a);
  }
}

static void drain(job *j) {
  vecs_clear(2 * j->V * j->algebra, j->a);
  for (size_t p = 0; p < 2; p++) {
    frame f = frame_of(j, p);
    first_lines(&f);
    add_first(&f);
    find_sources(&f);
    second_lines(&f);
  }
}

#endif
