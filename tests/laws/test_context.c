/* Conditional flows: what is given, a context or kinds, moves nothing and counts in no density. Their
   fields have the derivatives of differences, their densities integrate to 1 whatever is given, their
   samples have their density; a trained one follows its context. What is not given is refused. */
#include "core/random.h"
#include "flow/sized.h"
#include "host.h"
#include "moving.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LENGTH(list) (sizeof(list) / sizeof *(list))

static enf_flow *make_flow(size_t count, option *list) {
  enf_flow *flow;
  enf_opts *opts = options_of(count, list);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  ck_assert_msg(enf_create(ctx, &flow, opts) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  enf_opts_destroy(opts);
  make_it_move(flow);
  for (size_t k = 0; k < flow->params.count; k++) {
    const enf__tensor *t = &flow->params.tensor[k];
    for (size_t i = 0; !strcmp(t->name, "context.width") && i < t->cols; i++)
      flow->params.value[t->offset + i] = 2;
  }
  enf__flow_pack(flow);
  return flow;
}

/* Configurations of 2, 3 and 4 particles with F features or kinds, and contexts of G numbers. */
static enf_batch *molecules(size_t n, size_t D, size_t F, bool kinds, size_t G) {
  enf_batch *batch;
  double x[12], h[16], c[2];
  const int32_t kind[4] = {1, 0, 2, 0};
  ck_assert_int_eq(enf_batch_create(ctx, &batch, D), ENF_OK);
  for (size_t i = 0; i < n; i++) {
    const size_t N = 2 + i % 3;
    enf__random_normal(5, 1, i, N * D, x);
    enf__random_normal(5, 2, i, N * F, h);
    enf__random_normal(5, 3, i, G, c);
    ck_assert_int_eq(enf_batch_append(ctx, batch, N, kinds ? kind : NULL, F, F ? h : NULL, x),
                     ENF_OK);
    if (G)
      ck_assert_int_eq(enf_batch_set_context(ctx, batch, i, 1, G, c), ENF_OK);
  }
  return batch;
}

#define COMMON                                                                                     \
  {"ode.rtol", "1e-8"}, {"ode.atol", "1e-8"}, {"logdet.tol", "1e-7"}, {"logdet.checks", "0"},      \
      {"model.hidden", "8"}, {"model.layers", "2"}, {"model.seed", "4"}, {"model.data_scale", "1"}
static const option given[] = {COMMON,
                               {"run.precision", "float64"},
                               {"model.context", "2"},
                               {"model.elements", "H C O"},
                               {"model.kinds", "given"}};
static const option alike[] = {COMMON, {"run.precision", "float64"}, {"model.context", "2"}};
static const option featured[] = {
    COMMON, {"run.precision", "float64"}, {"model.context", "2"}, {"model.features", "2"}};
static const struct {
  option *list;
  size_t count, F;
  bool kinds;
} flows[] = {{given, LENGTH(given), 0, true},
             {alike, LENGTH(alike), 0, false},
             {featured, LENGTH(featured), 2, false}};

/* ---- the field ------------------------------------------------------------------------------- */

enum { N = 3, MOST = N * 5 + 2, S = 2, TENSORS = 80 };
typedef struct {
  enf_flow *flow;
  enf__sized view;
  const enf__field *field;
  const enf__shape *shape;
  enf__arena arena;
  size_t size;
  double t[S], x[S * MOST], a[S * MOST], eps[S * MOST], b[S];
} at_points;

static void open_points(at_points *p, int which) {
  static const int kind[N] = {1, 0, 2};
  p->flow = make_flow(flows[which].count, flows[which].list);
  enf__flow_at(&p->view, p->flow, N);
  if (flows[which].kinds)
    p->view.flow.space.shape.kind = kind;
  p->shape = &p->view.flow.space.shape;
  p->field = enf__chain_field(&p->view.flow.chain);
  p->size = enf__shape_size(p->shape);
  p->arena = (enf__arena){0};
  ck_assert(enf__arena_reserve(&ctx->alloc, &p->arena, 1 << 22));
  enf__random_uniform(1, 9, 0, S, p->t);
  enf__random_normal(1, 9, 1, S * p->size, p->x);
  enf__random_normal(1, 9, 2, S * p->size, p->a);
  enf__random_normal(1, 9, 3, S * p->size, p->eps);
  enf__random_normal(1, 9, 4, S, p->b);
  for (size_t s = 0; s < S; s++)
    enf__featured_ops.project(&p->view.flow.space, p->x + s * p->size);
}

static void close_points(at_points *p) {
  enf__arena_free(&ctx->alloc, &p->arena);
  enf_destroy(p->flow);
}

static double dot(size_t n, const double *x, const double *y) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += x[i] * y[i];
  return sum;
}

