/* feature_flow.h -- published flows of molecules with features, imported, and the way of one molecule
   through dequantiser, actnorm and field, there and back. */
#ifndef GOLDEN_FEATURE_FLOW_H
#define GOLDEN_FEATURE_FLOW_H

#include "feature_files.h"
#include "flow/bound.h"
#include "map/chain.h"
#include <enf/flow.h>

static features f;
static golden *g = &f.of;
static enf_flow *flow;
static enf__sized view;
static double want[FEATURES_MOST];

static inline void set_up(int file) {
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

static inline void tear_down(void) {
  enf_destroy(flow);
  golden_close(g);
}

static const enf_flow *at(size_t m) { return enf__flow_at(&view, flow, f.atoms[m]); }

static inline void expect(const char *what, size_t n, const double *got, const double *wanted,
                   double limit) {
  const double error = golden_error(n, got, wanted);
  ck_assert_msg(error <= limit, "%s: relative error %.2e, allowed %.0e", what, error, limit);
}

static inline void kinds_of(size_t m, int32_t *kind) {
  double hot[FEATURES_MOST];
  const size_t S = f.F - 1;
  features_rows(&f, "in.one_hot", m, S, 0, S, hot);
  for (size_t i = 0; i < f.atoms[m]; i++)
    for (size_t s = 0; s < S; s++)
      if (hot[i * S + s] == 1)
        kind[i] = (int32_t)s;
  for (size_t i = 0; i < f.atoms[m]; i++)
    ck_assert_int_eq(kind[i], features_integer(&f, "in.species", m * f.most + i));
}

/* v (n,F) and log q of molecule m with this noise. */
static inline void dequantise(size_t m, const double *eps, double *v, double *log_q) {
  int32_t kind[12];
  double inside[FEATURES_MOST];
  const enf_flow *here = at(m);
  kinds_of(m, kind);
  features_rows(&f, "in.x", m, 3, 0, 3, inside);
  const enf__kinds of = {here, 1, kind, inside, eps};
  ck_assert_int_eq(enf__reserve(g->ctx, 0, enf__dequantiser_workspace(here, &g->ctx->run, 1)),
                   ENF_OK);
  enf__dequantise(&of, &g->ctx->run, &g->ctx->workers[0], v, log_q);
}

static inline void set(const char *name, const char *value) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(g->ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, name, value), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(g->ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
}

/* One molecule's way through the flow. */
typedef struct {
  double z[FEATURES_MOST], logdet, penalty, log_q; /* at the prior */
  double dx[FEATURES_MOST];     /* of the objective without log q, by the state */
  double by_x[FEATURES_MOST];   /* of all of it, by the positions, through the dequantiser too */
} passage;

/* One molecule through dequantiser, if there is one, actnorm and field, with a probe and the penalty
   or, eps NULL, the exact divergence; gradient (P) += that of the objective times `share`. Returns
   the objective. */
static inline double objective(size_t m, const double *eps, double penalty, double share,
                        double *gradient, passage *p) {
  const enf_flow *here = at(m);
  const size_t n = f.atoms[m], F = f.F, size = n * (3 + F), P = here->params.size;
  const bool dequantised = f.backward;
  int32_t kind[12];
  double noise[FEATURES_MOST], inside[FEATURES_MOST], state[FEATURES_MOST];
  double dy[FEATURES_MOST], dlogdet = 1, dpenalty = -1, dlog_q = -share;
  kinds_of(m, kind);
  features_rows(&f, "in.x", m, 3, 0, 3, inside);
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
  const enf__kinds of = {here, 1, kind, inside, noise};
  *p = (passage){.log_q = 0};
  if (dequantised) {
    features_rows(&f, "deq.eps", m, F, 0, F, noise);
    memcpy(state, inside, 3 * n * sizeof *state);
    dequantise(m, noise, state + 3 * n, &p->log_q);
  } else {
    features_state(&f, "data.y", m, state);
  }
  ck_assert_int_eq(enf__reserve(g->ctx, enf__journey_call_bytes(&j), worker), ENF_OK);
  enf__journey_take(&j, &g->ctx->arena);
  ck_assert_int_eq(enf__journey_forward(g->ctx, &j), ENF_OK);
  enf__prior_gradient(&here->prior, j.y, dy);
  const enf__pulled back = {.dy = dy,
                            .dlogdet = &dlogdet,
                            .dpenalty = &dpenalty,
                            .dx = p->dx,
                            .gradients = gradients,
                            .scale = share};
  ck_assert_int_eq(enf__journey_reverse(g->ctx, &j, &back), ENF_OK);
  memcpy(p->z, j.y, size * sizeof *p->z);
  p->logdet = j.logdet[0];
  p->penalty = penalty > 0 ? j.penalty[0] : 0;
  for (size_t k = 0; k < pieces * P; k++)
    gradient[k % P] += gradients[k];
  if (dequantised)
    enf__dequantise_pull(&of, &g->ctx->run, &g->ctx->workers[0], p->dx + 3 * n, &dlog_q, p->by_x,
                         gradient);
  for (size_t k = 0; k < 3 * n; k++)
    p->by_x[k] += p->dx[k];
  for (size_t k = 0; k < size; k++)
    p->dx[k] /= share;
  g->ctx->arena.used = 0;
  free(gradients);
  return enf__prior_log_density(&here->prior, j.y) + p->logdet - p->penalty - p->log_q +
         (dequantised ? enf__flow_size_log(flow, n) : 0);
}

/* Their log-determinant of actnorm, ours of the whole way: the difference is the field's. */
static inline double field_logdet(size_t m, const passage *p) {
  return p->logdet - (f.backward ? features_number(&f, "act.ldj", m) : 0);
}

static inline void expect_number(const char *tensor, size_t m, double got, double limit) {
  const double published = features_number(&f, tensor, m);
  expect(tensor, 1, &got, &published, limit);
}

/* Our name of a tensor to the authors'. */
static const char *published(const char *name) {
  const bool second = !strncmp(name, "dequantiser.", 12);
  const char *end = strncmp(name, "actnorm", 7) ? strstr(name, "egnn.") : name + 7;
  return features_name(g, second ? "weights.dequantizer" : "weights.flow", end) +
         strlen("weights.");
}

static inline void expect_all(const char *group, const double *gradient, double limit) {
  for (size_t k = 0; k < flow->params.count; k++) {
    const enf__tensor *t = &flow->params.tensor[k];
    features_expect_gradient(&f, group, published(t->name), t->rows * t->cols, gradient + t->offset,
                             limit, 0);
  }
}

static inline void expect_by_x(const char *group, size_t m, const passage *p, double limit) {
  char name[32];
  snprintf(name, sizeof name, "%s.grad_xh", group);
  const size_t size = features_state(&f, name, m, want);
  expect(name, size, p->dx, want, limit);
  snprintf(name, sizeof name, "%s.grad_x", group);
  features_rows(&f, name, m, 3, 0, 3, want);
  expect(name, 3 * f.atoms[m], p->by_x, want, limit);
}

/* Both parts of the prior's log-density. */
static inline void expect_prior(size_t m, const double *z) {
  const double root = 0.91893853320467274178;
  const size_t n = f.atoms[m];
  double part[2] = {-3 * (double)(n - 1) * root, -(double)(n * f.F) * root};
  for (size_t k = 0; k < n * (3 + f.F); k++)
    part[k >= 3 * n] -= 0.5 * z[k] * z[k];
  expect_number("flow.log_pz_x", m, part[0], 1e-6);
  expect_number("flow.log_pz_h", m, part[1], 1e-6);
  expect_number("flow.log_pz", m, part[0] + part[1], 1e-6);
}

/* log|det| of scaling positions, one-hot numbers and charges: data.scale. */
static inline double scale_log(size_t m) {
  const double n = (double)f.atoms[m], S = (double)(f.F - 1);
  return 3 * (n - 1) * log(features_number(&f, "data.scale", 0)) +
         n * (S * log(features_number(&f, "data.scale", 1)) +
              log(features_number(&f, "data.scale", 2)));
}

/* Converged: latent points, log-determinants, the prior's parts, the bound and its gradients. */
static inline void check_bound(int file) {
  set_up(file);
  double *gradient = calloc(flow->params.size, sizeof *gradient), value = 0;
  set("ode.rtol", "1e-9");
  set("ode.atol", "1e-9");
  for (size_t m = 0; m < g->B; m++) {
    passage p;
    const size_t size = features_state(&f, "flow.z", m, want);
    const double own = objective(m, NULL, 0, 1 / (double)g->B, gradient, &p);
    value += own / (double)g->B;
    expect("flow.z", size, p.z, want, 1e-6);
    expect_prior(m, p.z);
    expect_number("flow.ode_logdet", m, field_logdet(m, &p), 1e-6);
    if (f.backward) {
      expect_number("flow.elbo", m, own, 1e-6);
      expect_by_x("elbo", m, &p, 1e-6);
    } else {
      expect_number("flow.log_p_scaled", m, own, 1e-6);
      value += scale_log(m) / (double)g->B;
      features_state(&f, "logp.grad_y", m, want);
      for (size_t k = 0; k < size; k++)
        want[k] *= (double)g->B;
      expect("logp.grad_y", size, p.dx, want, 1e-6);
    }
  }
  expect_number(f.backward ? "elbo.mean" : "logp.mean", 0, value, 1e-6);
  expect_all(f.backward ? "elbo" : "logp", gradient, 1e-6);
  free(gradient);
  tear_down();
}

#endif
