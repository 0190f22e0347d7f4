/* gumbel.c -- two coordinates with Student-t margins whose dependence is a Gumbel copula, strongest
   where both are large: the target of the copula paper (Laszkiewicz, Lederer, Fischer 2021,
   arXiv:2107.07352). exp(-u) integrates to 1.

     u(x) = -log c(F(x_1), F(x_2)) - log f(x_1) - log f(x_2)
     with a = -log F(x_1), b = -log F(x_2), A = (a^th + b^th)^(1/th):
     log c = a + b - A + (th-1) log(a b) + (1 - 2 th) log A + log(A + th - 1)
     dA/da = (a/A)^(th-1),  da/dx_1 = -f(x_1)/F(x_1)

   (Nelsen 2006, An Introduction to Copulas, table 4.1.) Draws by Marshall and Olkin (1988, J. Am.
   Stat. Assoc. 83, 834): V positive stable of index 1/th by Kanter's formula (1975, Ann. Probab. 3,
   697), F(x_i) = exp(-(E_i/V)^(1/th)), E_i exponential. */
#include "core/random.h"
#include "energy/energy.h"
#include "math/laws.h"
#include <math.h>

static enf__law margin_of(const enf_energy *e) {
  return (enf__law){ENF__STUDENT_LAW, e->value[ENF__ENERGY_DF]};
}

/* -log F(x); d = f(x)/F(x) */
static double minus_log(enf__law law, double x, double *d) {
  const double tail = enf__law_log_tail(law, fabs(x));
  const double a = x < 0 ? -tail : -log1p(-exp(tail));
  *d = exp(enf__law_log_density(law, x) + a);
  return a;
}

static double eval_one(const enf_energy *e, const double *x, double *grad) {
  const double th = e->value[ENF__ENERGY_THETA];
  const enf__law law = margin_of(e);
  double d[2], a[2], sum = 0;
  for (size_t k = 0; k < 2; k++) {
    a[k] = minus_log(law, x[k], &d[k]);
    sum += a[k] + (th - 1) * log(a[k]) + enf__law_log_density(law, x[k]);
  }
  const double most = fmax(a[0], a[1]), least = fmin(a[0], a[1]);
  const double A = most * pow(1 + pow(least / most, th), 1 / th);
  const double by_A = -1 + (1 - 2 * th) / A + 1 / (A + th - 1);
  for (size_t k = 0; grad && k < 2; k++) {
    const double by_a = 1 + (th - 1) / a[k] + by_A * pow(a[k] / A, th - 1);
    grad[k] = by_a * d[k] - enf__law_score(law, x[k]);
  }
  return -(sum - A + (1 - 2 * th) * log(A) + log(A + th - 1));
}

void enf__gumbel_eval(const enf_energy *e, size_t n, const double *x, double *u, double *grad) {
  for (size_t i = 0; i < n; i++)
    u[i] = eval_one(e, x + 2 * i, grad ? grad + 2 * i : NULL);
}

void enf__gumbel_sample(const enf_energy *e, uint64_t seed, uint64_t index, double *x) {
  const double pi = 3.14159265358979323846, th = e->value[ENF__ENERGY_THETA], al = 1 / th;
  const double log_half = -0.69314718055994530942;
  double w[4];
  enf__random_uniform(seed, ENF__STREAM_EXACT, index, 4, w);
  const double turn = pi * w[0];
  const double log_V = th == 1 ? 0 : log(sin(al * turn)) - th * log(sin(turn)) +
                       (th - 1) * (log(sin((1 - al) * turn)) - log(-log(w[1])));
  for (size_t k = 0; k < 2; k++) {
    const double a = exp(al * (log(-log(w[2 + k])) - log_V)); /* -log F */
    const bool below = -a < log_half;
    const double t = enf__law_quantile(margin_of(e), below ? -a : log(-expm1(-a)));
    x[k] = below ? -t : t;
  }
}
