/* test_series.c -- log-determinants of residual maps by a series with a random last term: unbiased, with
   the variance that they state, which stands when the draws are doubled; functions of seed and sample.
   Their gradients in training: unbiased, functions of the row's place in the stream, exact where a
   factor is at hand. */
#include "laws/objectives.h"

enum { SAMPLES = 3, PROBES = 1000, CALLS = 100 };

static double x[SAMPLES * MOST_DIM], exact[SAMPLES];

static void set_weights(int kind) {
  const double w = atanh(0.85 / 0.9);
  dim = flow->space.shape.particles * D;
  enf__random_normal(4, 62, 0, flow->params.size, flow->params.value);
  for (size_t i = 0; i < flow->params.count; i++) {
    const enf__tensor *t = &flow->params.tensor[i];
    for (size_t k = 0; k < t->rows * t->cols; k++)
      flow->params.value[t->offset + k] *= t->cols == 1 ? 0.1 : 2;
    for (size_t k = 0; kind < 2 && t->cols > 1 && k < t->cols; k++)
      flow->params.value[t->offset + k] = kind == 0 ? w : -w;
  }
  enf__flow_pack(flow);
}

/* 0, 1: J = +-0.85 on the mean-free subspace. 2: weights and points of all kinds, c = 0.9. */
static void begin_series(int kind) {
  set("model.map", "residual");
  set("model.residual", "kernel");
  set("model.residual_cells", "6");
  set("model.bound", "0.9");
  set("logdet.probes", "1000");
  set("logdet.terms", "2"); /* most of it is behind them */
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  set_weights(kind);
  for (size_t i = 0; i < SAMPLES; i++)
    enf__space_normal(&flow->space, 1.2, 5, 63, i, x + i * dim);
  OK(enf_log_prob(ctx, flow, SAMPLES, x, exact));
}

/* 1e5 draws of each sample: within 3 errors of the exact value, the variance of the first half that
   of all. */
START_TEST(estimates_are_unbiased_and_their_variance_stands) {
  double logp[SAMPLES], var[SAMPLES], mean[SAMPLES] = {0}, all[SAMPLES] = {0}, half[SAMPLES] = {0};
  begin_series(_i);
  for (uint64_t seed = 0; seed < CALLS; seed++) {
    OK(enf_log_prob_estimate(ctx, flow, SAMPLES, x, seed, logp, var));
    for (size_t i = 0; i < SAMPLES; i++) {
      mean[i] += logp[i] / CALLS;
      all[i] += var[i] / CALLS;
      half[i] += seed < CALLS / 2 ? 2 * var[i] / CALLS : 0;
    }
  }
  for (size_t i = 0; i < SAMPLES; i++) {
    ck_assert_double_eq_tol(mean[i], exact[i], 3 * sqrt(all[i] / CALLS));
    ck_assert_double_eq_tol(half[i] / all[i], 1, 0.1);
    ck_assert_double_lt(all[i] * PROBES, 20); /* of one probe */
  }
}
END_TEST

START_TEST(estimates_depend_on_seed_and_sample_alone) {
  double logp[SAMPLES], var[SAMPLES], one, its, other;
  begin_series(2);
  OK(enf_log_prob_estimate(ctx, flow, SAMPLES, x, 7, logp, var));
  for (size_t i = 0; i < SAMPLES; i++) {
    OK(enf_log_prob_estimate(ctx, flow, 1, x + i * dim, 7, &one, &its));
    ck_assert(one == logp[i] && its == var[i]);
  }
  OK(enf_log_prob_estimate(ctx, flow, 1, x, 8, &other, &its));
  ck_assert(other != logp[0]);
}
END_TEST

/* Samples that carry an estimate have the mean of those that carry the exact density. */
START_TEST(samples_carry_estimates) {
  double y[SAMPLES * MOST_DIM], again[SAMPLES * MOST_DIM], logp[SAMPLES], logq[SAMPLES];
  begin_series(2);
  OK(enf_sample(ctx, flow, 3, 0, SAMPLES, y, logp));
  set("logdet.method", "hutchinson");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_sample(ctx, flow, 3, 0, SAMPLES, again, logq));
  ck_assert_mem_eq(y, again, SAMPLES * dim * sizeof *y);
  for (size_t i = 0; i < SAMPLES; i++) {
    ck_assert(logp[i] != logq[i]);
    ck_assert_double_eq_tol(logp[i], logq[i], 0.5); /* a thousand probes */
  }
}
END_TEST

START_TEST(a_map_without_upper_bound_is_exact) {
  double logp[SAMPLES], var[SAMPLES];
  begin_series(2);
  enf_destroy(flow);
  set("model.residual", "monotone");
  OK(enf_create(ctx, &flow, opts));
  OK(enf_log_prob(ctx, flow, SAMPLES, x, exact));
  OK(enf_log_prob_estimate(ctx, flow, SAMPLES, x, 1, logp, var));
  for (size_t i = 0; i < SAMPLES; i++)
    ck_assert(logp[i] == exact[i] && var[i] == 0);
}
END_TEST

/* ---- trainings ------------------------------------------------------------------------------- */

