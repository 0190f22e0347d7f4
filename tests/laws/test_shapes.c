/* Edges of a shape: a list of all pairs is all pairs, to the bit, in every call of both fields;
   with a cutoff the divergence and the reverse passes are those of central differences of the
   velocity.
 */
#include "core/random.h"
#include "field/field.h"
#include "suite.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 6, D = 3, SIZE = N * D, S = 3, EGNNS = 12, NETWORKS = EGNNS + 2, SEED = 11 };

static enf_ctx *ctx;
static enf__field *field;
static enf__params params;
static enf__model model;
static int kinds[] = {0, 1, 1, 0, 1, 0};
static int32_t start[N + 1], send[N * N];
static double x[S * SIZE], t[S], a[S * SIZE], eps[S * SIZE], b[S], c[S], d[S];
static enf__shape shape;

/* Every way through the divergence: 1 to 5 layers, edge networks of 2 and 3 linear layers. */
static void choose_model(int i) {
  model = (enf__model){.kind = i < EGNNS ? ENF__FIELD_EGNN : ENF__FIELD_PAIR_KERNEL,
                       .hidden = 12,
                       .layers = 1 + (size_t)i % 6,
                       .edge_depth = 2 + (size_t)i / 6 % 2,
                       .node_depth = 2 + (size_t)i % 2,
                       .attention = i % 3 != 0,
                       .tanh = i % 4 != 0,
                       .mean = i % 5 == 1,
                       .species_count = i % 2 ? 2 : 0,
                       .kernels = 9,
                       .kernel_times = 4,
                       .kernel_range = 4};
  shape = (enf__shape){.particles = N, .dimensions = D, .kind = i % 2 ? kinds : NULL};
}

/* Weights with which every layer is felt. */
static void choose_weights(int i) {
  enf__params_init(&params, (uint64_t)i);
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *tensor = &params.tensor[k];
    const double gain = strstr(tensor->name, "coord_mlp.2") ? model.tanh ? 100 : 500
                        : strstr(tensor->name, ".pair_")    ? 1000
                                                            : 1;
    for (size_t j = 0; j < tensor->rows * tensor->cols; j++)
      params.value[tensor->offset + j] *= gain;
  }
  enf__field_pack(field, params.value);
}

static void open_network(int i) {
  choose_model(i);
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ctx->run.precision = ENF__FLOAT64;
  enf__params_open(ctx, &params);
  ck_assert_int_eq(enf__field_create(ctx, &field, &model, &params), ENF_OK);
  ck_assert_int_eq(enf__params_allocate(ctx, &params), ENF_OK);
  choose_weights(i);
  enf__random_normal(SEED, 1, (uint64_t)i, S * SIZE, x);
  enf__random_uniform(SEED, 2, (uint64_t)i, S, t);
  enf__random_normal(SEED, 3, (uint64_t)i, S * SIZE, a);
  enf__random_normal(SEED, 4, (uint64_t)i, S * SIZE, eps);
  double *numbers[] = {b, c, d};
  for (size_t k = 0; k < 3; k++)
    enf__random_normal(SEED, 5 + (uint32_t)k, (uint64_t)i, S, numbers[k]);
}

static void close_network(void) {
  enf__field_destroy(field);
  enf__params_close(&params);
  enf_ctx_destroy(ctx);
}

/* Particles on a ring with edges to the next `reach` on either side, the last one alone unless all
   are joined. */
