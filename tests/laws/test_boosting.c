/* test_boosting.c -- objectives of mixtures and of a part beside one: gradients against
   differences, a gradient of zero at the solution, and trainings. */
#include "core/random.h"
#include "flow/mixture.h"
#include "suite.h"
#include "train/boost.h"
#include "train/train.h"
#include <enf/enf.h>
#include <stdio.h>
#include <string.h>

enum { D = 2, ROWS = 24 };

static enf_ctx *ctx, *inner;
static enf_opts *opts;
static enf_flow *part, *mix;
static enf_energy *moons;
static double x[ROWS * D];

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

static enf_flow *make_part(double shift) {
  enf_flow *flow;
  const double w[] = {0.9, 0.2, -0.3, 1.2}, b[] = {shift, 0.1};
  OK(enf_create(ctx, &flow, opts));
  OK(enf_params_set(ctx, flow, "linear.0.weight", w, 4));
  OK(enf_params_set(ctx, flow, "linear.0.bias", b, 2));
  return flow;
}

static void setup(void) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  OK(enf_ctx_create(&inner, NULL));
  OK(enf_opts_create(ctx, &opts));
  set("model.space", "vector");
  set("model.dimensions", "2");
  set("model.map", "linear*2");
  set("model.data_scale", "1.3");
  set("model.prior", "student-t");
  set("model.prior_train", "1");
  set("train.steps", "30");
  set("train.seed", "5");
  set("run.precision", "float64");
  OK(enf_ctx_configure(ctx, opts));
  enf_flow *one = make_part(-1), *two = make_part(0.8);
  const enf_flow *parts[] = {one, two};
  const double weights[] = {0.3, 0.7};
  OK(enf_mixture_create(ctx, &mix, 2, parts, weights));
  enf_destroy(one);
  enf_destroy(two);
  part = make_part(0.3);
  OK(enf_energy_builtin(ctx, &moons, "toy:u1"));
  OK(enf_energy_sample(ctx, moons, 3, 0, ROWS, x));
}

static void teardown(void) {
  enf_energy_destroy(moons);
  enf_destroy(part);
  enf_destroy(mix);
  enf_opts_destroy(opts);
  enf_ctx_destroy(inner);
  enf_ctx_destroy(ctx);
}

/* ---- one objective by itself ----------------------------------------------------------------- */

typedef struct {
  const enf__objective *objective;
  enf_flow *flow;
  const enf_flow *beside;
  double progress;
  enf_energy_fn energy;
  void *user;
} job;

/* Loss and, unless NULL, the gradient (P). */
static double evaluate(const job *j, double *gradient) {
  static double state[ROWS * D], volume[ROWS];
  const size_t P = j->flow->params.size;
  for (size_t i = 0; i < ROWS; i++)
    j->flow->space.ops->enter(&j->flow->space, x + i * D, state + i * D, NULL, volume + i);
  enf__batch b = {.options = opts,
                  .flow = j->flow,
                  .n = ROWS,
                  .x = state,
                  .volume = volume,
                  .host = x,
                  .progress = j->progress,
                  .passes = 100,
                  .energy = j->energy,
                  .energy_user = j->user,
                  .mixture = j->beside,
                  .share = 0.4,
                  .step = 1};
  enf__slope slope;
  OK(enf__reserve(ctx, j->objective->call_bytes(&b), j->objective->worker_bytes(&b, &ctx->run)));
  OK(j->objective->evaluate(ctx, &b, &slope));
  for (size_t k = 0; gradient && k < P; k++) {
    gradient[k] = 0;
    for (size_t s = 0; s < slope.buffers; s++)
      gradient[k] += slope.gradients[s * P + k];
  }
  ck_assert_uint_eq(slope.failed, 0);
  return slope.loss;
}

