/* spline_impl.h -- monotone rational-quadratic splines on lines and circles, a lane for each moved
   coordinate; part of kernels_impl.h. Durkan et al. 2019 (arXiv:1906.04032), equations 4 to 8; on
   circles Rezende et al. 2020 (arXiv:2002.02428). With K bins on [lo, lo + R],

     w_k = R (eps + (1 - K eps) softmax(a)_k), heights h_k alike, slopes d = eps + softplus(. + c),
     s = h/w, xi = (x - x_k)/w, t = xi (1 - xi), q = d_k + d_k+1 - 2 s, den = s + q t,
     f = y_k + h num / den, num = s xi^2 + d_k t,
     log f' = log(s^2 curve) - 2 log den, curve = d_k+1 xi^2 + 2 s t + d_k (1 - xi)^2.

   A row of parameters holds K widths, K heights and slopes 1 ... K-1, each p->lanes wide, then
   slope 0, which is slope K too, and the shift, each p->ring wide. Circles are the first lanes. A
   lane of a line has zeros for slope 0 and shift, and zero means slope 1. */

#define SPLINE_EPS ((REAL)ENF__SPLINE_EPS)
#define SLOPE_SHIFT ((REAL)0.5397424172369522) /* c = log(e^(1-eps) - 1) */
#define PI ((REAL)3.14159265358979323846)
#define TWO ((REAL)2)
#define SPLINE_ROWS 2 /* side by side */
#define SPLINE_BINS 8 /* with loops of their own */
/* Other bins, and a last row without a neighbour: loops that are not unrolled, as they would be most
   of the library. */
#define SPLINE_REST static __attribute__((cold, noinline))

static size_t spline_paired(size_t rows, const enf__splines *p) {
  return p->bins == SPLINE_BINS ? rows / SPLINE_ROWS * SPLINE_ROWS : 0;
}

/* What is the same for all rows of one vector of lanes. */
typedef struct {
  size_t K, stride; /* bins, lanes of a row */
  size_t ring;      /* 0 where no lane of this vector is a circle */
  ivec circle;
  vec low, range, least; /* lo, R, R eps */
} spline_lanes;

/* The bin a coordinate is in: its number, lower corner and size, and the parameters of its ends. */
typedef struct {
  vec k, x, y, w, h, a0, a1;
} spline_bin;

typedef struct {
  vec d0, d1, s, q;
  vec g0, g1; /* derivatives of d0 and d1 by their parameters */
} spline_slopes;

INLINE spline_lanes spline_open(const enf__splines *p, const size_t K, size_t c) {
  vec lane;
  for (int i = 0; i < L; i++)
    lane[i] = (REAL)(c + (size_t)i);
  const ivec circle = lane < vec_set((REAL)p->circles);
  const vec low = vec_select(circle, vec_set(-PI), vec_set((REAL)-p->bound));
  return (spline_lanes){.K = K,
                        .stride = p->lanes,
                        .ring = c < p->ring ? p->ring : 0,
                        .circle = circle,
                        .low = low,
                        .range = -TWO * low,
                        .least = -TWO * SPLINE_EPS * low};
}

/* Slope 0 and the shift of a row. */
INLINE vec spline_ring(const spline_lanes *s, const REAL *a, size_t which) {
  return s->ring ? vec_load(a + (3 * s->K - 1) * s->stride + which * s->ring) : vec_set(0);
}

/* Coordinate to the spline's own: shifted and wrapped on a circle. */
INLINE vec spline_turned(const spline_lanes *s, vec v, vec shift) {
  return s->ring ? vec_select(s->circle, vec_wrap(v + shift), v) : v;
}

INLINE ivec spline_inside(const spline_lanes *s, vec v) {
  return s->circle | ((v > s->low) & (v < -s->low));
}

/* The coordinate, or 0 where the spline does not move it. */
INLINE vec spline_within(const spline_lanes *s, vec v) {
  return vec_select(spline_inside(s, v), v, vec_set(0));
}

/* Widths or heights a (K) become exponentials, in place; returns R (1 - K eps) / their sum. */
INLINE vec spline_softmax(const spline_lanes *s, REAL *a) {
  vec most = vec_load(a), sum = vec_set(0);
  UNROLL for (size_t j = 1; j < s->K; j++) most = vec_max(most, vec_load(a + j * s->stride));
  UNROLL for (size_t j = 0; j < s->K; j++) {
    const vec e = vec_exp(vec_load(a + j * s->stride) - most);
    vec_store(a + j * s->stride, e);
    sum += e;
  }
  return s->range * ((1 - (REAL)s->K * SPLINE_EPS) / sum);
}

