/* kernels_pair.h -- the kernels on values with one tangent each, for gradients of eps^T J eps; part
   of kernels_impl.h. Contracts are in kernels_table.h: "bar" is the derivative of the loss by a
   value, "hat" that by a tangent, and for y = f(x), y_dot = f'(x) x_dot

     x_hat = f'(x) y_hat,  x_bar = f'(x) y_bar + f''(x) x_dot y_hat.

   Products are not among them: rows and their tangents go through gemm together. */

static void pair_silu(size_t count, const REAL *z, const REAL *z_dot, REAL *a, REAL *a_dot,
                      REAL *slope, REAL *curve) {
  for (size_t k = 0; k < count; k += (size_t)L) {
    vec d, dd;
    const vec t = vec_load(z_dot + k), f = vec_silu_curve(vec_load(z + k), &d, &dd);
    vec_store(a + k, f);
    vec_store(a_dot + k, d * t);
    vec_store(slope + k, d);
    vec_store(curve + k, dd * t);
  }
}

static void pair_slope(size_t count, const REAL *slope, const REAL *curve, REAL *bar, REAL *hat) {
  for (size_t k = 0; k < count; k += (size_t)L) {
    const vec d = vec_load(slope + k), h = vec_load(hat + k);
    vec_store(bar + k, vec_fma(h, vec_load(curve + k), vec_load(bar + k) * d));
    vec_store(hat + k, h * d);
  }
}

static void pair_input(size_t rows, size_t n, const REAL *P, const REAL *P_dot, size_t ldp,
                       const int32_t *row_i, const int32_t *row_j, const REAL *wq, const REAL *w0,
                       const REAL *q, const REAL *q_dot, const REAL *q0, const REAL *q0_dot,
                       REAL *a, REAL *a_dot, REAL *slope, REAL *curve) {
  for (size_t r = 0; r < rows; r++) {
    const size_t i = (size_t)row_i[r] * ldp, j = (size_t)row_j[r] * ldp + n;
    const vec qr = vec_set(q[r]), q0r = vec_set(q0[r]);
    const vec qd = vec_set(q_dot[r]), q0d = vec_set(q0_dot[r]);
    for (size_t c = 0; c < n; c += (size_t)L) {
      const size_t at = r * n + c;
      const vec w = vec_load(wq + c), u = vec_load(w0 + c);
      vec z = vec_load(P + i + c) + vec_load(P + j + c), d, dd;
      vec t = vec_load(P_dot + i + c) + vec_load(P_dot + j + c);
      z = vec_fma(u, q0r, vec_fma(w, qr, z));
      t = vec_fma(u, q0d, vec_fma(w, qd, t));
      vec_store(a + at, vec_silu_curve(z, &d, &dd));
      vec_store(a_dot + at, d * t);
      if (!slope)
        continue;
      vec_store(slope + at, d);
      vec_store(curve + at, dd * t);
    }
  }
}

static void pair_message(size_t rows, size_t n, REAL *z2, const REAL *z2_dot, const REAL *b2,
                         const REAL *wa, REAL ba, REAL *m, REAL *m_dot, REAL *gate,
                         REAL *gate_dot) {
  for (size_t r = 0; r < rows; r++) {
    vec logit = vec_set(0), logit_dot = vec_set(0);
    for (size_t c = 0; c < n; c += (size_t)L) {
      const size_t at = r * n + c;
      const vec z = vec_load(z2 + at) + vec_load(b2 + c);
      vec d;
      const vec f = vec_silu_grad(z, &d), fd = d * vec_load(z2_dot + at);
      vec_store(z2 + at, z);
      vec_store(m + at, f);
      vec_store(m_dot + at, fd);
      if (!wa)
        continue;
      logit = vec_fma(f, vec_load(wa + c), logit);
      logit_dot = vec_fma(fd, vec_load(wa + c), logit_dot);
    }
    gate[r] = wa ? vec_sum(logit) + ba : 1;
    gate_dot[r] = wa ? vec_sum(logit_dot) : 0;
  }
  if (!wa)
    return;
  each_sigmoid(rows, gate, gate);
  for (size_t r = 0; r < rows; r++)
    gate_dot[r] *= gate[r] * (1 - gate[r]);
}

static void pair_coordinate(size_t rows, size_t n, const REAL *u3, const REAL *u3_dot,
                            const REAL *gate, const REAL *gate_dot, const REAL *b3, const REAL *w4,
                            REAL *s, REAL *s_dot) {
  for (size_t r = 0; r < rows; r++) {
    const vec g = vec_set(gate[r]), gd = vec_set(gate_dot[r]);
    vec sum = vec_set(0), sum_dot = vec_set(0);
    for (size_t c = 0; c < n; c += (size_t)L) {
      const vec u = vec_load(u3 + r * n + c), w = vec_load(w4 + c);
      const vec zd = vec_fma(gd, u, g * vec_load(u3_dot + r * n + c));
      vec d;
      const vec f = vec_silu_grad(vec_fma(g, u, vec_load(b3 + c)), &d);
      sum = vec_fma(w, f, sum);
      sum_dot = vec_fma(w, d * zd, sum_dot);
    }
    s[r] = vec_sum(sum);
    s_dot[r] = vec_sum(sum_dot);
  }
}

