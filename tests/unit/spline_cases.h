/* spline_cases.h -- the cases of the kernels of the spline map: as kernel_cases.h, which includes
   it. Derivatives are differences of the reference. */

RUN(residual) {
  k->math->residual(count, K, n, A + first * (K + 32), K + 32, B, bias, OR_NULL(1, C + first * n),
              y[0] + first * n, OR_NULL(2, y[1] + first * n));
}
WANT(residual) {
  EACH_ROW EACH_COLUMN {
    const double z = (double)bias[c] + times(K, A + r * (K + 32), B, n, c);
    y[0][at] = silu(z) + (option & 1 ? 0 : (double)C[at]);
    if (!(option & 2))
      y[1][at] = silu1(z);
  }
}

RUN(slope_sums) { k->math->slope_sums(count, n, OR_NULL(1, slope + first * n), y[0] + first * n, y[1]); }
WANT(slope_sums) {
  EACH_ROW EACH_COLUMN {
    y[0][at] *= option & 1 ? 1 : (double)slope[at];
    y[1][c] += y[0][at];
  }
}

/* Two parts that overlap; a row ends in the middle of a vector. */
RUN(add_parts) {
  double sum[96];
  for (size_t at = first * n; at < (first + count) * n; at += n) {
    for (size_t c = 0; c < n - 3; c++)
      sum[c] = (double)y[0][at + c];
    k->math->add_parts(n - 3, 2, 32, C + at, sum);
    k->math->narrow(n - 3, sum, y[0] + at);
  }
}
WANT(add_parts) {
  EACH_ROW for (size_t at = r * n; at < (r + 1) * n - 3; at++)
    y[0][at] += (double)C[at] + (double)C[at + 32];
}

RUN(narrow) {
  double x[96];
  for (size_t at = first * n; at < (first + count) * n; at += n) {
    for (size_t c = 0; c < n - 3; c++)
      x[c] = 1.1 * (double)C[at + c];
    k->math->narrow(n - 3, x, y[0] + at);
  }
}
WANT(narrow) {
  EACH_ROW for (size_t at = r * n; at < (r + 1) * n - 3; at++)
    y[0][at] = 1.1 * (double)C[at];
}

/* Rows end in the middle of a vector. */
RUN(sincos) {
  for (size_t at = first * n; at < (first + count) * n; at += n)
    k->math->sincos(n - 3, z2 + at, y[0] + at, y[1] + at);
}
WANT(sincos) {
  EACH_ROW for (size_t at = r * n; at < (r + 1) * n - 3; at++) {
    y[0][at] = sin((double)z2[at]);
    y[1][at] = cos((double)z2[at]);
  }
}

/* ---- splines --------------------------------------------------------------------------------- */

/* Slopes multiply the rounding of knots. */
#define SPLINE_ROUNDING (ENF__DOUBLE ? 1e-13 : 5e-5)

enum { MOST_BINS = 8, MOST_LANES = 48 };

/* Option 1: back; 2: a number of bins without a loop of its own. Some lanes begin outside. */
static enf__splines spline_shape(void) {
  const size_t lanes = n / 2, circles = lanes / 3, ring = (circles + 15) / 16 * 16;
  return (enf__splines){option & 2 ? 5 : MOST_BINS, lanes, ring, circles, 0.9};
}
static size_t spline_columns(const enf__splines *p) {
  return (3 * p->bins - 1) * p->lanes + 2 * p->ring;
}

/* Parameters of a row, overlapping those of others; lines have zeros where circles have slope 0 and
   shift. */
static void spline_row(const enf__splines *p, size_t r, const REAL *from, REAL *a) {
  const size_t ends = (3 * p->bins - 1) * p->lanes;
  memcpy(a, from + 7 * r, spline_columns(p) * sizeof *a);
  for (size_t lane = p->circles; lane < p->ring; lane++)
    a[ends + lane] = a[ends + p->ring + lane] = 0;
}

/* Number `which` of the 3K+1 parameters of a lane, in the order of the kernel. */
static double spline_number(const enf__splines *p, const REAL *a, size_t lane, size_t which) {
  const size_t end = 3 * p->bins - 1;
  if (which < end)
    return (double)a[which * p->lanes + lane];
  return lane >= p->ring ? 0 : (double)a[end * p->lanes + (which - end) * p->ring + lane];
}

typedef struct {
  size_t bins;
  bool circle;
  double low, shift, x[MOST_BINS + 1], y[MOST_BINS + 1], d[MOST_BINS + 1];
} true_spline;

static void true_knots(size_t bins, double low, const double *a, double *knot) {
  double sum = 0;
  for (size_t j = 0; j < bins; j++)
    sum += exp(a[j]);
  knot[0] = low;
  for (size_t j = 0; j < bins; j++)
    knot[j + 1] = knot[j] - 2 * low * (1e-3 + (1 - 1e-3 * (double)bins) * exp(a[j]) / sum);
}

static double true_wrap(double v) { return remainder(v, 2 * acos(-1)); }

/* The spline of numbers (3K+1). */
static true_spline spline_of(const enf__splines *p, size_t lane, const double *numbers) {
  true_spline s = {.bins = p->bins, .circle = lane < p->circles, .shift = numbers[3 * p->bins]};
  s.low = s.circle ? -acos(-1) : -p->bound;
  true_knots(s.bins, s.low, numbers, s.x);
  true_knots(s.bins, s.low, numbers + s.bins, s.y);
  for (size_t j = 0; j <= s.bins; j++) {
    const double raw = numbers[j % s.bins ? 2 * s.bins + j - 1 : 3 * s.bins - 1];
    s.d[j] = 1e-3 + log(1 + exp(raw + log(exp(1 - 1e-3) - 1)));
  }
  return s;
}

