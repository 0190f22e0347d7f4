/* test_optimiser.c -- AdamW and the running average against numbers worked out by hand, schedules
   at their corners, sums of gradients that do not depend on threads. */
#include "core/options.h"
#include "suite.h"
#include "train/optimiser.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static enf_ctx *ctx;

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

static void set_threads(int64_t threads) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "run.threads", threads), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
}

/* Gradients 1 and -2, rate 0.1, decay 0.01, from w = 3:
   m^ = 1, v^ = 1;  m^ = (0.09 - 0.2)/0.19,  v^ = (0.000999 + 0.004)/0.001999. */
START_TEST(two_steps_match_numbers_by_hand) {
  enf__optimiser o;
  double w = 3, g = 1;
  const enf__update update = {.rate = 0.1, .shrink = 1, .weight_decay = 0.01, .ema = 0.9};
  ck_assert_int_eq(enf__optimiser_create(ctx, &o, &(enf__params){.size = 1, .value = &w}, false),
                   ENF_OK);
  ck_assert_double_eq(o.average[0], 3);
  ck_assert_int_eq(enf__optimiser_update(ctx, &o, &update, &g, &w), ENF_OK);
  const double first = 3 - 0.1 * (1 / (1 + 1e-8) + 0.03);
  ck_assert_double_eq_tol(w, first, 1e-14);
  ck_assert_double_eq(o.average[0], w);
  g = -2;
  ck_assert_int_eq(enf__optimiser_update(ctx, &o, &update, &g, &w), ENF_OK);
  const double second =
      first - 0.1 * (-0.11 / 0.19 / (sqrt(0.004999 / 0.001999) + 1e-8) + 0.01 * first);
  ck_assert_double_eq_tol(w, second, 1e-13);
  /* (0.9 0.1 w1 + 0.1 w2) / (1 - 0.81) */
  ck_assert_double_eq_tol(o.average[0], (0.09 * first + 0.1 * second) / 0.19, 1e-13);
  enf__optimiser_free(&o);
}
END_TEST

/* The plain average a_k = e a_(k-1) + (1-e) w_k over 1 - e^k, kept beside it. */
START_TEST(running_average_is_bias_corrected) {
  const double decays[] = {0, 0.5, 0.99, 0.9999999}, e = decays[_i];
  enf__optimiser o;
  double w = -1, plain = 0, power = 1;
  const enf__update update = {.rate = 0.3, .shrink = 1, .ema = e};
  ck_assert_int_eq(enf__optimiser_create(ctx, &o, &(enf__params){.size = 1, .value = &w}, false),
                   ENF_OK);
  for (int k = 0; k < 50; k++) {
    double g = sin(k);
    ck_assert_int_eq(enf__optimiser_update(ctx, &o, &update, &g, &w), ENF_OK);
    plain = e * plain + (1 - e) * w;
    power *= e;
    ck_assert_double_eq_tol(o.average[0], plain / (1 - power), 1e-8);
    if (e == 0)
      ck_assert_double_eq(o.average[0], w);
  }
  ck_assert_uint_eq(o.updates, 50);
  enf__optimiser_free(&o);
}
END_TEST

START_TEST(shrinking_the_gradient_is_scaling_it) {
  enf__optimiser a, b;
  double wa[3] = {1, 2, 3}, wb[3] = {1, 2, 3};
  double g[3] = {4, -1, 0.5}, half[3] = {2, -0.5, 0.25};
  enf__update update = {.rate = 0.1, .shrink = 1};
  ck_assert_int_eq(enf__optimiser_create(ctx, &a, &(enf__params){.size = 3, .value = wa}, false),
                   ENF_OK);
  ck_assert_int_eq(enf__optimiser_create(ctx, &b, &(enf__params){.size = 3, .value = wb}, false),
                   ENF_OK);
  ck_assert_int_eq(enf__optimiser_update(ctx, &a, &update, half, wa), ENF_OK);
  update.shrink = 0.5;
  ck_assert_int_eq(enf__optimiser_update(ctx, &b, &update, g, wb), ENF_OK);
  ck_assert_mem_eq(wa, wb, sizeof wa);
  ck_assert_mem_eq(a.moment1, b.moment1, sizeof wa);
  ck_assert_mem_eq(a.moment2, b.moment2, sizeof wa);
  enf__optimiser_free(&a);
  enf__optimiser_free(&b);
}
END_TEST

START_TEST(schedules_have_the_promised_corners) {
  const double peak = 2e-3;
  const uint64_t steps = 1000;
  for (uint64_t k = 0; k < 3000; k += 17)
    ck_assert_double_eq(enf__learning_rate(ENF__CONSTANT, peak, k, steps), peak);
  ck_assert_double_eq(enf__learning_rate(ENF__COSINE, peak, 0, steps), peak);
  ck_assert_double_eq_tol(enf__learning_rate(ENF__COSINE, peak, 999, steps), 0.01 * peak, 1e-18);
  ck_assert_double_eq_tol(enf__learning_rate(ENF__ONE_CYCLE, peak, 0, steps), peak / 51, 1e-18);
  ck_assert_double_eq(enf__learning_rate(ENF__ONE_CYCLE, peak, 50, steps), peak);
  ck_assert_double_eq_tol(enf__learning_rate(ENF__ONE_CYCLE, peak, 999, steps), 0.01 * peak, 1e-18);
  ck_assert_double_eq(enf__learning_rate(ENF__STEPWISE, peak, 0, steps), peak);
  ck_assert_double_eq(enf__learning_rate(ENF__STEPWISE, peak, 599, steps), peak);
  ck_assert_double_eq(enf__learning_rate(ENF__STEPWISE, peak, 600, steps), 0.1 * peak);
  ck_assert_double_eq(enf__learning_rate(ENF__STEPWISE, peak, 900, steps), 0.01 * peak);
  for (int s = ENF__COSINE; s <= ENF__STEPWISE; s++)
    for (uint64_t k = 999; k < 100000; k *= 3)
      ck_assert_double_eq_tol(enf__learning_rate(s, peak, k, steps), 0.01 * peak, 1e-18);
}
END_TEST

