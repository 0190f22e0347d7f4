/* laws.c -- densities, tails and quantiles of symmetric laws.

     normal      log f = -t^2/2 - log(2 pi)/2
     student-t   log f = c(nu) - (nu+1)/2 log(1 + t^2/nu),
                 c(nu) = lgamma((nu+1)/2) - lgamma(nu/2) - log(nu pi)/2
     laplace     log f = -|t| - log 2                    P(T > t) = e^-t / 2
     logistic    log f = -|t| - 2 log(1 + e^-|t|)        P(T > t) = 1 / (1 + e^t)

   Student's tail is I_x(nu/2, 1/2)/2 at x = nu/(nu+t^2), the incomplete beta function by its
   continued fraction (DLMF 8.17.22, Lentz's way), on the side where that converges fast; the normal's
   is erfc, and far out the continued fraction of Mills' ratio (DLMF 7.9.3). Quantiles of both are
   Newton's iteration on the logarithm of the tail by w, t = w and t = sqrt(nu) sinh w: the density
   of w, exp(-w^2/2) or cosh^-nu w, is log-concave, so the logarithm of its tail is concave, and from
   a bound above the quantile the iteration falls on it without ever passing. */
#include "math/laws.h"
#include "math/digamma.h"
#include <math.h>

enum { TERMS = 5000, STEPS = 200 };
static const double LOG_2 = 0.69314718055994530942, LOG_PI = 1.14472988584940017414,
                    FARTHEST = 300 /* of w: squares are still finite */;

static double log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

/* log(Gamma(a + 1/2)/Gamma(a)): the difference loses digits for large a, its series does not. */
static double log_gamma_half(double a) {
  const double r = 1 / (a * a);
  if (a < 20)
    return log_gamma(a + 0.5) - log_gamma(a);
  return 0.5 * log(a) -
         (1.0 / 8 - r * (1.0 / 192 - r * (1.0 / 640 - r * (17.0 / 14336 - r * 31.0 / 18432)))) / a;
}

/* log(1 + r^2) and log cosh w, at any size */
static double log_square(double r) { return r > 1e8 ? 2 * log(r) : log1p(r * r); }
static double log_cosh(double w) { return w + log1p(exp(-2 * w)) - LOG_2; }

/* ---- densities ------------------------------------------------------------------------------- */

/* c(nu) + log(nu)/2, of the density by t/sqrt(nu) */
static double student_constant(double nu) { return log_gamma_half(0.5 * nu) - 0.5 * LOG_PI; }

static double student_density(double nu, double t) {
  return student_constant(nu) - 0.5 * log(nu) - 0.5 * (nu + 1) * log_square(fabs(t) / sqrt(nu));
}

double enf__law_log_density(enf__law law, double t) {
  const double size = fabs(t);
  switch (law.kind) {
  case ENF__STUDENT_LAW:
    return student_density(law.df, t);
  case ENF__LAPLACE_LAW:
    return -size - LOG_2;
  case ENF__LOGISTIC_LAW:
    return -size - 2 * log1p(exp(-size));
  default:
    return -0.5 * (t * t + LOG_2 + LOG_PI);
  }
}

double enf__law_score(enf__law law, double t) {
  switch (law.kind) {
  case ENF__STUDENT_LAW: /* -(nu+1) t/(nu + t^2) */
    return t == 0 ? 0 : -(law.df + 1) / (law.df / t + t);
  case ENF__LAPLACE_LAW:
    return t > 0 ? -1 : t < 0 ? 1 : 0;
  case ENF__LOGISTIC_LAW:
    return -tanh(0.5 * t);
  default:
    return -t;
  }
}

double enf__law_by_df(enf__law law, double t) {
  const double nu = law.df;
  if (law.kind != ENF__STUDENT_LAW)
    return 0;
  return 0.5 * (enf__digamma(0.5 * (nu + 1)) - enf__digamma(0.5 * nu) - 1 / nu -
                log_square(fabs(t) / sqrt(nu)) - t * enf__law_score(law, t) / nu);
}

