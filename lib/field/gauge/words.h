/* words.h -- class words of one matrix P (gauge.h): G = - sum_k F_k TA(P^k), F_k = sum_e c_e f_e,
   and its divergence

     D = sum_k ( F_k L_k + sum_v dF_k/dv R_kv ),   v = r, y, s,   with
     L_k  = -(n - k/n) Re z_k - sum_{m=1}^{k-1} Re(z_m z_{k-m})      (of Re tr P^k the Laplacian over k)
     R_kv = <TA(alpha P^a), TA(P^k)>,  grad v = -TA(alpha P^a):  r: 1/n P,  y: 4 conj(z_1)/n^2 P,  s: 2/n P^2

   all functions of the traces z_m, m = 1 ... n + 1, as tr P^a P^+k = z*_{k-a} on the group. Off it,
   where stages of an integrator are, this is what is meant, and what the reverse differentiates. */
#ifndef ENF__GAUGE_WORDS_H
#define ENF__GAUGE_WORDS_H

#include "field/gauge.h"
#include "field/gauge/lanes.h"

enum {
  VARIABLES = 3, /* r, y, s */
  MOST_POWER = MOST < 4 ? MOST : MOST + 1,
  MOST_DEGREE = 16
};

typedef struct {
  size_t powers, traces, variables;  /* of P that are kept: 1 ... powers; z_1 ... z_traces */
  vec power[MOST_POWER][MATRIX];     /* P^(k+1) */
  cvec z[MOST + 2];                  /* z_0 = n */
  vec poly[3][VARIABLES][MOST_DEGREE + 1];    /* T_i, T_i', T_i'' of the variables */
  vec F[MOST], slope[MOST][VARIABLES];        /* [k-1] F_k, dF_k/dv */
  vec curve[MOST][VARIABLES][VARIABLES];      /* d2F_k/dvdu */
  vec L[MOST], R[MOST][VARIABLES];
} words;

/* How far sums over words go. */
typedef enum { VALUES, SLOPES, CURVES } extent;

/* ---- traces ---------------------------------------------------------------------------------- */

/* tr a b */
CALLED cvec trace_product(size_t n, const vec *a, const vec *b) {
  n = SIZED(n);
  cvec sum = c_zero;
  EACH(size_t i = 0; i < n; i++) EACH(size_t k = 0; k < n; k++) {
    sum = c_fma(c_at(a, i * n + k), c_at(b, k * n + i), sum);
  }
  return sum;
}

static void find_traces(size_t n, const vec *p, words *w) {
  w->powers = n < 4 ? n - 1 : n;
  w->traces = n < 4 ? n : n + 1;
  w->variables = n < 4 ? n - 1 : VARIABLES;
  vecs_copy(2 * n * n, p, w->power[0]);
  for (size_t k = 1; k < w->powers; k++)
    product(n, w->power[k - 1], p, w->power[k]);
  w->z[0] = (cvec){vec_set((double)n), vec_set(0)};
  for (size_t m = 1; m <= w->traces; m++) {
    w->z[m] = c_zero;
    if (m > w->powers)
      w->z[m] = trace_product(n, w->power[m - 1 - w->powers], w->power[w->powers - 1]);
    else
      for (size_t i = 0; i < n; i++) {
        w->z[m].re += w->power[m - 1][2 * i * (n + 1)];
        w->z[m].im += w->power[m - 1][2 * i * (n + 1) + 1];
      }
  }
}

/* ---- polynomials ----------------------------------------------------------------------------- */

