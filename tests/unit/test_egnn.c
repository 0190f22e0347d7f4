/* test_egnn.c -- the EGNN field is its formula at every depth of its edge and node networks: plain
   loops over the published tensors, which are found by name, share nothing with the library but the
   weights. silu stands behind every linear layer of the edge network, and between those of the node
   and coordinate networks. Also names, shapes and initial ranges of deep networks. */
#include "core/random.h"
#include "field/field.h"
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_N = 5, MOST_H = 12, SAMPLES = 3, WIDEST = 2 * MOST_H + 2 };

static int species[] = {0, 2, 1, 0, 2};
static const struct {
  size_t N, D;
  enf__model model;
} models[] = {
    {3, 2, {.layers = 1, .edge_depth = 3, .node_depth = 3}},
    {3, 3, {.layers = 2, .edge_depth = 2, .node_depth = 2}},
    {4, 3, {.layers = 2, .edge_depth = 3, .node_depth = 2}},
    {4, 2, {.layers = 2, .edge_depth = 2, .node_depth = 3}},
    {5, 3, {.layers = 3, .edge_depth = 4, .node_depth = 3}},
    {3, 3, {.layers = 5, .edge_depth = 3, .node_depth = 4}},
    {2, 2, {.layers = 3, .edge_depth = 8, .node_depth = 8}},
};
enum { MODELS = sizeof models / sizeof *models, VARIANTS = 8 };

static enf_ctx *ctx;
static enf__field *field;
static enf__model model;
static enf__shape shape;
static enf__params params;
static size_t size;
static double x[SAMPLES * 3 * MOST_N], t[SAMPLES];
static bool joined[MOST_N][MOST_N]; /* by an edge */
static int32_t start_of[MOST_N + 1], send[MOST_N * MOST_N];

/* Bits of the variant: attention, tanh, mean; species follow the last. */
static void open_network(int i) {
  model = models[i / VARIANTS].model;
  shape = (enf__shape){.particles = models[i / VARIANTS].N, .dimensions = models[i / VARIANTS].D};
  model.hidden = i % 3 ? 12 : 7;
  model.attention = i & 1;
  model.tanh = i & 2;
  model.mean = i & 4;
  if (i & 4) {
    shape.kind = species;
    model.species_count = 3;
  }
  size = shape.particles * shape.dimensions;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ctx->run.precision = ENF__FLOAT64;
  enf__params_open(ctx, &params);
  ck_assert_int_eq(enf__field_create(ctx, &field, &model, &params), ENF_OK);
  ck_assert_int_eq(enf__params_allocate(ctx, &params), ENF_OK);
  enf__params_init(&params, (uint64_t)i);
  double *w = params.value; /* larger ones: every layer must be felt */
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *tensor = &params.tensor[k];
    const double gain = strstr(tensor->name, "coord_mlp.2") ? 300 : 2;
    for (size_t j = 0; j < tensor->rows * tensor->cols; j++)
      w[tensor->offset + j] *= gain;
  }
  enf__field_pack(field, params.value);
  enf__random_normal(1, 1, (uint64_t)i, SAMPLES * size, x);
  enf__random_uniform(1, 2, (uint64_t)i, SAMPLES, t);
  for (size_t k = 0; k < MOST_N * MOST_N; k++)
    joined[k / MOST_N][k % MOST_N] = k / MOST_N != k % MOST_N;
}

static void close_network(void) {
  enf__field_destroy(field);
  enf__params_close(&params);
  enf_ctx_destroy(ctx);
}

/* ---- the formula ----------------------------------------------------------------------------- */

static double sigmoid(double z) { return 1 / (1 + exp(-z)); }

static const double *tensor_of(size_t rows, size_t cols, size_t l, const char *network,
                               size_t number, const char *kind) {
  char name[64];
  snprintf(name, sizeof name, "egnn.gcl_%zu.%s.%zu.%s", l, network, number, kind);
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *tensor = &params.tensor[k];
    if (strcmp(tensor->name, name) != 0)
      continue;
    ck_assert_uint_eq(tensor->rows, rows);
    ck_assert_uint_eq(tensor->cols, cols);
    return params.value + tensor->offset;
  }
  ck_abort_msg("there is no tensor %s", name);
}