/* f(x) and log f'(x) in the bin of x. */
static double true_image(const true_spline *s, double x, double *log_slope) {
  size_t k = 0;
  while (k + 1 < s->bins && x >= s->x[k + 1])
    k++;
  const double w = s->x[k + 1] - s->x[k], h = s->y[k + 1] - s->y[k], mean = h / w;
  const double xi = (x - s->x[k]) / w, t = xi * (1 - xi), d0 = s->d[k], d1 = s->d[k + 1];
  const double den = mean + (d0 + d1 - 2 * mean) * t;
  *log_slope =
      log(mean * mean * (d1 * xi * xi + 2 * mean * t + d0 * (1 - xi) * (1 - xi))) - 2 * log(den);
  return s->y[k] + h * (mean * xi * xi + d0 * t) / den;
}

/* v to its image, or back by halving. */
static double true_move(const true_spline *s, bool back, double v, double *log_slope) {
  double x = s->circle ? true_wrap(back ? v : v + s->shift) : v;
  *log_slope = 0;
  if (!s->circle && fabs(x) >= -s->low)
    return v;
  if (!back)
    return true_image(s, x, log_slope);
  double low = s->low, high = -s->low, log_d = 0;
  for (int i = 0; i < 60; i++) {
    const double middle = (low + high) / 2;
    *(true_image(s, middle, &log_d) < x ? &low : &high) = middle;
  }
  true_image(s, low, &log_d);
  *log_slope = -log_d;
  return s->circle ? true_wrap(low - s->shift) : low;
}

RUN(spline) {
  const enf__splines p = spline_shape();
  const size_t columns = spline_columns(&p);
  REAL *a = malloc(count * columns * sizeof *a);
  for (size_t r = 0; r < count; r++)
    spline_row(&p, first + r, A, a + r * columns);
  k->math->spline(count, &p, option & 1, a, columns, y[0] + first * p.lanes, y[1] + first);
  free(a);
}
WANT(spline) {
  const enf__splines p = spline_shape();
  REAL a[3 * MOST_BINS * MOST_LANES + 64];
  double numbers[3 * MOST_BINS + 1], log_slope;
  EACH_ROW {
    spline_row(&p, r, A, a);
    for (size_t lane = 0; lane < p.lanes; lane++) {
      double *v = &y[0][r * p.lanes + lane];
      for (size_t i = 0; i < 3 * p.bins + 1; i++)
        numbers[i] = spline_number(&p, a, lane, i);
      const true_spline s = spline_of(&p, lane, numbers);
      *v = true_move(&s, option & 1, *v, &log_slope);
      y[1][r] += log_slope;
    }
  }
}

/* y[1]: the derivative by all parameters of a lane, in the direction of B. */
RUN(spline_grad) {
  const enf__splines p = spline_shape();
  const size_t columns = spline_columns(&p);
  REAL *a = malloc(count * columns * sizeof *a), along[3 * MOST_BINS * MOST_LANES + 64];
  for (size_t r = 0; r < count; r++)
    spline_row(&p, first + r, A, a + r * columns);
  k->math->spline_grad(count, &p, option & 1, a, columns, C + first * p.lanes, y[0] + first * p.lanes,
                 ds + first);
  for (size_t r = 0; r < count; r++) {
    spline_row(&p, first + r, B, along);
    for (size_t lane = 0; lane < p.lanes; lane++) {
      double sum = 0;
      for (size_t i = 0; i < 3 * p.bins + 1; i++)
        sum += spline_number(&p, a + r * columns, lane, i) * spline_number(&p, along, lane, i);
      y[1][(first + r) * p.lanes + lane] = (REAL)sum;
    }
  }
  free(a);
}

/* What the cotangents g and gl make a number of, for the origin v + e and parameters + h along. */
static double spline_loss(const enf__splines *p, size_t lane, const REAL *a, const REAL *along,
                          double h, double v, double g, double gl) {
  double numbers[3 * MOST_BINS + 1], log_slope;
  for (size_t i = 0; i < 3 * p->bins + 1; i++)
    numbers[i] = spline_number(p, a, lane, i) + h * spline_number(p, along, lane, i);
  const true_spline s = spline_of(p, lane, numbers);
  const double out = true_move(&s, option & 1, v, &log_slope);
  return g * out + gl * log_slope;
}

WANT(spline_grad) {
  const enf__splines p = spline_shape();
  REAL a[3 * MOST_BINS * MOST_LANES + 64], along[3 * MOST_BINS * MOST_LANES + 64];
  double numbers[3 * MOST_BINS + 1], unused;
  const double h = 1e-6;
  EACH_ROW {
    spline_row(&p, r, A, a);
    spline_row(&p, r, B, along);
    for (size_t lane = 0; lane < p.lanes; lane++) {
      const size_t at = r * p.lanes + lane;
      for (size_t i = 0; i < 3 * p.bins + 1; i++)
        numbers[i] = spline_number(&p, a, lane, i);
      const true_spline s = spline_of(&p, lane, numbers);
      const double x = (double)C[at], v = option & 1 ? true_move(&s, false, x, &unused) : x;
      const double g = y[0][at], gl = (double)ds[r];
#define LOSS(v, h) spline_loss(&p, lane, a, along, h, v, g, gl)
      y[0][at] = (LOSS(v + h, 0) - LOSS(v - h, 0)) / (2 * h);
      y[1][at] = (LOSS(v, h) - LOSS(v, -h)) / (2 * h);
#undef LOSS
    }
  }
}
