/* reverse.c -- see reverse.h. */
#include "field/egnn/reverse.h"

void egnn_layout_reverse(const group *g, reverse *b, enf__arena *arena) {
  *b = (reverse){0};
  b->dv = ENF__TAKE(arena, REAL, g->n * g->D);
  b->dx = ENF__TAKE(arena, REAL, g->n * g->D);
  b->dh = ENF__TAKE(arena, REAL, g->n * g->H);
  b->dh_class = ENF__TAKE(arena, REAL, g->n * g->H);
  b->dpqu = ENF__TAKE(arena, REAL, g->n * 3 * g->H);
  b->dz5 = ENF__TAKE(arena, REAL, g->n * g->H);
  b->dagg = ENF__TAKE(arena, REAL, g->n * g->H);
  REAL **scalars[] = {&b->ds, &b->dq, &b->dq0, &b->dq_net, &b->dq0_net, &b->da};
  for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
    *scalars[i] = ENF__TAKE(arena, REAL, g->e);
  REAL **tiles[] = {&b->slope1, &b->slope2, &b->gdz3, &b->dz};
  for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++)
    *tiles[i] = ENF__TAKE(arena, REAL, g->tile * g->H);
  b->grad = ENF__TAKE(arena, REAL, g->f->forward_count);
  b->scratch = ENF__TAKE(arena, REAL, 2 * g->H);
  b->out = ENF__TAKE(arena, double, g->S *enf__shape_size(g->shape));
  if (!g->F)
    return;
  b->drate = ENF__TAKE(arena, REAL, g->n * g->Fp);
  b->din = ENF__TAKE(arena, REAL, g->n * g->I);
}

/* Through the node network and its residual: dz5 (of its first layer), dagg, and dU into dpqu
 * (classes in the first layer). */
void egnn_node_network_grad(group *g, size_t l, reverse *b) {
  layer *y = &g->layer[l];
  const size_t H = g->H, n = g->n;
  const REAL *w = y->w;
  REAL *a5 = g->h_out;
  const REAL *dz = b->dh;
  for (size_t k = g->node_depth - 1; k > 0; k--) {
    REAL *out = k % 2 ? b->dz5 : b->dagg; /* in turns; dz5 at the end */
    if (b->grad) {
      g->k->silu(n * H, y->z5[k - 1], a5);
      g->k->gemm_grad(n, H, H, a5, H, dz, H, b->grad + y->at->node[k].w, H);
      add_column_sums(n, H, dz, H, b->grad + y->at->node[k].b);
    }
    g->k->gemm(n, H, H, dz, H, w + y->at->node[k].wt, H, NULL, 0, NULL, false, out, H);
    g->k->silu_slope(n * H, y->z5[k - 1], a5);
    for (size_t i = 0; i < n * H; i++)
      out[i] *= a5[i];
    for (size_t i = 0; b->z5_extra[k - 1] && i < n * H; i++)
      out[i] += b->z5_extra[k - 1][i];
    dz = out;
  }
  g->k->gemm(n, H, H, b->dz5, H, w + y->at->w5t, H, NULL, 0, NULL, false, b->dagg, H);
  if (b->grad)
    g->k->gemm_grad(n, H, H, y->agg, H, b->dz5, H, b->grad + y->at->w5, H);
  for (size_t i = 0; i < n; i++) {
    const size_t row = l ? i : (size_t)g->node_class[i];
    for (size_t c = 0; c < H; c++)
      b->dpqu[row * 3 * H + 2 * H + c] += b->dz5[i * H + c];
  }
}

/* ds and the direct part of dq, through c_ij. */
void egnn_coordinate_update_grad(const group *g, const layer *y, reverse *b) {
  for (size_t e = 0; e < g->e; e++) {
    const REAL *dv = b->dv + (size_t)g->recv[e] * g->D, *dx = b->dx + (size_t)g->recv[e] * g->D;
    REAL dc = 0;
    for (size_t a = 0; a < g->D; a++)
      dc += y->r[a * g->e + e] * (dv[a] + dx[a]);
    b->ds[e] = dc * y->c_s[e];
    b->dq[e] = dc * y->c_q[e];
  }
}

/* Back through linear layers top ... 2 of the edge network, from the cotangents of z[top] in b->dz
   to those of z[1], which are returned. */
