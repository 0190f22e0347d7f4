/* kernel_cases.h -- what every function of a kernel table computes, once more, in plain C and
   double precision: a table of cases. Included by kernel_laws.h for one precision, which fills the
   inputs with random numbers.

   A case calls the kernel for rows first ... first+count-1 of the problem; the reference does all
   rows. Outputs start with the same random numbers on both sides: sums are added to them, and what
   a kernel must not touch must still be there. Bits of `option` leave out what may be NULL. */

#define INPUTS(X)                                                                                  \
  X(A) X(B) X(C) X(bias) X(P)                                                                      \
  X(P_dot) X(wq) X(w0) X(q) X(q_dot) X(q0) X(q0_dot) X(wa) X(gate) X(gate_dot) X(w4) X(z2)         \
      X(z2_dot) X(z3) X(ds) X(ds_dot) X(dagg) X(dagg_dot) X(da) X(slope) X(coef) X(u) X(center)    \
          X(sharp) X(p0)
#define DECLARE(name) static REAL *name;
INPUTS(DECLARE)
#undef DECLARE

enum { NODES = 7, OUTPUTS = 9, CAPACITY = 20480, MOST_ROWS = 100 };
static int32_t row_i[MOST_ROWS], row_j[MOST_ROWS], seg[MOST_ROWS];
static size_t rows, n, K;
static unsigned option;

#define OR_NULL(bit, pointer) (option & (bit) ? NULL : (pointer))
#define RUN(name)                                                                                  \
  static void run_##name(const kernels *k, size_t first, size_t count, REAL *const *y)
#define WANT(name) static void want_##name(double *const *y)
#define EACH_ROW for (size_t r = 0; r < rows; r++)
#define EACH_COLUMN for (size_t c = 0, at = r * n; c < n; c++, at++)

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double silu(double x) { return x * sigmoid(x); }
static double silu1(double x) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }
static double silu2(double x) {
  const double s = sigmoid(x);
  return s * (1 - s) * (2 + x * (1 - 2 * s));
}

/* (a M)[c] for one row a (depth) and M (depth, columns of stride ld) */
static double times(size_t depth, const REAL *a, const REAL *M, size_t ld, size_t c) {
  double sum = 0;
  for (size_t i = 0; i < depth; i++)
    sum += (double)a[i] * (double)M[i * ld + c];
  return sum;
}

/* ---- products -------------------------------------------------------------------------------- */

RUN(gemm) {
  const size_t ld = n + 32;
  REAL *out = y[0] + first * ld;
  k->math->gemm(count, K, n, A + first * (K + 32), K + 32, B, ld,
                option & 8 ? out : OR_NULL(1, C + first * ld), ld, OR_NULL(2, bias), option & 4,
                out, ld);
}
WANT(gemm) {
  EACH_ROW for (size_t c = 0; c < n; c++) {
    double *out = y[0] + r * (n + 32) + c;
    double sum = option & 8 ? *out : option & 1 ? 0 : (double)C[r * (n + 32) + c];
    sum += option & 2 ? 0 : (double)bias[c];
    sum += times(K, A + r * (K + 32), B, n + 32, c);
    *out = option & 4 ? silu(sum) : sum;
  }
}

RUN(gemm_grad) {
  k->math->gemm_grad(count, K, n, A + first * (K + 32), K + 32, B + first * n, n, y[0], n + 32);
}
WANT(gemm_grad) {
  EACH_ROW for (size_t i = 0; i < K; i++) for (size_t c = 0; c < n; c++) y[0][i * (n + 32) + c] +=
      (double)A[r * (K + 32) + i] * (double)B[r * n + c];
}

RUN(message) {
  k->field->message(count, n, A + first * n, B, bias, OR_NULL(1, wa), (REAL)0.3,
                    OR_NULL(2, y[0] + first * n), y[1] + first * n, y[2] + first);
}
WANT(message) {
  EACH_ROW {
    double logit = (double)(REAL)0.3;
    EACH_COLUMN {
      const double z = (double)bias[c] + times(n, A + r * n, B, n, c);
      if (!(option & 2))
        y[0][at] = z;
      y[1][at] = silu(z);
      logit += silu(z) * (double)wa[c];
    }
    y[2][r] = option & 1 ? 1 : sigmoid(logit);
  }
}

