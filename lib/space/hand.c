/* hand.c -- enf_chirality and enf_reflect: hands of stereocentres, and samples made of one hand.

   The hand of a centre c with a, b, d about it is the sign of (a - c) . ((b - c) x (d - c)). A
   density of particles is the same for x and -x. So with h the hands of x, and q the flow's,

     q+(x) = q(x) + q(-x) = 2 q(x)   where h(x) is as wanted, and 0 elsewhere

   is the density of its samples after those with -h wanted have been mirrored; the share of samples
   that have neither is lost. */
#include "core/core.h"
#include <enf/molecule.h>
#include <math.h>

#define FLAT 1e-6
#define LOG_2 0.69314718055994530942

static enf_status check(enf_ctx *ctx, const char *call, size_t n, size_t N, const double *x,
                        size_t centres, const size_t (*centre)[4], const int *out) {
  if (centres && !centre)
    return enf__fail(ctx, ENF_ERR_ARG, "%s: centre is NULL", call);
  if (n > 0 && centres > 0 && (!x || !out))
    return enf__fail(ctx, ENF_ERR_ARG, "%s: %s is NULL", call, !x ? "x" : "the output");
  for (size_t k = 0; k < centres; k++)
    for (int i = 0; i < 4; i++) {
      if (centre[k][i] >= N)
        return enf__fail(ctx, ENF_ERR_RANGE,
                         "centre %zu is of atom %zu: there are %zu, numbered from 0", k,
                         centre[k][i], N);
      for (int j = 0; j < i; j++)
        if (centre[k][i] == centre[k][j])
          return enf__fail(ctx, ENF_ERR_RANGE, "centre %zu has atom %zu twice", k, centre[k][i]);
    }
  return ENF_OK;
}

/* x_i - x_c; its length. */
static double arm(const double *x, size_t i, size_t c, double out[3]) {
  for (size_t d = 0; d < 3; d++)
    out[d] = x[3 * i + d] - x[3 * c + d];
  return sqrt(out[0] * out[0] + out[1] * out[1] + out[2] * out[2]);
}

static int hand_of(const double *x, const size_t centre[4]) {
  double a[3], b[3], d[3];
  const double size = arm(x, centre[1], centre[0], a) * arm(x, centre[2], centre[0], b) *
                      arm(x, centre[3], centre[0], d);
  const double volume = a[0] * (b[1] * d[2] - b[2] * d[1]) + a[1] * (b[2] * d[0] - b[0] * d[2]) +
                        a[2] * (b[0] * d[1] - b[1] * d[0]);
  if (!(fabs(volume) > FLAT * size && isfinite(volume)))
    return 0;
  return volume > 0 ? 1 : -1;
}

enf_status enf_chirality(enf_ctx *ctx, size_t n, size_t N, const double *x, size_t centres,
                         const size_t (*centre)[4], int *hand) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  TRY(check(ctx, "enf_chirality", n, N, x, centres, centre, hand));
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < centres; k++)
      *hand++ = hand_of(x + 3 * N * i, centre[k]);
out:
  return status;
}

/* ---- samples of one hand --------------------------------------------------------------------- */

static enf_status check_wanted(enf_ctx *ctx, size_t centres, const int *wanted) {
  if (centres == 0 || !wanted)
    return enf__fail(ctx, ENF_ERR_ARG, "enf_reflect: %s",
                     centres ? "wanted is NULL" : "there is no centre to tell hands by");
  for (size_t k = 0; k < centres; k++)
    if (wanted[k] != 1 && wanted[k] != -1)
      return enf__fail(ctx, ENF_ERR_RANGE, "the hand wanted of centre %zu is %d, not 1 or -1", k,
                       wanted[k]);
  return ENF_OK;
}

/* 1: all hands are as wanted; -1: all are the others; else 0. */
static int compare(const double *x, size_t centres, const size_t (*centre)[4], const int *wanted) {
  const int first = hand_of(x, centre[0]) * wanted[0];
  for (size_t k = 1; k < centres; k++)
    if (hand_of(x, centre[k]) * wanted[k] != first)
      return 0;
  return first;
}

enf_status enf_reflect(enf_ctx *ctx, size_t n, size_t N, double *x, double *logp, size_t centres,
                       const size_t (*centre)[4], const int *wanted, int *state) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  TRY(check(ctx, "enf_reflect", n, N, x, centres, centre, state));
  TRY(check_wanted(ctx, centres, wanted));
  for (size_t i = 0; i < n; i++, x += 3 * N) {
    state[i] = compare(x, centres, centre, wanted);
    for (size_t k = 0; state[i] < 0 && k < 3 * N; k++)
      x[k] = -x[k];
    if (state[i] != 0 && logp)
      logp[i] += LOG_2;
  }
out:
  return status;
}