static void find_polynomials(size_t n, size_t degree, words *w) {
  const double share = 1 / (double)n;
  const cvec z1 = w->z[1];
  const vec square = z1.re * z1.re + z1.im * z1.im, two = vec_set(2), four = vec_set(4);
  const vec x[VARIABLES] = {vec_set(share) * z1.re, vec_set(2 * share * share) * square - vec_set(1),
                            vec_set(share) * w->z[w->traces < 2 ? 1 : 2].re};
  for (size_t v = 0; v < w->variables; v++) {
    vec *T = w->poly[0][v], *dT = w->poly[1][v], *ddT = w->poly[2][v];
    T[0] = vec_set(1);
    T[1] = x[v];
    dT[0] = ddT[0] = ddT[1] = vec_set(0);
    dT[1] = vec_set(1);
    for (size_t i = 2; i <= degree; i++) {
      T[i] = two * x[v] * T[i - 1] - T[i - 2];
      dT[i] = two * (T[i - 1] + x[v] * dT[i - 1]) - dT[i - 2];
      ddT[i] = four * dT[i - 1] + two * x[v] * ddT[i - 1] - ddT[i - 2];
    }
  }
}

/* The product of a word's polynomials, of which the variables' derivatives of these orders. */
INLINE vec factor(const words *w, const enf__word *e, const int order[VARIABLES]) {
  vec f = w->poly[order[0]][0][e->degree[0]];
  for (size_t v = 1; v < w->variables; v++)
    f *= w->poly[order[v]][v][e->degree[v]];
  return f;
}

static vec factor_slope(const words *w, const enf__word *e, size_t v) {
  int order[VARIABLES] = {0};
  order[v]++;
  return factor(w, e, order);
}

static vec factor_curve(const words *w, const enf__word *e, size_t v, size_t u) {
  int order[VARIABLES] = {0};
  order[v]++;
  order[u]++;
  return factor(w, e, order);
}

/* F and, as far as they go, its derivatives, with the coefficients c (words). */
static void sum_words(const enf__gauge_shape *shape, size_t n, const vec *c, extent most, words *w) {
  static const int plain[VARIABLES] = {0};
  for (size_t k = 0; k + 1 < n; k++) {
    w->F[k] = vec_set(0);
    memset(w->slope[k], 0, sizeof w->slope[k]);
    memset(w->curve[k], 0, sizeof w->curve[k]);
  }
  for (size_t i = 0; i < shape->words; i++) {
    const enf__word *e = shape->word + i;
    const size_t k = e->k - 1u;
    w->F[k] = vec_fma(c[i], factor(w, e, plain), w->F[k]);
    for (size_t v = 0; most >= SLOPES && v < w->variables; v++) {
      w->slope[k][v] = vec_fma(c[i], factor_slope(w, e, v), w->slope[k][v]);
      for (size_t u = 0; most >= CURVES && u <= v; u++) {
        w->curve[k][v][u] = vec_fma(c[i], factor_curve(w, e, v, u), w->curve[k][v][u]);
        w->curve[k][u][v] = w->curve[k][v][u];
      }
    }
  }
}

/* ---- the divergence -------------------------------------------------------------------------- */

/* alpha and a of variable v's gradient. */
INLINE cvec alpha_of(size_t n, const words *w, size_t v) {
  const double share = 1 / (double)n;
  const cvec z1 = {vec_set(4 * share * share) * w->z[1].re, vec_set(-4 * share * share) * w->z[1].im};
  return v == 1 ? z1 : (cvec){vec_set(v == 0 ? share : 2 * share), vec_set(0)};
}
INLINE size_t power_of(size_t v) { return v == 2 ? 2 : 1; }

/* tr P^a P^+k */
INLINE cvec trace_between(const words *w, size_t a, size_t k) {
  return k >= a ? c_conj(w->z[k - a]) : w->z[a - k];
}

/* <TA(alpha P^a), TA(P^k)> = (Re(alpha tr P^a P^+k) - Re(alpha z_{a+k}))/2 - Im(alpha z_a) Im z_k/n */
static vec tangent_product(size_t n, const words *w, size_t v, size_t k) {
  const size_t a = power_of(v);
  const cvec alpha = alpha_of(n, w, v), between = trace_between(w, a, k);
  const cvec difference = {between.re - w->z[a + k].re, between.im - w->z[a + k].im};
  const cvec first = c_fma(alpha, difference, c_zero), turn = c_fma(alpha, w->z[a], c_zero);
  return vec_set(0.5) * first.re - vec_set(1 / (double)n) * turn.im * w->z[k].im;
}

