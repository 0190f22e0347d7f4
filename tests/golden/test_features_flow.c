/* Published flows of molecules with features, imported: dequantiser, actnorm, densities, samples'
   way and the bound against the authors' numbers. */
#include "feature_files.h"
#include "flow/bound.h"
#include <enf/flow.h>

static features f;
static golden *g = &f.of;
static enf_flow *flow;
static enf__sized view;
static double x[FEATURES_MOST], y[FEATURES_MOST], want[FEATURES_MOST];

static void set_up(int file) {
  static const char *const options[][2] = {{"run.precision", "float64"}, {"ode.rtol", "1e-10"},
                                           {"ode.atol", "1e-10"},        {"ode.max_steps", "10000"},
                                           {"logdet.tol", "1e-9"},       {"logdet.checks", "0"}};
  char path[256];
  enf_opts *opts;
  features_open(&f, features_files[file], false);
  ck_assert_int_eq(enf_opts_create(g->ctx, &opts), ENF_OK);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    ck_assert_int_eq(enf_opts_set(opts, options[i][0], options[i][1]), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(g->ctx, opts), ENF_OK);
  if (!f.backward) {
    ck_assert_int_eq(enf_opts_set(opts, "model.kind_scale", "4"), ENF_OK);
    ck_assert_int_eq(enf_opts_set(opts, "model.charge_scale", "10"), ENF_OK);
  }
  snprintf(path, sizeof path, GOLDEN_DIR "/%s.safetensors", features_files[file]);
  ck_assert_msg(enf_import(g->ctx, &flow, path, opts) == ENF_OK, "%s", enf_ctx_errmsg(g->ctx));
  enf_opts_destroy(opts);
}

static void tear_down(void) {
  enf_destroy(flow);
  golden_close(g);
}

static const enf_flow *at(size_t m) { return enf__flow_at(&view, flow, f.atoms[m]); }

static void expect(const char *what, size_t n, const double *got, const double *wanted,
                   double limit) {
  const double error = golden_error(n, got, wanted);
  ck_assert_msg(error <= limit, "%s: relative error %.2e, allowed %.0e", what, error, limit);
}

static void kinds_of(size_t m, int32_t *kind) {
  double hot[FEATURES_MOST];
  const size_t S = f.F - 1;
  features_rows(&f, "in.one_hot", m, S, 0, S, hot);
  for (size_t i = 0; i < f.atoms[m]; i++)
    for (size_t s = 0; s < S; s++)
      if (hot[i * S + s] == 1)
        kind[i] = (int32_t)s;
}

START_TEST(dequantiser_is_the_published_one) {
  set_up(0);
  for (size_t m = 0; m < g->B; m++) {
    int32_t kind[12];
    double eps[FEATURES_MOST], v[FEATURES_MOST], log_q;
    const double log_q_want = features_number(&f, "deq.log_q", m);
    const enf_flow *here = at(m);
    kinds_of(m, kind);
    features_rows(&f, "in.x", m, 3, 0, 3, x);
    features_rows(&f, "deq.eps", m, f.F, 0, f.F, eps);
    features_rows(&f, "deq.v", m, f.F, 0, f.F, want);
    const enf__kinds of = {here, 1, kind, x, eps};
    ck_assert_int_eq(enf__reserve(g->ctx, 0, enf__dequantiser_workspace(here, &g->ctx->run, 1)),
                     ENF_OK);
    enf__dequantise(&of, &g->ctx->run, &g->ctx->workers[0], v, &log_q);
    expect("v", f.atoms[m] * f.F, v, want, 1e-10);
    expect("log q", 1, &log_q, &log_q_want, 1e-10);
    int32_t decoded[12];
    enf__flow_decode(here, f.atoms[m], v, decoded);
    ck_assert_mem_eq(decoded, kind, f.atoms[m] * sizeof *kind);
  }
  tear_down();
}
END_TEST

