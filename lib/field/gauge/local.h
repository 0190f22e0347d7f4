/* local.h -- the local lift: A_mu(x) is the sum of G over both plaquettes through the link, as loops
   that begin with it: A_0(x) = G(x) - G(x-1) carried to x, A_1(x) = - G(x) + G(x-0) carried to x. */
#ifndef ENF__GAUGE_LOCAL_H
#define ENF__GAUGE_LOCAL_H

#include "field/gauge/job.h"

static void local_lift(job *j) {
  const size_t A = j->algebra;
  vec t[ALGEBRA];
  for (size_t x = 0; x < j->V; x++)
    for (size_t mu = 0; mu < 2; mu++) {
      const vec sign = vec_set(mu == 0 ? 1 : -1);
      const size_t back = behind(j, x, 1 - mu);
      const vec *g = algebra_at(j, j->g, x);
      vec *a = algebra_at(j, j->a, mu * j->V + x);
      carry_back(size_of(j), link_at(j, 1 - mu, back), algebra_at(j, j->g, back), t);
      for (size_t i = 0; i < A; i++)
        a[i] = sign * (g[i] - t[i]);
    }
}

/* dg and, if it is wanted, du += from da. */
static void local_pull(job *j) {
  const size_t A = j->algebra;
  vec d[ALGEBRA] = {0}, t[ALGEBRA];
  for (size_t x = 0; x < j->V; x++)
    for (size_t mu = 0; mu < 2; mu++) {
      const vec sign = vec_set(mu == 0 ? 1 : -1);
      const size_t back = behind(j, x, 1 - mu);
      for (size_t i = 0; i < A; i++)
        d[i] = sign * algebra_at(j, j->da, mu * j->V + x)[i];
      vecs_add(A, 1, d, algebra_at(j, j->dg, x));
      carry(size_of(j), link_at(j, 1 - mu, back), d, t);
      vecs_add(A, -1, t, algebra_at(j, j->dg, back));
      for (size_t i = 0; i < A; i++)
        d[i] = -d[i];
      pull_link_at(j, 1 - mu, back, algebra_at(j, j->g, back), d);
    }
}

#endif
