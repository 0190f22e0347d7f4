/* Published flows of molecules with features, imported: dequantiser, actnorm, densities, samples'
   way and the bound against the authors' numbers. */
#include "feature_flow.h"
#include "map/actnorm.h"

static double x[FEATURES_MOST], y[FEATURES_MOST];

/* Files whose flows have a dequantiser and an actnorm: the first and the last. */
enum { PUBLISHED = 2 };
static int published_file(int i) { return i == 0 ? 0 : FEATURES_FILES - 1; }

START_TEST(dequantiser_is_the_published_one) {
  set_up(published_file(_i));
  for (size_t m = 0; m < g->B; m++) {
    int32_t kind[12], decoded[12];
    double eps[FEATURES_MOST], v[FEATURES_MOST], log_q;
    const double log_q_want = features_number(&f, "deq.log_q", m);
    kinds_of(m, kind);
    features_rows(&f, "deq.eps", m, f.F, 0, f.F, eps);
    features_rows(&f, "deq.v", m, f.F, 0, f.F, want);
    dequantise(m, eps, v, &log_q);
    expect("v", f.atoms[m] * f.F, v, want, 1e-10);
    expect("log q", 1, &log_q, &log_q_want, 1e-10);
    enf__flow_decode(at(m), f.atoms[m], v, decoded);
    ck_assert_mem_eq(decoded, kind, f.atoms[m] * sizeof *kind);
  }
  tear_down();
}
END_TEST

/* u (n,F) of v: the way back through T - softplus(T - u) and Z + sigmoid(u). */
static void undo(size_t m, const double *v, double *u) {
  double charge[12];
  int32_t kind[12];
  kinds_of(m, kind);
  features_rows(&f, "in.charge", m, 1, 0, 1, charge);
  for (size_t i = 0; i < f.atoms[m]; i++) {
    const double T = v[i * f.F + (size_t)kind[i]];
    for (size_t s = 0; s + 1 < f.F; s++) {
      const double rest = T - v[i * f.F + s];
      u[i * f.F + s] = s == (size_t)kind[i] ? T : T - log(expm1(rest));
    }
    const double share = v[(i + 1) * f.F - 1] - charge[i];
    u[(i + 1) * f.F - 1] = log(share / (1 - share));
  }
}

/* mu is u without noise, sigma what a unit of it adds; log q in its three parts. */
START_TEST(dequantisers_parts_are_the_published_ones) {
  set_up(published_file(_i));
  for (size_t m = 0; m < g->B; m++) {
    double eps[FEATURES_MOST] = {0}, v[FEATURES_MOST], mu[FEATURES_MOST], u[FEATURES_MOST], log_q;
    double parts[3] = {0};
    const size_t numbers = f.atoms[m] * f.F;
    dequantise(m, eps, v, &log_q);
    undo(m, v, mu);
    features_rows(&f, "deq.mu", m, f.F, 0, f.F, want);
    expect("mu", numbers, mu, want, 1e-9);
    for (size_t k = 0; k < numbers; k++)
      eps[k] = 1;
    dequantise(m, eps, v, &log_q);
    undo(m, v, u);
    features_rows(&f, "deq.log_sigma", m, f.F, 0, f.F, want);
    features_rows(&f, "deq.eps", m, f.F, 0, f.F, eps);
    for (size_t k = 0; k < numbers; k++) {
      u[k] = log(u[k] - mu[k]);
      parts[0] -= 0.5 * eps[k] * eps[k] + 0.91893853320467274178;
      parts[1] += u[k];
    }
    expect("log sigma", numbers, u, want, 1e-8);
    dequantise(m, eps, v, &log_q);
    undo(m, v, u);
    features_rows(&f, "deq.u", m, f.F, 0, f.F, want);
    expect("u", numbers, u, want, 1e-9);
    parts[2] = parts[0] - parts[1] - log_q;
    const double wanted[] = {features_number(&f, "deq.log_q_eps", m),
                             features_number(&f, "deq.ldj_affine", m),
                             features_number(&f, "deq.ldj_partition", m)};
    expect("parts of log q", 3, parts, wanted, 1e-8);
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

/* A sample's kinds, its charges by floor (dequantised) or rounding, and, where features are scaled,
   what it and its density are inside. */
static void check_decoded(size_t m, const double *sample) {
  int32_t kind[12];
  const enf_flow *here = at(m);
  const double *feature = sample + 3 * f.atoms[m];
  enf__flow_decode(here, f.atoms[m], feature, kind);
  for (size_t i = 0; i < f.atoms[m]; i++) {
    const double charge = feature[(i + 1) * f.F - 1];
    ck_assert_int_eq(kind[i], features_integer(&f, "sample.species", m * f.most + i));
    ck_assert_int_eq(f.backward ? (int64_t)floor(charge) : llround(charge),
                     features_integer(&f, "sample.charge", m * f.most + i));
  }
  if (f.backward)
    return;
  double inside[FEATURES_MOST];
  here->space.ops->enter(&here->space, sample, inside, NULL, NULL);
  const size_t size = features_state(&f, "sample.y", m, want);
  expect("sample.y", size, inside, want, 1e-7);
  expect_number("sample.log_p_scaled", m, features_number(&f, "sample.log_p", m) - scale_log(m),
                1e-10);
}

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
      features_rows(&f, "in.one_hot", m, f.F - 1, 0, f.F - 1, want);
      features_rows(&f, "in.charge", m, 1, 0, 1, y);
      for (size_t i = 0; i < f.atoms[m]; i++) {
        memcpy(x + 3 * f.atoms[m] + i * f.F, want + i * (f.F - 1), (f.F - 1) * sizeof *x);
        x[3 * f.atoms[m] + (i + 1) * f.F - 1] = y[i];
      }
    }
    features_rows(&f, "in.positions", m, 3, 0, 3, x); /* not centred */
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
    check_decoded(m, x);
    const double size_log = enf__flow_size_log(flow, f.atoms[m]);
    const double size_want = features_number(&f, "flow.log_pN", m);
    expect("log p(N)", 1, &size_log, &size_want, 1e-10);
  }
  tear_down();
}
END_TEST

