/* test_refine.c -- the objective refine: path gradients of the flow's own samples, weighted and
   cut; the temperature of all objectives with an energy. */
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

/* A host whose energy is that of `energy` at the temperature 1/0.38. */
static int warm_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  const int result = energy(user, n, x, u, grad);
  for (size_t i = 0; i < n; i++)
    u[i] *= 0.38;
  for (size_t k = 0; k < n * dim; k++)
    grad[k] *= 0.38;
  return result;
}

/* Three tenths of the way from 0.2 to 0.8, every objective with an energy is that of 0.38 u. */
START_TEST(beta_goes_from_its_first_value_to_its_last) {
  static double want[4096], got[4096];
  begin();
  ck_assert_int_eq(enf_trainer_set_energy(tr, warm_energy, &host), ENF_OK);
  enf__batch batch = batch_of(6, 100);
  const double loss = evaluate(tables[_i], &batch, want);
  end();
  set("train.beta", "0.2");
  set("train.beta_end", "0.8");
  begin();
  batch = batch_of(6, 100);
  ck_assert_double_eq_tol(evaluate(tables[_i], &batch, got), loss, 1e-12 * fabs(loss));
  for (size_t k = 0; k < tr->work->params.size; k++)
    ck_assert_double_eq_tol(got[k], want[k], 1e-10 * (1 + fabs(want[k])));
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("laws");
  tcase_add_checked_fixture(tc, open_bag, close_bag);
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, refine_weighs_the_path_gradients_of_its_samples, 0, 4);
  tcase_add_test(tc, refine_cuts_the_gradients_of_its_samples);
  tcase_add_loop_test(tc, beta_goes_from_its_first_value_to_its_last, 1, OBJECTIVES);
  return run_suite("refine", tc);
}