static REAL *edge_layers_grad(group *g, layer *y, reverse *b, size_t e, size_t rows) {
  const enf__egnn_layer *at = y->at;
  const size_t H = g->H;
  REAL *dz = b->dz, *next = b->gdz3;
  for (size_t k = g->edge_depth - 1; k > 1; k--) {
    const REAL *z = y->z[k - 1] + e * H;
    if (b->grad) {
      g->k->silu(rows * H, z, g->a1);
      g->k->gemm_grad(rows, H, H, g->a1, H, dz, H, b->grad + at->edge[k].w, H);
    }
    g->k->silu_slope(rows * H, z, b->slope2);
    g->fk->message_grad(rows, H, dz, y->w + at->edge[k].wt, y->gate + e, NULL, NULL, b->da + e,
                        NULL, b->slope2, next, grad_of(b, at->edge[k - 1].b));
    swap(&dz, &next);
  }
  return dz;
}

/* Edge networks backwards, tile by tile: dq and dq0 gain, dpqu and the weights' gradients too. */
static void edge_networks_grad(group *g, size_t l, reverse *b) {
  layer *y = &g->layer[l];
  const enf__egnn_layer *at = y->at;
  const size_t H = g->H, top = g->edge_depth - 1;
  const bool last = is_end(g, l);
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + at->wa : NULL, *q0 = g->layer[0].q;
  REAL *dwq = b->grad ? b->grad + at->wq : b->scratch,
       *dw0 = b->grad ? b->grad + at->w0 : b->scratch + H;
  for (size_t e = 0; e < g->e; e += g->tile) {
    const size_t rows = g->e - e < g->tile ? g->e - e : g->tile;
    const coordinate_grad of = {.ds = b->ds + e,
                                .gate = y->gate + e,
                                .z2 = y->z[top] + e * H,
                                .z3 = y->z3 + e * H,
                                .b3 = w + at->coord.b,
                                .w4 = w + at->w4,
                                .wa = wa,
                                .seg = g->recv + e,
                                .dagg = last ? NULL : b->dagg,
                                .m = g->m,
                                .slope2 = b->slope2,
                                .gdz3 = b->gdz3,
                                .da = b->da + e,
                                .dw4 = grad_of(b, at->w4),
                                .db3 = grad_of(b, at->coord.b),
                                .dwa = grad_of(b, at->wa),
                                .dba = grad_of(b, at->ba)};
    g->fk->coordinate_grad(rows, H, &of);
    g->fk->message_grad(rows, H, b->gdz3, w + at->coord.wt, y->gate + e, g->recv + e,
                        last ? NULL : b->dagg, b->da + e, wa, b->slope2, b->dz,
                        grad_of(b, at->edge[top].b));
    if (b->grad)
      g->k->gemm_grad(rows, H, H, g->m, H, b->gdz3, H, b->grad + at->coord.w, H);
    const REAL *dz = edge_layers_grad(g, y, b, e, rows);
    g->fk->edge_input(rows, H, y->pqu, y->pqu + H, 3 * H, y->row_i + e, y->row_j + e, w + at->wq,
                      w + at->w0, y->q + e, q0 + e, g->a1, b->slope1);
    if (b->grad)
      g->k->gemm_grad(rows, H, H, g->a1, H, dz, H, b->grad + at->edge[1].w, H);
    /* slope2 is free again: it takes dz1 */
    g->fk->edge_grad(rows, H, dz, w + at->edge[1].wt, b->slope1, w + at->wq, w + at->w0, b->slope2,
                     b->dq_net + e, b->dq0_net + e);
    g->fk->edge_scatter(rows, H, b->slope2, y->row_i + e, y->row_j + e, y->q + e, q0 + e, b->dpqu,
                        b->dpqu + H, 3 * H, dwq, dw0);
  }
}

/* dx += what flows through r_ij = x_i - x_j: c dv directly, 2 r dq through the distance. */
void egnn_pair_vectors_grad(const group *g, const layer *y, reverse *b, REAL *dx_new) {
  memcpy(dx_new, b->dx, g->n * g->D * sizeof(REAL));
  for (size_t e = 0; e < g->e; e++) {
    const size_t i = (size_t)g->recv[e] * g->D, j = (size_t)g->send[e] * g->D;
    const REAL dq = 2 * (b->dq[e] + b->dq_net[e]);
    for (size_t a = 0; a < g->D; a++) {
      const REAL dr = y->c[e] * (b->dv[i + a] + b->dx[i + a]) + dq * y->r[a * g->e + e];
      dx_new[i + a] += dr;
      dx_new[j + a] -= dr;
    }
    b->dq0[e] += b->dq0_net[e];
  }
}