RUN(coordinate) {
  k->field->coordinate(count, n, A + first * n, B, gate + first, bias, w4,
                       OR_NULL(1, y[0] + first * n), y[1] + first);
}
WANT(coordinate) {
  EACH_ROW {
    y[1][r] = 0;
    EACH_COLUMN {
      const double z = (double)gate[r] * times(n, A + r * n, B, n, c) + (double)bias[c];
      if (!(option & 1))
        y[0][at] = z;
      y[1][r] += silu(z) * (double)w4[c];
    }
  }
}

RUN(message_grad) {
  k->field->message_grad(count, n, A + first * n, B, gate + first, OR_NULL(1, seg + first),
                         OR_NULL(1, dagg), da + first, OR_NULL(2, wa), slope + first * n,
                         y[0] + first * n, OR_NULL(4, y[1]));
}
WANT(message_grad) {
  EACH_ROW EACH_COLUMN {
    double d = times(n, A + r * n, B, n, c);
    d += option & 1 ? 0 : (double)gate[r] * (double)dagg[(size_t)seg[r] * n + c];
    d += option & 2 ? 0 : (double)da[r] * (double)wa[c];
    y[0][at] = d * (double)slope[at];
    y[1][c] += option & 4 ? 0 : y[0][at];
  }
}

RUN(edge_grad) {
  k->field->edge_grad(count, n, A + first * n, B, slope + first * n, wq, w0, y[0] + first * n,
                      y[1] + first, y[2] + first);
}
WANT(edge_grad) {
  EACH_ROW {
    y[1][r] = y[2][r] = 0;
    EACH_COLUMN {
      y[0][at] = times(n, A + r * n, B, n, c) * (double)slope[at];
      y[1][r] += y[0][at] * (double)wq[c];
      y[2][r] += y[0][at] * (double)w0[c];
    }
  }
}

enum { TERMS = 5 };

/* Row r of term i of z1_dot. */
static const REAL *term(size_t i, size_t r) { return P + (r + 3 * i) % 60 * n; }
static size_t terms(void) { return option & 2 ? 2 : TERMS; }

RUN(tangent_input) {
  const REAL *row[TERMS][MOST_ROWS], *const *src[TERMS], *of[TERMS];
  for (size_t i = 0; i < TERMS; i++) {
    for (size_t r = 0; r < count; r++)
      row[i][r] = term(i, first + r);
    src[i] = row[i];
    of[i] = coef + i * MOST_ROWS + first;
  }
  k->field->tangent_input(count, n, terms(), of, src, q + first, wq, q0 + first, w0, OR_NULL(1, w4),
                          slope, y[0] + first * n, y[1] + first);
}
WANT(tangent_input) {
  EACH_ROW {
    double s_dot = 0;
    EACH_COLUMN {
      double z = (double)q[r] * (double)wq[c] + (double)q0[r] * (double)w0[c];
      for (size_t i = 0; i < terms(); i++)
        z += (double)coef[i * MOST_ROWS + r] * (double)term(i, r)[c];
      s_dot += (double)w4[c] * z;
      y[0][at] = (double)slope[c] * z;
    }
    if (!(option & 1))
      y[1][r] = s_dot;
  }
}

RUN(tangent_message) {
  REAL *out[MOST_ROWS];
  for (size_t r = 0; r < count; r++)
    out[r] = y[0] + (first + r) * n;
  k->field->tangent_message(count, n, A + first * n, B, u, C, OR_NULL(1, wa), (REAL)0.6, out);
}
WANT(tangent_message) {
  EACH_ROW {
    double step[96], logit = 0;
    for (size_t c = 0; c < n; c++) {
      step[c] = (double)u[c] * times(n, A + r * n, B, n, c);
      logit += option & 1 ? 0 : (double)wa[c] * step[c];
    }
    EACH_COLUMN y[0][at] += step[c] + (double)(REAL)0.6 * logit * (double)C[c];
  }
}

/* One slope for every row, or one for all. */
static size_t slope_stride(void) { return option & 1 ? 0 : n; }

RUN(sloped) {
  k->field->sloped(count, n, A + first * n, B, slope + first * slope_stride(), slope_stride(),
                   y[0] + first * n);
}
WANT(sloped) {
  EACH_ROW EACH_COLUMN y[0][at] =
      times(n, A + r * n, B, n, c) * (double)slope[r * slope_stride() + c];
}

