/* test_refine.c -- the objective refine: path gradients of the flow's own samples, weighted and
 * cut. */
#include "laws/objectives.h"

/* With path gradients g_i and losses u + log q of single samples, w_i = exp(-loss_i), the gradient
   is the sum of ((1 - lambda)/n + lambda w_i / sum w) g_i, the largest weights cut. */
START_TEST(refine_weighs_the_path_gradients_of_its_samples) {
  enum { SAMPLES = 6, MOST = 4096 };
  static const char *const cuts[] = {"0", "0.5"};
  static double want[MOST], got[MOST], one[SAMPLES][MOST];
  double weight[SAMPLES], sorted[SAMPLES], sum = 0, norm = 0;
  set("train.lambda", _i < 2 ? "0.3" : "0");
  set("train.lambda_end", _i < 2 ? "0.3" : "0");
  set("train.sample_clip", "0");
  set("train.weight_cut", cuts[_i % 2]);
  set("train.trace", "exact");
  set("ode.steps", "16"); /* log q of the way up is that of the way down */
  begin();
  const double lambda = _i < 2 ? 0.3 : 0;
  const enf__batch batch = batch_of(SAMPLES, 100);
  for (size_t i = 0; i < SAMPLES; i++) {
    const enf__batch single = batch_of(1, 100 + i);
    sorted[i] = weight[i] = exp(-evaluate(&enf__path_gradient, &single, one[i]));
    for (size_t k = i; k > 0 && sorted[k] > sorted[k - 1]; k--) {
      const double kept = sorted[k];
      sorted[k] = sorted[k - 1];
      sorted[k - 1] = kept;
    }
  }
  for (size_t i = 0; i < SAMPLES; i++) {
    weight[i] = fmin(weight[i], sorted[_i % 2 ? 2 : 0]);
    sum += weight[i];
  }
  for (size_t i = 0; i < SAMPLES; i++)
    for (size_t k = 0; k < tr->work->params.size; k++)
      want[k] += ((1 - lambda) / SAMPLES + lambda * weight[i] / sum) * one[i][k];
  evaluate(&enf__refine, &batch, got);
  for (size_t k = 0; k < tr->work->params.size; k++)
    norm = fmax(norm, fabs(want[k]));
  for (size_t k = 0; k < tr->work->params.size; k++)
    ck_assert_double_eq_tol(got[k], want[k], 1e-6 * norm);
}
END_TEST

/* Cut so short that every sample counts alike: half of it halves the gradient. */
START_TEST(refine_cuts_the_gradients_of_its_samples) {
  static double gradient[2][4096];
  set("train.lambda", "0.3");
  for (int k = 0; k < 2; k++) {
    set("train.sample_clip", k ? "1e-7" : "2e-7");
    begin();
    const enf__batch batch = batch_of(6, 100);
    evaluate(&enf__refine, &batch, gradient[k]);
    ck_assert_double_gt(fabs(gradient[k][0]), 0);
    for (size_t i = 0; k && i < tr->work->params.size; i++)
      ck_assert_double_eq_tol(2 * gradient[1][i], gradient[0][i],
                              1e-9 * fabs(gradient[0][i]) + 1e-18);
    end();
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("laws");
  tcase_add_checked_fixture(tc, open_bag, close_bag);
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, refine_weighs_the_path_gradients_of_its_samples, 0, 4);
  tcase_add_test(tc, refine_cuts_the_gradients_of_its_samples);
  return run_suite("refine", tc);
}