/* sum <a,v> + b trace, that of a probe or exact. */
static double value_of(at_points *p, bool probe) {
  double v[S * MOST], trace[S], sum = 0;
  const enf__points at = {p->shape, S, p->t, p->x};
  if (probe)
    enf__field_jvp(p->field, &ctx->run, &p->arena, &at, p->eps, v, NULL, trace);
  else
    enf__field_divergence(p->field, &ctx->run, &p->arena, &at, v, trace);
  for (size_t s = 0; s < S; s++)
    sum += dot(p->size, p->a + s * p->size, v + s * p->size) + p->b[s] * trace[s];
  return sum;
}

static void compare_gradient(at_points *p, bool probe) {
  static double grad[20000];
  double dx[S * MOST];
  const enf__points at = {p->shape, S, p->t, p->x};
  const enf__cotangent of = {.eps = probe ? p->eps : NULL, .a = p->a, .b = p->b};
  enf__params *params = &p->flow->params;
  ck_assert_uint_le(params->size, LENGTH(grad));
  memset(grad, 0, sizeof grad);
  enf__field_vjp_trace(p->field, &ctx->run, &p->arena, &at, &of,
                       &(enf__gradient){.dx = dx, .dparams = grad});
  for (size_t s = 0; s < S; s++)
    for (size_t c = enf__shape_moved(p->shape); c < p->size; c++)
      ck_assert_double_eq(dx[s * p->size + c], 0);
  for (size_t k = 0; k < params->count; k++) {
    const enf__tensor *t = &params->tensor[k];
    const size_t count = t->rows * t->cols, step = strstr(t->name, "embedding") ? 1 : 1 + count / 5;
    for (size_t i = 0; !t->fixed && i < count; i += step) {
      double *w = params->value + t->offset + i, ends[2];
      const double kept = *w, h = 1e-5;
      for (int e = 0; e < 2; e++) {
        *w = kept + (e ? h : -h);
        enf__flow_pack(p->flow);
        ends[e] = value_of(p, probe);
      }
      *w = kept;
      const double slope = (ends[1] - ends[0]) / (2 * h), found = grad[t->offset + i];
      ck_assert_msg(fabs(slope - found) < 2e-7 * (1 + fabs(slope)), "%s %zu: %g, not %g", t->name,
                    i, found, slope);
    }
  }
  enf__flow_pack(p->flow);
}

/* The trace by differences, and that nothing moves the context. */
static void compare_trace(at_points *p) {
  const size_t moved = enf__shape_moved(p->shape);
  const enf__points at = {p->shape, S, p->t, p->x};
  double v[S * MOST], div[S], ends[2][S * MOST];
  enf__field_divergence(p->field, &ctx->run, &p->arena, &at, v, div);
  for (size_t s = 0; s < S; s++) {
    double sum = 0;
    for (size_t k = 0; k < moved; k++) {
      double *x = p->x + s * p->size + k;
      const double kept = *x, h = 1e-5;
      for (int e = 0; e < 2; e++) {
        *x = kept + (e ? h : -h);
        enf__field_velocity(p->field, &ctx->run, &p->arena, &at, ends[e]);
      }
      *x = kept;
      sum += (ends[1][s * p->size + k] - ends[0][s * p->size + k]) / (2 * h);
    }
    ck_assert_double_eq_tol(sum, div[s], 1e-7 * (1 + fabs(sum)));
    for (size_t c = moved; c < p->size; c++)
      ck_assert_double_eq(v[s * p->size + c], 0);
  }
  double *context = p->x + moved, other[S * MOST];
  context[0] += 1;
  enf__field_velocity(p->field, &ctx->run, &p->arena, &at, other);
  ck_assert_double_gt(fabs(other[0] - v[0]), 1e-4); /* it counts */
  ck_assert_mem_eq(other + p->size, v + p->size, p->size * sizeof *v);
  context[0] -= 1;
}