/* ---- the objective of the paper --------------------------------------------------------------
 */

static void take_published_steps(void) {
  char steps[16];
  snprintf(steps, sizeof steps, "%d", (int)features_integer(&f, "rk4.steps", 0));
  set("ode.method", "rk4-38");
  set("ode.steps", steps);
}

START_TEST(gradient_of_the_papers_objective_is_the_authors) {
  set_up(published_file(_i));
  const double weight = features_number(&f, "train.weight", 0);
  double *gradient = calloc(flow->params.size, sizeof *gradient), value = 0;
  take_published_steps();
  for (size_t m = 0; m < g->B; m++) {
    double eps[FEATURES_MOST];
    passage p;
    features_state(&f, "train.eps", m, eps);
    const double own = objective(m, eps, weight, 1 / (double)g->B, gradient, &p);
    value += own / (double)g->B;
    expect_number("train.elbo", m, own + p.penalty, 1e-10);
    expect_number("train.regularizer", m, p.penalty / weight, 1e-10);
    expect_number("train.ode_logdet", m, field_logdet(m, &p), 1e-9);
    expect_by_x("train", m, &p, 1e-9);
  }
  expect_number("train.objective", 0, value, 1e-10);
  expect_all("train", gradient, 1e-9);
  free(gradient);
  tear_down();
}
END_TEST

START_TEST(steps_of_fixed_length_are_the_authors) {
  set_up(published_file(_i));
  double *gradient = calloc(flow->params.size, sizeof *gradient), value = 0;
  take_published_steps();
  for (size_t m = 0; m < g->B; m++) {
    passage p;
    const double own = objective(m, NULL, 0, 1 / (double)g->B, gradient, &p);
    value += own / (double)g->B;
    const size_t size = features_state(&f, "rk4.z", m, want);
    expect("rk4.z", size, p.z, want, 1e-10);
    expect_number("rk4.ode_logdet", m, field_logdet(m, &p), 1e-9);
    expect_number("rk4.elbo", m, own, 1e-10);
    expect_by_x("rk4", m, &p, 1e-9);
  }
  expect_number("rk4.mean", 0, value, 1e-10);
  expect_all("rk4", gradient, 1e-9);
  free(gradient);
  tear_down();
}
END_TEST

/* ---- on the way ------------------------------------------------------------------------------ */

