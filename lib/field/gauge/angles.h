/* angles.h -- U(1): G and the divergence at every plaquette of angle theta = theta_0(x) +
   theta_1(x+0) - theta_0(x+1) - theta_1(x), and their reverse. Words, then pairs:

     G(x) = - sum_k c_k sin k theta - sum_ab ( b_ab c_a(x) S_b + d_ab s_a(x) C_b ),
     c_a = cos a theta, s_a = sin a theta,   C_b, S_b their lattice means.

   Under the drain's flow the divergence is, with w = 1 - 1/V, that of the words, - w sum_x k cos k
   theta, and

     b_ab:  w a sum_x s_a S_b - b (mean(c_a c_b) - C_a C_b)
     d_ab: -w a sum_x c_a C_b + b (mean(s_a s_b) - S_a S_b) */
#ifndef ENF__GAUGE_ANGLES_H
#define ENF__GAUGE_ANGLES_H

#include "field/gauge/job.h"
#include <math.h>

enum { MOST_HARMONIC = 17, MOST_PAIR = 5 }; /* one more than there are */

/* cos k theta and sin k theta, k = 0 ... of one plaquette. */
typedef struct {
  vec c[MOST_HARMONIC], s[MOST_HARMONIC];
} waves;

/* Lattice means of them, and of products, a,b = 1 ... M. */
typedef struct {
  vec C[MOST_PAIR], S[MOST_PAIR], CC[MOST_PAIR][MOST_PAIR], SS[MOST_PAIR][MOST_PAIR];
} means;

static vec plaquette_angle(const job *j, size_t x) {
  return *link_at(j, 0, x) + *link_at(j, 1, ahead(j, x, 0)) - *link_at(j, 0, ahead(j, x, 1)) -
         *link_at(j, 1, x);
}

static void find_waves(const job *j, size_t x, waves *w) {
  const vec angle = plaquette_angle(j, x);
  const size_t most = j->shape->degree > j->shape->pairs ? j->shape->degree : j->shape->pairs;
  w->c[0] = vec_set(1);
  w->s[0] = vec_set(0);
  for (int lane = 0; lane < ENF__LANES; lane++) {
    w->c[1][lane] = cos(angle[lane]);
    w->s[1][lane] = sin(angle[lane]);
  }
  for (size_t k = 2; k <= most; k++) {
    w->c[k] = w->c[k - 1] * w->c[1] - w->s[k - 1] * w->s[1];
    w->s[k] = w->s[k - 1] * w->c[1] + w->c[k - 1] * w->s[1];
  }
}

static double drained(const job *j) {
  return j->shape->lift == ENF__LIFT_LOCAL ? 4 : 1 - 1 / (double)j->V;
}

static void find_means(const job *j, means *m) {
  const vec share = vec_set(1 / (double)j->V);
  waves w;
  memset(m, 0, sizeof *m);
  for (size_t x = 0; j->shape->pairs && x < j->V; x++) {
    find_waves(j, x, &w);
    for (size_t a = 1; a <= j->shape->pairs; a++) {
      m->C[a] += share * w.c[a];
      m->S[a] += share * w.s[a];
      for (size_t b = 1; b <= j->shape->pairs; b++) {
        m->CC[a][b] += share * w.c[a] * w.c[b];
        m->SS[a][b] += share * w.s[a] * w.s[b];
      }
    }
  }
}

/* The pair (a,b)'s place among the terms: b_ab, and d_ab behind it. */
static size_t pair_of(const job *j, size_t a, size_t b) {
  return j->shape->words + 2 * ((a - 1) * j->shape->pairs + b - 1);
}

static vec pair_divergence(const job *j, const means *m, size_t a, size_t b, bool second) {
  const vec moved = vec_set(drained(j) * (double)a * (double)j->V), by = vec_set((double)b);
  return second ? by * (m->SS[a][b] - m->S[a] * m->S[b]) - moved * m->C[a] * m->C[b]
                : moved * m->S[a] * m->S[b] - by * (m->CC[a][b] - m->C[a] * m->C[b]);
}

static vec field_at(const job *j, const waves *w, const means *m) {
  vec g = vec_set(0);
  for (size_t k = 1; k <= j->shape->words; k++)
    g -= j->c[k - 1] * w->s[k];
  for (size_t a = 1; a <= j->shape->pairs; a++)
    for (size_t b = 1; b <= j->shape->pairs; b++) {
      const vec *c = j->c + pair_of(j, a, b);
      g -= c[0] * w->c[a] * m->S[b] + c[1] * w->s[a] * m->C[b];
    }
  return g;
}

/* g, and div, if it is wanted. */
static void find_fields(job *j, bool divergence) {
  waves w;
  means m;
  vec sum = vec_set(0), pairs = vec_set(0);
  find_means(j, &m);
  for (size_t x = 0; x < j->V; x++) {
    find_waves(j, x, &w);
    j->g[x] = field_at(j, &w, &m);
    for (size_t k = 1; divergence && k <= j->shape->words; k++)
      sum -= vec_set((double)k) * j->c[k - 1] * w.c[k];
  }
  for (size_t a = 1; divergence && a <= j->shape->pairs; a++)
    for (size_t b = 1; b <= j->shape->pairs; b++) {
      const vec *c = j->c + pair_of(j, a, b);
      pairs += c[0] * pair_divergence(j, &m, a, b, false) + c[1] * pair_divergence(j, &m, a, b, true);
    }
  j->div = vec_set(drained(j)) * sum + pairs;
}

