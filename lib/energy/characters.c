/* characters.c -- log Z of U(1) and SU(n) in two dimensions (Migdal 1975, Sov. Phys. JETP 42, 413;
   Drouffe and Zuber 1983, Phys. Rep. 102, 1; the determinants: Bars and Green 1979, Phys. Rev. D 20,
   3311).

     Z = sum over irreps r of b_r^V,   b_r = <chi_r(U) exp(beta/n Re tr U)> / d_r,

   on a torus of V plaquettes. With lam_1 >= ... >= lam_n = 0 the Young diagram of r,

     b_r = 1/d_r sum_l det[ I_{lam_i - i + j + l}(beta/n) ],   d_r = prod (lam_i - lam_j + j - i)/(j - i),

   all terms positive, the trivial representation's largest; it is taken out before powers are. U(1)
   is n = 1 with b_k = I_k(beta) for every whole k. All numbers are carried with two derivatives by
   beta, and functions of beta with exp(-beta) taken out. The determinants cancel more the larger beta/n:
   hence the limits.

   The charge of U(1) is Q = sum arg P / 2 pi, so with Z(theta) = sum_k c_k(theta)^V,

     c_k(theta) = integral over (-pi,pi] of exp(beta cos p) cos((k - theta/2pi) p) dp/2pi,
     <Q^2> = - d^2 log Z/dtheta^2 at 0
           = - sum [ V c^(V-1) c'' + V (V-1) c^(V-2) c'^2 ] / sum c^V,

   the integrals by Gauss's rule of four points on equal panels. */
#include "energy/characters.h"
#include "math/bessel.h"
#include <math.h>
#include <stdlib.h>

enum { MOST_N = 8, ORDERS = 512, MOST_IRREPS = 100000, PANELS = 512 };
static const double PI = 3.14159265358979323846;
/* Of the sum over representations and of that over l, relative to the largest term. */
static const long double NEGLIGIBLE = 1e-22L;

/* A number with its first and second derivative by beta. */
typedef struct {
  long double f, d, s;
} jet;

static jet times(jet a, jet b) {
  return (jet){a.f * b.f, a.d * b.f + a.f * b.d, a.s * b.f + 2 * a.d * b.d + a.f * b.s};
}

static jet over(jet a, jet b) {
  const long double f = a.f / b.f, d = (a.d - f * b.d) / b.f;
  return (jet){f, d, (a.s - 2 * d * b.d - f * b.s) / b.f};
}

static jet minus(jet a, jet b) { return (jet){a.f - b.f, a.d - b.d, a.s - b.s}; }

static void add(jet *sum, jet a) { *sum = (jet){sum->f + a.f, sum->d + a.d, sum->s + a.s}; }

/* a^power of 0 < a <= 1, or 0 where that is below what long double holds. */
static jet raise_to(jet a, size_t power) {
  const long double V = (long double)power, f = expl(V * logl(a.f)), d = a.d / a.f;
  return (jet){f, V * f * d, V * f * (a.s / a.f + (V - 1) * d * d)};
}

typedef struct {
  size_t n, sites, irreps;
  double beta;
  long double bessel[ORDERS]; /* exp(-x) I_k(x), x = beta/n */
  jet trivial, sum;           /* b of the trivial representation, and sum of (b/trivial)^V */
} expansion;

static long double bessel(const expansion *e, long order) {
  const size_t k = (size_t)(order < 0 ? -order : order);
  return k < ORDERS ? e->bessel[k] : 0;
}

/* exp(-x) I_k(x): its derivatives by x are differences in k, by beta 1/n of those. */
static jet entry(const expansion *e, long k) {
  const long double n = (long double)e->n, mid = bessel(e, k);
  const long double near = bessel(e, k - 1) + bessel(e, k + 1);
  const long double far = bessel(e, k - 2) + bessel(e, k + 2);
  return (jet){mid, (near / 2 - mid) / n, (far / 4 - near + 1.5L * mid) / (n * n)};
}

/* By elimination with pivots; a is destroyed. */
static jet determinant(size_t n, jet a[MOST_N][MOST_N]) {
  jet det = {1, 0, 0};
  for (size_t k = 0; k < n; k++) {
    size_t pivot = k;
    for (size_t i = k + 1; i < n; i++)
      if (fabsl(a[i][k].f) > fabsl(a[pivot][k].f))
        pivot = i;
    if (a[pivot][k].f == 0)
      return (jet){0, 0, 0};
    for (size_t j = k; j < n && pivot != k; j++) {
      const jet kept = a[k][j];
      a[k][j] = a[pivot][j];
      a[pivot][j] = (jet){-kept.f, -kept.d, -kept.s};
    }
    det = times(det, a[k][k]);
    for (size_t i = k + 1; i < n; i++) {
      const jet share = over(a[i][k], a[k][k]);
      for (size_t j = k + 1; j < n; j++)
        a[i][j] = minus(a[i][j], times(share, a[k][j]));
    }
  }
  return det;
}

static jet shifted(const expansion *e, const long lam[MOST_N], long l) {
  jet a[MOST_N][MOST_N];
  for (size_t i = 0; i < e->n; i++)
    for (size_t j = 0; j < e->n; j++)
      a[i][j] = entry(e, lam[i] - (long)i + (long)j + l);
  return determinant(e->n, a);
}