/* Every parameter of every tensor, by name. */
static void check_gradient(const job *j) {
  enf__params *params = &j->flow->params;
  double gradient[128];
  ck_assert_uint_le(params->size, 128);
  evaluate(j, gradient);
  for (size_t t = 0; t < params->count; t++) {
    const enf__tensor *view = &params->tensor[t];
    for (size_t k = view->offset; k < view->offset + view->rows * view->cols; k++) {
      const double h = 1e-5, at = params->value[k];
      double side[2];
      for (int s = 0; s < 2; s++) {
        params->value[k] = at + (s ? h : -h);
        enf__flow_pack(j->flow);
        side[s] = evaluate(j, NULL);
      }
      params->value[k] = at;
      enf__flow_pack(j->flow);
      ck_assert_msg(fabs(gradient[k] - (side[1] - side[0]) / (2 * h)) <
                        1e-7 * (1 + fabs(gradient[k])),
                    "%s[%zu]: %.12g, differences give %.12g", view->name, k - view->offset,
                    gradient[k], (side[1] - side[0]) / (2 * h));
    }
  }
}

START_TEST(gradient_of_a_mixture_s_likelihood) {
  const job j = {.objective = &enf__mixture_likelihood, .flow = mix};
  double logp[ROWS], sum = 0;
  OK(enf_log_prob(ctx, mix, ROWS, x, logp));
  for (size_t i = 0; i < ROWS; i++)
    sum -= logp[i] / ROWS;
  ck_assert_double_eq_tol(evaluate(&j, NULL), sum, 1e-12);
  check_gradient(&j);
}
END_TEST

/* In both phases. */
START_TEST(gradient_of_boosting_by_likelihood) {
  const job j = {
      .objective = &enf__boost_likelihood, .flow = part, .beside = mix, .progress = _i ? 0.8 : 0.1};
  check_gradient(&j);
}
END_TEST

/* The prior's own numbers are data's alone: an energy does not move them. */
START_TEST(gradient_of_boosting_by_energy) {
  enf_flow *fixed;
  set("model.prior_train", "0");
  fixed = make_part(0.3);
  const job j = {.objective = &enf__boost_energy,
                 .flow = fixed,
                 .beside = mix,
                 .energy = enf_energy_eval,
                 .user = moons};
  check_gradient(&j);
  enf_destroy(fixed);
}
END_TEST

static int own_potential(void *user, size_t n, const double *at, double *u, double *grad) {
  const enf_status status = enf_log_prob_grad(inner, user, n, at, u, grad);
  for (size_t i = 0; i < n; i++)
    u[i] = -u[i];
  for (size_t k = 0; k < n * D; k++)
    grad[k] = -grad[k];
  return status;
}

/* Where the target is the mixture itself, every sample's gradient is zero, and so is the loss. */
START_TEST(gradient_of_a_mixture_s_energy_is_zero_at_the_solution) {
  const job j = {
      .objective = &enf__mixture_energy, .flow = mix, .energy = own_potential, .user = mix};
  double gradient[128];
  ck_assert_double_eq_tol(evaluate(&j, gradient), 0, 1e-12);
  for (size_t k = 0; k < mix->params.size; k++)
    ck_assert_double_eq_tol(gradient[k], 0, 1e-11);
}
END_TEST

/* ---- trainings ------------------------------------------------------------------------------- */

static double train(enf_flow *flow, const enf_flow *beside, const char *objective, int steps) {
  enf_trainer *tr;
  enf_step_info info = ENF_STEP_INFO_INIT;
  double first = 0;
  set("train.objective", objective);
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  ck_assert_int_eq(enf_trainer_set_energy(tr, enf_energy_eval, moons), ENF_OK);
  ck_assert_int_eq(enf_trainer_set_mixture(tr, beside), ENF_OK);
  for (int k = 0; k < steps; k++) {
    OK(enf_train_step(ctx, tr, ROWS, x, &info));
    first = k == 0 ? info.loss : first;
  }
  enf_trainer_destroy(tr);
  return info.loss - first;
}

