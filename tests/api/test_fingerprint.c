/* enf_trainer_data: a training knows its data set, in its file too. */
#include "suite.h"
#include <enf/enf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOTAL = 5, WIDTH = 3 * 2 };

static enf_ctx *ctx;
static enf_flow *flow;
static enf_trainer *tr;
static double x[TOTAL * WIDTH];
static char path[64];

static void setup(void) {
  enf_opts *opts = NULL;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  enf_opts_set_int(opts, "model.particles", 3);
  enf_opts_set_int(opts, "model.dimensions", 2);
  enf_opts_set_int(opts, "model.hidden", 4);
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  ck_assert_int_eq(enf_trainer_create(ctx, &tr, flow, opts), ENF_OK);
  enf_opts_destroy(opts);
  for (int i = 0; i < TOTAL * WIDTH; i++)
    x[i] = (i * 7 % 11) * 0.3;
  snprintf(path, sizeof path, "/tmp/enf-fingerprint-%ld.trainer", (long)getpid());
}

static void teardown(void) {
  enf_trainer_destroy(tr);
  enf_destroy(flow);
  enf_ctx_destroy(ctx);
  unlink(path);
}

static void load(void) {
  enf_trainer_destroy(tr);
  ck_assert_int_eq(enf_trainer_load(ctx, &tr, flow, path), ENF_OK);
}

START_TEST(other_data_are_refused) {
  ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL, x), ENF_OK);
  for (int i = 0; i < TOTAL * WIDTH; i++) {
    const double kept = x[i];
    x[i] += 1e-15 * (1 + x[i]);
    ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL, x), ENF_ERR_STATE);
    ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "another data set"));
    x[i] = kept;
  }
  ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL - 1, x), ENF_ERR_STATE);
  ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL, x), ENF_OK);
}
END_TEST

START_TEST(rows_in_another_order_are_other_data) {
  double swapped[TOTAL * WIDTH];
  memcpy(swapped, x + WIDTH, WIDTH * sizeof *x);
  memcpy(swapped + WIDTH, x, WIDTH * sizeof *x);
  memcpy(swapped + 2 * WIDTH, x + 2 * WIDTH, (TOTAL - 2) * WIDTH * sizeof *x);
  ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL, x), ENF_OK);
  ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL, swapped), ENF_ERR_STATE);
}
END_TEST

START_TEST(the_file_remembers) {
  ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL, x), ENF_OK);
  ck_assert_int_eq(enf_trainer_save(ctx, tr, path), ENF_OK);
  load();
  ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL - 1, x), ENF_ERR_STATE);
  ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL, x), ENF_OK);
}
END_TEST

START_TEST(a_file_without_data_takes_the_first) {
  ck_assert_int_eq(enf_trainer_save(ctx, tr, path), ENF_OK);
  load();
  ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL - 1, x), ENF_OK);
  ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL, x), ENF_ERR_STATE);
}
END_TEST

START_TEST(careless_arguments_are_refused) {
  ck_assert_int_eq(enf_trainer_data(NULL, tr, TOTAL, x), ENF_ERR_ARG);
  ck_assert_int_eq(enf_trainer_data(ctx, NULL, TOTAL, x), ENF_ERR_ARG);
  ck_assert_int_eq(enf_trainer_data(ctx, tr, 0, x), ENF_ERR_ARG);
  ck_assert_int_eq(enf_trainer_data(ctx, tr, TOTAL, NULL), ENF_ERR_ARG);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("data");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, other_data_are_refused);
  tcase_add_test(tests, rows_in_another_order_are_other_data);
  tcase_add_test(tests, the_file_remembers);
  tcase_add_test(tests, a_file_without_data_takes_the_first);
  tcase_add_test(tests, careless_arguments_are_refused);
  return run_suite("fingerprint", tests);
}