RUN(message_matrix) {
  k->field->message_matrix(count, n, q + first, A + first * n, wq, w0, OR_NULL(1, wa), (REAL)0.6,
                           y[0] + first * n, y[1] + first * n);
}
WANT(message_matrix) {
  EACH_ROW {
    double along = 0;
    for (size_t c = 0; c < n; c++)
      along += (double)q[r] * (double)A[r * n + c] * (double)wq[c] * (double)wa[c];
    EACH_COLUMN {
      y[0][at] = (double)q[r] * (double)A[at] * (double)wq[c] +
                 (option & 1 ? 0 : (double)(REAL)0.6 * along * (double)w0[c]);
      y[1][at] += y[0][at];
    }
  }
}

/* ---- over edges ------------------------------------------------------------------------------ */

RUN(edge_input) {
  k->field->edge_input(count, n, P, P + n, 3 * n, row_i + first, row_j + first, wq, w0, q + first,
                       q0 + first, y[0] + first * n, OR_NULL(1, y[1] + first * n));
}
WANT(edge_input) {
  EACH_ROW EACH_COLUMN {
    const double z = (double)P[(size_t)row_i[r] * 3 * n + c] +
                     (double)P[(size_t)row_j[r] * 3 * n + n + c] + (double)wq[c] * (double)q[r] +
                     (double)w0[c] * (double)q0[r];
    y[0][at] = silu(z);
    if (!(option & 1))
      y[1][at] = silu1(z);
  }
}

RUN(segment_sum) {
  k->math->segment_sum(count, n, seg + first, OR_NULL(1, gate + first), A + first * n, y[0],
                       n + 32);
}
WANT(segment_sum) {
  EACH_ROW EACH_COLUMN y[0][(size_t)seg[r] * (n + 32) + c] +=
      (option & 1 ? 1 : (double)gate[r]) * (double)A[at];
}

RUN(coordinate_grad) {
  const KERNEL(coordinate_grad) of = {ds + first,
                                      gate + first,
                                      z2 + first * n,
                                      z3 + first * n,
                                      bias,
                                      w4,
                                      OR_NULL(1, wa),
                                      seg + first,
                                      OR_NULL(2, dagg),
                                      y[0] + first * n,
                                      y[1] + first * n,
                                      y[2] + first * n,
                                      y[3] + first,
                                      OR_NULL(4, y[4]),
                                      OR_NULL(4, y[5]),
                                      OR_NULL(4, y[6]),
                                      OR_NULL(4, y[7])};
  k->field->coordinate_grad(count, n, &of);
}
WANT(coordinate_grad) {
  EACH_ROW {
    double sum = 0;
    EACH_COLUMN {
      const double s = (double)ds[r], z = (double)z3[at], m = silu((double)z2[at]);
      const double dz3 = s * (double)w4[c] * silu1(z);
      y[0][at] = m;
      y[1][at] = silu1((double)z2[at]);
      y[2][at] = (double)gate[r] * dz3;
      sum += dz3 * (z - (double)bias[c]);
      sum += option & 2 ? 0 : (double)gate[r] * (double)dagg[(size_t)seg[r] * n + c] * m;
      y[4][c] += option & 4 ? 0 : s * silu(z);
      y[5][c] += option & 4 ? 0 : dz3;
    }
    y[3][r] = option & 1 ? 0 : (1 - (double)gate[r]) * sum;
    if (option & (1 | 4))
      continue;
    y[7][0] += y[3][r];
    EACH_COLUMN y[6][c] += y[3][r] * y[0][at];
  }
}

RUN(edge_scatter) {
  k->field->edge_scatter(count, n, A + first * n, row_i + first, row_j + first, q + first,
                         q0 + first, y[0], y[0] + n, 3 * n, y[1], y[2]);
}
WANT(edge_scatter) {
  EACH_ROW EACH_COLUMN {
    y[0][(size_t)row_i[r] * 3 * n + c] += (double)A[at];
    y[0][(size_t)row_j[r] * 3 * n + n + c] += (double)A[at];
    y[1][c] += (double)q[r] * (double)A[at];
    y[2][c] += (double)q0[r] * (double)A[at];
  }
}