/* dh of the layer's input from dpqu and the residual. */
void egnn_node_input_grad(group *g, size_t l, reverse *b) {
  layer *y = &g->layer[l];
  const size_t H = g->H, rows = node_rows(g, l), cols = (is_end(g, l) ? 2 : 3) * H;
  REAL *dh = b->dh;
  if (l == 0) {
    dh = b->dh_class;
    memset(dh, 0, rows * H * sizeof(REAL));
    if (!is_end(g, 0))
      for (size_t i = 0; i < g->n; i++)
        for (size_t c = 0; c < H; c++)
          dh[(size_t)g->node_class[i] * H + c] += b->dh[i * H + c];
  }
  g->k->gemm(rows, cols, H, b->dpqu, 3 * H, y->w + y->at->node_wt, H, dh, H, NULL, false, dh, H);
  if (!b->grad)
    return;
  g->k->gemm_grad(rows, H, cols, y->h, H, b->dpqu, 3 * H, b->grad + y->at->node_w, 3 * H);
  add_column_sums(rows, cols, b->dpqu, 3 * H, b->grad + y->at->node_b);
}

/* C (K,n) += A^T B, as gemm_grad has it for any K: A has few columns, B is (rows,n). */
static void few_columns_grad(size_t rows, size_t K, size_t n, const REAL *A, const REAL *B,
                             REAL *C) {
  for (size_t r = 0; r < rows; r++)
    for (size_t k = 0; k < K; k++) {
      const REAL f = A[r * K + k];
      for (size_t c = 0; c < n; c++)
        C[k * n + c] += f * B[r * n + c];
    }
}

/* The embedding of the output: from cotangents of rates (n,Fp) to those of h (n,Hp) behind the last
   layer; the weights' gradient without the bias', or grad NULL. */
void egnn_rates_grad(const group *g, const REAL *h, const REAL *drate, REAL *grad, REAL *dh) {
  const size_t H = g->H, Fp = g->Fp;
  g->k->gemm(g->n, g->F, H, drate, Fp, PACKED(g->f) + g->f->out_t, H, NULL, 0, NULL, false, dh, H);
  if (grad)
    g->k->gemm_grad(g->n, H, Fp, h, H, drate, Fp, grad + g->f->out, Fp);
}

/* din (n,I), of the inputs, from dh (n,Hp) of their embedding. */
void egnn_inputs_grad(const group *g, const REAL *dh, REAL *din) {
  const REAL *w = PACKED(g->f) + g->f->embed;
  for (size_t row = 0; row < g->n; row++)
    g->k->dots(g->I, g->H, dh + row * g->H, w, g->H, din + row * g->I);
}

/* The embedding's gradient by its weights of inputs (n,I), without the bias'. */
void egnn_embedding_grad(const group *g, const REAL *in, const REAL *dh, REAL *grad) {
  few_columns_grad(g->n, g->I, g->H, in, dh, grad + g->f->embed);
}

void egnn_embed_grad(const group *g, reverse *b) {
  const size_t H = g->H, features = g->f->features;
  REAL *w = b->grad + g->f->embed, *bias = b->grad + g->f->embed_b;
  if (g->F) {
    egnn_embedding_grad(g, g->in, b->dh_class, b->grad);
    add_column_sums(g->n, H, b->dh_class, H, bias);
    return;
  }
  const bool kinds = g->f->base.model.species_count > 0;
  for (size_t row = 0; row < node_rows(g, 0); row++) {
    const REAL t = g->time[row / g->class_count];
    const REAL *dh = b->dh_class + row * H, *context = g->context + row / g->class_count * g->G;
    for (size_t c = 0; c < H; c++) {
      bias[c] += dh[c];
      w[(features - 1) * H + c] += t * dh[c];
      if (kinds)
        w[row % g->class_count * H + c] += dh[c];
    }
    for (size_t k = 0; k < g->G; k++)
      for (size_t c = 0; c < H; c++)
        w[(g->G_at + k) * H + c] += context[k] * dh[c];
  }
}