/* Data to the field's side, and what the authors count for it: 3 times log s more. */
static void check_actnorm(size_t m) {
  const enf__map *map = at(m)->chain.map[1];
  size_t size = features_state(&f, "act.xh_in", m, x);
  enf__actnorm_enter(map, 1, x);
  features_state(&f, "act.xh_out", m, want);
  expect("act.xh_out", size, x, want, 1e-10);
  size = features_state(&f, "sample.xh", m, x);
  enf__actnorm_enter(map, 1, x);
  features_state(&f, "sample.y", m, want);
  expect("sample.y", size, x, want, 1e-10);
  size_t k = 0;
  while (strcmp(flow->params.tensor[k].name, "actnorm.x_log_s") != 0)
    k++;
  const double more = 3 * flow->params.value[flow->params.tensor[k].offset];
  expect_number("act.ldj_authors", m, features_number(&f, "act.ldj", m) - more, 1e-10);
  expect_number("flow.log_p_authors", m, features_number(&f, "flow.log_p", m) - more, 1e-10);
  expect_number("flow.elbo_authors", m, features_number(&f, "flow.elbo", m) - more, 1e-10);
}

/* The field's own way from the data, as far as each mark. */
static void check_states(size_t m) {
  const enf_flow *here = at(m);
  const enf__chain one = {1, 1, {here->chain.map[0]}};
  const char *start = f.backward ? "act.xh_out" : "data.y";
  const double eps[FEATURES_MOST] = {0}; /* no divergence is wanted */
  const size_t C = 3 + f.F, n = f.atoms[m];
  size_t marks;
  double *all = golden_doubles(g, "flow.states", NULL),
         *mark = golden_doubles(g, "flow.t_marks", &marks);
  const size_t size = features_state(&f, start, m, x);
  for (size_t k = 0; k < marks; k++) {
    const double *rows = all + (m * marks + k) * f.most * C;
    enf__journey j = {.chain = &one,
                      .way = {.adjoint = ENF__DISCRETE,
                              .n = 1,
                              .t0 = 1,
                              .t1 = f.backward ? 1 - mark[k] : mark[k],
                              .eps = eps,
                              .probes = 1},
                      .x = x};
    for (size_t i = 0; i < n; i++) {
      memcpy(want + 3 * i, rows + i * C, 3 * sizeof *want);
      memcpy(want + 3 * n + i * f.F, rows + i * C + 3, f.F * sizeof *want);
    }
    if (j.way.t1 == 1) {
      expect("the first state", size, x, want, 1e-10);
      continue;
    }
    ck_assert_int_eq(enf__reserve(g->ctx, enf__journey_call_bytes(&j),
                                  enf__journey_worker_bytes(&j, &g->ctx->run)),
                     ENF_OK);
    enf__journey_take(&j, &g->ctx->arena);
    ck_assert_int_eq(enf__journey_forward(g->ctx, &j), ENF_OK);
    expect("a state on the way", size, j.y, want, 1e-6);
    g->ctx->arena.used = 0;
  }
  free(all), free(mark);
}

START_TEST(states_on_the_way_are_the_published_ones) {
  set_up(_i);
  set("ode.rtol", "1e-9");
  set("ode.atol", "1e-9");
  for (size_t m = 0; m < g->B; m++) {
    if (f.backward)
      check_actnorm(m);
    check_states(m);
  }
  tear_down();
}
END_TEST

START_TEST(gradient_of_the_bound_is_the_authors) { check_bound(_i); }
END_TEST

int main(void) {
  TCase *tc = tcase_create("features");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, dequantiser_is_the_published_one, 0, PUBLISHED);
  tcase_add_loop_test(tc, dequantisers_parts_are_the_published_ones, 0, PUBLISHED);
  tcase_add_loop_test(tc, velocity_is_the_network_in_the_flows_time, 0, FEATURES_FILES);
  tcase_add_loop_test(tc, densities_are_the_published_ones, 0, FEATURES_FILES);
  tcase_add_loop_test(tc, gradient_of_the_papers_objective_is_the_authors, 0, PUBLISHED);
  tcase_add_loop_test(tc, steps_of_fixed_length_are_the_authors, 0, PUBLISHED);
  tcase_add_loop_test(tc, states_on_the_way_are_the_published_ones, 0, FEATURES_FILES);
  tcase_add_loop_test(tc, gradient_of_the_bound_is_the_authors, 0, FEATURES_FILES - 1);
  return run_suite("golden features of flows", tc);
}