static long double dimension(size_t n, const long lam[MOST_N]) {
  long double d = 1;
  for (size_t i = 0; i < n; i++)
    for (size_t j = i + 1; j < n; j++)
      d *= (long double)(lam[i] - lam[j] + (long)(j - i)) / (long double)(j - i);
  return d;
}

/* b_r: the terms are largest where the diagram's boxes and l columns balance. */
static jet coefficient(const expansion *e, const long lam[MOST_N]) {
  if (e->n == 1)
    return entry(e, lam[0]);
  long boxes = 0;
  for (size_t i = 0; i < e->n; i++)
    boxes += lam[i];
  const long middle = -(boxes + (long)e->n / 2) / (long)e->n;
  jet sum = {0, 0, 0};
  for (long way = -1; way <= 1; way += 2)
    for (long l = way < 0 ? middle - 1 : middle; labs(l) < ORDERS; l += way) {
      const jet term = shifted(e, lam, l);
      add(&sum, term);
      if (!(term.f > NEGLIGIBLE * sum.f) && labs(l - middle) > 1)
        break;
    }
  const long double d = dimension(e->n, lam);
  return (jet){sum.f / d, sum.d / d, sum.s / d};
}

/* Adds the representation with these Dynkin labels to the sum; whether it counts. */
static bool add_irrep(expansion *e, const long label[MOST_N]) {
  long lam[MOST_N] = {0};
  for (size_t i = e->n - 1; i-- > 0;)
    lam[i] = lam[i + 1] + label[i];
  const jet b = over(coefficient(e, lam), e->trivial);
  e->irreps++;
  if (!(b.f > 0) || (long double)e->sites * logl(b.f) < logl(NEGLIGIBLE))
    return false;
  add(&e->sum, raise_to(b, e->sites));
  return true;
}

/* This representation, and those with one more of a label from `first` on, as long as they count:
   b falls with every label. */
static void visit(expansion *e, long label[MOST_N], size_t first) {
  if (!add_irrep(e, label))
    return;
  for (size_t i = first; i + 1 < e->n && e->irreps < MOST_IRREPS; i++) {
    label[i]++;
    visit(e, label, i);
    label[i]--;
  }
}

/* ---- U(1) ------------------------------------------------------------------------------------ */

/* c and its derivatives by theta, with exp(-beta) taken out. */
static jet angular(double beta, long k) {
  static const double node[2] = {0.33998104358485626, 0.86113631159405258};
  static const double weight[2] = {0.65214515486254614, 0.34785484513745386};
  const double half = PI / (2 * PANELS);
  jet c = {0, 0, 0};
  for (size_t panel = 0; panel < PANELS; panel++)
    for (size_t g = 0; g < 4; g++) {
      const double p = half * ((double)(2 * panel + 1) + (g % 2 ? 1 : -1) * node[g / 2]);
      const double w = half * weight[g / 2] / PI * exp(beta * (cos(p) - 1)), turn = p / (2 * PI);
      const double even = w * cos((double)k * p), odd = w * sin((double)k * p);
      add(&c, (jet){even, odd * turn, -even * turn * turn});
    }
  return c;
}

static double charge_square(const expansion *e, double trivial, long most) {
  const long double V = (long double)e->sites;
  long double bent = 0, sum = 0;
  for (long k = 0; k <= most; k++) {
    const jet c = angular(e->beta, k);
    const long double share = (k ? 2 : 1) * powl(c.f / trivial, V), slope = c.d / c.f;
    sum += share;
    bent += share * (V * c.s / c.f + V * (V - 1) * slope * slope);
  }
  return (double)(-bent / sum);
}

static void expand_circle(expansion *e, enf__expansion *out) {
  long k = 1;
  e->sum = (jet){1, 0, 0};
  for (;; k++) {
    const jet b = over(entry(e, k), e->trivial);
    if (!(b.f > 0) || (long double)e->sites * logl(b.f) < logl(NEGLIGIBLE))
      break;
    const jet power = raise_to(b, e->sites);
    add(&e->sum, power);
    add(&e->sum, power); /* -k */
  }
  out->charge_square = charge_square(e, (double)e->trivial.f, k - 1);
}

/* ---- all ------------------------------------------------------------------------------------- */

double enf__characters_limit(size_t n) {
  static const double limit[MOST_N + 1] = {0, 500, 500, 300, 200, 100, 100, 100, 100};
  return limit[n];
}

bool enf__characters_expand(size_t n, double beta, size_t sites, enf__expansion *out) {
  expansion e = {.n = n, .sites = sites, .beta = beta};
  long none[MOST_N] = {0};
  out->charge_square = NAN;
  enf__bessel_i(beta / (double)n, ORDERS, e.bessel);
  e.trivial = coefficient(&e, none);
  if (n == 1)
    expand_circle(&e, out);
  else
    visit(&e, none, 0);
  const long double V = (long double)sites;
  const long double slope = e.sum.d / e.sum.f, own = e.trivial.d / e.trivial.f;
  out->log_z = (double)(V * (beta + logl(e.trivial.f)) + logl(e.sum.f));
  out->slope = (double)(V * (1 + own) + slope);
  out->curvature =
      (double)(V * (e.trivial.s / e.trivial.f - own * own) + e.sum.s / e.sum.f - slope * slope);
  return e.irreps < MOST_IRREPS;
}