START_TEST(derivatives_are_those_of_differences) {
  at_points p;
  open_points(&p, _i);
  compare_trace(&p);
  compare_gradient(&p, false);
  compare_gradient(&p, true);
  close_points(&p);
}
END_TEST

/* ---- densities and samples ------------------------------------------------------------------- */

/* Turned, exchanged and alone: the same density; float32 is close to float64. */
START_TEST(density_is_invariant_and_of_its_own) {
  enum { COUNT = 6 };
  static const option coarse[] = {{"run.precision", "float32"}, {"ode.rtol", "1e-5"},
                                  {"ode.atol", "1e-5"},         {"logdet.tol", "1e-4"},
                                  {"logdet.checks", "0"}};
  enf_flow *flow = make_flow(flows[_i].count, flows[_i].list);
  enf_batch *batch = molecules(COUNT, 3, flows[_i].F, flows[_i].kinds, 2), *one;
  double logp[COUNT], alone, y[12], h[8];
  int32_t kind[4];
  ck_assert_msg(enf_log_prob_batch(ctx, flow, batch, 1, logp, NULL) == ENF_OK, "%s",
                enf_ctx_errmsg(ctx));
  for (size_t i = 0; i < COUNT; i++)
    for (int turned = 0; turned < 2; turned++) {
      size_t n, F;
      const int32_t *kinds;
      const double *features, *x, *context;
      enf_batch_get(batch, i, &n, &kinds, &F, &features, &x);
      enf_batch_context(batch, i, NULL, &context);
      for (size_t a = 0; a < n; a++) {
        const size_t from = turned ? n - 1 - a : a;
        const double *r = x + 3 * from, c = turned ? cos(0.7) : 1, s = turned ? sin(0.7) : 0;
        y[3 * a] = c * r[0] - s * r[1];
        y[3 * a + 1] = s * r[0] + c * r[1];
        y[3 * a + 2] = turned ? 1 - r[2] : r[2];
        kind[a] = kinds ? kinds[from] : 0;
        for (size_t f = 0; f < F; f++)
          h[a * F + f] = features[from * F + f];
      }
      ck_assert_int_eq(enf_batch_create(ctx, &one, 3), ENF_OK);
      ck_assert_int_eq(enf_batch_append(ctx, one, n, kinds ? kind : NULL, F, F ? h : NULL, y),
                       ENF_OK);
      ck_assert_int_eq(enf_batch_set_context(ctx, one, 0, 1, 2, context), ENF_OK);
      ck_assert_int_eq(enf_log_prob_batch(ctx, flow, one, 1, &alone, NULL), ENF_OK);
      if (turned)
        ck_assert_double_eq_tol(alone, logp[i], 1e-6);
      else
        ck_assert_mem_eq(&alone, logp + i, sizeof alone);
      enf_batch_destroy(one);
    }
  enf_opts *opts = options_of(LENGTH(coarse), coarse);
  double single[COUNT];
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
  ck_assert_int_eq(enf_log_prob_batch(ctx, flow, batch, 1, single, NULL), ENF_OK);
  for (size_t i = 0; i < COUNT; i++)
    ck_assert_double_eq_tol(single[i], logp[i], 2e-3);
  enf_batch_destroy(batch);
  enf_destroy(flow);
}
END_TEST