START_TEST(loss_of_a_mixture_goes_down) {
  static const char *const objectives[] = {"likelihood", "energy"};
  ck_assert_double_lt(train(mix, NULL, objectives[_i], 30), -0.1);
}
END_TEST

START_TEST(part_beside_a_mixture_trains) {
  static const char *const objectives[] = {"likelihood", "energy"};
  ck_assert(isfinite(train(part, mix, objectives[_i], 30)));
}
END_TEST

/* A training stops and goes on in the same bits, `copy` in the place of its flow; a part beside a
   mixture with the share it had. */
static void stop_and_go_on(enf_trainer *tr, const enf_flow *flow, const enf_flow *beside) {
  const char *path = "/tmp/enf-test-boosting.safetensors";
  enf_trainer *again;
  enf_flow *copy;
  OK(enf_trainer_save(ctx, tr, path));
  OK(enf_copy(ctx, &copy, flow));
  OK(enf_trainer_load(ctx, &again, copy, path));
  ck_assert_int_eq(enf_trainer_set_mixture(again, beside), ENF_OK);
  ck_assert(again->share == tr->share);
  OK(enf_train_step(ctx, tr, ROWS, x, NULL));
  OK(enf_train_step(ctx, again, ROWS, x, NULL));
  ck_assert_mem_eq(flow->params.value, copy->params.value,
                   flow->params.size * sizeof *flow->params.value);
  remove(path);
  enf_trainer_destroy(again);
  enf_destroy(copy);
}

START_TEST(training_of_a_mixture_resumes) {
  enf_trainer *tr;
  set("train.objective", "likelihood");
  OK(enf_trainer_create(ctx, &tr, mix, opts));
  for (int k = 0; k < 3; k++)
    OK(enf_train_step(ctx, tr, ROWS, x, NULL));
  stop_and_go_on(tr, mix, NULL);
  enf_trainer_destroy(tr);
}
END_TEST

START_TEST(boosting_resumes) {
  enf_trainer *tr;
  set("train.objective", "likelihood");
  set("train.steps", "3"); /* the likelihood of rows weighted by 1/G is over soon */
  OK(enf_trainer_create(ctx, &tr, part, opts));
  OK(enf_trainer_set_mixture(tr, mix));
  for (int k = 0; k < 102; k++)
    OK(enf_train_step(ctx, tr, ROWS, x, NULL));
  ck_assert(tr->share != 1.0 / 3);
  stop_and_go_on(tr, part, mix);
  enf_trainer_destroy(tr);
}
END_TEST

START_TEST(what_does_not_go_is_refused) {
  enf_trainer *tr;
  set("train.objective", "mixed");
  ck_assert_int_eq(enf_trainer_create(ctx, &tr, mix, opts), ENF_ERR_OPTION);
  OK(enf_trainer_create(ctx, &tr, part, opts));
  ck_assert_int_eq(enf_trainer_set_mixture(tr, mix), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_trainer_set_mixture(NULL, mix), ENF_ERR_ARG);
  enf_trainer_destroy(tr);
  set("train.objective", "likelihood");
  OK(enf_trainer_create(ctx, &tr, mix, opts));
  ck_assert_int_eq(enf_trainer_set_mixture(tr, part), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_trainer_set_mixture(tr, NULL), ENF_OK);
  enf_trainer_destroy(tr);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("boosting");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, gradient_of_a_mixture_s_likelihood);
  tcase_add_loop_test(c, gradient_of_boosting_by_likelihood, 0, 2);
  tcase_add_test(c, gradient_of_boosting_by_energy);
  tcase_add_test(c, gradient_of_a_mixture_s_energy_is_zero_at_the_solution);
  tcase_add_loop_test(c, loss_of_a_mixture_goes_down, 0, 2);
  tcase_add_loop_test(c, part_beside_a_mixture_trains, 0, 2);
  tcase_add_test(c, training_of_a_mixture_resumes);
  tcase_add_test(c, boosting_resumes);
  tcase_add_test(c, what_does_not_go_is_refused);
  return run_suite("boosting", c);
}
