/* test_params.c -- the table of parameters: where views are and what they begin with. Memory that
   runs out is the matter of tests/oom. */
#include "core/params.h"
#include "core/random.h"
#include "suite.h"

START_TEST(views_follow_each_other_and_begin_as_they_say) {
  enf_ctx *ctx;
  enf__params params;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  enf__params_open(ctx, &params);
  size_t offset = 0;
  for (size_t k = 0; k < 200; k++) { /* the table grows more than once */
    const enf__tensor t = {.rows = 2, .cols = 1 + k % 3, .spread = 0.25, .first = 1, .last = 3};
    ck_assert_uint_eq(enf__params_add(&params, t, "part_%zu.weight", k), offset);
    offset += t.rows * t.cols;
  }
  ck_assert_int_eq(enf__params_allocate(ctx, &params), ENF_OK);
  ck_assert_uint_eq(params.size, offset);
  ck_assert_uint_eq(params.count, 200);
  ck_assert_str_eq(params.tensor[123].name, "part_123.weight");
  for (size_t i = 0; i < params.size; i++)
    ck_assert_double_eq(params.value[i], 0);
  enf__params_init(&params, 7);
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *t = &params.tensor[k];
    const size_t count = t->rows * t->cols;
    double u[6];
    enf__random_uniform(7, ENF__STREAM_INIT, k, count, u);
    for (size_t i = 0; i < count; i++)
      ck_assert_double_eq_tol(params.value[t->offset + i],
                              1 + 2 * (double)i / (double)(count - 1) + 0.25 * (2 * u[i] - 1),
                              1e-15);
  }
  enf__params_close(&params);
  enf__params_close(&params);
  enf_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("params");
  tcase_add_test(tc, views_follow_each_other_and_begin_as_they_say);
  return run_suite("params", tc);
}
