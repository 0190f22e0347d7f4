/* test_anneal.c -- from a flow to a target by bridges: log Z and averages that are known, with
   their errors, by every kind of move; runs that are cut; what goes wrong without a trace. */
#include "core/random.h"
#include "suite.h"
#include <check.h>
#include <enf/enf.h>
#include <math.h>
#include <string.h>

enum { D = 2, MOST_SIZE = 8, WALKERS = 400 };

static enf_ctx *ctx;
static enf_opts *opts;
static enf_flow *flow;
static enf_energy *dw4;

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

static void setup(void) {
  OK(enf_ctx_create(&ctx, NULL));
  OK(enf_opts_create(ctx, &opts));
}

static void teardown(void) {
  enf_destroy(flow);
  enf_energy_destroy(dw4);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
  flow = NULL;
  dw4 = NULL;
}

/* A flow whose density is the standard normal one of the plane. */
static void make_normal(void) {
  set("model.space", "vector");
  set("model.dimensions", "2");
  set("model.map", "linear");
  set("model.data_scale", "1");
  OK(enf_create(ctx, &flow, opts));
}

typedef struct {
  double x[WALKERS * MOST_SIZE], u[WALKERS], logq[WALKERS], logw[WALKERS];
  uint64_t family[WALKERS];
  enf_annealing at;
} walkers;

static const enf_annealing fresh = ENF_ANNEALING_INIT;

/* ---- a target that is known: a normal density far out ---------------------------------------- */

#define CENTRE 2.0
#define WIDTH 0.4
static size_t calls, fails_at;

static int normal(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)user;
  for (size_t i = 0; i < n; i++) {
    const double a = (x[D * i] - CENTRE) / WIDTH, b = x[D * i + 1] / WIDTH;
    u[i] = (a * a + b * b) / 2;
    if (grad)
      grad[D * i] = a / WIDTH, grad[D * i + 1] = b / WIDTH;
  }
  return ++calls == fails_at ? 5 : 0;
}

/* Autoregression towards the centre is reversible with respect to the target. */
static int host_move(void *user, uint64_t number, size_t n, double *x, double *u) {
  for (size_t i = 0; i < n; i++) {
    double z[D];
    enf__random_normal(77, 90, number * WALKERS + i, D, z);
    x[D * i] = CENTRE + 0.6 * (x[D * i] - CENTRE) + 0.8 * WIDTH * z[0];
    x[D * i + 1] = 0.6 * x[D * i + 1] + 0.8 * WIDTH * z[1];
  }
  return normal(user, n, x, u, NULL);
}

static enf_status anneal(walkers *w, const enf_anneal_plan *plan, uint64_t most) {
  return enf_anneal(ctx, flow, normal, NULL, plan, most, &w->at, WALKERS, w->x, w->u, w->logq,
                    w->logw, w->family);
}

/* Mean of f (n, stride) and its error, families taken as independent. */
static double mean_of(const walkers *w, const double *f, size_t stride, double *error) {
  double mean = 0, squares = 0, part[WALKERS] = {0};
  for (size_t i = 0; i < WALKERS; i++)
    mean += exp(w->logw[i]) * f[i * stride];
  for (size_t i = 0; i < WALKERS; i++)
    part[w->family[i]] += exp(w->logw[i]) * (f[i * stride] - mean);
  for (size_t i = 0; i < WALKERS; i++)
    squares += part[i] * part[i];
  *error = sqrt(squares);
  return mean;
}

START_TEST(log_z_and_averages_are_those_of_the_target) {
  static const struct {
    double ess_resample;
    enf_move_fn move;
    uint64_t guided;
  } ways[] = {{0.5, NULL, 0}, {0, NULL, 0}, {0.9, host_move, 0}, {0, host_move, 0}, {0.5, NULL, 1}, {0, NULL, 1}};
  enf_anneal_plan plan = ENF_ANNEAL_PLAN_INIT;
  const double exact = log(2 * acos(-1) * WIDTH * WIDTH);
  double error;
  walkers w = {.at = fresh};
  make_normal();
  plan.ess_resample = ways[_i].ess_resample;
  plan.move = ways[_i].move;
  plan.guided = ways[_i].guided;
  plan.seed = 3;
  OK(anneal(&w, &plan, 0));
  ck_assert_double_eq(w.at.beta, 1);
  ck_assert_uint_gt(w.at.bridges, 3);
  ck_assert_uint_gt(w.at.accepted, w.at.proposals / 10);
  ck_assert_int_eq(w.at.resamplings > 0, plan.ess_resample > 0);
  ck_assert_double_lt(w.at.log_z_err, 0.2);
  ck_assert_double_eq_tol(w.at.log_z, exact, 3 * w.at.log_z_err);
  const double mean = mean_of(&w, w.x, D, &error);
  ck_assert_double_eq_tol(mean, CENTRE, 3 * error);
  const double energy = mean_of(&w, w.u, 1, &error);
  ck_assert_double_eq_tol(energy, 1, 3 * error);
  ck_assert_double_lt(error, 0.2);
}
END_TEST