static void pair_coordinate_grad(size_t rows, size_t n, const KERNEL(pair_coordinate_grad) * of) {
  const REAL *gate = of->gate, *gate_dot = of->gate_dot, *u3 = of->u3, *u3_dot = of->u3_dot;
  const REAL *z2 = of->z2, *z2_dot = of->z2_dot, *b3 = of->b3, *w4 = of->w4, *wa = of->wa;
  const REAL *dagg = of->dagg, *dagg_dot = of->dagg_dot;
  const int32_t *seg = of->seg;
  REAL *m = of->m, *m_dot = of->m_dot, *u3_bar = of->u3_bar, *u3_hat = of->u3_hat;
  REAL *logit_bar = of->logit_bar, *logit_hat = of->logit_hat;
  REAL *dw4 = of->dw4, *db3 = of->db3, *dwa = of->dwa;
  for (size_t r = 0; r < rows; r++) {
    const REAL slope = wa ? gate[r] * (1 - gate[r]) : 0;
    const vec g = vec_set(gate[r]), gd = vec_set(gate_dot[r]);
    const vec sb = vec_set(of->s_bar[r]), sh = vec_set(of->s_hat[r]);
    vec gate_bar = vec_set(0), gate_hat = vec_set(0);
    for (size_t c = 0; c < n; c += (size_t)L) {
      const size_t at = r * n + c;
      const vec u = vec_load(u3 + at), ud = vec_load(u3_dot + at), w = vec_load(w4 + c);
      const vec zd = vec_fma(gd, u, g * ud);
      vec d, dd, d2;
      const vec f = vec_silu_curve(vec_fma(g, u, vec_load(b3 + c)), &d, &dd);
      const vec z_bar = w * vec_fma(sb, d, sh * dd * zd), z_hat = w * sh * d;
      vec_store(u3_bar + at, vec_fma(gd, z_hat, g * z_bar));
      vec_store(u3_hat + at, g * z_hat);
      gate_bar = vec_fma(z_bar, u, vec_fma(z_hat, ud, gate_bar));
      gate_hat = vec_fma(z_hat, u, gate_hat);
      const vec mr = vec_silu_grad(vec_load(z2 + at), &d2), md = d2 * vec_load(z2_dot + at);
      vec_store(m + at, mr);
      vec_store(m_dot + at, md);
      if (dagg) {
        const vec ab = vec_load(dagg + (size_t)seg[r] * n + c);
        const vec ah = vec_load(dagg_dot + (size_t)seg[r] * n + c);
        gate_bar = vec_fma(mr, ab, vec_fma(md, ah, gate_bar));
        gate_hat = vec_fma(mr, ah, gate_hat);
      }
      if (!dw4)
        continue;
      vec_store(dw4 + c, vec_fma(sb, f, vec_fma(sh, d * zd, vec_load(dw4 + c))));
      vec_store(db3 + c, vec_load(db3 + c) + z_bar);
    }
    /* gate_dot = slope logit_dot, so the second derivative of the sigmoid is slope (1 - 2 gate) */
    const REAL hat = vec_sum(gate_hat);
    logit_hat[r] = slope * hat;
    logit_bar[r] = slope * vec_sum(gate_bar) + gate_dot[r] * (1 - 2 * gate[r]) * hat;
    if (!wa || !dw4)
      continue;
    *of->dba += logit_bar[r];
    const vec lb = vec_set(logit_bar[r]), lh = vec_set(logit_hat[r]);
    for (size_t c = 0; c < n; c += (size_t)L)
      vec_store(dwa + c, vec_fma(lb, vec_load(m + r * n + c),
                                 vec_fma(lh, vec_load(m_dot + r * n + c), vec_load(dwa + c))));
  }
}

static void pair_message_grad(size_t rows, size_t n, const REAL *z2, const REAL *z2_dot,
                              const REAL *gate, const REAL *gate_dot, const int32_t *seg,
                              const REAL *dagg, const REAL *dagg_dot, const REAL *logit_bar,
                              const REAL *logit_hat, const REAL *wa, REAL *z2_bar, REAL *z2_hat,
                              REAL *db2) {
  for (size_t r = 0; r < rows; r++) {
    const vec g = vec_set(gate[r]), gd = vec_set(gate_dot[r]);
    const vec lb = vec_set(logit_bar[r]), lh = vec_set(logit_hat[r]);
    for (size_t c = 0; c < n; c += (size_t)L) {
      const size_t at = r * n + c;
      vec bar = vec_load(z2_bar + at), hat = vec_load(z2_hat + at), d, dd;
      if (dagg) {
        const vec ab = vec_load(dagg + (size_t)seg[r] * n + c);
        const vec ah = vec_load(dagg_dot + (size_t)seg[r] * n + c);
        bar = vec_fma(g, ab, vec_fma(gd, ah, bar));
        hat = vec_fma(g, ah, hat);
      }
      if (wa) {
        bar = vec_fma(lb, vec_load(wa + c), bar);
        hat = vec_fma(lh, vec_load(wa + c), hat);
      }
      vec_silu_curve(vec_load(z2 + at), &d, &dd);
      bar = vec_fma(hat * dd, vec_load(z2_dot + at), bar * d);
      vec_store(z2_bar + at, bar);
      vec_store(z2_hat + at, hat * d);
      if (db2)
        vec_store(db2 + c, vec_load(db2 + c) + bar);
    }
  }
}