static void find_divergences(size_t n, words *w) {
  for (size_t k = 1; k < n; k++) {
    w->L[k - 1] = vec_set((double)k / (double)n - (double)n) * w->z[k].re;
    for (size_t m = 1; m < k; m++)
      w->L[k - 1] -= c_fma(w->z[m], w->z[k - m], c_zero).re;
    for (size_t v = 0; v < w->variables; v++)
      w->R[k - 1][v] = tangent_product(n, w, v, k);
  }
}

static vec divergence_of(size_t n, const words *w) {
  vec sum = vec_set(0);
  for (size_t k = 0; k + 1 < n; k++) {
    sum = vec_fma(w->F[k], w->L[k], sum);
    for (size_t v = 0; v < w->variables; v++)
      sum = vec_fma(w->slope[k][v], w->R[k][v], sum);
  }
  return sum;
}

/* G (algebra). */
static void field_of(size_t n, const words *w, vec *g) {
  vec a[ALGEBRA];
  vecs_clear(n * n, g);
  for (size_t k = 0; k + 1 < n; k++) {
    antihermitian(n, w->power[k], a);
    for (size_t i = 0; i < n * n; i++)
      g[i] = vec_fma(-w->F[k], a[i], g[i]);
  }
  remove_trace(n, g);
}

/* ---- reverse --------------------------------------------------------------------------------- */

/* dz += the cotangents of the traces in b D: b times F_k of L_k, times dF_k/dv of R_kv. */
static void pull_divergences(size_t n, const words *w, vec b, cvec *dz) {
  const vec half = vec_set(0.5), share = vec_set(1 / (double)n);
  for (size_t k = 1; k < n; k++) {
    const vec l = b * w->F[k - 1];
    dz[k].re = vec_fma(l, vec_set((double)k / (double)n - (double)n), dz[k].re);
    for (size_t m = 1; m < k; m++) { /* both factors of every product, by symmetry */
      dz[m].re -= vec_set(2) * l * w->z[k - m].re;
      dz[m].im += vec_set(2) * l * w->z[k - m].im;
    }
    for (size_t v = 0; v < w->variables; v++) {
      const size_t a = power_of(v);
      const vec r = b * w->slope[k - 1][v], turned = share * r * w->z[k].im;
      const cvec alpha = alpha_of(n, w, v), between = trace_between(w, a, k);
      const cvec turn = c_fma(alpha, w->z[a], c_zero);
      const vec of_sum = half * r;
      /* Re(alpha tr P^a P^+k)/2 */
      const size_t apart = k >= a ? k - a : a - k;
      const cvec conjugate = {of_sum * alpha.re, -of_sum * alpha.im};
      if (apart > 0) {
        dz[apart].re += conjugate.re;
        dz[apart].im += k >= a ? -conjugate.im : conjugate.im;
      }
      dz[a + k].re -= conjugate.re;
      dz[a + k].im -= conjugate.im;
      /* Im(alpha z_a) Im z_k/n */
      dz[k].im -= share * r * turn.im;
      dz[a].re -= turned * alpha.im;
      dz[a].im -= turned * alpha.re;
      if (v == 1) { /* alpha = 4 conj(z_1)/n^2 depends on P, too */
        const vec scale = vec_set(4) * share * share;
        const cvec difference = {between.re - w->z[a + k].re, between.im - w->z[a + k].im};
        /* d Re(alpha D) = Re(d alpha D), d Im(alpha z) = Im(d alpha z), by the conjugate of z_1 */
        dz[1].re += scale * (of_sum * difference.re - turned * w->z[a].im);
        dz[1].im += scale * (of_sum * difference.im + turned * w->z[a].re);
      }
    }
  }
}