static void list_edges(size_t reach) {
  const size_t ring = reach < N / 2 ? N - 1 : N;
  int32_t e = 0;
  for (size_t i = 0; i < N; i++) {
    start[i] = e;
    for (size_t j = 0; j < ring && i < ring; j++) {
      const size_t way = (j + ring - i) % ring, distance = way < ring - way ? way : ring - way;
      if (distance > 0 && distance <= reach)
        send[e++] = (int32_t)j;
    }
  }
  start[N] = e;
  shape.start = start;
  shape.send = send;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static enf__arena *workspace(enf__work work) {
  const size_t bytes = enf__field_workspace(field, &ctx->run, &shape, work);
  ck_assert_int_eq(enf__reserve(ctx, 0, bytes), ENF_OK);
  return &ctx->workers[0];
}

static enf__points points(void) { return (enf__points){&shape, S, t, x}; }

static void velocity(double *v) {
  const enf__points at = points();
  enf__field_velocity(field, &ctx->run, workspace(ENF__VELOCITY), &at, v);
}

static void divergence(double *v, double *div) {
  const enf__points at = points();
  enf__field_divergence(field, &ctx->run, workspace(ENF__DIVERGENCE), &at, v, div);
}

static void give_a(void *user, size_t first, size_t count, const double *v, double *out) {
  (void)user, (void)v;
  memcpy(out, a + first * SIZE, count * SIZE * sizeof *out);
}

/* What all calls give, one after the other. */
enum { P_MOST = 40000, ALL = S * (7 * SIZE + 9) + 3 * P_MOST };
static double *everything(void) {
  const enf__points at = points();
  double *all = calloc(ALL, sizeof *all), *next = all;
  ck_assert_uint_le(params.size, P_MOST);
#define TAKE(n) ((next += (n)) - (n))
  velocity(TAKE(S * SIZE));
  double *v = TAKE(S * SIZE);
  divergence(v, TAKE(S));
  v = TAKE(S * SIZE);
  double *v_dot = TAKE(S * SIZE);
  enf__field_jvp(field, &ctx->run, workspace(ENF__JVP), &at, eps, v, v_dot, TAKE(S));
  double *dx = TAKE(S * SIZE);
  enf__field_vjp(field, &ctx->run, workspace(ENF__VJP), &at, give_a, NULL, dx, TAKE(P_MOST));
  for (int exact = 0; exact < 2; exact++) {
    const enf__cotangent of = {exact ? NULL : eps, a, b, c, exact ? NULL : d, NULL};
    dx = TAKE(S * SIZE);
    double *gradient = TAKE(P_MOST);
    const enf__gradient out = {dx, gradient, TAKE(S * ENF__VALUES)};
    enf__field_vjp_trace(field, &ctx->run, workspace(exact ? ENF__VJP_TRACE : ENF__VJP_PROBE), &at,
                         &of, &out);
  }
  ck_assert_uint_le((size_t)(next - all), ALL);
  return all;
}

/* ---- laws ------------------------------------------------------------------------------------ */

START_TEST(a_list_of_all_pairs_is_all_pairs_to_the_bit) {
  open_network(_i);
  for (int precision = ENF__FLOAT32; precision <= ENF__FLOAT64; precision++) {
    ctx->run.precision = precision;
    shape.start = shape.send = NULL;
    double *want = everything();
    list_edges(N / 2);
    ck_assert_uint_eq(enf__shape_edges(&shape), N * (N - 1));
    double *got = everything();
    ck_assert_mem_eq(got, want, ALL * sizeof *got);
    free(got), free(want);
  }
  close_network();
}
END_TEST

START_TEST(edges_come_receiver_by_receiver) {
  shape = (enf__shape){.particles = N, .dimensions = D};
  for (int listed = 0; listed < 2; listed++) {
    if (listed)
      list_edges(N / 2);
    enf__edge e = enf__edge_first(&shape);
    for (size_t i = 0; i < N; i++)
      for (size_t j = 0; j < N; j++) {
        if (j == i)
          continue;
        ck_assert(enf__edge_is(&e) && e.receiver == i && e.sender == j);
        enf__edge_next(&e);
      }
    ck_assert(!enf__edge_is(&e) && e.number == N * (N - 1));
    enf__pair p = enf__pair_first(&shape);
    for (size_t i = 0; i < N; i++)
      for (size_t j = i + 1; j < N; j++) {
        ck_assert(enf__pair_is(&p) && p.i == i && p.j == j);
        enf__pair_next(&p);
      }
    ck_assert(!enf__pair_is(&p));
  }
  list_edges(1);
  size_t count = 0;
  for (enf__edge e = enf__edge_first(&shape); enf__edge_is(&e); enf__edge_next(&e), count++)
    ck_assert(e.receiver < N - 1 && e.sender < N - 1 && e.receiver != e.sender);
  ck_assert_uint_eq(count, 2 * (N - 1));
  for (enf__pair p = enf__pair_first(&shape); enf__pair_is(&p); enf__pair_next(&p), count -= 2)
    ck_assert(p.i < p.j && p.j < N - 1);
  ck_assert_uint_eq(count, 0);
}
END_TEST

/* Central difference of the calls' function of x[k]. */
static double difference(double (*value)(size_t s), size_t s, size_t k) {
  const double keep = x[k], h = 1e-5;
  x[k] = keep + h;
  const double up = value(s);
  x[k] = keep - h;
  const double down = value(s);
  x[k] = keep;
  return (up - down) / (2 * h);
}

static size_t coordinate;
static double one_velocity(size_t s) {
  double v[S * SIZE];
  velocity(v);
  return v[s * SIZE + coordinate];
}

START_TEST(divergence_with_a_cutoff_is_its_difference) {
  open_network(_i);
  for (size_t reach = 1; reach <= 2; reach++) {
    double v[S * SIZE], again[S * SIZE], div[S];
    list_edges(reach);
    divergence(v, div);
    velocity(again);
    ck_assert_mem_eq(v, again, sizeof v);
    for (size_t s = 0; s < S; s++) {
      double want = 0;
      for (coordinate = 0; coordinate < SIZE; coordinate++)
        want += difference(one_velocity, s, s * SIZE + coordinate);
      ck_assert_msg(fabs(div[s] - want) < 1e-7 * fmax(1, fabs(want)), "reach %zu: %.12g, not %.12g",
                    reach, div[s], want);
    }
  }
  close_network();
}
END_TEST

static bool exact;
static double objective(size_t s) {
  const enf__points at = points();
  double v[S * SIZE], v_dot[S * SIZE], trace[S], sum;
  if (exact)
    divergence(v, trace);
  else
    enf__field_jvp(field, &ctx->run, workspace(ENF__JVP), &at, eps, v, v_dot, trace);
  sum = b[s] * trace[s];
  for (size_t k = s * SIZE; k < (s + 1) * SIZE; k++)
    sum += a[k] * v[k] + c[s] * v[k] * v[k] + (exact ? 0 : d[s] * v_dot[k] * v_dot[k]);
  return sum;
}

START_TEST(gradients_with_a_cutoff_are_their_differences) {
  open_network(_i);
  list_edges(1);
  for (int which = 0; which < 2; which++) {
    exact = which;
    const enf__points at = points();
    double dx[S * SIZE], *gradient = calloc(params.size, sizeof *gradient), largest = 1e-3;
    const enf__cotangent of = {exact ? NULL : eps, a, b, c, exact ? NULL : d, NULL};
    const enf__gradient out = {dx, gradient, NULL};
    enf__field_vjp_trace(field, &ctx->run, workspace(exact ? ENF__VJP_TRACE : ENF__VJP_PROBE), &at,
                         &of, &out);
    for (size_t k = 0; k < S * SIZE; k++)
      largest = fmax(largest, fabs(dx[k]));
    for (size_t k = 0; k < S * SIZE; k += 5) {
      const double want = difference(objective, k / SIZE, k);
      ck_assert_msg(fabs(dx[k] - want) < 1e-6 * largest, "exact %d: dx[%zu] = %.12g, not %.12g",
                    exact, k, dx[k], want);
    }
    free(gradient);
  }
  close_network();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("shapes");
  tcase_add_test(tc, edges_come_receiver_by_receiver);
  tcase_add_loop_test(tc, a_list_of_all_pairs_is_all_pairs_to_the_bit, 0, NETWORKS);
  tcase_add_loop_test(tc, divergence_with_a_cutoff_is_its_difference, 0, NETWORKS);
  tcase_add_loop_test(tc, gradients_with_a_cutoff_are_their_differences, 0, NETWORKS);
  return run_suite("shapes", tc);
}
