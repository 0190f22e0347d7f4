/* The density of a mixture, responsibilities and the path of EM against golden vectors. */
#include "flow/mixture.h"
#include "golden.h"
#include "train/boost.h"

enum { n = 200, C = 3 };

static golden g;

static void setup(void) {
  memset(&g, 0, sizeof g);
  ck_assert_int_eq(enf_ctx_create(&g.ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__st_read(g.ctx, &g.file, GOLDEN_DIR "/families_mixture.safetensors"),
                   ENF_OK);
}

static void teardown(void) {
  enf__st_free(&g.file);
  enf_ctx_destroy(g.ctx);
}

static void expect(const char *name, size_t count, const double *got) {
  size_t found;
  double *want = golden_doubles(&g, name, &found);
  ck_assert_uint_eq(found, count);
  ck_assert_msg(golden_error(count, got, want) < 1e-12, "%s: %g", name,
                golden_error(count, got, want));
  free(want);
}

START_TEST(density_and_responsibilities) {
  double *logp = golden_doubles(&g, "component_logp", NULL);
  double *weights = golden_doubles(&g, "weights", NULL), log_weight[C], total[n], r[n * C];
  enf_flow mix = {.parts = C, .log_weight = log_weight};
  for (size_t c = 0; c < C; c++)
    log_weight[c] = log(weights[c]);
  for (size_t i = 0; i < n; i++) {
    total[i] = enf__mixture_total(&mix, logp + i * C);
    for (size_t c = 0; c < C; c++)
      r[i * C + c] = exp(logp[i * C + c] - total[i]);
  }
  expect("logp", n, total);
  expect("responsibilities", n * C, r);
  double first[n], slope[n * C];
  for (size_t k = 0; k < n * C; k++) {
    first[k / C] = r[k / C * C]; /* the weight of part 0's score in that of the mixture */
    slope[k] = r[k] / weights[k % C];
  }
  expect("score_x_weights", n, first);
  expect("boost.dlogp_drho", n * C, slope);
  free(logp);
  free(weights);
}
END_TEST

/* em.weights_k and the mean of log G there. */
START_TEST(path_of_em) {
  static const int steps[] = {1, 2, 20, 200};
  double *logp = golden_doubles(&g, "component_logp", NULL);
  double *rho = golden_doubles(&g, "weights", NULL), mean, next[C];
  for (int k = 0, done = 0; k < 4; k++) {
    char name[32];
    for (; done < steps[k]; done++)
      enf__mixture_em(n, C, logp, NULL, rho, NULL);
    snprintf(name, sizeof name, "em.weights_%d", steps[k]);
    expect(name, C, rho);
    memcpy(next, rho, sizeof next);
    enf__mixture_em(n, C, logp, NULL, next, &mean);
    snprintf(name, sizeof name, "em.mean_logp_%d", steps[k]);
    expect(name, 1, &mean);
  }
  free(logp);
  free(rho);
}
END_TEST

START_TEST(path_of_em_with_weights) {
  double *logp = golden_doubles(&g, "component_logp", NULL);
  double *rho = golden_doubles(&g, "weights", NULL);
  double *w = golden_doubles(&g, "em.sample_weights", NULL);
  enf__mixture_em(n, C, logp, w, rho, NULL);
  expect("em.weighted_1", C, rho);
  for (int k = 1; k < 20; k++)
    enf__mixture_em(n, C, logp, w, rho, NULL);
  expect("em.weighted_20", C, rho);
  free(logp);
  free(rho);
  free(w);
}
END_TEST

/* The published weights of rows, and the loss of a sample. */
START_TEST(rules_of_boosting) {
  double *total = golden_doubles(&g, "logp", NULL), w[n];
  double *u = golden_doubles(&g, "boost.energy_u", NULL);
  double *logG = golden_doubles(&g, "boost.energy_logG", NULL);
  double *logg = golden_doubles(&g, "boost.energy_logg", NULL);
  const double floor = strtod(enf__st_meta_find(&g.file, "boost.floor"), NULL);
  const double cap = strtod(enf__st_meta_find(&g.file, "boost.cap"), NULL);
  const double lambda = strtod(enf__st_meta_find(&g.file, "boost.lambda"), NULL);
  const double clip = -strtod(enf__st_meta_find(&g.file, "boost.clip"), NULL);
  enf__boost_weights(n, total, 0, 1, w);
  expect("boost.weights", n, w);
  enf__boost_weights(n, total, floor, cap, w);
  expect("boost.capped", n, w);
  for (size_t i = 0; i < n; i++)
    w[i] = enf__boost_loss(u[i], logG[i], logg[i], lambda, clip);
  expect("boost.energy_loss", n, w);
  double *const all[] = {total, u, logG, logg};
  for (size_t i = 0; i < 4; i++)
    free(all[i]);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden mixture");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, density_and_responsibilities);
  tcase_add_test(c, path_of_em);
  tcase_add_test(c, path_of_em_with_weights);
  tcase_add_test(c, rules_of_boosting);
  return run_suite("golden mixture", c);
}
