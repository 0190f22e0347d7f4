/* forward.c -- velocity of a group: docs/math.md, "Velocity field". Per layer

     z1_ij = W1 [h_i, h_j, q_ij, q0_ij] + b1,  a = silu(z1)
     m_ij  = silu(W2 a + b2), gate_ij = sigmoid(wa.m + ba)        edge_depth - 1 such layers
     s_ij  = w4.silu(gate W3 m + b3),  c_ij = share R tanh(s) / (sqrt(q + 1e-8) + 1)
     v_i  += sum_j c_ij r_ij,  x_i likewise
     h_i  += W6 silu(W5 [h_i, sum_j gate_ij m_ij] + b5) + b6      node_depth - 1 such layers

   with W1 split over nodes: P = W1_i h, Q = W1_j h + b1 once per node. silu stands behind every
   linear layer of the edge network and between those of the node network. */
#include "field/egnn/forward.h"

void egnn_embed(group *g, layer *y) {
  const REAL *w = y->w + g->f->embed, *b = y->w + g->f->embed_b;
  const size_t features = g->f->features, H = g->H;
  if (g->F) {
    g->k->gemm(g->n, g->I, H, g->in, g->I, w, H, NULL, 0, b, false, y->h, H);
    return;
  }
  const bool kinds = g->f->base.model.species_count > 0;
  for (size_t row = 0; row < node_rows(g, 0); row++) {
    const REAL t = g->time[row / g->class_count];
    const REAL *species = kinds ? w + row % g->class_count * H : NULL;
    const REAL *time = w + (features - 1) * H;
    const REAL *context = g->context + row / g->class_count * g->G;
    for (size_t c = 0; c < H; c++)
      y->h[row * H + c] = b[c] + t * time[c] + (species ? species[c] : 0);
    for (size_t k = 0; k < g->G; k++)
      for (size_t c = 0; c < H; c++)
        y->h[row * H + c] += context[k] * w[(g->G_at + k) * H + c];
  }
}

void egnn_pair_vectors(const group *g, layer *y) {
  memset(y->q, 0, g->e * sizeof(REAL));
  for (size_t a = 0; a < g->D; a++)
    for (size_t e = 0; e < g->e; e++) {
      const REAL d = g->x[(size_t)g->recv[e] * g->D + a] - g->x[(size_t)g->send[e] * g->D + a];
      y->r[a * g->e + e] = d;
      y->q[e] += d * d;
    }
}

/* c, and its derivatives by s and q. */
void egnn_coefficients(const group *g, layer *y) {
  const bool bounded = g->f->base.model.tanh;
  if (bounded)
    g->k->tanh(g->e, y->s, y->th);
  for (size_t e = 0; e < g->e; e++) {
    const REAL d = SQRT(y->q[e] + (REAL)1e-8), inverse = 1 / (d + 1);
    const REAL phi = bounded ? g->R * y->th[e] : y->s[e];
    const REAL slope = bounded ? g->R * (1 - y->th[e] * y->th[e]) : 1;
    y->c[e] = g->share[e] * phi * inverse;
    y->c_s[e] = g->share[e] * slope * inverse;
    y->c_q[e] = -y->c[e] * inverse / (2 * d);
  }
}

void egnn_move_particles(group *g, const layer *y) {
  for (size_t a = 0; a < g->D; a++)
    for (size_t e = 0; e < g->e;) {
      const size_t node = (size_t)g->recv[e];
      REAL sum = 0;
      for (; e < g->e && (size_t)g->recv[e] == node; e++)
        sum += y->c[e] * y->r[a * g->e + e];
      g->v[node * g->D + a] += sum;
      g->x[node * g->D + a] += sum;
    }
}

/* Linear layers 1, 2 ... of the edge network for a tile of edges, from a1: messages, which are
   returned, and gates. */
static REAL *messages(group *g, layer *y, size_t e, size_t rows) {
  const enf__egnn_layer *at = y->at;
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + at->wa : NULL;
  REAL *a = g->a1, *m = g->m;
  for (size_t k = 1; k < g->edge_depth; k++) {
    const bool top = k + 1 == g->edge_depth;
    g->fk->message(rows, g->H, a, w + at->edge[k].w, w + at->edge[k].b, top ? wa : NULL, w[at->ba],
                   y->z[k] ? y->z[k] + e * g->H : NULL, m, y->gate + e);
    swap(&a, &m);
  }
  return a;
}

