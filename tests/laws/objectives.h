/* objectives.h -- what test_objectives.c, test_penalties.c and test_hand.c work with: an energy of a host, a
   small flow and its trainer, and one objective evaluated by itself and differentiated. */
#ifndef OBJECTIVES_H
#define OBJECTIVES_H

#include "../failing_alloc.h"
#include "core/random.h"
#include "suite.h"
#include "train/train.h"
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wunused-function" /* not every test asks everything */

#ifndef DIMENSIONS /* a test may have its own */
#define DIMENSIONS 2
#endif
enum { D = DIMENSIONS, MOST_N = D + 1, MOST_DIM = MOST_N * D, ROWS = 12, MOST_ROWS = 48 };

static failing_alloc memory;
static enf_ctx *ctx, *inner;
static enf_opts *opts;
static enf_flow *flow;
static enf_trainer *tr;
static double data[ROWS * MOST_DIM];
static size_t N, dim;
static char path[64];

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

static void set_all(const char *const (*pairs)[2]) {
  for (; (*pairs)[0]; pairs++)
    set((*pairs)[0], (*pairs)[1]);
}

/* ---- a host's energy ------------------------------------------------------------------------- */

/* What the host's function is to do wrong, and what it saw. */
static struct {
  int result;   /* to return */
  double spoil; /* put into u, or into grad, of the first `spoiled` samples */
  size_t spoiled;
  bool spoil_grad, nosy;
  enf_status seen, seen_trainer; /* what calls on the step's own context and trainer give */
  size_t calls, samples;
  bool foreign;
  pthread_t caller;
} host;

/* sum over pairs of (d - 2)^2 + (d - 2)^4 / 4: smooth, with a well. */
static void springs(const double *x, double *u, double *grad) {
  *u = 0;
  memset(grad, 0, dim * sizeof *grad);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < i; j++) {
      double r[D], square = 0;
      for (size_t a = 0; a < D; a++) {
        r[a] = x[i * D + a] - x[j * D + a];
        square += r[a] * r[a];
      }
      const double d = sqrt(square), e = d - 2, slope = 2 * e + e * e * e;
      *u += e * e + e * e * e * e / 4;
      for (size_t a = 0; a < D; a++) {
        grad[i * D + a] += slope * r[a] / d;
        grad[j * D + a] -= slope * r[a] / d;
      }
    }
}

static int energy(void *user, size_t n, const double *x, double *u, double *grad) {
  ck_assert_ptr_eq(user, &host);
  host.calls++;
  host.samples += n;
  host.foreign = host.foreign || !pthread_equal(host.caller, pthread_self());
  if (host.nosy) {
    host.seen = enf_log_prob(ctx, flow, 1, x, u);
    host.seen_trainer = enf_train_step(inner, tr, n, data, NULL);
  }
  for (size_t i = 0; i < n; i++) {
    springs(x + i * dim, u + i, grad + i * dim);
    if (i < host.spoiled)
      *(host.spoil_grad ? grad + i * dim : u + i) = host.spoil;
  }
  return host.result;
}

/* -log q of the trainer's own working weights. */
static int own_potential(void *user, size_t n, const double *x, double *u, double *grad) {
  const enf_status status = enf_log_prob_grad(inner, user, n, x, u, grad);
  for (size_t i = 0; i < n; i++)
    u[i] = -u[i];
  for (size_t k = 0; k < n * dim; k++)
    grad[k] = -grad[k];
  return status;
}

/* ---- fixtures -------------------------------------------------------------------------------- */

static void open_bag(void) {
  const enf_alloc alloc = failing_alloc_of(&memory);
  memory = (failing_alloc){0};
  memset(&host, 0, sizeof host);
  host.caller = pthread_self();
  ck_assert_int_eq(enf_ctx_create(&ctx, &alloc), ENF_OK);
  OK(enf_ctx_create(&inner, &alloc));
  OK(enf_opts_create(ctx, &opts));
  static const char *const usual[][2] = {{"model.particles", "3"},    {"model.dimensions", "2"},
                                         {"model.hidden", "6"},       {"model.layers", "2"},
                                         {"model.kernels", "6"},      {"model.kernel_times", "4"},
                                         {"model.kernel_range", "4"}, {"model.data_scale", "1.3"},
                                         {"train.seed", "7"},         {"run.precision", "float64"},
                                         {"ode.method", "rk4"},       {"ode.steps", "2"},
                                         {"train.steps", "40"},       {NULL, NULL}};
  set_all(usual);
  snprintf(path, sizeof path, "/tmp/enf-objectives-%ld.safetensors", (long)getpid());
}

static void end(void) {
  enf_trainer_destroy(tr);
  enf_destroy(flow);
  tr = NULL;
  flow = NULL;
}