RUN(spread) {
  k->field->spread(count, n, 2, rows, coef + first, A + first * n, ds_dot + first, w4,
                   y[0] + first * n);
}
WANT(spread) {
  EACH_ROW for (size_t t = r; t < 2 * rows; t += rows) for (size_t c = 0; c < n; c++)
      y[0][t * n + c] += (double)coef[t] * (double)A[r * n + c] + (double)ds_dot[t] * (double)w4[c];
}

RUN(difference) { k->field->difference(count, q + first, q0 + first, y[0] + first); }
WANT(difference) { EACH_ROW y[0][r] = (double)q[r] - (double)q0[r]; }

RUN(add_scaled) { k->field->add_scaled(count, (REAL)0.3, q + first, y[0] + first); }
WANT(add_scaled) { EACH_ROW y[0][r] += (double)(REAL)0.3 * (double)q[r]; }

RUN(move_tangent) {
  k->field->move_tangent(count, (REAL)0.3, q + first, (REAL)1.7, (REAL)0.9, ds + first, (REAL)-1.1,
                         q0 + first, y[0] + first);
}
WANT(move_tangent) {
  EACH_ROW y[0][r] += (double)(REAL)0.3 * (double)q[r] +
                      (double)(REAL)1.7 * ((double)(REAL)0.9 * (double)ds[r] +
                                           (double)(REAL)-1.1 * (double)q0[r]);
}

RUN(dots) { k->math->dots(count, n, wq, A + first * (n + 32), n + 32, y[0] + first); }
WANT(dots) { EACH_ROW y[0][r] = times(n, A + r * (n + 32), wq, 1, 0); }

RUN(silu_slope) { k->math->silu_slope(count * n, z2 + first * n, y[0] + first * n); }
WANT(silu_slope) { EACH_ROW EACH_COLUMN y[0][at] = silu1((double)z2[at]); }

/* ---- values with one tangent each ------------------------------------------------------------ */

RUN(pair_input) {
  k->field->pair_input(count, n, P, P_dot, 3 * n, row_i + first, row_j + first, wq, w0, q + first,
                       q_dot + first, q0 + first, q0_dot + first, y[0] + first * n,
                       y[1] + first * n, OR_NULL(1, y[2] + first * n),
                       OR_NULL(1, y[3] + first * n));
}
WANT(pair_input) {
  EACH_ROW EACH_COLUMN {
    const size_t i = (size_t)row_i[r] * 3 * n + c, j = (size_t)row_j[r] * 3 * n + n + c;
    const double z =
        (double)P[i] + (double)P[j] + (double)wq[c] * (double)q[r] + (double)w0[c] * (double)q0[r];
    const double z_dot = (double)P_dot[i] + (double)P_dot[j] + (double)wq[c] * (double)q_dot[r] +
                         (double)w0[c] * (double)q0_dot[r];
    y[0][at] = silu(z);
    y[1][at] = silu1(z) * z_dot;
    if (option & 1)
      continue;
    y[2][at] = silu1(z);
    y[3][at] = silu2(z) * z_dot;
  }
}

RUN(pair_message) {
  k->field->pair_message(count, n, y[0] + first * n, z2_dot + first * n, bias, OR_NULL(1, wa),
                         (REAL)0.3, y[1] + first * n, y[2] + first * n, y[3] + first, y[4] + first);
}
WANT(pair_message) {
  EACH_ROW {
    double logit = (double)(REAL)0.3, logit_dot = 0;
    EACH_COLUMN {
      y[0][at] += (double)bias[c];
      y[1][at] = silu(y[0][at]);
      y[2][at] = silu1(y[0][at]) * (double)z2_dot[at];
      logit += (double)wa[c] * y[1][at];
      logit_dot += (double)wa[c] * y[2][at];
    }
    const double g = sigmoid(logit);
    y[3][r] = option & 1 ? 1 : g;
    y[4][r] = option & 1 ? 0 : g * (1 - g) * logit_dot;
  }
}

RUN(pair_coordinate) {
  k->field->pair_coordinate(count, n, A + first * n, z2_dot + first * n, gate + first,
                            gate_dot + first, bias, w4, y[0] + first, y[1] + first);
}
WANT(pair_coordinate) {
  EACH_ROW {
    y[0][r] = y[1][r] = 0;
    EACH_COLUMN {
      const double g = (double)gate[r], z = g * (double)A[at] + (double)bias[c];
      const double z_dot = (double)gate_dot[r] * (double)A[at] + g * (double)z2_dot[at];
      y[0][r] += (double)w4[c] * silu(z);
      y[1][r] += (double)w4[c] * silu1(z) * z_dot;
    }
  }
}