/* ---- reverse --------------------------------------------------------------------------------- */

/* dm: what G and the pairs' divergence say of the means. */
static void pull_means(const job *j, const means *m, means *dm) {
  waves w;
  memset(dm, 0, sizeof *dm);
  for (size_t x = 0; j->shape->pairs && x < j->V; x++) {
    find_waves(j, x, &w);
    for (size_t a = 1; a <= j->shape->pairs; a++)
      for (size_t b = 1; b <= j->shape->pairs; b++) {
        const vec *c = j->c + pair_of(j, a, b);
        dm->S[b] -= j->dg[x] * c[0] * w.c[a];
        dm->C[b] -= j->dg[x] * c[1] * w.s[a];
      }
  }
  for (size_t a = 1; a <= j->shape->pairs; a++)
    for (size_t b = 1; b <= j->shape->pairs; b++) {
      const vec *c = j->c + pair_of(j, a, b), first = j->b * c[0], second = j->b * c[1];
      const vec moved = vec_set(drained(j) * (double)a * (double)j->V), by = vec_set((double)b);
      dm->S[a] += first * moved * m->S[b] - second * by * m->S[b];
      dm->S[b] += first * moved * m->S[a] - second * by * m->S[a];
      dm->C[a] += first * by * m->C[b] - second * moved * m->C[b];
      dm->C[b] += first * by * m->C[a] - second * moved * m->C[a];
      dm->CC[a][b] -= first * by;
      dm->SS[a][b] += second * by;
    }
}

/* Cotangents of the waves of plaquette x. */
static void pull_waves(const job *j, size_t x, const waves *w, const means *m, const means *dm,
                       waves *d) {
  const vec g = j->dg[x], share = vec_set(1 / (double)j->V);
  const vec b_words = vec_set(drained(j)) * j->b;
  memset(d, 0, sizeof *d);
  for (size_t k = 1; k <= j->shape->words; k++) {
    d->s[k] -= g * j->c[k - 1];
    d->c[k] -= b_words * vec_set((double)k) * j->c[k - 1];
  }
  for (size_t a = 1; a <= j->shape->pairs; a++) {
    d->c[a] += share * dm->C[a];
    d->s[a] += share * dm->S[a];
    for (size_t b = 1; b <= j->shape->pairs; b++) {
      const vec *c = j->c + pair_of(j, a, b);
      d->c[a] -= g * c[0] * m->S[b];
      d->s[a] -= g * c[1] * m->C[b];
      d->c[a] += share * (dm->CC[a][b] + dm->CC[b][a]) * w->c[b];
      d->s[a] += share * (dm->SS[a][b] + dm->SS[b][a]) * w->s[b];
    }
  }
}

static void pull_angle(const job *j, size_t x, const waves *w, const waves *d) {
  vec slope = vec_set(0);
  for (size_t k = 1; k < MOST_HARMONIC && (k <= j->shape->words || k <= j->shape->pairs); k++)
    slope += vec_set((double)k) * (d->s[k] * w->c[k] - d->c[k] * w->s[k]);
  *dlink_at(j, 0, x) += slope;
  *dlink_at(j, 1, ahead(j, x, 0)) += slope;
  *dlink_at(j, 0, ahead(j, x, 1)) -= slope;
  *dlink_at(j, 1, x) -= slope;
}

static void pull_coefficients(const job *j, size_t x, const waves *w, const means *m) {
  const vec g = j->dg[x], b_words = vec_set(drained(j)) * j->b;
  for (size_t k = 1; k <= j->shape->words; k++)
    j->dc[k - 1] -= g * w->s[k] + b_words * vec_set((double)k) * w->c[k];
  for (size_t a = 1; a <= j->shape->pairs; a++)
    for (size_t b = 1; b <= j->shape->pairs; b++) {
      vec *dc = j->dc + pair_of(j, a, b);
      dc[0] -= g * w->c[a] * m->S[b];
      dc[1] -= g * w->s[a] * m->C[b];
    }
}

/* du and dc, as far as they are wanted, from dg and b. */
static void pull_fields(const job *j) {
  waves w, d;
  means m, dm;
  find_means(j, &m);
  pull_means(j, &m, &dm);
  for (size_t x = 0; x < j->V; x++) {
    find_waves(j, x, &w);
    if (j->dc)
      pull_coefficients(j, x, &w, &m);
    if (!j->du)
      continue;
    pull_waves(j, x, &w, &m, &dm, &d);
    pull_angle(j, x, &w, &d);
  }
  for (size_t a = 1; j->dc && a <= j->shape->pairs; a++)
    for (size_t b = 1; b <= j->shape->pairs; b++) {
      vec *dc = j->dc + pair_of(j, a, b);
      dc[0] += j->b * pair_divergence(j, &m, a, b, false);
      dc[1] += j->b * pair_divergence(j, &m, a, b, true);
    }
}

#endif