static void close_bag(void) {
  end();
  enf_opts_destroy(opts);
  enf_ctx_destroy(inner);
  enf_ctx_destroy(ctx);
  unlink(path);
  ck_assert_uint_eq(memory.live, 0);
  ck_assert(!memory.foreign);
}

static const char *const fields[] = {"egnn", "pair-kernel"};
static const char *const objectives[] = {"likelihood", "energy", "mixed", "path-gradient",
                                         "refine"};
static const enf__objective *const tables[] = {&enf__likelihood, &enf__energy_objective,
                                               &enf__mixed, &enf__path_gradient, &enf__refine};
enum { FIELDS = 2, LOSSES = 3, OBJECTIVES = 5 };

/* A flow of the options with weights away from the identity, its trainer, and data. */
static void begin(void) {
  double kick[4096];
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_ctx_configure(inner, opts));
  OK(enf_create(ctx, &flow, opts));
  N = flow->space.shape.particles;
  dim = N * D;
  const size_t params = flow->params.size;
  ck_assert_uint_le(params, sizeof kick / sizeof *kick);
  enf__random_normal(3, 60, 0, params, kick);
  for (size_t k = 0; k < params; k++)
    flow->params.value[k] += 0.1 * kick[k];
  enf__flow_pack(flow);
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  ck_assert_int_eq(enf_trainer_set_energy(tr, energy, &host), ENF_OK);
  for (size_t i = 0; i < ROWS; i++)
    enf__space_normal(&flow->space, 1.1, 5, 61, i, data + i * dim);
}

static enf_status try_step(enf_step_info *info) {
  return enf_train_step(ctx, tr, ROWS, data, info);
}

static enf_step_info step(void) {
  enf_step_info info = ENF_STEP_INFO_INIT;
  OK(try_step(&info));
  return info;
}

/* All parameters of the flow, on the heap. */
static double *weights(size_t *bytes) {
  *bytes = flow->params.size * sizeof(double);
  double *copy = malloc(*bytes);
  memcpy(copy, flow->params.value, *bytes);
  return copy;
}

static const double no_volume[ROWS];
static const double *row_weights; /* of the batches to come, or NULL */

static enf__batch batch_of(size_t n, uint64_t first) {
  return (enf__batch){.options = tr->options,
                      .flow = tr->work,
                      .n = n,
                      .x = data,
                      .volume = no_volume,
                      .weight = row_weights,
                      .first = first,
                      .progress = 0.3,
                      .passes = 5, /* the most an objective has */
                      .energy = tr->energy,
                      .energy_user = tr->energy_user};
}

/* The objective's loss, and its gradient if that is not NULL. */
static double evaluate(const enf__objective *objective, const enf__batch *batch, double *gradient) {
  enf__slope slope;
  const size_t params = batch->flow->params.size;
  OK(enf__reserve(ctx, objective->call_bytes(batch), objective->worker_bytes(batch, &ctx->run)));
  OK(objective->evaluate(ctx, batch, &slope));
  for (size_t b = 0; gradient && b < slope.buffers; b++)
    for (size_t k = 0; k < params; k++)
      gradient[k] = (b ? gradient[k] : 0) + slope.gradients[b * params + k];
  return slope.loss;
}

static double difference(const enf__objective *objective, const enf__batch *batch, size_t at) {
  double *w = tr->work->params.value;
  const double kept = w[at], h = 1e-5;
  double loss[2];
  for (int side = 0; side < 2; side++) {
    w[at] = kept + (side ? h : -h);
    enf__flow_pack(tr->work);
    loss[side] = evaluate(objective, batch, NULL);
  }
  w[at] = kept;
  enf__flow_pack(tr->work);
  return (loss[1] - loss[0]) / (2 * h);
}

/* Some numbers of every tensor against central differences. */
static void compare(const enf__objective *objective, double tolerance) {
  const enf__batch batch = batch_of(3, 1000);
  const size_t params = tr->work->params.size;
  double *gradient = malloc(params * sizeof *gradient), norm = 0;
  evaluate(objective, &batch, gradient);
  for (size_t k = 0; k < params; k++)
    norm += gradient[k] * gradient[k];
  ck_assert_double_gt(norm, 1e-4);
  for (size_t i = 0; i < tr->work->params.count; i++) {
    const enf__tensor *tensor = &tr->work->params.tensor[i];
    const size_t count = tensor->fixed ? 0 : tensor->rows * tensor->cols;
    for (size_t k = 0; k < count; k += 1 + 3 * count / 4) {
      const double got = gradient[tensor->offset + k];
      const double want = difference(objective, &batch, tensor->offset + k);
      ck_assert_msg(fabs(got - want) <= tolerance * (sqrt(norm) + fabs(want)),
                    "%s[%zu]: gradient %.12g, differences %.12g", tensor->name, k, got, want);
    }
  }
  free(gradient);
}

#endif