/* Without attention no gate has a tangent. */
RUN(pair_coordinate_grad) {
  static const REAL zero[MOST_ROWS];
  const KERNEL(pair_coordinate_grad) of = {ds + first,
                                           ds_dot + first,
                                           gate + first,
                                           option & 1 ? zero : gate_dot + first,
                                           z3 + first * n,
                                           A + first * n,
                                           z2 + first * n,
                                           z2_dot + first * n,
                                           bias,
                                           w4,
                                           OR_NULL(1, wa),
                                           seg + first,
                                           OR_NULL(2, dagg),
                                           OR_NULL(2, dagg_dot),
                                           y[0] + first * n,
                                           y[1] + first * n,
                                           y[2] + first * n,
                                           y[3] + first * n,
                                           y[4] + first,
                                           y[4] + MOST_ROWS + first,
                                           OR_NULL(4, y[5]),
                                           OR_NULL(4, y[6]),
                                           OR_NULL(4, y[7]),
                                           OR_NULL(4, y[8])};
  k->field->pair_coordinate_grad(count, n, &of);
}
WANT(pair_coordinate_grad) {
  EACH_ROW {
    const double g = (double)gate[r], gd = option & 1 ? 0 : (double)gate_dot[r];
    const double sb = (double)ds[r], sh = (double)ds_dot[r];
    double g_bar = 0, g_hat = 0;
    EACH_COLUMN {
      const double u3 = (double)z3[at], u3_dot = (double)A[at], w = (double)w4[c];
      const double z = g * u3 + (double)bias[c], z_dot = gd * u3 + g * u3_dot;
      const double z_bar = w * (sb * silu1(z) + sh * silu2(z) * z_dot), z_hat = w * sh * silu1(z);
      const double bar = (double)dagg[(size_t)seg[r] * n + c],
                   hat = (double)dagg_dot[(size_t)seg[r] * n + c];
      y[0][at] = silu((double)z2[at]);
      y[1][at] = silu1((double)z2[at]) * (double)z2_dot[at];
      y[2][at] = g * z_bar + gd * z_hat;
      y[3][at] = g * z_hat;
      g_bar += z_bar * u3 + z_hat * u3_dot;
      g_bar += option & 2 ? 0 : bar * y[0][at] + hat * y[1][at];
      g_hat += z_hat * u3 + (option & 2 ? 0 : hat * y[0][at]);
      y[5][c] += option & 4 ? 0 : sb * silu(z) + sh * silu1(z) * z_dot;
      y[6][c] += option & 4 ? 0 : z_bar;
    }
    const double hat = option & 1 ? 0 : g * (1 - g) * g_hat;
    const double bar = option & 1 ? 0 : g * (1 - g) * g_bar + gd * (1 - 2 * g) * g_hat;
    y[4][r] = bar;
    y[4][MOST_ROWS + r] = hat;
    if (option & (1 | 4))
      continue;
    y[8][0] += bar;
    EACH_COLUMN y[7][c] += bar * y[0][at] + hat * y[1][at];
  }
}

RUN(pair_message_grad) {
  k->field->pair_message_grad(count, n, z2 + first * n, z2_dot + first * n, gate + first,
                              gate_dot + first, seg + first, OR_NULL(1, dagg), OR_NULL(1, dagg_dot),
                              ds + first, ds_dot + first, OR_NULL(2, wa), y[0] + first * n,
                              y[1] + first * n, OR_NULL(4, y[2]));
}
WANT(pair_message_grad) {
  EACH_ROW EACH_COLUMN {
    const double z = (double)z2[at], g = (double)gate[r];
    const double bar = (double)dagg[(size_t)seg[r] * n + c],
                 hat = (double)dagg_dot[(size_t)seg[r] * n + c];
    double m_bar = y[0][at] + (option & 1 ? 0 : g * bar + (double)gate_dot[r] * hat);
    double m_hat = y[1][at] + (option & 1 ? 0 : g * hat);
    m_bar += option & 2 ? 0 : (double)ds[r] * (double)wa[c];
    m_hat += option & 2 ? 0 : (double)ds_dot[r] * (double)wa[c];
    y[0][at] = m_bar * silu1(z) + m_hat * silu2(z) * (double)z2_dot[at];
    y[1][at] = m_hat * silu1(z);
    y[2][c] += option & 4 ? 0 : y[0][at];
  }
}