/* The bin of v by its left (back: lower) ends, from the exponentials and their factors. */
INLINE spline_bin spline_find(const spline_lanes *s, const bool back, const REAL *a, vec fw, vec fh,
                              vec v) {
  const size_t K = s->K, n = s->stride;
  const REAL *slope = a + (2 * K - 1) * n; /* slope j is at slope + j n */
  const vec a0 = spline_ring(s, a, 0);
  spline_bin b = {.k = vec_set(0), .x = s->low, .y = s->low, .a0 = a0};
  b.w = vec_fma(vec_load(a), fw, s->least);
  b.h = vec_fma(vec_load(a + K * n), fh, s->least);
  b.a1 = K > 1 ? vec_load(slope + n) : a0;
  vec x = s->low + b.w, y = s->low + b.h;
  UNROLL for (size_t j = 1; j < K; j++) {
    const ivec here = v >= (back ? y : x);
    const vec w = vec_fma(vec_load(a + j * n), fw, s->least);
    const vec h = vec_fma(vec_load(a + (K + j) * n), fh, s->least);
    b.k = vec_select(here, vec_set((REAL)j), b.k);
    b.x = vec_select(here, x, b.x);
    b.y = vec_select(here, y, b.y);
    b.w = vec_select(here, w, b.w);
    b.h = vec_select(here, h, b.h);
    b.a0 = vec_select(here, b.a1, b.a0);
    b.a1 = vec_select(here, j + 1 < K ? vec_load(slope + (j + 1) * n) : a0, b.a1);
    x += w;
    y += h;
  }
  return b;
}

INLINE spline_slopes spline_slopes_of(const spline_bin *b) {
  spline_slopes d;
  d.d0 = vec_softplus(b->a0 + SLOPE_SHIFT, &d.g0) + SPLINE_EPS;
  d.d1 = vec_softplus(b->a1 + SLOPE_SHIFT, &d.g1) + SPLINE_EPS;
  d.s = b->h / b->w;
  d.q = d.d0 + d.d1 - TWO * d.s;
  return d;
}

/* xi of the value v: the root of the quadratic in the form that does not cancel. */
INLINE vec spline_root(const spline_bin *b, const spline_slopes *d, vec v) {
  const vec r = v - b->y, rq = r * d->q, qc = -d->s * r;
  const vec qa = vec_fma(b->h, d->s - d->d0, rq), qb = vec_fma(b->h, d->d0, -rq);
  const vec root = vec_fma(qb, qb, (REAL)-4 * qa * qc);
  return TWO * qc / (-qb - vec_sqrt(vec_max(root, vec_set(0))));
}

INLINE vec spline_curve(const spline_slopes *d, vec xi) {
  const vec rest = (REAL)1 - xi;
  return vec_fma(d->d1 * xi, xi, vec_fma(TWO * d->s * xi, rest, d->d0 * rest * rest));
}

/* Of R rows the same vector of coordinates v in place to its images; logdet (R) += the
   log-derivatives of that way. Each row is a long chain of operations, so the rows go side by side,
   stage by stage. */
INLINE void spline_move(const spline_lanes *s, const bool back, const int R, REAL *a, size_t lda,
                        REAL *v, REAL *logdet) {
  const size_t heights = s->K * s->stride;
  vec turned[SPLINE_ROWS], fw[SPLINE_ROWS], fh[SPLINE_ROWS], xi[SPLINE_ROWS], slope[SPLINE_ROWS];
  spline_bin b[SPLINE_ROWS];
  spline_slopes d[SPLINE_ROWS];
  UNROLL for (int r = 0; r < R; r++) fw[r] = spline_softmax(s, a + (size_t)r * lda);
  UNROLL for (int r = 0; r < R; r++) fh[r] = spline_softmax(s, a + (size_t)r * lda + heights);
  UNROLL for (int r = 0; r < R; r++) {
    const REAL *row = a + (size_t)r * lda;
    turned[r] = spline_turned(s, vec_load(v + (size_t)r * s->stride),
                              back ? vec_set(0) : spline_ring(s, row, 1));
    b[r] = spline_find(s, back, row, fw[r], fh[r], spline_within(s, turned[r]));
  }
  UNROLL for (int r = 0; r < R; r++) d[r] = spline_slopes_of(&b[r]);
  UNROLL for (int r = 0; r < R; r++) {
    const vec x = spline_within(s, turned[r]);
    xi[r] = back ? spline_root(&b[r], &d[r], x) : (x - b[r].x) / b[r].w;
  }
  UNROLL for (int r = 0; r < R; r++) {
    REAL *at = v + (size_t)r * s->stride;
    const ivec inside = spline_inside(s, turned[r]);
    const vec t = xi[r] * ((REAL)1 - xi[r]), inverse = (REAL)1 / vec_fma(d[r].q, t, d[r].s);
    const vec ratio = d[r].s * inverse;
    slope[r] = vec_select(inside, ratio * ratio * spline_curve(&d[r], xi[r]), vec_set(1));
    vec out;
    if (back)
      out = spline_turned(s, vec_fma(xi[r], b[r].w, b[r].x),
                          -spline_ring(s, a + (size_t)r * lda, 1));
    else
      out = vec_fma(b[r].h * vec_fma(d[r].s * xi[r], xi[r], d[r].d0 * t), inverse, b[r].y);
    vec_store(at, vec_select(inside, out, vec_load(at)));
  }
  UNROLL for (int r = 0; r < R; r++) slope[r] = vec_log(slope[r]);
  UNROLL for (int r = 0; r < R; r++) logdet[r] += back ? -vec_sum(slope[r]) : vec_sum(slope[r]);
}