/* DW4 from a flow that has learnt nothing: <u> and log Z by quadrature. */
START_TEST(an_untrained_flow_is_brought_to_dw4) {
  enf_anneal_plan plan = ENF_ANNEAL_PLAN_INIT;
  walkers w = {.at = fresh};
  double error;
  set("model.particles", "4");
  set("model.dimensions", "2");
  set("model.hidden", "4");
  set("model.layers", "1");
  set("model.data_scale", "2.2");
  set("ode.method", "rk4");
  set("ode.steps", "2");
  set("logdet.checks", "0");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  OK(enf_energy_builtin(ctx, &dw4, "dw4"));
  plan.moves = 4;
  OK(enf_anneal(ctx, flow, enf_energy_eval, dw4, &plan, 0, &w.at, WALKERS, w.x, w.u, w.logq, w.logw,
                w.family));
  ck_assert_double_lt(w.at.log_z_err, 0.5);
  ck_assert_double_eq_tol(w.at.log_z, 29.667232, 3 * w.at.log_z_err);
  const double energy = mean_of(&w, w.u, 1, &error);
  ck_assert_double_eq_tol(energy, -22.54151, 3 * error);
  ck_assert_double_lt(error, 0.5);
}
END_TEST

/* ---- cut, and gone on with ---------------------------------------------------------------------
 */

START_TEST(a_run_that_is_cut_is_the_same_to_the_bit) {
  enf_anneal_plan plan = ENF_ANNEAL_PLAN_INIT;
  walkers whole = {.at = fresh}, parts = {.at = fresh};
  make_normal();
  OK(anneal(&whole, &plan, 0));
  set("run.threads", "2");
  OK(enf_ctx_configure(ctx, opts));
  for (uint64_t most = 1; parts.at.beta < 1; most++)
    OK(anneal(&parts, &plan, most));
  ck_assert_mem_eq(&whole, &parts, sizeof whole);
  OK(anneal(&parts, &plan, 0)); /* there is nothing left to do */
  ck_assert_mem_eq(&whole, &parts, sizeof whole);
}
END_TEST

START_TEST(a_call_that_fails_leaves_everything_as_it_was) {
  enf_anneal_plan plan = ENF_ANNEAL_PLAN_INIT;
  walkers w = {.at = fresh}, before;
  make_normal();
  OK(anneal(&w, &plan, 2));
  before = w;
  fails_at = calls + 30;
  ck_assert_int_eq(anneal(&w, &plan, 0), ENF_ERR_CALLBACK);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "returned 5"));
  ck_assert_mem_eq(&w, &before, sizeof w);
  fails_at = 0;
  OK(anneal(&w, &plan, 0));
}
END_TEST

START_TEST(what_is_no_argument_is_refused) {
  enf_anneal_plan plan = ENF_ANNEAL_PLAN_INIT;
  walkers w = {.at = fresh};
  make_normal();
  plan.ess_step = 1;
  ck_assert_int_eq(anneal(&w, &plan, 0), ENF_ERR_RANGE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "ess_step is 1"));
  plan = (enf_anneal_plan)ENF_ANNEAL_PLAN_INIT;
  plan.leapfrog = 0;
  ck_assert_int_eq(anneal(&w, &plan, 0), ENF_ERR_RANGE);
  plan = (enf_anneal_plan)ENF_ANNEAL_PLAN_INIT;
  plan.guided = 1;
  plan.move = host_move;
  ck_assert_int_eq(anneal(&w, &plan, 0), ENF_ERR_RANGE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "guided is 1"));
  plan.struct_size = 0;
  ck_assert_int_eq(anneal(&w, &plan, 0), ENF_ERR_ARG);
  plan = (enf_anneal_plan)ENF_ANNEAL_PLAN_INIT;
  ck_assert_int_eq(enf_anneal(ctx, flow, NULL, NULL, &plan, 0, &w.at, WALKERS, w.x, w.u, w.logq,
                              w.logw, w.family),
                   ENF_ERR_ARG);
  ck_assert_int_eq(
      enf_anneal(ctx, flow, normal, NULL, &plan, 0, &w.at, WALKERS, w.x, w.u, w.logq, w.logw, NULL),
      ENF_ERR_ARG);
  OK(anneal(&w, &plan, 1));
  w.family[3] = WALKERS;
  ck_assert_int_eq(anneal(&w, &plan, 1), ENF_ERR_RANGE);
}
END_TEST

int main(void) {
  TCase *tcase = tcase_create("anneal");
  tcase_set_timeout(tcase, 30);
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_add_loop_test(tcase, log_z_and_averages_are_those_of_the_target, 0, 6);
  tcase_add_test(tcase, an_untrained_flow_is_brought_to_dw4);
  tcase_add_test(tcase, a_run_that_is_cut_is_the_same_to_the_bit);
  tcase_add_test(tcase, a_call_that_fails_leaves_everything_as_it_was);
  tcase_add_test(tcase, what_is_no_argument_is_refused);
  return run_suite("anneal", tcase);
}