/* Samples have their density, carry what they were given, and are those of the flow's file. */
START_TEST(samples_have_their_density) {
  enum { COUNT = 5 };
  char path[64];
  enf_flow *flow = make_flow(flows[_i].count, flows[_i].list), *loaded;
  enf_batch *like = molecules(COUNT, 3, flows[_i].F, flows[_i].kinds, 2), *made, *bare;
  double logp[COUNT], again[COUNT];
  ck_assert_msg(enf_sample_given(ctx, flow, like, 3, 7, &made, logp) == ENF_OK, "%s",
                enf_ctx_errmsg(ctx));
  ck_assert_uint_eq(enf_batch_count(made), COUNT);
  for (size_t i = 0; i < COUNT; i++) {
    const double *c[2];
    const int32_t *kind[2];
    size_t n[2], G;
    enf_batch_context(like, i, NULL, &c[0]);
    enf_batch_context(made, i, &G, &c[1]);
    enf_batch_get(like, i, &n[0], &kind[0], NULL, NULL, NULL);
    enf_batch_get(made, i, &n[1], &kind[1], NULL, NULL, NULL);
    ck_assert(G == 2 && n[0] == n[1]);
    ck_assert_mem_eq(c[0], c[1], 2 * sizeof *c[0]);
    if (flows[_i].kinds)
      ck_assert_mem_eq(kind[0], kind[1], n[0] * sizeof *kind[0]);
  }
  snprintf(path, sizeof path, "/tmp/enf-context-%d.enf", (int)getpid());
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  ck_assert_msg(enf_load(ctx, &loaded, path) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  unlink(path);
  ck_assert_int_eq(enf_log_prob_batch(ctx, loaded, made, 1, again, NULL), ENF_OK);
  for (size_t i = 0; i < COUNT; i++)
    ck_assert_double_eq_tol(logp[i], again[i], 1e-5);
  double vx[64], vh[64], div[COUNT], t[COUNT] = {0.2, 0.4, 0.6, 0.8, 1}, x[64], h[64];
  ck_assert_int_eq(enf_velocity_batch(ctx, flow, made, t, vx, vh, div), ENF_OK);
  ck_assert_int_eq(enf_transport_batch(ctx, flow, made, 1, 0, x, h, logp), ENF_OK);
  bare = molecules(COUNT, 3, flows[_i].F, flows[_i].kinds, 0);
  ck_assert_int_eq(enf_log_prob_batch(ctx, flow, bare, 1, again, NULL), ENF_ERR_SHAPE);
  enf_batch_destroy(bare);
  enf_batch_destroy(made);
  enf_batch_destroy(like);
  enf_destroy(loaded);
  enf_destroy(flow);
}
END_TEST

/* Two particles in the plane: the integral over their distance, whose angle gives 2 pi. */
static void integrate(const enf_flow *flow, double context, double *total, double *distance) {
  enum { POINTS = 200 };
  const double far = 6, pi = 3.14159265358979323846;
  double logp[POINTS];
  enf_batch *batch;
  ck_assert_int_eq(enf_batch_create(ctx, &batch, 2), ENF_OK);
  for (size_t i = 0; i < POINTS; i++) {
    const double v = ((double)i + 0.5) / POINTS, s = far * v * v;
    const double x[4] = {s / sqrt(2), 0, -s / sqrt(2), 0};
    ck_assert_int_eq(enf_batch_append(ctx, batch, 2, NULL, 0, NULL, x), ENF_OK);
    ck_assert_int_eq(enf_batch_set_context(ctx, batch, i, 1, 1, &context), ENF_OK);
  }
  ck_assert_int_eq(enf_log_prob_batch(ctx, flow, batch, 1, logp, NULL), ENF_OK);
  *total = *distance = 0;
  for (size_t i = 0; i < POINTS; i++) {
    const double v = ((double)i + 0.5) / POINTS, s = far * v * v;
    const double share = 2 * pi * s * exp(logp[i]) * 2 * far * v / POINTS;
    *total += share;
    *distance += share * s * sqrt(2);
  }
  enf_batch_destroy(batch);
}

START_TEST(density_integrates_to_one_given_anything) {
  static const option pair[] = {COMMON,
                                {"run.precision", "float64"},
                                {"model.dimensions", "2"},
                                {"model.context", "1"}};
  enf_flow *flow = make_flow(LENGTH(pair), pair);
  double mean[3];
  for (int k = 0; k < 3; k++) {
    double total;
    integrate(flow, k - 1.0, &total, mean + k);
    ck_assert_double_eq_tol(total, 1, 1e-5);
  }
  ck_assert_double_gt(fabs(mean[0] - mean[2]), 1e-3);
  enf_destroy(flow);
}
END_TEST

/* Kinds that are given are those of model.species. */
START_TEST(given_kinds_are_species) {
  static const option kinds[] = {COMMON,
                                 {"run.precision", "float64"},
                                 {"model.elements", "H C O"},
                                 {"model.kinds", "given"}};
  static const option species[] = {COMMON,
                                   {"run.precision", "float64"},
                                   {"model.particles", "3"},
                                   {"model.species", "0 1 2"}};
  enf_flow *a = make_flow(LENGTH(kinds), kinds), *b = make_flow(LENGTH(species), species);
  enf_batch *batch = molecules(6, 3, 0, true, 0);
  double logp[2][6];
  ck_assert_uint_eq(a->params.size, b->params.size);
  ck_assert_int_eq(enf_log_prob_batch(ctx, a, batch, 1, logp[0], NULL), ENF_OK);
  ck_assert_int_eq(enf_log_prob_batch(ctx, b, batch, 1, logp[1], NULL), ENF_OK);
  ck_assert_mem_eq(logp[0], logp[1], sizeof logp[0]);
  enf_batch_destroy(batch);
  enf_destroy(a);
  enf_destroy(b);
}
END_TEST

/* ---- training -------------------------------------------------------------------------------- */

/* Pairs in the plane whose distance is normal about 1 + c, of width 0.1; c, 5 c' + 300 outside, is 0 or
   1. */
static enf_batch *pairs(size_t n, uint64_t number) {
  enf_batch *batch;
  ck_assert_int_eq(enf_batch_create(ctx, &batch, 2), ENF_OK);
  for (size_t i = 0; i < n; i++) {
    double noise, turn, x[4] = {0};
    const double c = (double)(i % 2), told = 300 + 5 * c;
    enf__random_normal(11, 1, number + i, 1, &noise);
    enf__random_uniform(11, 2, number + i, 1, &turn);
    x[0] = (1 + c + 0.1 * noise) * cos(6.2831853 * turn);
    x[1] = (1 + c + 0.1 * noise) * sin(6.2831853 * turn);
    ck_assert_int_eq(enf_batch_append(ctx, batch, 2, NULL, 0, NULL, x), ENF_OK);
    ck_assert_int_eq(enf_batch_set_context(ctx, batch, i, 1, 1, &told), ENF_OK);
  }
  return batch;
}

static enf_flow *train(const char *objective, const char *threads, size_t steps) {
  const option list[] = {{"model.dimensions", "2"},  {"model.context", "1"},
                         {"model.hidden", "24"},     {"model.layers", "2"},
                         {"train.objective", objective}, {"train.steps", steps > 100 ? "400" : "100"},
                         {"train.lr", "5e-3"},       {"run.threads", threads},
                         {"train.coupling", "equivariant-ot"}, {"train.weight_decay", "0.1"},
                         {"logdet.checks", "0"},     {"train.ema", "0.95"}};
  enf_opts *opts = options_of(LENGTH(list), list);
  enf_flow *flow;
  enf_trainer *trainer;
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  ck_assert_int_eq(enf_trainer_create(ctx, &trainer, flow, opts), ENF_OK);
  enf_opts_destroy(opts);
  for (size_t k = 0; k < steps; k++) {
    enf_batch *batch = pairs(64, 64 * k);
    enf_step_info info = ENF_STEP_INFO_INIT;
    ck_assert_msg(enf_train_step_batch(ctx, trainer, batch, &info) == ENF_OK, "%s",
                  enf_ctx_errmsg(ctx));
    ck_assert(isfinite(info.loss));
    enf_batch_destroy(batch);
  }
  enf_trainer_destroy(trainer);
  return flow;
}

/* The normalisation is that of the first batch; distances follow what is given. */
static void check_trained(const enf_flow *flow, double slack) {
  const enf__featured *f = &flow->space.featured;
  ck_assert_double_eq_tol(f->shift[0], 302.5, 1e-9);
  ck_assert_double_eq_tol(f->width[0], 2.5, 1e-9);
  for (int c = 0; c < 2; c++) {
    double total, distance;
    integrate(flow, 300 + 5.0 * c, &total, &distance);
    ck_assert_double_eq_tol(total, 1, 0.01);
    ck_assert_msg(fabs(distance - 1 - c) < slack, "given %d: mean distance %g", c, distance);
  }
}

START_TEST(a_matched_flow_follows_its_context) {
  enf_flow *flow = train("flow-matching", "1", 400);
  check_trained(flow, 0.08);
  enf_batch *like = pairs(200, 9), *made;
  double sum[2] = {0};
  ck_assert_int_eq(enf_sample_given(ctx, flow, like, 1, 0, &made, NULL), ENF_OK);
  for (size_t i = 0; i < 200; i++) {
    const double *x;
    enf_batch_get(made, i, NULL, NULL, NULL, NULL, &x);
    sum[i % 2] += hypot(x[0] - x[2], x[1] - x[3]) / 100;
  }
  ck_assert_double_eq_tol(sum[0], 1, 0.1);
  ck_assert_double_eq_tol(sum[1], 2, 0.1);
  enf_batch_destroy(like);
  enf_batch_destroy(made);
  enf_destroy(flow);
}
END_TEST

START_TEST(a_likely_flow_follows_its_context) {
  enf_flow *flow = train("likelihood", "1", 100);
  check_trained(flow, 0.1);
  enf_destroy(flow);
}
END_TEST

START_TEST(weights_do_not_depend_on_threads) {
  enf_flow *one = train("flow-matching", "1", 3), *two = train("flow-matching", "3", 3);
  ck_assert_mem_eq(one->params.value, two->params.value,
                   one->params.size * sizeof *one->params.value);
  enf_destroy(one);
  enf_destroy(two);
}
END_TEST

/* The weights of one flow in another, by their names; those of the context are 0. */
static void take_weights(enf_flow *to, const enf_flow *from) {
  for (size_t k = 0; k < from->params.count; k++) {
    const enf__tensor *a = &from->params.tensor[k], *b = to->params.tensor;
    while (strcmp(a->name, b->name) != 0)
      b++;
    const size_t more = b->cols - a->cols; /* before the last column, which is the time's */
    memset(to->params.value + b->offset, 0, b->rows * b->cols * sizeof *to->params.value);
    for (size_t i = 0; i < a->rows * a->cols; i++) {
      const size_t row = i / a->cols, col = i % a->cols;
      const size_t at = col + (more && col + 1 == a->cols ? more : 0);
      to->params.value[b->offset + row * b->cols + at] = from->params.value[a->offset + i];
    }
  }
  enf__flow_pack(to);
}

/* The loss of one step on molecules with kinds. */
static double loss_of(enf_flow *flow, const enf_opts *opts, const enf_batch *batch) {
  enf_trainer *trainer;
  enf_step_info info = ENF_STEP_INFO_INIT;
  ck_assert_int_eq(enf_trainer_create(ctx, &trainer, flow, opts), ENF_OK);
  ck_assert_msg(enf_train_step_batch(ctx, trainer, batch, &info) == ENF_OK, "%s",
                enf_ctx_errmsg(ctx));
  enf_trainer_destroy(trainer);
  return info.loss;
}

/* Kinds that are generated: without weights a context changes neither bound nor loss. */
START_TEST(a_context_of_no_weight_changes_nothing) {
  const option list[] = {{"run.precision", "float64"},    {"ode.method", "rk4"},
                         {"ode.steps", "8"},              {"logdet.checks", "0"},
                         {"model.elements", "H C O"},     {"model.charges", "1"},
                         {"model.dequantiser", "variational"}, {"model.actnorm", "1"},
                         {"model.hidden", "8"},           {"model.layers", "2"},
                         {"model.sizes", "2:1 3:1 4:1"},  {"train.ot_block", "1"},
                         {"train.coupling", "equivariant-ot"}, {"train.feature_cost", "1"},
                         {"train.frobenius", _i ? "0.01" : "0"}, {"train.kinetic", _i ? "0.01" : "0"},
                         {"train.objective", _i ? "likelihood" : "flow-matching"}};
  enf_opts *opts = options_of(LENGTH(list), list);
  enf_flow *flow[2];
  enf_batch *batch[2] = {molecules(7, 3, 0, true, 0), molecules(7, 3, 0, true, 2)};
  double bound[2][7], loss[2];
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  ck_assert_int_eq(enf_create(ctx, &flow[0], opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.context", "2"), ENF_OK);
  ck_assert_int_eq(enf_create(ctx, &flow[1], opts), ENF_OK);
  take_weights(flow[1], flow[0]);
  for (int k = 0; k < 2; k++) {
    ck_assert_int_eq(enf_log_prob_batch(ctx, flow[k], batch[k], 3, bound[k], NULL), ENF_OK);
    loss[k] = loss_of(flow[k], opts, batch[k]);
  }
  for (size_t i = 0; i < 7; i++)
    ck_assert_double_eq_tol(bound[0][i], bound[1][i], 1e-9);
  ck_assert_double_eq_tol(loss[0], loss[1], 1e-9);
  enf_opts_destroy(opts);
  for (int k = 0; k < 2; k++) {
    enf_batch_destroy(batch[k]);
    enf_destroy(flow[k]);
  }
}
END_TEST

/* ---- refusals -------------------------------------------------------------------------------- */

#define SAYS(text)                                                                                 \
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), text) != NULL, "%s", enf_ctx_errmsg(ctx))

