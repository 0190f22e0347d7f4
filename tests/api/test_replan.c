/* enf_trainer_set_steps: a training whose length is planned again on the way. */
#include "suite.h"
#include <enf/enf.h>
#include <stdlib.h>

enum { BATCH = 4, VALUES = 3 * 2 };

static enf_ctx *ctx;
static enf_flow *flow;
static enf_trainer *tr;

static void make_trainer(int64_t steps) {
  enf_opts *opts = NULL;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  enf_opts_set_int(opts, "model.particles", 3);
  enf_opts_set_int(opts, "model.dimensions", 2);
  enf_opts_set_int(opts, "model.hidden", 4);
  enf_opts_set_int(opts, "train.steps", steps);
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  ck_assert_int_eq(enf_trainer_create(ctx, &tr, flow, opts), ENF_OK);
  enf_opts_destroy(opts);
}

static void free_trainer(void) {
  enf_trainer_destroy(tr);
  enf_destroy(flow);
  enf_ctx_destroy(ctx);
}

/* Learning rate of the last of `n` steps. */
static double steps(int n) {
  double x[BATCH * VALUES];
  enf_step_info info = ENF_STEP_INFO_INIT;
  for (int i = 0; i < BATCH * VALUES; i++)
    x[i] = (i * 7 % 11) * 0.3;
  for (int k = 0; k < n; k++)
    ck_assert_int_eq(enf_train_step(ctx, tr, BATCH, x, &info), ENF_OK);
  return info.lr;
}

START_TEST(next_rate_is_that_of_the_new_schedule) {
  int64_t planned = 0;
  make_trainer(40);
  const double wanted = steps(21);
  free_trainer();
  make_trainer(1000);
  ck_assert(steps(20) < wanted);
  ck_assert_int_eq(enf_trainer_set_steps(tr, 40), ENF_OK);
  ck_assert_double_eq(steps(1), wanted);
  ck_assert_int_eq(enf_trainer_get_int(tr, "steps", &planned), ENF_OK);
  ck_assert_int_eq(planned, 40);
  free_trainer();
}
END_TEST

START_TEST(refused_lengths_change_nothing) {
  int64_t planned = 0;
  make_trainer(40);
  ck_assert_int_eq(enf_trainer_set_steps(NULL, 3), ENF_ERR_ARG);
  ck_assert_int_eq(enf_trainer_set_steps(tr, 0), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_trainer_set_steps(tr, 1000000001), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_trainer_set_steps(tr, UINT64_MAX), ENF_ERR_RANGE);
  enf_trainer_get_int(tr, "steps", &planned);
  ck_assert_int_eq(planned, 40);
  free_trainer();
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("set_steps");
  tcase_add_test(tests, next_rate_is_that_of_the_new_schedule);
  tcase_add_test(tests, refused_lengths_change_nothing);
  return run_suite("replan", tests);
}