static void reverse_layer(group *g, size_t l, reverse *b) {
  layer *y = &g->layer[l];
  memset(b->dpqu, 0, node_rows(g, l) * 3 * g->H * sizeof(REAL));
  if (!is_end(g, l))
    egnn_node_network_grad(g, l, b);
  else
    memset(b->dh, 0, g->n * g->H * sizeof(REAL));
  egnn_coordinate_update_grad(g, y, b);
  edge_networks_grad(g, l, b);
  egnn_pair_vectors_grad(g, y, b, g->v);
  memcpy(b->dx, g->v, g->n * g->D * sizeof(REAL));
  egnn_node_input_grad(g, l, b);
}

/* Behind the first layer: what flows through q0, and the embedding. */
void egnn_reverse_end(const group *g, reverse *b) {
  const layer *y = &g->layer[0];
  for (size_t e = 0; e < g->e; e++)
    for (size_t a = 0; a < g->D; a++) {
      const REAL dr = 2 * b->dq0[e] * y->r[a * g->e + e];
      b->dx[(size_t)g->recv[e] * g->D + a] += dr;
      b->dx[(size_t)g->send[e] * g->D + a] -= dr;
    }
  if (b->grad)
    egnn_embed_grad(g, b);
  if (g->F)
    egnn_inputs_grad(g, b->dh_class, b->din);
}

/* From the cotangents of rates in b->out to dh behind the last layer. */
static void begin_features(const group *g, reverse *b) {
  egnn_features_in(g, b->out, g->Fp, b->drate);
  for (size_t i = 0; i < g->n * g->Fp; i++)
    b->drate[i] *= g->sign;
  egnn_rates_grad(g, g->h_last, b->drate, b->grad, b->dh);
  if (b->grad)
    add_column_sums(g->n, g->Fp, b->drate, g->Fp, b->grad + g->f->out_b);
}

/* Everything from the cotangents in b->out: dx (mean-free) into b->out, weights into b->grad. */
static void reverse_group(group *g, reverse *b) {
  egnn_positions_in(g, b->out, g->v);
  egnn_mean_free_out(g, (double)g->sign, g->v, b->out);
  egnn_positions_in(g, b->out, b->dv);
  if (g->F)
    begin_features(g, b);
  memset(b->dx, 0, g->n * g->D * sizeof(REAL));
  memset(b->dq0, 0, g->e * sizeof(REAL));
  for (size_t l = g->layers; l-- > 0;)
    reverse_layer(g, l, b);
  egnn_reverse_end(g, b);
}

void egnn_unpack_gradient(const enf__egnn *f, const REAL *grad, double *dparams) {
  for (size_t k = 0; k < f->views; k++) {
    const enf__egnn_view *v = &f->view[k];
    for (size_t o = 0; o < v->rows; o++)
      for (size_t i = 0; i < v->count; i++)
        dparams[v->param + o * v->cols + i] += (double)grad[v->forward + i * v->ldf + o];
  }
}

void egnn_vjp(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
              enf__cotangent_fn cotangent, void *user, double *dx, double *dparams) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  group g;
  reverse b;
  egnn_open_group(&g, f, at->shape, ENF__VJP, arena);
  egnn_layout_reverse(&g, &b, arena);
  double *v = ENF__TAKE(arena, double, g.S *size);
  g.k = KERNELS_OF(kernel);
  g.fk = FIELD_KERNELS_OF(kernel);
  if (!dparams)
    b.grad = NULL;
  if (b.grad)
    memset(b.grad, 0, f->forward_count * sizeof(REAL));
  for (size_t s = 0, step = g.S; s < at->S; s += step) {
    egnn_enter_samples(&g, at, s, next_samples(at, s, step));
    egnn_forward(&g);
    egnn_velocity_out(&g, v);
    cotangent(user, s, g.S, v, b.out);
    reverse_group(&g, &b);
    if (dx) {
      egnn_positions_out(&g, b.dx, dx + s * size);
      egnn_features_out(&g, 1, b.din, g.I, dx + s * size);
    }
  }
  if (b.grad)
    egnn_unpack_gradient(f, b.grad, dparams);
  arena->used = mark;
}