/* The field's own velocity, in the flow's time. */
START_TEST(velocity_is_the_network_in_the_flows_time) {
  set_up(_i);
  for (size_t m = 0; m < g->B; m++) {
    const double t0 = features_number(&f, "dyn.t", 0), t = f.backward ? 1 - t0 : t0;
    const enf_flow *here = at(m);
    const size_t size = features_state(&f, "dyn.xh", m, x);
    features_state(&f, "dyn.vel", m, want);
    double div, div_want = features_number(&f, "dyn.div", m) * (f.backward ? -1 : 1);
    for (size_t i = 0; i < size; i++) {
      const size_t c = i < 3 * f.atoms[m] ? SIZE_MAX : (i - 3 * f.atoms[m]) % f.F;
      const double scale = c == SIZE_MAX ? 1 : enf__space_feature_scale(&here->space, c);
      x[i] *= scale;
      want[i] *= f.backward ? -scale : scale;
    }
    ck_assert_int_eq(enf_velocity(g->ctx, here, 1, &t, x, y, &div), ENF_OK);
    expect("velocity", size, y, want, 1e-10);
    expect("divergence", 1, &div, &div_want, 1e-10);
  }
  tear_down();
}
END_TEST

START_TEST(densities_are_the_published_ones) {
  set_up(_i);
  for (size_t m = 0; m < g->B; m++) {
    const enf_flow *here = at(m);
    const double wanted[2] = {features_number(&f, "flow.log_p", m),
                              features_number(&f, "sample.log_p", m)};
    double logp;
    if (f.backward) {
      features_state(&f, "act.xh_in", m, x);
    } else {
      features_rows(&f, "in.x", m, 3, 0, 3, x);
      features_rows(&f, "in.one_hot", m, f.F - 1, 0, f.F - 1, want);
      features_rows(&f, "in.charge", m, 1, 0, 1, y);
      for (size_t i = 0; i < f.atoms[m]; i++) {
        memcpy(x + 3 * f.atoms[m] + i * f.F, want + i * (f.F - 1), (f.F - 1) * sizeof *x);
        x[3 * f.atoms[m] + (i + 1) * f.F - 1] = y[i];
      }
    }
    ck_assert_int_eq(enf_log_prob(g->ctx, here, 1, x, &logp), ENF_OK);
    expect("log p", 1, &logp, &wanted[0], 1e-7);
    features_state(&f, "sample.xh", m, x);
    ck_assert_int_eq(enf_log_prob(g->ctx, here, 1, x, &logp), ENF_OK);
    expect("log p of a sample", 1, &logp, &wanted[1], 1e-7);
    const size_t size = features_state(&f, "sample.xh", m, want);
    features_state(&f, "sample.z", m, x);
    enf__space unit = here->space;
    unit.ops->to_host(&unit, x, y);
    ck_assert_int_eq(enf_transport(g->ctx, here, 1, 0, 1, y, x, NULL), ENF_OK);
    expect("sample", size, x, want, 1e-7);
    const double size_log = enf__flow_size_log(flow, f.atoms[m]);
    const double size_want = features_number(&f, "flow.log_pN", m);
    expect("log p(N)", 1, &size_log, &size_want, 1e-10);
  }
  tear_down();
}
END_TEST

/* ---- the objective of the paper --------------------------------------------------------------
 */

static void set(const char *name, const char *value) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(g->ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, name, value), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(g->ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
}

/* One molecule through dequantiser, actnorm and field, with a probe and the penalty or, eps NULL,
   the exact divergence; gradient (P) += that of the objective times `share`, which is returned. */
