/* simd.h -- one vector of REAL, for the kernel source that is compiled once per instruction set.

   The including file defines ENF__DOUBLE as 0 or 1; the instruction set is the one the compiler is
   told to use. vec has ENF__LANES numbers. Sums of products are fused only through vec_fma, so the
   rounding of every kernel is written in the source, not chosen by the compiler. */
#ifndef ENF__SIMD_H
#define ENF__SIMD_H

#include <stdint.h>
#include <string.h>

#if ENF__DOUBLE
typedef double REAL;
typedef int64_t INT;
#else
typedef float REAL;
typedef int32_t INT;
#endif

/* The including file may ask for wider vectors than the instructions have; the compiler then splits
   them. So the kernels of one width can be tested on any processor. */
#ifndef ENF__VECTOR_BYTES
#if defined(__AVX512F__)
#define ENF__VECTOR_BYTES 64
#elif defined(__AVX2__)
#define ENF__VECTOR_BYTES 32
#else
#define ENF__VECTOR_BYTES 16
#endif
#endif

#if defined(__AVX512F__) && ENF__VECTOR_BYTES == 64
#define ENF__AVX512
#elif defined(__AVX2__) && defined(__FMA__) && ENF__VECTOR_BYTES == 32
#define ENF__AVX2
#endif
#if defined(ENF__AVX512) || defined(ENF__AVX2)
#include <immintrin.h>
#endif

/* Rows of a tile of a product and of its gradient: what the registers hold. */
#define ENF__GEMM_ROWS (ENF__VECTOR_BYTES == 64 ? 12 : 6)
#define ENF__GRAD_ROWS (ENF__VECTOR_BYTES == 64 ? 8 : 4)

#define ENF__LANES ((int)(ENF__VECTOR_BYTES / sizeof(REAL)))
#define INLINE static inline __attribute__((always_inline))

typedef REAL vec __attribute__((vector_size(ENF__VECTOR_BYTES)));
typedef INT ivec __attribute__((vector_size(ENF__VECTOR_BYTES)));
typedef REAL vec_u __attribute__((vector_size(ENF__VECTOR_BYTES), aligned(sizeof(REAL))));

INLINE vec vec_load(const REAL *p) { return *(const vec_u *)p; }
INLINE void vec_store(REAL *p, vec v) { *(vec_u *)p = v; }
INLINE vec vec_set(REAL a) {
#if defined(ENF__AVX512) && ENF__DOUBLE
  return (vec)_mm512_set1_pd(a);
#elif defined(ENF__AVX512)
  return (vec)_mm512_set1_ps(a);
#elif defined(ENF__AVX2) && ENF__DOUBLE
  return (vec)_mm256_set1_pd(a);
#elif defined(ENF__AVX2)
  return (vec)_mm256_set1_ps(a);
#else
  return a - (vec){0};
#endif
}