/* Messages, gates and coordinate networks of all edges, tile by tile; `last`: no aggregation. */
static void edge_networks(group *g, layer *y, const REAL *q0, bool last) {
  const enf__egnn_layer *at = y->at;
  const REAL *w = y->w;
  const size_t H = g->H;
  for (size_t e = 0; e < g->e; e += g->tile) {
    const size_t rows = g->e - e < g->tile ? g->e - e : g->tile;
    g->fk->edge_input(rows, H, y->pqu, y->pqu + H, 3 * H, y->row_i + e, y->row_j + e, w + at->wq,
                      w + at->w0, y->q + e, q0 + e, g->a1, NULL);
    const REAL *m = messages(g, y, e, rows);
    g->fk->coordinate(rows, H, m, w + at->coord.w, y->gate + e, w + at->coord.b, w + at->w4,
                      y->z3 ? y->z3 + e * H : NULL, y->s + e);
    if (!last)
      g->k->segment_sum(rows, H, g->recv + e, y->gate + e, m, y->agg, H);
  }
}

/* h' = h + (network of [h, agg]); rows of the first layer are classes. */
void egnn_node_network(group *g, size_t l, REAL *h_next) {
  layer *y = &g->layer[l];
  const enf__egnn_layer *at = y->at;
  const size_t H = g->H;
  const REAL *w = y->w;
  for (size_t i = 0; i < g->n; i++) {
    const size_t row = l ? i : (size_t)g->node_class[i];
    memcpy(y->z5[0] + i * H, y->pqu + row * 3 * H + 2 * H, H * sizeof(REAL));
    memcpy(h_next + i * H, y->h + row * H, H * sizeof(REAL));
  }
  g->k->gemm(g->n, H, H, y->agg, H, w + at->w5, H, y->z5[0], H, NULL, false, y->z5[0], H);
  for (size_t k = 1; k < g->node_depth; k++) {
    const bool top = k + 1 == g->node_depth;
    REAL *out = top ? h_next : y->z5[k];
    g->k->silu(g->n * H, y->z5[k - 1], g->h_out);
    g->k->gemm(g->n, H, H, g->h_out, H, w + at->node[k].w, H, top ? h_next : NULL, H,
               w + at->node[k].b, false, out, H);
  }
}

void egnn_forward(group *g) {
  const size_t H = g->H;
  memset(g->v, 0, g->n * g->D * sizeof(REAL));
  egnn_embed(g, &g->layer[0]);
  for (size_t l = 0; l < g->layers; l++) {
    layer *y = &g->layer[l];
    const bool last = is_end(g, l);
    const REAL *w = y->w;
    g->k->gemm(node_rows(g, l), H, (last ? 2 : 3) * H, y->h, H, w + y->at->node_w, 3 * H, NULL, 0,
               w + y->at->node_b, false, y->pqu, 3 * H);
    egnn_pair_vectors(g, y);
    if (!last)
      memset(y->agg, 0, g->n * H * sizeof(REAL));
    edge_networks(g, y, g->layer[0].q, last);
    egnn_coefficients(g, y);
    egnn_move_particles(g, y);
    if (!last)
      egnn_node_network(g, l, h_behind(g, l));
  }
  if (g->F)
    g->k->gemm(g->n, H, g->Fp, g->h_last, H, PACKED(g->f) + g->f->out, g->Fp, NULL, 0,
               PACKED(g->f) + g->f->out_b, false, g->rate, g->Fp);
}

/* factor x (n,D) less its mean over particles, as double, to the positions of states. */
void egnn_mean_free_out(const group *g, double factor, const REAL *x, double *state) {
  const size_t size = enf__shape_size(g->shape);
  for (size_t s = 0; s < g->S; s++)
    for (size_t a = 0; a < g->D; a++) {
      const REAL *in = x + s * g->N * g->D + a;
      double *out = state + s * size + a, mean = 0;
      for (size_t i = 0; i < g->N; i++)
        mean += (double)in[i * g->D];
      mean /= (double)g->N;
      for (size_t i = 0; i < g->N; i++)
        out[i * g->D] = factor * ((double)in[i * g->D] - mean);
    }
}

void egnn_velocity_out(const group *g, double *v) {
  egnn_mean_free_out(g, (double)g->sign, g->v, v);
  egnn_features_out(g, g->sign, g->rate, g->Fp, v);
}

void egnn_velocity(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
                   double *v) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  group g;
  egnn_open_group(&g, f, at->shape, ENF__VELOCITY, arena);
  g.k = KERNELS_OF(kernel);
  g.fk = FIELD_KERNELS_OF(kernel);
  for (size_t s = 0, step = g.S; s < at->S; s += step) {
    egnn_enter_samples(&g, at, s, next_samples(at, s, step));
    egnn_forward(&g);
    egnn_velocity_out(&g, v + s * size);
  }
  arena->used = mark;
}