START_TEST(rates_rise_once_and_then_fall) {
  const uint64_t plans[] = {1, 2, 3, 19, 20, 21, 40, 333};
  const uint64_t steps = plans[_i];
  for (int s = ENF__CONSTANT; s <= ENF__STEPWISE; s++)
    for (uint64_t k = 1; k < 2 * steps; k++) {
      const double before = enf__learning_rate(s, 1, k - 1, steps);
      const double now = enf__learning_rate(s, 1, k, steps);
      ck_assert(now > 0 && now <= 1);
      ck_assert(now <= before || (s == ENF__ONE_CYCLE && k <= steps / 20));
    }
}
END_TEST

enum { P = 10007, BUFFERS = 5 };

START_TEST(gradient_sums_do_not_depend_on_threads) {
  double *g = malloc(BUFFERS * P * sizeof *g), *one = malloc(BUFFERS * P * sizeof *g);
  double norms[2], square = 0;
  for (int threads = 1; threads <= 2; threads++) {
    for (size_t k = 0; k < BUFFERS * P; k++)
      g[k] = sin((double)k * 1.7);
    set_threads(threads);
    ck_assert_int_eq(enf__reserve(ctx, enf__gradient_bytes(P), 0), ENF_OK);
    ck_assert_int_eq(enf__gradient_sum(ctx, P, BUFFERS, g, &norms[threads - 1]), ENF_OK);
    if (threads == 1)
      memcpy(one, g, P * sizeof *g);
  }
  ck_assert_mem_eq(one, g, P * sizeof *g);
  ck_assert_mem_eq(&norms[0], &norms[1], sizeof norms[0]);
  for (size_t k = 0; k < P; k++) {
    double sum = 0;
    for (size_t b = 0; b < BUFFERS; b++)
      sum += sin((double)(b * P + k) * 1.7);
    ck_assert_double_eq_tol(g[k], sum, 1e-14);
    square += sum * sum;
  }
  ck_assert_double_eq_tol(norms[0], sqrt(square), 1e-11);
  free(g), free(one);
}
END_TEST

static bool set_kernel(const char *name) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "run.kernel", name), ENF_OK);
  const enf_status status = enf_ctx_configure(ctx, opts);
  enf_opts_destroy(opts);
  return status == ENF_OK;
}

/* Two updates of P parameters from BUFFERS gradients: weights, then averages, into out (2,P). */
static double update_all(double *out) {
  enf__optimiser o;
  double *g = malloc(BUFFERS * P * sizeof *g), norm = 0;
  const enf__update update = {.rate = 0.1, .shrink = 0.7, .weight_decay = 0.01, .ema = 0.9};
  for (size_t k = 0; k < P; k++)
    out[k] = cos((double)k);
  ck_assert_int_eq(enf__optimiser_create(ctx, &o, &(enf__params){.size = P, .value = out}, false),
                   ENF_OK);
  for (int step = 0; step < 2; step++) {
    for (size_t k = 0; k < BUFFERS * P; k++)
      g[k] = sin((double)k * (1.7 + step));
    ck_assert_int_eq(enf__reserve(ctx, enf__gradient_bytes(P), 0), ENF_OK);
    ck_assert_int_eq(enf__gradient_sum(ctx, P, BUFFERS, g, &norm), ENF_OK);
    ck_assert_int_eq(enf__optimiser_update(ctx, &o, &update, g, out), ENF_OK);
  }
  memcpy(out + P, o.average, P * sizeof *out);
  enf__optimiser_free(&o);
  free(g);
  return norm;
}

START_TEST(updates_do_not_depend_on_the_instruction_set) {
  const char *const level = _i ? "avx512" : "avx2";
  double *first = malloc(2 * P * sizeof *first), *other = malloc(2 * P * sizeof *first);
  ck_assert(set_kernel("baseline"));
  const double norm = update_all(first);
  if (set_kernel(level)) {
    ck_assert_double_eq(update_all(other), norm);
    ck_assert_mem_eq(first, other, 2 * P * sizeof *first);
  }
  free(first), free(other);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_test(tests, two_steps_match_numbers_by_hand);
  tcase_add_loop_test(tests, running_average_is_bias_corrected, 0, 4);
  tcase_add_test(tests, shrinking_the_gradient_is_scaling_it);
  tcase_add_test(tests, schedules_have_the_promised_corners);
  tcase_add_loop_test(tests, rates_rise_once_and_then_fall, 0, 8);
  tcase_add_test(tests, gradient_sums_do_not_depend_on_threads);
  tcase_add_loop_test(tests, updates_do_not_depend_on_the_instruction_set, 0, 2);
  return run_suite("optimiser", tests);
}