INLINE void spline_rows(size_t rows, const enf__splines *p, const size_t K, const bool back,
                        const int R, REAL *a, size_t lda, REAL *v, REAL *logdet) {
  for (size_t c = 0; c < p->lanes; c += (size_t)L) {
    const spline_lanes s = spline_open(p, K, c);
    for (size_t r = 0; r < rows; r += (size_t)R)
      spline_move(&s, back, R, a + r * lda + c, lda, v + r * p->lanes + c, logdet + r);
  }
}

SPLINE_REST void spline_rest(size_t rows, const enf__splines *p, bool back, REAL *a, size_t lda,
                             REAL *v, REAL *logdet) {
  spline_rows(rows, p, p->bins, back, 1, a, lda, v, logdet);
}

static void spline(size_t rows, const enf__splines *p, bool back, REAL *a, size_t lda, REAL *v,
                   REAL *logdet) {
  const size_t paired = spline_paired(rows, p);
  if (back)
    spline_rows(paired, p, SPLINE_BINS, true, SPLINE_ROWS, a, lda, v, logdet);
  else
    spline_rows(paired, p, SPLINE_BINS, false, SPLINE_ROWS, a, lda, v, logdet);
  if (paired < rows)
    spline_rest(rows - paired, p, back, a + paired * lda, lda, v + paired * p->lanes,
                logdet + paired);
}

/* ---- the way back ---------------------------------------------------------------------------- */

/* Cotangents of a bin's numbers. */
typedef struct {
  vec x, y, w, h, a0, a1;
} spline_cotangent;

/* Those of f (weight gf) and of log f' (weight gl) at xi; gx is the derivative of both by x. */
INLINE spline_cotangent spline_bin_grad(const spline_bin *b, const spline_slopes *d, vec xi, vec gf,
                                        vec gl, vec gx) {
  const vec rest = (REAL)1 - xi, t = xi * rest, inverse = (REAL)1 / vec_fma(d->q, t, d->s);
  const vec num = vec_fma(d->s * xi, xi, d->d0 * t), iw = (REAL)1 / b->w;
  const vec dnum = gf * b->h * inverse, dden = -vec_fma(dnum, num, gl + gl) * inverse;
  const vec dcurve = gl / spline_curve(d, xi), dq = dden * t;
  vec ds = vec_fma(TWO * dcurve, t, vec_fma(dnum * xi, xi, dden - dq - dq));
  ds += TWO * gl / d->s;
  const vec dd0 = vec_fma(dcurve * rest, rest, vec_fma(dnum, t, dq));
  return (spline_cotangent){.x = -gx,
                            .y = gf,
                            .w = -vec_fma(ds * d->s, iw, xi * gx),
                            .h = vec_fma(gf * num, inverse, ds * iw),
                            .a0 = dd0 * d->g0,
                            .a1 = vec_fma(dcurve * xi, xi, dq) * d->g1};
}

/* Exponentials a (K) become the cotangents of their parameters: `corner` is the cotangent of the
   bin's lower end `at`, `size` that of its width w. */
INLINE void spline_softmax_grad(const spline_lanes *s, REAL *a, vec factor, vec k, vec at, vec w,
                                vec corner, vec size) {
  const vec before = at - s->low - k * s->least, all = s->range * (1 - (REAL)s->K * SPLINE_EPS);
  const vec mean = vec_fma(corner, before, size * (w - s->least)) / all;
  UNROLL for (size_t j = 0; j < s->K; j++) {
    const vec n = vec_set((REAL)j);
    const vec d = vec_select(n < k, corner, vec_select(n == k, size, vec_set(0)));
    vec_store(a + j * s->stride, factor * vec_load(a + j * s->stride) * (d - mean));
  }
}