static void refuse_flow(size_t count, option *list, const char *text) {
  enf_opts *opts = options_of(count, list);
  enf_flow *flow;
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_ERR_OPTION);
  SAYS(text);
  enf_opts_destroy(opts);
}

START_TEST(what_is_not_given_is_refused) {
  enf_flow *flow = make_flow(LENGTH(given), given);
  enf_batch *batch = molecules(4, 3, 0, true, 2), *made, *none = molecules(4, 3, 0, false, 2);
  const double c[3] = {1, 2, 3}, bad[2] = {1, NAN};
  const int32_t unknown[2] = {0, 3};
  double logp[5], x[6] = {0, 0, 0, 1, 0, 0};
  ck_assert_int_eq(enf_batch_set_context(ctx, batch, 0, 1, 3, c), ENF_ERR_SHAPE);
  SAYS("3 numbers, the others of the batch have 2");
  ck_assert_int_eq(enf_batch_set_context(ctx, batch, 0, 1, 0, c), ENF_ERR_SHAPE);
  ck_assert_int_eq(enf_batch_set_context(ctx, batch, 3, 1, 2, bad), ENF_ERR_NONFINITE);
  SAYS("number 1 of the context of configuration 3 is nan");
  ck_assert_int_eq(enf_batch_set_context(ctx, batch, 4, 1, 2, c), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_batch_set_context(ctx, batch, 0, 1, 2, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_batch_append(ctx, batch, 2, unknown, 0, NULL, x), ENF_OK);
  ck_assert_int_eq(enf_log_prob_batch(ctx, flow, batch, 1, logp, NULL), ENF_ERR_SHAPE);
  SAYS("configuration 4 has 0 numbers of context, model.context is 2");
  ck_assert_int_eq(enf_sample_given(ctx, flow, batch, 1, 0, &made, NULL), ENF_ERR_SHAPE);
  ck_assert_int_eq(enf_batch_set_context(ctx, batch, 4, 1, 2, c), ENF_OK);
  ck_assert_int_eq(enf_log_prob_batch(ctx, flow, batch, 1, logp, NULL), ENF_ERR_RANGE);
  SAYS("the kind of particle 1 is 3");
  ck_assert_int_eq(enf_sample_given(ctx, flow, none, 1, 0, &made, NULL), ENF_ERR_SHAPE);
  SAYS("no kinds");
  ck_assert_int_eq(enf_sample_batch(ctx, flow, 1, 0, 2, 4, &made, NULL), ENF_ERR_SHAPE);
  SAYS("enf_sample_given");
  ck_assert_int_eq(enf_log_prob(ctx, flow, 1, x, logp), ENF_ERR_SHAPE);
  refuse_flow(2, (option[]){{"model.context", "1"}, {"model.particles", "3"}}, "leave it 0");
  refuse_flow(2, (option[]){{"model.context", "1"}, {"model.field", "pair-kernel"}}, "egnn");
  refuse_flow(2, (option[]){{"model.context", "1"}, {"model.reflections", "0"}}, "or a context");
  refuse_flow(1, (option[]){{"model.kinds", "given"}}, "model.particles");
  refuse_flow(2, (option[]){{"model.kinds", "given"}, {"model.features", "1"}}, "model.elements");
  refuse_flow(3, (option[]){{"model.kinds", "given"}, {"model.elements", "H"}, {"model.charges", "1"}},
              "model.charges");
  enf_batch_destroy(batch);
  enf_batch_destroy(none);
  enf_destroy(flow);
}
END_TEST

/* What the file has at the keys, and what is written reads back the same. */
START_TEST(files_have_contexts) {
  static const char *const frames = "2\ngap=1.5 mu=\"2 -3\"\nC 0 0 0\nO 1 0 0\n"
                                    "2\nmu=[4, 5] gap=2.5\nC 0 0 0\nO 2 0 0\n"
                                    "2\ngap=high\nC 0 0 0\nO 2 0 0\n";
  const double first[3] = {1.5, 2, -3}, second[3] = {2.5, 4, 5}, *values;
  char path[64];
  enf_batch_reader *reader;
  enf_batch *batch, *again;
  size_t G;
  snprintf(path, sizeof path, "/tmp/enf-context-%d.xyz", (int)getpid());
  FILE *file = fopen(path, "w");
  ck_assert(file && fputs(frames, file) >= 0 && fclose(file) == 0);
  ck_assert_int_eq(enf_batch_create(ctx, &batch, 3), ENF_OK);
  ck_assert_int_eq(enf_batch_reader_open(ctx, &reader, NULL, path), ENF_OK);
  ck_assert_int_eq(enf_batch_reader_context(ctx, reader, ""), ENF_ERR_ARG);
  ck_assert_int_eq(enf_batch_reader_context(ctx, reader, "gap,mu"), ENF_OK);
  ck_assert_int_eq(enf_batch_reader_next(ctx, reader, 2, batch), ENF_OK);
  ck_assert_int_eq(enf_batch_reader_context(ctx, reader, "gap"), ENF_ERR_STATE);
  for (size_t i = 0; i < 2; i++) {
    ck_assert_int_eq(enf_batch_context(batch, i, &G, &values), ENF_OK);
    ck_assert_uint_eq(G, 3);
    ck_assert_mem_eq(values, i ? second : first, sizeof first);
  }
  ck_assert_int_eq(enf_batch_write(ctx, batch, NULL, path), ENF_OK);
  ck_assert_int_eq(enf_batch_reader_next(ctx, reader, 1, batch), ENF_ERR_FORMAT);
  SAYS("'high' of 'gap' is no finite number");
  enf_batch_reader_close(reader);
  ck_assert_int_eq(enf_batch_create(ctx, &again, 3), ENF_OK);
  ck_assert_int_eq(enf_batch_reader_open(ctx, &reader, NULL, path), ENF_OK);
  ck_assert_int_eq(enf_batch_reader_context(ctx, reader, "context"), ENF_OK);
  ck_assert_int_eq(enf_batch_reader_next(ctx, reader, 9, again), ENF_OK);
  ck_assert_int_eq(enf_batch_context(again, 1, NULL, &values), ENF_OK);
  ck_assert_mem_eq(values, second, sizeof second);
  enf_batch_reader_close(reader);
  ck_assert_int_eq(enf_batch_reader_open(ctx, &reader, NULL, path), ENF_OK);
  ck_assert_int_eq(enf_batch_reader_context(ctx, reader, "gap"), ENF_OK);
  ck_assert_int_eq(enf_batch_reader_next(ctx, reader, 1, again), ENF_ERR_FORMAT);
  SAYS("line 2: the comment has no 'gap='");
  enf_batch_reader_close(reader);
  unlink(path);
  enf_batch_destroy(batch);
  enf_batch_destroy(again);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("context");
  tcase_set_timeout(tc, 60);
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_loop_test(tc, derivatives_are_those_of_differences, 0, LENGTH(flows));
  tcase_add_loop_test(tc, density_is_invariant_and_of_its_own, 0, LENGTH(flows));
  tcase_add_loop_test(tc, samples_have_their_density, 0, LENGTH(flows));
  tcase_add_test(tc, density_integrates_to_one_given_anything);
  tcase_add_test(tc, given_kinds_are_species);
  tcase_add_test(tc, a_matched_flow_follows_its_context);
  tcase_add_test(tc, a_likely_flow_follows_its_context);
  tcase_add_test(tc, weights_do_not_depend_on_threads);
  tcase_add_loop_test(tc, a_context_of_no_weight_changes_nothing, 0, 2);
  tcase_add_test(tc, what_is_not_given_is_refused);
  tcase_add_test(tc, files_have_contexts);
  return run_suite("conditional flows", tc);
}