/* y = W y + b in place, from `in` to `out` numbers. */
static void linear(size_t in, size_t out, const double *w, const double *b, double *y) {
  double sum[MOST_H];
  for (size_t o = 0; o < out; o++) {
    sum[o] = b ? b[o] : 0;
    for (size_t i = 0; i < in; i++)
      sum[o] += w[o * in + i] * y[i];
  }
  memcpy(y, sum, out * sizeof *y);
}

/* A network of `depth` linear layers of width H; silu behind each but the last, there if `end`. */
static void network(size_t l, const char *name, size_t in, size_t depth, bool end, double *y) {
  const size_t H = model.hidden;
  for (size_t k = 0; k < depth; k++) {
    linear(k ? H : in, H, tensor_of(H, k ? H : in, l, name, 2 * k, "weight"),
           tensor_of(H, 1, l, name, 2 * k, "bias"), y);
    for (size_t c = 0; c < H && (end || k + 1 < depth); c++)
      y[c] *= sigmoid(y[c]);
  }
}

static double squared_distance(const double *p, size_t i, size_t j) {
  double sum = 0;
  for (size_t d = 0; d < shape.dimensions; d++)
    sum += pow(p[i * shape.dimensions + d] - p[j * shape.dimensions + d], 2);
  return sum;
}

static size_t degree(size_t i) {
  size_t count = 0;
  for (size_t j = 0; j < shape.particles; j++)
    count += joined[i][j];
  return count;
}

/* The shape has a list: edges between particles that are near each other in the first sample, the
   nearest two among them. */
static void list_edges(void) {
  double nearest = INFINITY;
  int32_t e = 0;
  for (size_t i = 0; i < shape.particles; i++)
    for (size_t j = 0; j < i; j++)
      nearest = fmin(nearest, squared_distance(x, i, j));
  for (size_t i = 0; i < shape.particles; i++) {
    start_of[i] = e;
    for (size_t j = 0; j < shape.particles; j++) {
      joined[i][j] = i != j && squared_distance(x, i, j) < 3 * nearest;
      if (joined[i][j])
        send[e++] = (int32_t)j;
    }
  }
  start_of[shape.particles] = e;
  shape.start = start_of;
  shape.send = send;
}

/* Message m_ij (gate included) and phi_ij. */
static double edge(size_t l, double h[][MOST_H], double q, double q0, size_t i, size_t j,
                   double *m) {
  const size_t H = model.hidden;
  double y[WIDEST], s[MOST_H];
  memcpy(y, h[i], H * sizeof *y);
  memcpy(y + H, h[j], H * sizeof *y);
  y[2 * H] = q;
  y[2 * H + 1] = q0;
  network(l, "edge_mlp", 2 * H + 2, model.edge_depth, true, y);
  memcpy(m, y, H * sizeof *m);
  if (model.attention) {
    linear(H, 1, tensor_of(1, H, l, "att_mlp", 0, "weight"),
           tensor_of(1, 1, l, "att_mlp", 0, "bias"), y);
    for (size_t c = 0; c < H; c++)
      m[c] *= sigmoid(y[0]);
  }
  memcpy(s, m, H * sizeof *s);
  network(l, "coord_mlp", H, 1, true, s);
  linear(H, 1, tensor_of(1, H, l, "coord_mlp", 2, "weight"), NULL, s);
  const double range = 15.0 / (double)model.layers * (model.mean ? 19 : 1);
  return model.tanh ? range * tanh(s[0]) : s[0];
}

static void message_layer(size_t l, double h[][MOST_H], const double *start, double *p) {
  const size_t N = shape.particles, D = shape.dimensions, H = model.hidden;
  double next[MOST_N][MOST_H], to[3 * MOST_N], m[MOST_H];
  memcpy(to, p, size * sizeof *to);
  for (size_t i = 0; i < N; i++) {
    double y[WIDEST] = {0};
    memcpy(y, h[i], H * sizeof *y);
    for (size_t j = 0; j < N; j++) {
      if (!joined[i][j])
        continue;
      const double q = squared_distance(p, i, j),
                   phi = edge(l, h, q, squared_distance(start, i, j), i, j, m);
      for (size_t d = 0; d < D; d++)
        to[i * D + d] += phi * (p[i * D + d] - p[j * D + d]) / (sqrt(q + 1e-8) + 1) /
                         (model.mean ? (double)degree(i) : 1);
      for (size_t c = 0; c < H; c++)
        y[H + c] += m[c];
    }
    network(l, "node_mlp", 2 * H, model.node_depth, false, y);
    for (size_t c = 0; c < H; c++)
      next[i][c] = h[i][c] + y[c];
  }
  memcpy(p, to, size * sizeof *p);
  memcpy(h, next, sizeof next);
}