RUN(pair_slope) {
  k->field->pair_slope(count * n, slope + first * n, A + first * n, y[0] + first * n,
                       y[1] + first * n);
}
WANT(pair_slope) {
  EACH_ROW EACH_COLUMN {
    y[0][at] = y[0][at] * (double)slope[at] + y[1][at] * (double)A[at];
    y[1][at] *= (double)slope[at];
  }
}

RUN(pair_silu) {
  k->field->pair_silu(count * n, z2 + first * n, z2_dot + first * n, y[0] + first * n,
                      y[1] + first * n, y[2] + first * n, y[3] + first * n);
}
WANT(pair_silu) {
  EACH_ROW EACH_COLUMN {
    const double z = (double)z2[at], z_dot = (double)z2_dot[at];
    y[0][at] = silu(z);
    y[1][at] = silu1(z) * z_dot;
    y[2][at] = silu1(z);
    y[3][at] = silu2(z) * z_dot;
  }
}

/* ---- sums of Gaussians ----------------------------------------------------------------------- */

/* f(x) and its slope. */
static double sum_of_gaussians(double x, const double *centers, const double *sharps,
                               const REAL *weights, double *slope_of_f) {
  double sum = 0, sum1 = 0, weighted = 0, weighted1 = 0;
  for (size_t k = 0; k < n; k++) {
    const double v = (x - centers[k]) * sharps[k], g = exp(-v * v), g1 = -2 * v * sharps[k] * g;
    sum += g;
    sum1 += g1;
    weighted += (double)weights[k] * g;
    weighted1 += (double)weights[k] * g1;
  }
  const double f = weighted / (1e-6 + sum);
  *slope_of_f = (weighted1 - f * sum1) / (1e-6 + sum);
  return f;
}

static void copy_basis(double *centers, double *sharps) {
  for (size_t c = 0; c < n; c++) {
    centers[c] = (double)center[c];
    sharps[c] = (double)sharp[c];
  }
}

RUN(basis) { k->field->basis(count, n, q + first, center, sharp, y[0] + first * n); }
WANT(basis) {
  EACH_ROW {
    double sum = 1e-6;
    EACH_COLUMN {
      const double v = ((double)q[r] - (double)center[c]) * (double)sharp[c];
      sum += y[0][at] = exp(-v * v);
    }
    EACH_COLUMN y[0][at] /= sum;
  }
}

RUN(expansion) {
  k->field->expansion(count, n, q + first, center, sharp, C, seg + first, y[0] + first,
                      OR_NULL(1, y[1] + first));
}
WANT(expansion) {
  double centers[96], sharps[96], slope_of_f;
  copy_basis(centers, sharps);
  EACH_ROW {
    y[0][r] = sum_of_gaussians((double)q[r], centers, sharps, C + (size_t)seg[r] * n, &slope_of_f);
    if (!(option & 1))
      y[1][r] = slope_of_f;
  }
}

RUN(expansion_grad) {
  k->field->expansion_grad(count, n, q + first, center, sharp, option & 1 ? C + first * n : C,
                           OR_NULL(1, seg + first), p0 + first, OR_NULL(2, ds + first),
                           y[0] + first, y[1] + first, y[2] + first,
                           option == 3  ? NULL
                           : option & 1 ? y[3] + first * n
                                        : y[3],
                           y[4], y[5]);
}

/* p0 f + p1 f1 of row r, with one number of centre or log-width moved. */
static double moved(size_t r, size_t c, double x, double by_center, double by_width) {
  double centers[96], sharps[96], slope_of_f;
  const size_t row = option & 1 ? r : (size_t)seg[r];
  copy_basis(centers, sharps);
  centers[c] += by_center;
  sharps[c] *= exp(-by_width);
  const double f = sum_of_gaussians((double)q[r] + x, centers, sharps, C + row * n, &slope_of_f);
  return (double)p0[r] * f + (option & 2 ? 0 : (double)ds[r] * slope_of_f);
}