enum { BATCHES = 250, MOST_P = 32 }; /* of 12 rows and 34 probes: 1e5 draws */

static void begin_training(const char *side, int kind, const char *probes) {
  set("model.map", "residual*2");
  set("model.residual", "kernel");
  set("model.residual_cells", "6");
  set("model.bound", "0.9");
  set("model.explicit", side);
  set("model.residual_gradient", "series");
  set("logdet.terms", "2");
  set("train.probes", probes);
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  N = flow->space.shape.particles;
  set_weights(kind);
  ck_assert_uint_le(flow->params.size, MOST_P);
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  ck_assert_int_eq(enf_trainer_set_energy(tr, energy, &host), ENF_OK);
  for (size_t i = 0; i < ROWS; i++)
    enf__space_normal(&flow->space, 1.1, 5, 61, i, data + i * dim);
}

/* Gradient and, last, loss. */
static void differentiate(const enf__objective *objective, enf__batch b, bool as_it_is, double *gradient) {
  b.exact = as_it_is;
  gradient[b.flow->params.size] = evaluate(objective, &b, gradient);
}

/* Likelihood towards the prior, energy towards the data: the series less what is exact, batch by batch. */
START_TEST(gradients_of_the_series_are_unbiased) {
  const bool likelihood = _i < 3;
  double mean[MOST_P + 1] = {0}, square[MOST_P + 1] = {0}, sum = 0;
  begin_training(likelihood ? "to-prior" : "to-data", _i % 3, "34");
  const size_t P = flow->params.size;
  for (uint64_t k = 0; k < BATCHES; k++) {
    double series[MOST_P + 1], exactly[MOST_P + 1];
    const enf__objective *objective = likelihood ? &enf__likelihood : &enf__energy_objective;
    differentiate(objective, batch_of(ROWS, k * ROWS), false, series);
    differentiate(objective, batch_of(ROWS, k * ROWS), true, exactly);
    for (size_t i = 0; i <= P; i++) {
      mean[i] += (series[i] - exactly[i]) / BATCHES;
      square[i] += pow(series[i] - exactly[i], 2) / BATCHES;
    }
  }
  for (size_t i = 0; i <= P; i++) {
    const double error = sqrt((square[i] - mean[i] * mean[i]) / BATCHES);
    ck_assert_double_le(fabs(mean[i]), 3 * error + 1e-13);
    sum += error;
  }
  ck_assert_double_gt(sum, 1e-4); /* it is an estimate */
}
END_TEST

START_TEST(gradients_of_the_series_depend_on_the_place_of_a_row_alone) {
  double all[MOST_P + 1], one[MOST_P + 1], sum[MOST_P + 1] = {0}, other[MOST_P + 1];
  begin_training("to-prior", 2, "2");
  const size_t P = flow->params.size;
  differentiate(&enf__likelihood, batch_of(ROWS, 100), false, all);
  for (uint64_t i = 0; i < ROWS; i++) {
    enf__batch b = batch_of(1, 100 + i);
    b.x = data + i * dim;
    differentiate(&enf__likelihood, b, false, one);
    for (size_t k = 0; k <= P; k++)
      sum[k] += one[k] / ROWS;
  }
  for (size_t k = 0; k <= P; k++)
    ck_assert_double_eq_tol(sum[k], all[k], 1e-12);
  differentiate(&enf__likelihood, batch_of(ROWS, 101), false, other);
  ck_assert(other[0] != all[0]);
}
END_TEST

/* By the inverse there is a factor anyway; and train.trace exact is exact. */
START_TEST(gradients_are_exact_where_they_can_be) {
  double series[MOST_P + 1], exactly[MOST_P + 1];
  if (_i)
    set("train.trace", "exact");
  begin_training(_i ? "to-prior" : "to-data", 2, "1");
  differentiate(&enf__likelihood, batch_of(ROWS, 3), false, series);
  differentiate(&enf__likelihood, batch_of(ROWS, 3), true, exactly);
  ck_assert_mem_eq(series, exactly, (flow->params.size + 1) * sizeof *series);
}
END_TEST

START_TEST(series_of_a_map_without_upper_bound_is_refused) {
  set("model.map", "residual");
  set("model.residual_gradient", "series");
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "model.residual kernel"));
}
END_TEST

int main(void) {
  TCase *c = tcase_create("series");
  tcase_add_checked_fixture(c, open_bag, close_bag);
  tcase_set_timeout(c, 60);
  tcase_add_loop_test(c, estimates_are_unbiased_and_their_variance_stands, 0, 3);
  tcase_add_test(c, estimates_depend_on_seed_and_sample_alone);
  tcase_add_test(c, samples_carry_estimates);
  tcase_add_test(c, a_map_without_upper_bound_is_exact);
  tcase_add_loop_test(c, gradients_of_the_series_are_unbiased, 0, 6);
  tcase_add_test(c, gradients_of_the_series_depend_on_the_place_of_a_row_alone);
  tcase_add_loop_test(c, gradients_are_exact_where_they_can_be, 0, 2);
  tcase_add_test(c, series_of_a_map_without_upper_bound_is_refused);
  return run_suite("series", c);
}