/* Slopes and the shift become their cotangents. */
INLINE void spline_slopes_grad(const spline_lanes *s, REAL *a, vec k, const spline_cotangent *d,
                               vec shift) {
  REAL *slope = a + (2 * s->K - 1) * s->stride, *ring = a + (3 * s->K - 1) * s->stride;
  const vec none = vec_set(0);
  UNROLL for (size_t j = 1; j < s->K; j++) {
    const vec left = vec_select(k == vec_set((REAL)j), d->a0, none);
    vec_store(slope + j * s->stride, left + vec_select(k == vec_set((REAL)(j - 1)), d->a1, none));
  }
  if (!s->ring)
    return;
  const vec zero =
      vec_select(k == none, d->a0, none) + vec_select(k == vec_set((REAL)(s->K - 1)), d->a1, none);
  vec_store(ring, vec_select(s->circle, zero, none));
  vec_store(ring + s->ring, vec_select(s->circle, shift, none));
}

/* Of one row what its way back begins with. */
typedef struct {
  ivec inside;
  vec x, fw, fh;
  spline_bin b;
  spline_slopes d;
} spline_there;

INLINE void spline_go_there(const spline_lanes *s, const int R, REAL *a, size_t lda, const REAL *x,
                            spline_there *t) {
  UNROLL for (int r = 0; r < R; r++) t[r].fw = spline_softmax(s, a + (size_t)r * lda);
  UNROLL for (int r = 0; r < R; r++) t[r].fh =
      spline_softmax(s, a + (size_t)r * lda + s->K * s->stride);
  UNROLL for (int r = 0; r < R; r++) {
    const REAL *row = a + (size_t)r * lda;
    const vec x0 =
        spline_turned(s, vec_load(x + (size_t)r * s->stride), spline_ring(s, row, 1));
    t[r].inside = spline_inside(s, x0);
    t[r].x = spline_within(s, x0);
    t[r].b = spline_find(s, false, row, t[r].fw, t[r].fh, t[r].x);
  }
  UNROLL for (int r = 0; r < R; r++) t[r].d = spline_slopes_of(&t[r].b);
}

/* One vector: x on the data's side, cotangents g of the image (in place to those of the origin) and
   gl of the log-derivative; parameters become their cotangents. Back, f(x) is held fixed: dx is
   what is left of g divided by f', and acts on f as -dx. */
INLINE void spline_move_grad(const spline_lanes *s, const bool back, const spline_there *there,
                             REAL *a, REAL *g, vec gl) {
  const spline_bin b = there->b;
  const spline_slopes d = there->d;
  const vec g0 = vec_load(g);
  const vec xi = (there->x - b.x) / b.w, rest = (REAL)1 - xi, curve = spline_curve(&d, xi);
  const vec inverse = (REAL)1 / vec_fma(d.q, xi * rest, d.s), ratio = d.s * inverse;
  const vec f1 = ratio * ratio * curve, turn = rest - xi;
  const vec curve1 = TWO * vec_fma(d.d1, xi, vec_fma(d.s, turn, -d.d0 * rest));
  const vec l1 = (curve1 / curve - TWO * d.q * turn * inverse) / b.w;
  const vec dx = back ? vec_fma(-gl, l1, g0) / f1 : vec_fma(g0, f1, gl * l1);
  vec_store(g, vec_select(there->inside, dx, g0));
  const vec gf = vec_select(there->inside, back ? -dx : g0, vec_set(0));
  gl = vec_select(there->inside, back ? -gl : gl, vec_set(0));
  const vec gx = vec_fma(gf, f1, gl * l1);
  const spline_cotangent n = spline_bin_grad(&b, &d, xi, gf, gl, gx);
  spline_softmax_grad(s, a, there->fw, b.k, b.x, b.w, n.x, n.w);
  spline_softmax_grad(s, a + s->K * s->stride, there->fh, b.k, b.y, b.h, n.y, n.h);
  spline_slopes_grad(s, a, b.k, &n, gx);
}

INLINE void spline_block_grad(const spline_lanes *s, const bool back, const int R, REAL *a,
                              size_t lda, const REAL *x, REAL *g, const REAL *dlogdet) {
  spline_there t[SPLINE_ROWS];
  spline_go_there(s, R, a, lda, x, t);
  UNROLL for (int r = 0; r < R; r++) spline_move_grad(
      s, back, t + r, a + (size_t)r * lda, g + (size_t)r * s->stride, vec_set(dlogdet[r]));
}