/* Five-point difference in x, centre or log-width. */
static double moved_slope(size_t r, size_t c, int what) {
  const double h = 2e-3;
  double d[4];
  for (int i = 0; i < 4; i++) {
    const double by = h * (i < 2 ? i - 2 : i - 1);
    d[i] = moved(r, c, what == 0 ? by : 0, what == 1 ? by : 0, what == 2 ? by : 0);
  }
  return (d[0] - 8 * d[1] + 8 * d[2] - d[3]) / (12 * h);
}

WANT(expansion_grad) {
  double centers[96], sharps[96];
  copy_basis(centers, sharps);
  EACH_ROW {
    const size_t row = option & 1 ? r : (size_t)seg[r];
    y[0][r] = sum_of_gaussians((double)q[r], centers, sharps, C + row * n, &y[1][r]);
    y[2][r] = moved_slope(r, 0, 0);
    REAL unit[96] = {0};
    for (size_t c = 0; c < n; c++) {
      double slope_of_f;
      unit[c] = 1;
      const double f = sum_of_gaussians((double)q[r], centers, sharps, unit, &slope_of_f);
      unit[c] = 0;
      if (option != 3)
        y[3][row * n + c] += (double)p0[r] * f + (option & 2 ? 0 : (double)ds[r] * slope_of_f);
      y[4][c] += moved_slope(r, c, 1);
      y[5][c] += moved_slope(r, c, 2);
    }
  }
}

#include "unit/spline_cases.h"

/* ---- the table ------------------------------------------------------------------------------- */

typedef struct {
  const char *name;
  void (*run)(const kernels *k, size_t first, size_t count, REAL *const *y);
  void (*want)(double *const *y);
  unsigned options; /* below this number */
  size_t outputs;
  bool sums_rows;     /* sums over rows before it adds: rows one by one give other bits */
  double differences; /* more error: of a reference by differences, of a steep function */
} kernel_case;

#define CASE(name, ...)                                                                            \
  { #name, run_##name, want_##name, __VA_ARGS__ }
static const kernel_case cases[] = {
    CASE(gemm, 16, 1, false, 0),
    CASE(gemm_grad, 1, 1, true, 0),
    CASE(message, 4, 3, false, 0),
    CASE(coordinate, 2, 2, false, 0),
    CASE(message_grad, 8, 2, false, 0),
    CASE(edge_grad, 1, 3, false, 0),
    CASE(tangent_input, 4, 2, false, 0),
    CASE(tangent_message, 2, 1, false, 0),
    CASE(sloped, 2, 1, false, 0),
    CASE(message_matrix, 2, 2, false, 0),
    CASE(edge_input, 2, 2, false, 0),
    CASE(segment_sum, 2, 1, false, 0),
    CASE(coordinate_grad, 8, 8, false, 0),
    CASE(edge_scatter, 1, 3, false, 0),
    CASE(spread, 1, 1, false, 0),
    CASE(difference, 1, 1, false, 0),
    CASE(add_scaled, 1, 1, false, 0),
    CASE(move_tangent, 1, 1, false, 0),
    CASE(dots, 1, 1, false, 0),
    CASE(silu_slope, 1, 1, false, 0),
    CASE(pair_input, 2, 4, false, 0),
    CASE(pair_message, 2, 5, false, 0),
    CASE(pair_coordinate, 1, 2, false, 0),
    CASE(pair_coordinate_grad, 8, 9, false, 0),
    CASE(pair_message_grad, 8, 3, false, 0),
    CASE(pair_slope, 1, 2, false, 0),
    CASE(pair_silu, 1, 4, false, 0),
    CASE(basis, 1, 1, false, 0),
    CASE(expansion, 2, 2, false, 0),
    CASE(expansion_grad, 4, 6, false, 1e-7),
    CASE(residual, 4, 2, false, 0),
    CASE(slope_sums, 2, 2, true, 0),
    CASE(add_parts, 1, 1, false, 0), CASE(narrow, 1, 1, false, 0), CASE(sincos, 1, 2, false, 0),
    CASE(spline, 4, 2, false, SPLINE_ROUNDING),
    CASE(spline_grad, 4, 2, false, 1e-7 + SPLINE_ROUNDING),
};