static double objective(size_t m, const double *eps, double penalty, double share,
                        double *gradient) {
  const enf_flow *here = at(m);
  const size_t n = f.atoms[m], F = f.F, size = n * (3 + F), P = here->params.size;
  int32_t kind[12];
  double noise[FEATURES_MOST], inside[FEATURES_MOST], state[FEATURES_MOST], log_q;
  double dy[FEATURES_MOST], dx[FEATURES_MOST], dlogdet = 1, dpenalty = -1, dlog_q = -share;
  kinds_of(m, kind);
  features_rows(&f, "in.x", m, 3, 0, 3, inside);
  features_rows(&f, "deq.eps", m, F, 0, F, noise);
  enf__journey j = {.chain = &here->chain,
                    .way = {.adjoint = ENF__DISCRETE,
                            .n = 1,
                            .t0 = 1,
                            .t1 = 0,
                            .eps = eps,
                            .probes = eps != NULL,
                            .kinetic = penalty,
                            .frobenius = penalty},
                    .x = state};
  const size_t worker = enf__larger(enf__journey_worker_bytes(&j, &g->ctx->run),
                                    enf__dequantiser_workspace(here, &g->ctx->run, 1));
  const size_t pieces = enf__journey_pieces(&here->chain, 1);
  double *gradients = calloc(pieces * P, sizeof *gradients);
  ck_assert_int_eq(enf__reserve(g->ctx, enf__journey_call_bytes(&j), worker), ENF_OK);
  const enf__kinds of = {here, 1, kind, inside, noise};
  memcpy(state, inside, 3 * n * sizeof *state);
  enf__dequantise(&of, &g->ctx->run, &g->ctx->workers[0], state + 3 * n, &log_q);
  enf__journey_take(&j, &g->ctx->arena);
  ck_assert_int_eq(enf__journey_forward(g->ctx, &j), ENF_OK);
  enf__prior_gradient(&here->prior, j.y, dy);
  const enf__pulled back = {.dy = dy,
                            .dlogdet = &dlogdet,
                            .dpenalty = &dpenalty,
                            .dx = dx,
                            .gradients = gradients,
                            .scale = share};
  ck_assert_int_eq(enf__journey_reverse(g->ctx, &j, &back), ENF_OK);
  const double value = enf__prior_log_density(&here->prior, j.y) + j.logdet[0] - j.penalty[0] -
                       log_q + enf__flow_size_log(flow, n);
  for (size_t k = 0; k < pieces * P; k++)
    gradient[k % P] += gradients[k];
  enf__dequantise_pull(&of, &g->ctx->run, &g->ctx->workers[0], dx + 3 * n, &dlog_q, NULL, gradient);
  g->ctx->arena.used = 0;
  free(gradients);
  ck_assert_uint_eq(size, enf__space_state(&here->space));
  return share * value;
}

/* Our name of a tensor to the authors'. */
static const char *published(const char *name) {
  const bool second = !strncmp(name, "dequantiser.", 12);
  const char *end = strncmp(name, "actnorm", 7) ? strstr(name, "egnn.") : name + 7;
  return features_name(g, second ? "weights.dequantizer" : "weights.flow", end) +
         strlen("weights.");
}

static void expect_all(const char *group, const double *gradient, double limit) {
  for (size_t k = 0; k < flow->params.count; k++) {
    const enf__tensor *t = &flow->params.tensor[k];
    features_expect_gradient(&f, group, published(t->name), t->rows * t->cols, gradient + t->offset,
                             limit);
  }
}

START_TEST(gradient_of_the_papers_objective_is_the_authors) {
  char steps[16] = "8";
  set_up(0);
  const double weight = features_number(&f, "train.weight", 0);
  const double want_value = features_number(&f, "train.objective", 0);
  double *gradient = calloc(flow->params.size, sizeof *gradient), value = 0;
  const char *known = enf__st_meta_find(&g->file, "rk4_steps");
  if (known)
    snprintf(steps, sizeof steps, "%s", known);
  set("ode.method", "rk4-38");
  set("ode.steps", steps);
  for (size_t m = 0; m < g->B; m++) {
    double eps[FEATURES_MOST];
    features_state(&f, "train.eps", m, eps);
    value += objective(m, eps, weight, 1 / (double)g->B, gradient);
  }
  expect("objective", 1, &value, &want_value, 1e-10);
  expect_all("train", gradient, 1e-9);
  free(gradient);
  tear_down();
}
END_TEST

START_TEST(gradient_of_the_bound_is_the_authors) {
  set_up(0);
  const double want_value = features_number(&f, "elbo.mean", 0);
  double *gradient = calloc(flow->params.size, sizeof *gradient), value = 0;
  set("ode.rtol", "1e-9");
  set("ode.atol", "1e-9");
  for (size_t m = 0; m < g->B; m++)
    value += objective(m, NULL, 0, 1 / (double)g->B, gradient);
  expect("bound", 1, &value, &want_value, 1e-6);
  expect_all("elbo", gradient, 1e-6);
  free(gradient);
  tear_down();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("features");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, dequantiser_is_the_published_one);
  tcase_add_loop_test(tc, velocity_is_the_network_in_the_flows_time, 0, FEATURES_FILES);
  tcase_add_loop_test(tc, densities_are_the_published_ones, 0, FEATURES_FILES);
  tcase_add_test(tc, gradient_of_the_papers_objective_is_the_authors);
  tcase_add_test(tc, gradient_of_the_bound_is_the_authors);
  return run_suite("golden features of flows", tc);
}