static void formula(double time, const double *start, double *v) {
  const size_t N = shape.particles, D = shape.dimensions, H = model.hidden,
               features = model.species_count + 1;
  const double *w = params.value, *b = w + H * features; /* the first two tensors */
  double h[MOST_N][MOST_H], p[3 * MOST_N];
  memcpy(p, start, size * sizeof *p);
  for (size_t i = 0; i < N; i++) {
    double y[MOST_H] = {0};
    if (shape.kind)
      y[species[i]] = 1;
    y[features - 1] = time;
    linear(features, H, w, b, y);
    memcpy(h[i], y, H * sizeof *y);
  }
  for (size_t l = 0; l < model.layers; l++)
    message_layer(l, h, start, p);
  for (size_t d = 0; d < D; d++) {
    double mean = 0;
    for (size_t i = 0; i < N; i++)
      mean += (p[i * D + d] - start[i * D + d]) / (double)N;
    for (size_t i = 0; i < N; i++)
      v[i * D + d] = p[i * D + d] - start[i * D + d] - mean;
  }
}

static void expect_formula(void) {
  double got[SAMPLES * 3 * MOST_N], want[3 * MOST_N], largest = 0;
  const size_t bytes = enf__field_workspace(field, &ctx->run, &shape, ENF__VELOCITY);
  ck_assert_int_eq(enf__reserve(ctx, 0, bytes), ENF_OK);
  enf__field_velocity(field, &ctx->run, &ctx->workers[0], &(enf__points){&shape, SAMPLES, t, x},
                      got);
  for (size_t s = 0; s < SAMPLES; s++) {
    formula(t[s], x + s * size, want);
    for (size_t i = 0; i < size; i++) {
      ck_assert_double_eq_tol(got[s * size + i], want[i], 1e-12 * fmax(1, fabs(want[i])));
      largest = fmax(largest, fabs(want[i]));
    }
  }
  ck_assert_double_gt(largest, 1e-2);
}

START_TEST(velocity_is_its_formula) {
  open_network(_i);
  expect_formula();
  close_network();
}
END_TEST

/* Some particles have no edge. */
START_TEST(velocity_with_a_cutoff_is_its_formula) {
  open_network(_i);
  list_edges();
  expect_formula();
  close_network();
}
END_TEST

/* ---- the tensors ----------------------------------------------------------------------------- */

/* Uniform in +- 1/sqrt(inputs), so that no weight is beyond and some are near. */
static void expect_range(size_t l, const char *network_name, size_t number, size_t in) {
  const size_t H = model.hidden;
  const double *w = tensor_of(H, in, l, network_name, number, "weight"),
               *b = tensor_of(H, 1, l, network_name, number, "bias"), range = 1 / sqrt((double)in);
  double largest = 0;
  for (size_t i = 0; i < H * in; i++)
    largest = fmax(largest, fabs(w[i]));
  ck_assert(largest <= range && largest > 0.8 * range);
  for (size_t i = 0; i < H; i++)
    ck_assert_double_le(fabs(b[i]), range);
}

START_TEST(every_linear_layer_has_its_tensors_and_initial_range) {
  open_network(_i * VARIANTS + 3);
  enf__params_init(&params, 1);
  const size_t H = model.hidden, L = model.layers, each = model.edge_depth + model.node_depth;
  for (size_t l = 0; l < L; l++) {
    for (size_t k = 0; k < model.edge_depth; k++)
      expect_range(l, "edge_mlp", 2 * k, k ? H : 2 * H + 2);
    for (size_t k = 0; k < model.node_depth; k++)
      expect_range(l, "node_mlp", 2 * k, k ? H : 2 * H);
  }
  ck_assert_uint_eq(params.count, 4 + L * (2 * each + 5));
  close_network();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("egnn");
  tcase_add_loop_test(tc, velocity_is_its_formula, 0, MODELS * VARIANTS);
  tcase_add_loop_test(tc, velocity_with_a_cutoff_is_its_formula, 3 * VARIANTS, MODELS * VARIANTS);
  tcase_add_loop_test(tc, every_linear_layer_has_its_tensors_and_initial_range, 0, MODELS);
  return run_suite("egnn", tc);
}
