/* kernels_expansion.h -- functions of one variable as sums of normalised Gaussians, part of
   kernels_impl.h:

     f(x) = sum_k c_k R_k(x),  R_k = g_k / (1e-6 + sum g),  g_k = exp(-u_k^2),
     u_k = (x - center_k) sharp_k

   with sharp the inverse widths; g_k is 0 where u_k^2 > 60. (Koehler, Klein, Noe 2020,
   arXiv:2006.02425, appendix; there with softmax-like normalisation as here.) With h = -2 u sharp:
   g' = h g, g'' = (h^2 - 2 sharp^2) g. A row's lanes are the n centres, so its bits do not depend
   on the other rows. */

#define LEAST_SUM ((REAL)1e-6)

INLINE vec gaussian(vec u) {
  const vec square = u * u;
  return vec_select(square > vec_set(60), vec_set(0), vec_exp(-square));
}

/* u of L centres from c on. */
INLINE vec scaled_distance(vec x, const REAL *center, const REAL *sharp, size_t c) {
  return (x - vec_load(center + c)) * vec_load(sharp + c);
}

static void basis(size_t rows, size_t n, const REAL *x, const REAL *center, const REAL *sharp,
                  REAL *R) {
  for (size_t r = 0; r < rows; r++) {
    REAL *out = R + r * n;
    const vec at = vec_set(x[r]);
    vec sum = vec_set(0);
    for (size_t c = 0; c < n; c += (size_t)L) {
      const vec g = gaussian(scaled_distance(at, center, sharp, c));
      sum += g;
      vec_store(out + c, g);
    }
    const vec scale = vec_set(1 / (LEAST_SUM + vec_sum(sum)));
    for (size_t c = 0; c < n; c += (size_t)L)
      vec_store(out + c, scale * vec_load(out + c));
  }
}

/* Sums over centres of g, g', c g, c g'; g is kept unless NULL. */
typedef struct {
  REAL g, g1, cg, cg1;
} expansion_sums;

INLINE expansion_sums sum_expansion(const bool slope, size_t n, REAL x, const REAL *center,
                                    const REAL *sharp, const REAL *coef, REAL *keep) {
  const vec at = vec_set(x), zero = vec_set(0), minus_two = vec_set(-2);
  vec g_sum = zero, g1_sum = zero, cg_sum = zero, cg1_sum = zero;
  for (size_t c = 0; c < n; c += (size_t)L) {
    const vec u = scaled_distance(at, center, sharp, c), g = gaussian(u), k = vec_load(coef + c);
    g_sum += g;
    cg_sum = vec_fma(k, g, cg_sum);
    if (keep)
      vec_store(keep + c, g);
    if (!slope)
      continue;
    const vec g1 = minus_two * u * vec_load(sharp + c) * g;
    g1_sum += g1;
    cg1_sum = vec_fma(k, g1, cg1_sum);
  }
  return (expansion_sums){vec_sum(g_sum), slope ? vec_sum(g1_sum) : 0, vec_sum(cg_sum),
                          slope ? vec_sum(cg1_sum) : 0};
}

static void expansion(size_t rows, size_t n, const REAL *x, const REAL *center, const REAL *sharp,
                      const REAL *coef, const int32_t *seg, REAL *f, REAL *f1) {
  if (!f1) {
    for (size_t r = 0; r < rows; r++) {
      const expansion_sums s =
          sum_expansion(false, n, x[r], center, sharp, coef + (size_t)seg[r] * n, NULL);
      f[r] = s.cg * (1 / (LEAST_SUM + s.g));
    }
    return;
  }
  for (size_t r = 0; r < rows; r++) {
    const expansion_sums s =
        sum_expansion(true, n, x[r], center, sharp, coef + (size_t)seg[r] * n, NULL);
    const REAL scale = 1 / (LEAST_SUM + s.g);
    f[r] = s.cg * scale;
    f1[r] = (s.cg1 - f[r] * s.g1) * scale;
  }
}

/* Cotangents of the four sums, of p0 f + p1 f'. */
INLINE expansion_sums sums_grad(const expansion_sums *s, REAL p0, REAL p1, REAL *f, REAL *f1) {
  const REAL scale = 1 / (LEAST_SUM + s->g), log_slope = s->g1 * scale;
  *f = s->cg * scale;
  *f1 = (s->cg1 - *f * s->g1) * scale;
  return (expansion_sums){.g = -scale * (p0 * *f + p1 * (*f1 - *f * log_slope)),
                          .g1 = -scale * p1 * *f,
                          .cg = scale * (p0 - p1 * log_slope),
                          .cg1 = scale * p1};
}

/* Given the sums' cotangents d and g: x's derivative is returned, the others are accumulated. */
INLINE REAL scatter_expansion(size_t n, REAL x, const REAL *center, const REAL *sharp,
                              const REAL *coef, const REAL *kept, const expansion_sums *d,
                              REAL *dcoef, REAL *dcenter, REAL *dlog_width) {
  const vec at = vec_set(x), two = vec_set(2), one = vec_set(1);
  const vec d_g = vec_set(d->g), d_g1 = vec_set(d->g1), d_cg = vec_set(d->cg),
            d_cg1 = vec_set(d->cg1);
  vec slope = vec_set(0);
  for (size_t c = 0; c < n; c += (size_t)L) {
    const vec w = vec_load(sharp + c), u = scaled_distance(at, center, sharp, c);
    const vec g = vec_load(kept + c), k = vec_load(coef + c), h = -two * u * w;
    if (dcoef)
      vec_store(dcoef + c, vec_fma(g, vec_fma(d_cg1, h, d_cg), vec_load(dcoef + c)));
    const vec y = vec_fma(d_cg, k, d_g) * g, z = vec_fma(d_cg1, k, d_g1) * g;
    const vec moved = vec_fma(z, vec_fma(h, h, -two * w * w), y * h), square = u * u;
    slope += moved;
    vec_store(dcenter + c, vec_load(dcenter + c) - moved);
    const vec widened = vec_fma(z * h, square - one, y * square);
    vec_store(dlog_width + c, vec_fma(two, widened, vec_load(dlog_width + c)));
  }
  return vec_sum(slope);
}

static void expansion_grad(size_t rows, size_t n, const REAL *x, const REAL *center,
                           const REAL *sharp, const REAL *coef, const int32_t *seg, const REAL *p0,
                           const REAL *p1, REAL *f, REAL *f1, REAL *dx, REAL *dcoef, REAL *dcenter,
                           REAL *dlog_width) {
  REAL kept[ENF__EXPANSION];
  for (size_t r = 0; r < rows; r++) {
    const size_t row = seg ? (size_t)seg[r] : r;
    const REAL *k = coef + row * n;
    const expansion_sums s = sum_expansion(true, n, x[r], center, sharp, k, kept);
    const expansion_sums d = sums_grad(&s, p0[r], p1 ? p1[r] : 0, f + r, f1 + r);
    dx[r] = scatter_expansion(n, x[r], center, sharp, k, kept, &d, dcoef ? dcoef + row * n : NULL,
                              dcenter, dlog_width);
  }
}

#undef LEAST_SUM
