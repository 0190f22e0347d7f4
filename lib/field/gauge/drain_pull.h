/* drain_pull.h -- the reverse of the drain lift, from cotangents of A to those of G and, where they
   are wanted, of the links: drain.h backwards, line by line (lanes.h has the rules). */
#ifndef ENF__GAUGE_DRAIN_PULL_H
#define ENF__GAUGE_DRAIN_PULL_H

#include "field/gauge/drain.h"

/* dH of the line through x -> du. */
static void close_line(const frame *f, size_t mu, size_t x) {
  const job *j = f->j;
  if (!j->du)
    return;
  for (size_t k = f->l.L; k-- > 0;) {
    x = behind(j, x, mu);
    line_shorten(&f->l, k, link_at(j, mu, x), dlink_at(j, mu, x));
  }
}

/* ---- lines along p: dlow, dhigh -------------------------------------------------------------- */

/* dS of one of the line's ramps, along q the links' part of what was carried back. */
static void load_second(const frame *f, size_t x, size_t way) {
  const job *j = f->j;
  const size_t A = j->algebra;
  vec t[ALGEBRA] = {0};
  if (way == 1 && j->du)
    ramp(&f->l, f->l.X, f->l.S);
  for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->p)) {
    const size_t at = way == 0 ? x : behind(j, x, f->q);
    vec *dS = f->l.dS + k * A;
    for (size_t i = 0; i < A; i++)
      t[i] = vec_set(-0.125) * algebra_at(j, j->da, f->q * j->V + at)[i];
    if (way == 0) {
      vecs_copy(A, t, dS);
      continue;
    }
    carry_back(size_of(j), link_at(j, f->q, at), t, dS);
    pull_link_at(j, f->q, at, t, f->l.S + k * A);
  }
}

static void pull_second_lines(frame *f) {
  const job *j = f->j;
  const size_t A = j->algebra;
  for (size_t i = 0; i < j->shape->links.side[f->q]; i++) {
    const size_t first = line_start(j, f->p, i);
    open_line(f, f->p, first, true);
    for (size_t way = 0; way < 2; way++) {
      size_t x = first;
      if (j->du)
        load_sources(f, first, way);
      load_second(f, first, way);
      ramp_pull(&f->l, f->l.X, f->l.dS, j->du != NULL, f->l.dX);
      for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->p)) {
        vec *d = way == 0 ? algebra_at(j, f->da, x) : algebra_at(j, f->db, behind(j, x, f->q));
        vecs_copy(A, f->l.dX + k * A, d);
      }
    }
    close_line(f, f->p, first);
  }
}

/* ---- dMa, dMb -------------------------------------------------------------------------------- */

static void pull_sources(const frame *f) {
  const job *j = f->j;
  const size_t n = size_of(j), A = j->algebra;
  vec t[ALGEBRA], s[ALGEBRA], dMa[ALGEBRA], dMb[ALGEBRA];
  for (size_t x = 0; x < j->V; x++) {
    const size_t xp = ahead(j, x, f->p), xq = ahead(j, x, f->q);
    const vec *Ma = algebra_at(j, f->Ma, x), *Mb = algebra_at(j, f->Mb, x);
    vec *low = algebra_at(j, f->da, x), *high = algebra_at(j, f->db, x);
    vecs_copy(A, low, dMa);
    carry_back(n, link_at(j, f->p, x), low, dMb);
    pull_link_at(j, f->p, x, low, Mb);
    /* Mb to x+p+q, s, and to x+q */
    if (j->du) {
      carry_back(n, link_at(j, f->q, xp), Mb, s);
      pull_link_at(j, f->p, xq, high, s);
    }
    carry_back(n, link_at(j, f->p, xq), high, s);
    pull_link_at(j, f->q, xp, Mb, s);
    carry(n, link_at(j, f->q, xp), s, t);
    vecs_add(A, 1, t, dMb);
    pull_link_at(j, f->q, x, Ma, high);
    carry(n, link_at(j, f->q, x), high, t);
    vecs_add(A, 1, t, dMa);
    vecs_copy(A, dMa, low);
    vecs_copy(A, dMb, high);
  }
}

/* ---- lines along q: dG ----------------------------------------------------------------------- */

/* dS of one of the line's ramps: what is in A_p, in M and, of the site before, in T S. */
static void load_first(const frame *f, size_t x, size_t way) {
  const job *j = f->j;
  const size_t n = size_of(j), A = j->algebra;
  vec t[ALGEBRA], outer[ALGEBRA] = {0};
  for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->q)) {
    const size_t before = behind(j, x, f->q), at = way == 0 ? x : behind(j, x, f->p);
    const size_t at_before = way == 0 ? before : behind(j, before, f->p);
    const vec *dM = algebra_at(j, way == 0 ? f->da : f->db, at);
    const vec *dM_before = algebra_at(j, way == 0 ? f->da : f->db, at_before);
    const vec *S = algebra_at(j, way == 0 ? f->a : f->b, at);
    vec *dS = f->l.dS + k * A;
    for (size_t i = 0; i < A; i++)
      outer[i] = vec_set(0.25) * algebra_at(j, j->da, f->p * j->V + at)[i];
    if (way == 0) {
      vecs_copy(A, outer, dS);
    } else {
      carry_back(n, link_at(j, f->p, at), outer, dS);
      pull_link_at(j, f->p, at, outer, S);
    }
    carry_back(n, link_at(j, f->q, before), dM_before, t);
    pull_link_at(j, f->q, before, dM_before, S);
    for (size_t i = 0; i < A; i++)
      dS[i] += t[i] - dM[i];
  }
}

/* dX, of the ramp and of M, to G. */
static void store_first(const frame *f, size_t x, size_t way) {
  const job *j = f->j;
  const size_t A = j->algebra;
  vec t[ALGEBRA] = {0};
  for (size_t k = 0; k < f->l.L; k++, x = ahead(j, x, f->q)) {
    const size_t at = way == 0 ? x : behind(j, x, f->p);
    vec *dX = f->l.dX + k * A, *dg = algebra_at(j, j->dg, at);
    vecs_add(A, 1, algebra_at(j, way == 0 ? f->da : f->db, at), dX);
    for (size_t i = 0; i < A; i++)
      dX[i] *= vec_set(f->sign);
    if (way == 0) {
      vecs_add(A, 1, dX, dg);
      continue;
    }
    carry(size_of(j), link_at(j, f->p, at), dX, t);
    pull_link_at(j, f->p, at, algebra_at(j, j->g, at), dX);
    vecs_add(A, 1, t, dg);
  }
}

static void pull_first_lines(frame *f) {
  const job *j = f->j;
  for (size_t i = 0; i < j->shape->links.side[f->p]; i++) {
    const size_t x = line_start(j, f->q, i);
    open_line(f, f->q, x, true);
    for (size_t way = 0; way < 2; way++) {
      if (j->du)
        load_fields(f, x, way);
      load_first(f, x, way);
      ramp_pull(&f->l, f->l.X, f->l.dS, j->du != NULL, f->l.dX);
      store_first(f, x, way);
    }
    close_line(f, f->q, x);
  }
}

/* dg += and du +=, if that is wanted, from da; g is there. */
static void drain_pull(job *j) {
  for (size_t p = 0; p < 2; p++) {
    frame f = frame_of(j, p);
    if (j->du) /* links want the values, too */
      first_lines(&f);
    pull_second_lines(&f);
    pull_sources(&f);
    pull_first_lines(&f);
  }
}

#endif