/* a*b + c */
INLINE vec vec_fma(vec a, vec b, vec c) {
#if defined(ENF__AVX512) && ENF__DOUBLE
  return (vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(ENF__AVX512)
  return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(ENF__AVX2) && ENF__DOUBLE
  return (vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(ENF__AVX2)
  return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

INLINE vec vec_select(ivec mask, vec yes, vec no) {
  return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}

/* Bounded below and above; NaN stays NaN. */
INLINE vec vec_clamp(vec v, REAL low, REAL high) {
#if defined(ENF__AVX512) && ENF__DOUBLE
  return (vec)_mm512_min_pd((__m512d)vec_set(high),
                            _mm512_max_pd((__m512d)vec_set(low), (__m512d)v));
#elif defined(ENF__AVX512)
  return (vec)_mm512_min_ps((__m512)vec_set(high), _mm512_max_ps((__m512)vec_set(low), (__m512)v));
#elif defined(ENF__AVX2) && ENF__DOUBLE
  return (vec)_mm256_min_pd((__m256d)vec_set(high),
                            _mm256_max_pd((__m256d)vec_set(low), (__m256d)v));
#elif defined(ENF__AVX2)
  return (vec)_mm256_min_ps((__m256)vec_set(high), _mm256_max_ps((__m256)vec_set(low), (__m256)v));
#else
  v = vec_select(v < vec_set(low), vec_set(low), v);
  return vec_select(v > vec_set(high), vec_set(high), v);
#endif
}

INLINE vec vec_sqrt(vec v) {
#if defined(ENF__AVX512) && ENF__DOUBLE
  return (vec)_mm512_sqrt_pd((__m512d)v);
#elif defined(ENF__AVX512)
  return (vec)_mm512_sqrt_ps((__m512)v);
#elif defined(ENF__AVX2) && ENF__DOUBLE
  return (vec)_mm256_sqrt_pd((__m256d)v);
#elif defined(ENF__AVX2)
  return (vec)_mm256_sqrt_ps((__m256)v);
#else
  for (int k = 0; k < ENF__LANES; k++)
    v[k] = ENF__DOUBLE ? (REAL)__builtin_sqrt(v[k]) : (REAL)__builtin_sqrtf((float)v[k]);
  return v;
#endif
}

/* Sum of the lanes, by halves. */
INLINE REAL vec_sum(vec v) {
#if ENF__VECTOR_BYTES == 16
  typedef vec half;
  half h = v;
#else
  typedef REAL half __attribute__((vector_size(16)));
  half h, part[ENF__VECTOR_BYTES / 16];
  memcpy(part, &v, sizeof v);
#if ENF__VECTOR_BYTES == 64
  part[0] += part[2];
  part[1] += part[3];
#endif
  h = part[0] + part[1];
#endif
#if ENF__DOUBLE
  return h[0] + h[1];
#else
  return (h[0] + h[2]) + (h[1] + h[3]);
#endif
}

/* exp(v) for v in [-87,88] (float32) or [-708,709] (float64), clamped there: v = n ln2 + r,
   |r| <= ln2/2, exp(r) by its minimax (float32) or Taylor (float64) polynomial. The shifter rounds
   to n and leaves n plus the exponent's bias in the lowest bits, which makes 2^n by a shift.
   Relative error below 2e-7 and 5e-16; every NaN stays NaN. */
INLINE vec vec_exp(vec v) {
#if ENF__DOUBLE
  const vec shifter = vec_set(6755399441055744.0 + 1023);
  v = vec_clamp(v, -708.0, 709.0);
  vec n = vec_fma(v, vec_set(1.4426950408889634074), shifter);
  const vec scale = (vec)((ivec)n << 52);
  n -= shifter;
  vec r = vec_fma(n, vec_set(-0.693147180369123816490), v);
  r = vec_fma(n, vec_set(-1.90821492927058770002e-10), r);
  vec p = vec_set(1.0 / 6227020800.0);
  p = vec_fma(p, r, vec_set(1.0 / 479001600.0));
  p = vec_fma(p, r, vec_set(1.0 / 39916800.0));
  p = vec_fma(p, r, vec_set(1.0 / 3628800.0));
  p = vec_fma(p, r, vec_set(1.0 / 362880.0));
  p = vec_fma(p, r, vec_set(1.0 / 40320.0));
  p = vec_fma(p, r, vec_set(1.0 / 5040.0));
  p = vec_fma(p, r, vec_set(1.0 / 720.0));
  p = vec_fma(p, r, vec_set(1.0 / 120.0));
  p = vec_fma(p, r, vec_set(1.0 / 24.0));
  p = vec_fma(p, r, vec_set(1.0 / 6.0));
  p = vec_fma(p, r, vec_set(0.5));
#else
  const vec shifter = vec_set(12582912.0f + 127);
  v = vec_clamp(v, -87.0f, 88.0f);
  vec n = vec_fma(v, vec_set(1.44269504f), shifter);
  const vec scale = (vec)((ivec)n << 23);
  n -= shifter;
  vec r = vec_fma(n, vec_set(-0.693145752f), v);
  r = vec_fma(n, vec_set(-1.42860677e-6f), r);
  vec p = vec_set(8.312515e-3f);
  p = vec_fma(p, r, vec_set(4.189021e-2f));
  p = vec_fma(p, r, vec_set(0.16667114f));
  p = vec_fma(p, r, vec_set(0.4999923f));
#endif
  p = vec_fma(p, r, vec_set(1));
  return vec_fma(p, r * scale, scale);
}

INLINE vec vec_sigmoid(vec v) { return vec_set(1) / (vec_set(1) + vec_exp(-v)); }

INLINE vec vec_silu(vec v) { return v / (vec_set(1) + vec_exp(-v)); }

/* silu(v) and its derivative s (1 + v t) with s = sigmoid(v), t = 1 - s = exp(-v) s, which does not
   cancel. */
INLINE vec vec_silu_grad(vec v, vec *grad) {
  const vec e = vec_exp(-v), s = vec_set(1) / (vec_set(1) + e), f = v * s;
  *grad = vec_fma(f, e * s, s);
  return f;
}

/* silu(v), its first derivative and its second, s t (2 + v (t - s)). */
INLINE vec vec_silu_curve(vec v, vec *grad, vec *curve) {
  const vec e = vec_exp(-v), s = vec_set(1) / (vec_set(1) + e), f = v * s, t = e * s;
  *grad = vec_fma(f, t, s);
  *curve = s * t * vec_fma(v, t - s, vec_set(2));
  return f;
}

/* tanh: an odd rational function below 0.625 (Cephes), 1 - 2/(1 + exp(2|v|)) above. */
INLINE vec vec_tanh(vec v) {
  const vec z = v * v;
  vec p = vec_fma(vec_set((REAL)-9.64399179425052238628e-1), z,
                  vec_set((REAL)-9.92877231001918586564e1));
  p = vec_fma(p, z, vec_set((REAL)-1.61468768441708447952e3));
  vec q = z + (REAL)1.12811678491632931402e2;
  q = vec_fma(q, z, vec_set((REAL)2.23548839060100448583e3));
  q = vec_fma(q, z, vec_set((REAL)4.84406305325125486048e3));
  const vec small = vec_fma(v * z, p / q, v);
  const ivec sign = (ivec)v & (ivec)vec_set((REAL)-0.0);
  const vec size = (vec)((ivec)v & ~(ivec)vec_set((REAL)-0.0));
  const vec large = vec_set(1) - vec_set(2) / (vec_set(1) + vec_exp(size + size));
  return vec_select(size < vec_set((REAL)0.625), small, (vec)((ivec)large | sign));
}

/* ---- functions of the splines (spline_impl.h) ------------------------------------------------ */

/* a > b ? a : b, as the instruction has it. */
INLINE vec vec_max(vec a, vec b) {
#if defined(ENF__AVX512) && ENF__DOUBLE
  return (vec)_mm512_max_pd((__m512d)a, (__m512d)b);
#elif defined(ENF__AVX512)
  return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(ENF__AVX2) && ENF__DOUBLE
  return (vec)_mm256_max_pd((__m256d)a, (__m256d)b);
#elif defined(ENF__AVX2)
  return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return vec_select(a > b, a, b);
#endif
}

/* log(v) for positive normal v: v = 2^n m, m in [sqrt(1/2), sqrt(2)), log m = 2 atanh(s),
   s = (m-1)/(m+1), by its series. The shifter turns the whole number n into a REAL. Relative error
   below 2e-7 and 5e-16; every NaN stays NaN. */
INLINE vec vec_log(vec v) {
#if ENF__DOUBLE
  const ivec n = ((ivec)v + (0x3ff0000000000000 - 0x3fe6a09e667f3bcd)) >> 52;
  const vec m = (vec)((ivec)v - ((n - 1023) << 52)), shifter = vec_set(6755399441055744.0);
  const vec e = (vec)((ivec)shifter + (n - 1023)) - shifter;
#else
  const ivec n = ((ivec)v + (0x3f800000 - 0x3f3504f3)) >> 23;
  const vec m = (vec)((ivec)v - ((n - 127) << 23)), shifter = vec_set(12582912.0f);
  const vec e = (vec)((ivec)shifter + (n - 127)) - shifter;
#endif
  const vec s = (m - vec_set(1)) / (m + vec_set(1)), z = s * s;
#if ENF__DOUBLE
  vec p = vec_set(2.0 / 21);
  for (int k = 19; k > 9; k -= 2)
    p = vec_fma(p, z, vec_set(2.0 / k));
  p = vec_fma(p, z, vec_set(2.0 / 9));
#else
  vec p = vec_set((REAL)(2.0 / 9));
#endif
  p = vec_fma(p, z, vec_set((REAL)(2.0 / 7)));
  p = vec_fma(p, z, vec_set((REAL)(2.0 / 5)));
  p = vec_fma(p, z, vec_set((REAL)(2.0 / 3)));
  /* ln 2 in two parts, the first with zeros at its end */
  vec low = vec_fma(e, vec_set((REAL)(ENF__DOUBLE ? 1.90821492927058770002e-10 : 1.42860677e-6)),
                    p * z * s);
  low = vec_fma(vec_set(2), s, low);
  low = vec_fma(
      e, vec_set((REAL)(ENF__DOUBLE ? 0.693147180369123816490 : 0.693145751953125)), low);
  return vec_select(v == v, low, v);
}

/* log(1 + exp(v)) and its derivative. log(1 + e) of a small e: the rounding of 1 + e is put right. */
INLINE vec vec_softplus(vec v, vec *grad) {
  const ivec positive = v > vec_set(0);
  const vec e = vec_exp(vec_select(positive, -v, v)), u = vec_set(1) + e, inverse = vec_set(1) / u;
  *grad = vec_select(positive, inverse, e * inverse);
  const vec log1p = vec_fma(e - (u - vec_set(1)), inverse, vec_log(u));
  return vec_select(positive, v + log1p, log1p);
}

/* The nearest whole number, for |v| below 2^22 and 2^51. */
INLINE vec vec_round(vec v) {
  const vec shifter = vec_set((REAL)(ENF__DOUBLE ? 6755399441055744.0 : 12582912.0));
  return (v + shifter) - shifter;
}

/* v - 2 pi n in [-pi,pi], 2 pi in three parts. */
INLINE vec vec_wrap(vec v) {
  const vec n = vec_round(v * (REAL)0.159154943091895335769);
#if ENF__DOUBLE
  v = vec_fma(n, vec_set(-6.28318500518798828125), v);
  v = vec_fma(n, vec_set(-3.01991576632345414133e-7), v);
  return vec_fma(n, vec_set(-2.15612114323127247620e-14), v);
#else
  v = vec_fma(n, vec_set(-6.28125f), v);
  v = vec_fma(n, vec_set(-1.93500518798828125e-3f), v);
  return vec_fma(n, vec_set(-3.01991598e-7f), v);
#endif
}

/* Sine and cosine: the quarter turn taken off as in vec_wrap, then the polynomials of Cephes on
   [-pi/4,pi/4]. Absolute error below 2e-7 and 5e-16 for |v| below a thousand. */
INLINE vec vec_sincos(vec v, vec *cosine) {
  const vec shifter = vec_set((REAL)(ENF__DOUBLE ? 6755399441055744.0 : 12582912.0));
  const vec shifted = vec_fma(v, vec_set((REAL)0.636619772367581343076), shifter);
  const vec n = shifted - shifter;
  const ivec turn = (ivec)shifted;
#if ENF__DOUBLE
  vec r = vec_fma(n, vec_set(-1.57079625129699707031), v);
  r = vec_fma(n, vec_set(-7.54978941586159635335e-8), r);
  r = vec_fma(n, vec_set(-5.39030285815811905290e-15), r);
  const vec z = r * r;
  vec s = vec_set(1.58962301576546568060e-10), c = vec_set(-1.13585365213876817300e-11);
  s = vec_fma(s, z, vec_set(-2.50507477628578072866e-8));
  s = vec_fma(s, z, vec_set(2.75573136213857245213e-6));
  s = vec_fma(s, z, vec_set(-1.98412698295895385996e-4));
  s = vec_fma(s, z, vec_set(8.33333333332211858878e-3));
  s = vec_fma(s, z, vec_set(-1.66666666666666307295e-1));
  c = vec_fma(c, z, vec_set(2.08757008419747316778e-9));
  c = vec_fma(c, z, vec_set(-2.75573141792967388112e-7));
  c = vec_fma(c, z, vec_set(2.48015872888517045348e-5));
  c = vec_fma(c, z, vec_set(-1.38888888888730564116e-3));
  c = vec_fma(c, z, vec_set(4.16666666666665929218e-2));
#else
  vec r = vec_fma(n, vec_set(-1.5703125f), v);
  r = vec_fma(n, vec_set(-4.837512969970703125e-4f), r);
  r = vec_fma(n, vec_set(-7.54978995489188216e-8f), r);
  const vec z = r * r;
  vec s = vec_set(-1.9515295891e-4f), c = vec_set(2.443315711809948e-5f);
  s = vec_fma(s, z, vec_set(8.3321608736e-3f));
  s = vec_fma(s, z, vec_set(-1.6666654611e-1f));
  c = vec_fma(c, z, vec_set(-1.388731625493765e-3f));
  c = vec_fma(c, z, vec_set(4.166664568298827e-2f));
#endif
  s = vec_fma(s * z, r, r);
  c = vec_fma(c * z, z, vec_fma(z, vec_set((REAL)-0.5), vec_set(1)));
  const int sign = (int)(8 * sizeof(REAL)) - 1;
  const ivec odd = -(turn & 1), sine_sign = (turn & 2) << (sign - 1),
             cosine_sign = ((turn + 1) & 2) << (sign - 1);
  *cosine = (vec)((ivec)vec_select(odd, s, c) ^ cosine_sign);
  return (vec)((ivec)vec_select(odd, c, s) ^ sine_sign);
}

#endif