INLINE void spline_rows_grad(size_t rows, const enf__splines *p, const size_t K, const bool back,
                             const int R, REAL *a, size_t lda, const REAL *x, REAL *g,
                             const REAL *dlogdet) {
  for (size_t c = 0; c < p->lanes; c += (size_t)L) {
    const spline_lanes s = spline_open(p, K, c);
    for (size_t r = 0; r < rows; r += (size_t)R) {
      const size_t at = r * p->lanes + c;
      spline_block_grad(&s, back, R, a + r * lda + c, lda, x + at, g + at, dlogdet + r);
    }
  }
}

SPLINE_REST void spline_rest_grad(size_t rows, const enf__splines *p, bool back, REAL *a, size_t lda,
                                  const REAL *x, REAL *g, const REAL *dlogdet) {
  spline_rows_grad(rows, p, p->bins, back, 1, a, lda, x, g, dlogdet);
}

static void spline_grad(size_t rows, const enf__splines *p, bool back, REAL *a, size_t lda,
                        const REAL *x, REAL *g, const REAL *dlogdet) {
  const size_t paired = spline_paired(rows, p), at = paired * p->lanes;
  if (back)
    spline_rows_grad(paired, p, SPLINE_BINS, true, SPLINE_ROWS, a, lda, x, g, dlogdet);
  else
    spline_rows_grad(paired, p, SPLINE_BINS, false, SPLINE_ROWS, a, lda, x, g, dlogdet);
  if (paired < rows)
    spline_rest_grad(rows - paired, p, back, a + paired * lda, lda, x + at, g + at,
                     dlogdet + paired);
}

/* ---- the conditioner ------------------------------------------------------------------------- */

INLINE void residual_block(const int R, size_t K, size_t n, const REAL *A, size_t lda,
                           const REAL *B, const REAL *bias, const REAL *base, REAL *C,
                           REAL *slope) {
  for (size_t c = 0; c < n; c += PANEL) {
    vec acc[MR][PV];
    UNROLL for (int r = 0; r < R; r++) UNROLL for (int p = 0; p < PV; p++) acc[r][p] =
        vec_load(bias + c + (size_t)(p * L));
    product(R, K, A, lda, B + c, n, acc);
    UNROLL for (int r = 0; r < R; r++) UNROLL for (int p = 0; p < PV; p++) {
      const size_t at = (size_t)r * n + c + (size_t)(p * L);
      vec d, f = vec_silu_grad(acc[r][p], &d);
      if (base)
        f += vec_load(base + at);
      if (slope)
        vec_store(slope + at, d);
      vec_store(C + at, f);
    }
  }
}

static void residual(size_t rows, size_t K, size_t n, const REAL *A, size_t lda, const REAL *B,
                     const REAL *bias, const REAL *base, REAL *C, REAL *slope) {
#define BLOCK(R, r)                                                                                \
  residual_block(R, K, n, A + (r)*lda, lda, B, bias, base ? base + (r)*n : NULL, C + (r)*n,        \
                 slope ? slope + (r)*n : NULL)
  FOR_ROW_BLOCKS(rows, BLOCK);
#undef BLOCK
}

static void slope_sums(size_t rows, size_t n, const REAL *slope, REAL *A, REAL *sums) {
  for (size_t c = 0; c < n; c += (size_t)L) {
    vec sum = vec_set(0);
    for (size_t r = 0; r < rows; r++) {
      vec a = vec_load(A + r * n + c);
      if (slope) {
        a *= vec_load(slope + r * n + c);
        vec_store(A + r * n + c, a);
      }
      sum += a;
    }
    vec_store(sums + c, vec_load(sums + c) + sum);
  }
}

static void sincos_rows(size_t count, const REAL *x, REAL *sine, REAL *cosine) {
  size_t k = 0;
  for (vec c; k + (size_t)L <= count; k += (size_t)L) {
    vec_store(sine + k, vec_sincos(vec_load(x + k), &c));
    vec_store(cosine + k, c);
  }
  if (k == count)
    return;
  REAL tail[2][ENF__LANES] = {{0}};
  vec c;
  memcpy(tail[0], x + k, (count - k) * sizeof(REAL));
  vec_store(tail[0], vec_sincos(vec_load(tail[0]), &c));
  vec_store(tail[1], c);
  memcpy(sine + k, tail[0], (count - k) * sizeof(REAL));
  memcpy(cosine + k, tail[1], (count - k) * sizeof(REAL));
}