/* dz += those of r, y and s; f (k) are the cotangents of F. */
static void pull_variables(size_t n, const words *w, const vec *f, vec b, cvec *dz) {
  const double share = 1 / (double)n;
  vec d[VARIABLES] = {vec_set(0)};
  for (size_t v = 0; v < w->variables; v++) {
    d[v] = vec_set(0);
    for (size_t k = 0; k + 1 < n; k++) {
      vec slope = vec_fma(w->slope[k][v], w->L[k], vec_set(0));
      for (size_t u = 0; u < w->variables; u++)
        slope = vec_fma(w->curve[k][v][u], w->R[k][u], slope);
      d[v] = vec_fma(f[k], w->slope[k][v], vec_fma(b, slope, d[v]));
    }
  }
  dz[1].re += vec_set(share) * d[0];
  if (w->variables > 1) {
    dz[1].re += vec_set(4 * share * share) * d[1] * w->z[1].re;
    dz[1].im += vec_set(4 * share * share) * d[1] * w->z[1].im;
  }
  if (w->variables > 2)
    dz[2].re += vec_set(share) * d[2];
}

/* dc (words) += the gradient by the coefficients. */
static void pull_coefficients(const enf__gauge_shape *shape, const words *w, const vec *f, vec b,
                              vec *dc) {
  static const int plain[VARIABLES] = {0};
  for (size_t i = 0; i < shape->words; i++) {
    const enf__word *e = shape->word + i;
    const size_t k = e->k - 1u;
    vec divergence = factor(w, e, plain) * w->L[k];
    for (size_t v = 0; v < w->variables; v++)
      divergence = vec_fma(factor_slope(w, e, v), w->R[k][v], divergence);
    dc[i] += vec_fma(f[k], factor(w, e, plain), b * divergence);
  }
}

/* dp (matrix) from those of G, without trace, and of the traces. */
static void pull_powers(size_t n, const words *w, const vec *dg, const cvec *dz, vec *dp) {
  vec dq[MATRIX], t[MATRIX], m[MATRIX];
  full(n, dg, m);
  vecs_clear(2 * n * n, dp);
  vecs_clear(2 * n * n, dq); /* of P^k, from the highest down */
  for (size_t k = w->traces; k >= 1; k--) {
    /* tr P^k: k (P^{k-1})^+ */
    const cvec of = c_scale((double)k, dz[k]);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        if (k == 1 && i == j)
          c_put(dp, i * n + j, (cvec){dp[2 * (i * n + j)] + of.re, dp[2 * (i * n + j) + 1] + of.im});
        else if (k > 1)
          c_put(dp, i * n + j, c_fma_right(of, c_at(w->power[k - 2], j * n + i), c_at(dp, i * n + j)));
      }
  }
  for (size_t k = n - 1; k >= 1; k--) {
    for (size_t i = 0; i < 2 * n * n; i++)
      dq[i] = vec_fma(-w->F[k - 1], m[i], dq[i]);
    if (k == 1)
      break;
    adjoint_product(n, w->power[k - 2], dq, t); /* P^k = P^{k-1} P */
    vecs_add(2 * n * n, 1, t, dp);
    product_adjoint(n, dq, w->power[0], t);
    vecs_copy(2 * n * n, t, dq);
  }
  vecs_add(2 * n * n, 1, dq, dp);
}

/* Reverse of <dg, G> + b D: dp (matrix), dc (words) accumulated; either may be NULL. dg loses its
   trace. */
static void pull_words(const enf__gauge_shape *shape, size_t n, const words *w, vec *dg, vec b,
                       vec *dp, vec *dc) {
  vec f[MOST], a[ALGEBRA];
  cvec dz[MOST + 2];
  remove_trace(n, dg);
  for (size_t k = 0; k + 1 < n; k++) {
    antihermitian(n, w->power[k], a);
    f[k] = -inner(n, dg, a);
  }
  if (dc)
    pull_coefficients(shape, w, f, b, dc);
  if (!dp)
    return;
  for (size_t m = 0; m < MOST + 2; m++)
    dz[m] = c_zero;
  pull_divergences(n, w, b, dz);
  pull_variables(n, w, f, b, dz);
  pull_powers(n, w, dg, dz, dp);
}

#endif