/* ---- tails ----------------------------------------------------------------------------------- */

/* The continued fraction of I_x(a,b) a B(a,b) / (x^a (1-x)^b). */
static double beta_fraction(double a, double b, double x) {
  const double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1), h;
  h = d = 1 / (fabs(d) < tiny ? tiny : d);
  for (int m = 1; m <= TERMS; m++) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    const double terms[] = {even, odd};
    double factor = 1;
    for (int k = 0; k < 2; k++) {
      d = 1 + terms[k] * d;
      c = 1 + terms[k] / c;
      d = 1 / (fabs(d) < tiny ? tiny : d);
      c = fabs(c) < tiny ? tiny : c;
      factor = c * d;
      h *= factor;
    }
    if (fabs(factor - 1) < 1e-16)
      break;
  }
  return h;
}

static double student_tail(double nu, double t) {
  const double a = 0.5 * nu, b = 0.5, r = t / sqrt(nu), log_sum = log_square(r);
  const double log_x = -log_sum, x = exp(log_x), y = r > 1 ? 1 / (1 + 1 / (r * r)) : r * r * x;
  if (t == 0)
    return -LOG_2;
  /* -log B(nu/2, 1/2) = student_constant */
  const double front = student_constant(nu) + a * log_x + b * (2 * log(r) - log_sum);
  if (x < (a + 1) / (a + b + 2))
    return front - log(a) + log(beta_fraction(a, b, x)) - LOG_2;
  return log1p(-exp(front) / b * beta_fraction(b, a, y)) - LOG_2;
}

/* The fraction is 1/(t + 1/(t + 2/(t + 3/...))). */
static double normal_tail(double t) {
  enum { LEVELS = 60 };
  double ratio = t;
  if (t < 5)
    return log(0.5 * erfc(t * sqrt(0.5)));
  for (int k = LEVELS; k > 0; k--)
    ratio = t + k / ratio;
  return -0.5 * (t * t + LOG_2 + LOG_PI) - log(ratio);
}

double enf__law_log_tail(enf__law law, double t) {
  switch (law.kind) {
  case ENF__STUDENT_LAW:
    return student_tail(law.df, t);
  case ENF__LAPLACE_LAW:
    return -t - LOG_2;
  case ENF__LOGISTIC_LAW:
    return -t - log1p(exp(-t));
  default:
    return normal_tail(t);
  }
}

/* ---- quantiles ------------------------------------------------------------------------------- */

static double place(enf__law law, double w) {
  return law.kind == ENF__STUDENT_LAW ? sqrt(law.df) * sinh(w) : w;
}

static double log_density_of_w(enf__law law, double w) {
  return law.kind == ENF__STUDENT_LAW ? student_constant(law.df) - law.df * log_cosh(w)
                                      : enf__law_log_density(law, w);
}

/* At or above the quantile: cosh w >= e^w/2, and P(T > t) <= exp(-t^2/2)/2. */
static double bound_of_w(enf__law law, double log_tail) {
  const double nu = law.df;
  if (law.kind != ENF__STUDENT_LAW)
    return sqrt(-2 * (log_tail + LOG_2));
  return fmin((student_constant(nu) - log(nu) - log_tail) / nu + LOG_2, FARTHEST);
}

static double fall(enf__law law, double log_tail) {
  double w = bound_of_w(law, log_tail);
  for (int i = 0; i < STEPS && w > 0; i++) {
    const double tail = enf__law_log_tail(law, place(law, w));
    const double next = w + (tail - log_tail) * exp(tail - log_density_of_w(law, w));
    if (!(next < w))
      break;
    w = fmax(next, 0);
  }
  return place(law, w);
}

double enf__law_quantile(enf__law law, double log_tail) {
  if (log_tail >= -LOG_2)
    return 0;
  switch (law.kind) {
  case ENF__LAPLACE_LAW:
    return -log_tail - LOG_2;
  case ENF__LOGISTIC_LAW:
    return log1p(-exp(log_tail)) - log_tail;
  default:
    return fall(law, log_tail);
  }
}
