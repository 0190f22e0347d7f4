/* test_matrices.c -- flows on groups and lattices: covariance under gauge transformations and the
   symmetries of the square, conjugation, there and back, densities that integrate to 1, gradients
   of the steps taken against finite differences, the same bits whatever the cut, and bad input. */
#include "core/random.h"
#include "flow/flow.h"
#include "math/sun.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enf_ctx *ctx;
static enf_opts *opts;
static enf_flow *flow;
static size_t dim, B;
static double *x;

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

static void ok(enf_status status) { ck_assert_msg(status == ENF_OK, "%s", enf_ctx_errmsg(ctx)); }

static double *doubles(size_t count) {
  double *a = calloc(count + 1, sizeof *a);
  ck_assert_ptr_nonnull(a);
  return a;
}

static void begin(void) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ok(enf_opts_create(ctx, &opts));
  set("run.precision", "float64");
  set("ode.method", "rk4");
  set("ode.steps", "8");
  set("logdet.checks", "0");
  flow = NULL;
  x = NULL;
}

static void end(void) {
  free(x);
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}

static void configure(const char *settings) {
  char text[512];
  snprintf(text, sizeof text, "%s", settings);
  for (char *word = strtok(text, ";"); word; word = strtok(NULL, ";")) {
    char *value = strchr(word, '=');
    *value++ = 0;
    set(word, value);
  }
  ok(enf_ctx_configure(ctx, opts));
}

/* A flow with coefficients of this size, and `count` Haar samples in x. */
static void make(const char *settings, double size, size_t count) {
  configure(settings);
  ok(enf_create(ctx, &flow, opts));
  double *c = doubles(flow->params.size);
  enf__random_normal(5, 1, 0, flow->params.size, c);
  const bool strong = strstr(settings, "local") != NULL; /* every plaquette moves four links */
  for (size_t i = 0; i < flow->params.size; i++)
    c[i] *= strong ? 0.25 * size : size;
  ok(enf_params_set(ctx, flow, "class", c, flow->params.size));
  free(c);
  dim = enf__space_host(&flow->space);
  B = count;
  x = doubles(B * dim);
  ok(enf_prior_sample(ctx, flow, 3, 0, B, x));
}

static const char *const lattices[] = {
    "model.space=lattice;model.group=u1;model.lattice=3 4;model.degree=3;model.times=3;model.pairs=2",
    "model.space=lattice;model.group=su2;model.lattice=4 3;model.degree=2;model.times=4",
    "model.space=lattice;model.group=su3;model.lattice=3 2;model.degree=2;model.times=2",
    "model.space=lattice;model.group=su4;model.lattice=2 2;model.degree=2;model.times=2",
    "model.space=lattice;model.group=u1;model.lattice=3 5;model.degree=3;model.field=local",
    "model.space=lattice;model.group=su3;model.lattice=2 3;model.degree=2;model.field=local"};
enum { LATTICES = 6 };

static const char *const groups[] = {"model.space=group;model.group=su2;model.degree=5",
                                     "model.space=group;model.group=su3;model.degree=4",
                                     "model.space=group;model.group=su5;model.degree=2;model.times=1"};
enum { GROUPS = 3 };

static void assert_same_density(const double *y, double tolerance) {
  double *before = doubles(B), *after = doubles(B);
  ok(enf_log_prob(ctx, flow, B, x, before));
  ok(enf_log_prob(ctx, flow, B, y, after));
  for (size_t i = 0; i < B; i++)
    ck_assert_double_eq_tol(before[i], after[i], tolerance);
  free(before);
  free(after);
}

/* ---- symmetries ------------------------------------------------------------------------------ */

START_TEST(log_q_is_gauge_invariant) {
  make(lattices[_i], 0.3, 3);
  const enf__links *l = &flow->space.links;
  const size_t V = enf__links_sites(l), D = enf__links_width(l);
  double *g = doubles(B * V * D), *y = doubles(B * dim);
  for (size_t k = 0; k < B * V; k++) {
    enf__random_normal(9, 2, k, D, g + k * D);
    if (l->n > 1)
      enf__sun_haar(l->n, g + k * D);
  }
  ok(enf_lattice_transform(ctx, flow, B, g, x, y));
  assert_same_density(y, 1e-12);
  free(g);
  free(y);
}
END_TEST

/* Link (mu,x0,x1) of y from that of x, taken adjoint or not. */
static void move_link(const double *from, bool adjoint, double *to) {
  const size_t n = flow->space.links.n;
  double one[ENF__SUN_DOUBLES];
  if (n == 1) {
    *to = adjoint ? -*from : *from;
    return;
  }
  enf__sun_identity(n, one);
  if (adjoint)
    enf__sun_adjoint_product(n, from, one, to);
  else
    memcpy(to, from, 2 * n * n * sizeof *to);
}

static size_t place(const size_t side[2], size_t mu, size_t x0, size_t x1) {
  return ((mu * side[0] + x0 % side[0]) * side[1] + x1 % side[1]) * flow->space.shape.dimensions;
}

START_TEST(log_q_does_not_change_under_reflections) {
  make(lattices[_i], 0.3, 3);
  const size_t *side = flow->space.links.side;
  double *y = doubles(B * dim);
  for (size_t axis = 0; axis < 2; axis++) {
    for (size_t i = 0; i < B; i++)
      for (size_t x0 = 0; x0 < side[0]; x0++)
        for (size_t x1 = 0; x1 < side[1]; x1++)
          for (size_t mu = 0; mu < 2; mu++) {
            const size_t back = mu == axis; /* the link's other end */
            const size_t r0 = axis == 0 ? 2 * side[0] - x0 - back : x0;
            const size_t r1 = axis == 1 ? 2 * side[1] - x1 - back : x1;
            move_link(x + i * dim + place(side, mu, r0, r1), mu == axis,
                      y + i * dim + place(side, mu, x0, x1));
          }
    assert_same_density(y, 1e-12);
  }
  free(y);
}
END_TEST

/* On a square both flows are the same; here the other lattice has its own. */
START_TEST(log_q_does_not_change_when_axes_are_swapped) {
  make(_i ? "model.space=lattice;model.group=su2;model.lattice=3 3;model.degree=2"
          : "model.space=lattice;model.group=u1;model.lattice=4 4;model.degree=2;model.pairs=1",
       0.3, 3);
  const size_t *side = flow->space.links.side;
  double *y = doubles(B * dim);
  for (size_t i = 0; i < B; i++)
    for (size_t x0 = 0; x0 < side[0]; x0++)
      for (size_t x1 = 0; x1 < side[1]; x1++)
        for (size_t mu = 0; mu < 2; mu++)
          move_link(x + i * dim + place(side, 1 - mu, x1, x0), false,
                    y + i * dim + place(side, mu, x0, x1));
  assert_same_density(y, 1e-12);
  free(y);
}
END_TEST

START_TEST(log_q_of_one_variable_does_not_change_under_conjugation) {
  make(groups[_i], 0.3, 4);
  const size_t n = flow->space.links.n;
  double *y = doubles(B * dim), g[ENF__SUN_DOUBLES], t[ENF__SUN_DOUBLES];
  for (size_t i = 0; i < B; i++) {
    enf__random_normal(8, 1, i, 2 * n * n, g);
    enf__sun_haar(n, g);
    enf__sun_product(n, g, x + i * dim, t);
    enf__sun_product_adjoint(n, t, g, y + i * dim);
  }
  assert_same_density(y, 1e-12);
  free(y);
}
END_TEST

/* ---- flows ----------------------------------------------------------------------------------- */

START_TEST(there_and_back_is_the_identity) {
  make(_i < LATTICES ? lattices[_i] : groups[_i - LATTICES], 0.2, 2);
  configure("ode.method=dopri5;ode.rtol=1e-11;ode.atol=1e-11;ode.max_steps=10000");
  double *y = doubles(B * dim), *z = doubles(B * dim), *up = doubles(B), *down = doubles(B);
  ok(enf_transport(ctx, flow, B, 0, 1, x, y, up));
  ok(enf_transport(ctx, flow, B, 1, 0, y, z, down));
  for (size_t i = 0; i < B * dim; i++)
    ck_assert_double_eq_tol(z[i], x[i], 1e-8);
  for (size_t i = 0; i < B; i++)
    ck_assert_double_eq_tol(up[i], -down[i], 1e-7);
  double *const all[] = {y, z, up, down};
  for (size_t k = 0; k < 4; k++)
    free(all[k]);
}
END_TEST

START_TEST(samples_have_the_density_that_they_say) {
  make(_i < LATTICES ? lattices[_i] : groups[_i - LATTICES], 0.2, 5);
  configure("ode.steps=30");
  double *logp = doubles(B), *again = doubles(B);
  ok(enf_sample(ctx, flow, 1, 0, B, x, logp));
  ok(enf_log_prob(ctx, flow, B, x, again));
  for (size_t i = 0; i < B; i++)
    ck_assert_double_eq_tol(logp[i], again[i], 1e-4);
  for (size_t k = 0; flow->space.links.n > 1 && k < B * flow->space.shape.particles; k++)
    ck_assert_double_lt(
        enf__sun_distance(flow->space.links.n, x + k * flow->space.shape.dimensions), 1e-12);
  free(logp);
  free(again);
}
END_TEST

/* ---- densities integrate to 1 ---------------------------------------------------------------- */

/* Haar measure of SU(2) on diag(e^{ia}, e^{-ia}): 2/pi sin^2 a da, 0 < a < pi. */
START_TEST(the_density_of_one_variable_integrates_to_1) {
  make("model.space=group;model.group=su2;model.degree=4;model.times=3;ode.steps=60", 0.3, 200);
  double *logp = doubles(B), sum = 0;
  for (size_t i = 0; i < B; i++) {
    const double a = M_PI * ((double)i + 0.5) / (double)B;
    const double u[8] = {cos(a), sin(a), 0, 0, 0, 0, cos(a), -sin(a)};
    memcpy(x + i * 8, u, sizeof u);
  }
  ok(enf_log_prob(ctx, flow, B, x, logp));
  for (size_t i = 0; i < B; i++) {
    const double a = M_PI * ((double)i + 0.5) / (double)B;
    sum += exp(logp[i]) * 2 * sin(a) * sin(a) / (double)B;
  }
  ck_assert_double_eq_tol(sum, 1, 1e-8);
  free(logp);
}
END_TEST

/* Links of a 2 x 2 lattice whose plaquettes are a, b, c and the rest. */
START_TEST(the_density_of_a_small_lattice_integrates_to_1) {
  enum { POINTS = 20 };
  make("model.space=lattice;model.group=u1;model.lattice=2 2;model.degree=2;model.times=2;"
       "model.pairs=1;ode.steps=24",
       0.1, POINTS * POINTS * POINTS);
  double *logp = doubles(B), sum = 0;
  for (size_t i = 0; i < B; i++) {
    const double step = 2 * M_PI / POINTS, a = step * (double)(i % POINTS);
    const double b = step * (double)(i / POINTS % POINTS);
    const double c = step * (double)(i / POINTS / POINTS);
    /* theta(x) = t0(x) + t1(x+0) - t0(x+1) - t1(x), links (mu,x0,x1) */
    const double t0[4] = {a, 0, 0, 0}, t1[4] = {0, 0, 0, 0};
    double *u = x + i * dim;
    memcpy(u, t0, sizeof t0);
    memcpy(u + 4, t1, sizeof t1);
    /* (0,0): a; (0,1): -a + t1(1,1) - t1(0,1) = b; (1,0): t0(1,0) - t0(1,1) + ... = c */
    u[4 + 3] = a + b;
    u[2] = c;
  }
  ok(enf_log_prob(ctx, flow, B, x, logp));
  for (size_t i = 0; i < B; i++)
    sum += exp(logp[i]) / (double)B;
  ck_assert_double_eq_tol(sum, 1, 1e-8);
  free(logp);
}
END_TEST

/* ---- derivatives ----------------------------------------------------------------------------- */

/* exp(s T_a) U to second order, brought back to the group: good enough for a central difference. */
static void nudge(double *u, size_t a, double s) {
  const size_t n = flow->space.links.n;
  double t[ENF__SUN_DOUBLES], first[ENF__SUN_DOUBLES], second[ENF__SUN_DOUBLES];
  if (n == 1) {
    *u += s;
    return;
  }
  enf__sun_basis(n, a, t);
  enf__sun_product(n, t, u, first);
  enf__sun_product(n, t, first, second);
  for (size_t k = 0; k < 2 * n * n; k++)
    u[k] += s * first[k] + 0.5 * s * s * second[k];
  enf__sun_restore(n, u);
}

START_TEST(the_divergence_is_that_of_the_velocity) {
  make(_i < LATTICES ? lattices[_i] : groups[_i - LATTICES], 0.3, 1);
  const size_t n = flow->space.links.n, D = flow->space.shape.dimensions;
  const size_t size = enf__links_freedom(&flow->space.links);
  const double t = 0.3, h = 1e-4;
  double *v = doubles(dim), *y = doubles(dim), div, sum = 0;
  ok(enf_velocity(ctx, flow, 1, &t, x, v, &div));
  for (size_t k = 0; k < flow->space.shape.particles; k++)
    for (size_t a = 0; a < size; a++)
      for (int side = -1; side <= 1; side += 2) {
        double m[ENF__SUN_DOUBLES], c[64];
        memcpy(y, x, dim * sizeof *y);
        nudge(y + k * D, a, side * h);
        ok(enf_velocity(ctx, flow, 1, &t, y, v, NULL));
        if (n == 1) {
          c[0] = v[k];
        } else {
          enf__sun_product_adjoint(n, v + k * D, y + k * D, m);
          enf__sun_components(n, m, c);
        }
        sum += side * c[a] / (2 * h);
      }
  ck_assert_double_eq_tol(sum, div, 1e-6 * (1 + fabs(div)));
  free(v);
  free(y);
}
END_TEST

/* Few steps, so that what stages off the group add shows. */
START_TEST(the_gradient_is_that_of_the_steps_taken) {
  make(_i < LATTICES ? lattices[_i] : groups[_i - LATTICES], 0.3, 1);
  configure(_i % 2 ? "ode.steps=3" : "ode.method=rk4-38;ode.steps=2");
  const size_t n = flow->space.links.n, D = flow->space.shape.dimensions;
  const double h = 3e-5;
  double *grad = doubles(dim), *y = doubles(dim), logp, side[2];
  ok(enf_log_prob_grad(ctx, flow, 1, x, &logp, grad));
  for (size_t k = 0; k < flow->space.shape.particles; k += 3) {
    const size_t a = k % enf__links_freedom(&flow->space.links);
    double m[ENF__SUN_DOUBLES], c[64];
    for (int s = 0; s < 2; s++) {
      memcpy(y, x, dim * sizeof *y);
      nudge(y + k * D, a, s ? h : -h);
      ok(enf_log_prob(ctx, flow, 1, y, &side[s]));
    }
    if (n == 1) {
      c[0] = grad[k];
    } else {
      enf__sun_product_adjoint(n, grad + k * D, x + k * D, m);
      enf__sun_components(n, m, c);
    }
    ck_assert_double_eq_tol((side[1] - side[0]) / (2 * h), c[a], 2e-6);
  }
  free(grad);
  free(y);
}
END_TEST

static double weighed_ends(const double *weight) {
  double *y = doubles(B * dim), *logdet = doubles(B), sum = 0;
  ok(enf_transport(ctx, flow, B, 0, 1, x, y, logdet));
  for (size_t i = 0; i < B * dim; i++)
    sum += weight[i] * y[i];
  for (size_t i = 0; i < B; i++)
    sum += 0.5 * logdet[i];
  free(y);
  free(logdet);
  return sum;
}

START_TEST(the_gradient_by_coefficients_is_that_of_the_steps_taken) {
  make(_i < LATTICES ? lattices[_i] : groups[_i - LATTICES], 0.3, 2);
  configure("ode.steps=3");
  const size_t P = flow->params.size;
  const double h = 1e-5;
  enf__journey j = {.chain = &flow->chain, .way = {.n = B, .t0 = 0, .t1 = 1}};
  const size_t pieces = enf__journey_pieces(&flow->chain, B);
  double *weight = doubles(B * dim), *dlogdet = doubles(B), *gradients = doubles(pieces * P);
  double *c = doubles(P);
  enf__random_normal(6, 1, 0, B * dim, weight);
  for (size_t i = 0; i < B; i++)
    dlogdet[i] = 0.5;
  ok(enf__reserve(ctx, enf__journey_call_bytes(&j), enf__journey_worker_bytes(&j, &ctx->run)));
  enf__journey_take(&j, &ctx->arena);
  j.x = x;
  const enf__pulled pulled = {
      .dy = weight, .dlogdet = dlogdet, .gradients = gradients, .scale = 1};
  ok(enf__journey_forward(ctx, &j));
  ok(enf__journey_reverse(ctx, &j, &pulled));
  memcpy(c, flow->params.value, P * sizeof *c);
  for (size_t k = 0; k < P; k += 1 + P / 7) {
    double side[2], found = 0;
    const double before = c[k];
    for (int s = 0; s < 2; s++) {
      c[k] = before + (s ? h : -h);
      ok(enf_params_set(ctx, flow, "class", c, P));
      side[s] = weighed_ends(weight);
    }
    c[k] = before;
    for (size_t i = 0; i < pieces; i++)
      found += gradients[i * P + k];
    ck_assert_double_eq_tol((side[1] - side[0]) / (2 * h), found, 1e-6);
  }
  double *const all[] = {weight, dlogdet, gradients, c};
  for (size_t k = 0; k < 4; k++)
    free(all[k]);
}
END_TEST

/* ---- the same bits --------------------------------------------------------------------------- */

START_TEST(results_do_not_depend_on_threads_and_cuts) {
  make(lattices[_i], 0.2, 21);
  double *whole = doubles(B * dim), *logp = doubles(B), *cut = doubles(B * dim), *one = doubles(B);
  ok(enf_sample(ctx, flow, 2, 0, B, whole, logp));
  ok(enf_sample(ctx, flow, 2, 0, 5, cut, one));
  ok(enf_sample(ctx, flow, 2, 5, B - 5, cut + 5 * dim, one + 5));
  ck_assert_mem_eq(whole, cut, B * dim * sizeof *cut);
  ck_assert_mem_eq(logp, one, B * sizeof *one);
  configure("run.threads=3");
  ok(enf_sample(ctx, flow, 2, 0, B, cut, one));
  ck_assert_mem_eq(whole, cut, B * dim * sizeof *cut);
  ck_assert_mem_eq(logp, one, B * sizeof *one);
  double *const all[] = {whole, logp, cut, one};
  for (size_t k = 0; k < 4; k++)
    free(all[k]);
}
END_TEST

START_TEST(every_kernel_gives_the_same) {
  static const char *const names[] = {"run.kernel=baseline", "run.kernel=avx2", "run.kernel=avx512"};
  make(_i < LATTICES ? lattices[_i] : groups[_i - LATTICES], 0.2, 3);
  double *wanted = doubles(B * dim), *grad = doubles(B * dim), *logp = doubles(B);
  for (size_t k = 0; k < 3; k++) {
    configure("run.kernel=baseline");
    set("run.kernel", strchr(names[k], '=') + 1);
    if (enf_ctx_configure(ctx, opts) != ENF_OK)
      continue;
    ok(enf_log_prob_grad(ctx, flow, B, x, logp, k ? grad : wanted));
    for (size_t i = 0; k && i < B * dim; i++)
      ck_assert_double_eq_tol(grad[i], wanted[i], 1e-10);
  }
  free(wanted);
  free(grad);
  free(logp);
}
END_TEST

/* ---- bad input ------------------------------------------------------------------------------- */

static void refused(const char *settings, enf_status wanted, const char *says) {
  begin();
  configure(settings);
  ck_assert_int_eq(enf_create(ctx, &flow, opts), wanted);
  ck_assert_ptr_null(flow);
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), says) != NULL, "%s", enf_ctx_errmsg(ctx));
  end();
}

START_TEST(what_cannot_be_a_flow_is_refused) {
  end();
  refused("model.space=group;model.group=u1", ENF_ERR_OPTION, "model.group is u1");
  refused("model.space=lattice;model.group=su2", ENF_ERR_OPTION, "model.lattice must be set");
  refused("model.space=lattice;model.lattice=4", ENF_ERR_SHAPE, "\"4\", 1 side: two");
  refused("model.space=lattice;model.lattice=4 4 8", ENF_ERR_SHAPE, "\"4 4 8\", 3 sides: two");
  refused("model.space=lattice;model.lattice=4 4;model.dimensions=3", ENF_ERR_SHAPE, "has 18");
  refused("model.space=lattice;model.lattice=4 4;model.particles=31", ENF_ERR_SHAPE, "has 32");
  refused("model.space=lattice;model.lattice=4 4;model.field=class", ENF_ERR_OPTION, "model.field");
  refused("model.space=lattice;model.lattice=4 4;model.prior=gaussian", ENF_ERR_OPTION, "haar");
  refused("model.space=lattice;model.lattice=4 4;model.data_scale=2", ENF_ERR_SHAPE, "data_scale");
  refused("model.space=lattice;model.lattice=4 4;model.pairs=1", ENF_ERR_OPTION, "model.pairs");
  refused("model.space=lattice;model.group=u1;model.lattice=4 4;model.degree=0", ENF_ERR_OPTION,
          "harmonics");
  begin();
  const char *const bad[] = {"1 4", "4 4 1", "4x4", "0 8", "99999 8", "-4 4"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_int_ne(enf_opts_set(opts, "model.lattice", bad[i]), ENF_OK);
  ck_assert_int_ne(enf_opts_set(opts, "model.degree", "17"), ENF_OK);
  ck_assert_int_ne(enf_opts_set(opts, "model.times", "65"), ENF_OK);
  ck_assert_int_ne(enf_opts_set(opts, "model.pairs", "5"), ENF_OK);
}
END_TEST

START_TEST(what_is_not_in_the_group_fails_with_how_much) {
  make(groups[1], 0.2, 3);
  double *logp = doubles(B);
  x[dim + 4] += 1e-3;
  ck_assert_int_eq(enf_log_prob(ctx, flow, B, x, logp), ENF_ERR_RANGE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "SU(3)"));
  ck_assert(isfinite(logp[0]) && isnan(logp[1]) && isfinite(logp[2]));
  x[dim] = NAN;
  ck_assert_int_eq(enf_log_prob(ctx, flow, B, x, logp), ENF_ERR_NONFINITE);
  free(logp);
}
END_TEST

START_TEST(probes_and_float32_are_not_there) {
  make(lattices[1], 0.2, 2);
  double logp[2], var[2];
  enf_trainer *tr;
  ck_assert_int_eq(enf_log_prob_estimate(ctx, flow, B, x, 1, logp, var), ENF_ERR_UNSUPPORTED);
  configure("logdet.method=hutchinson");
  ck_assert_int_eq(enf_log_prob(ctx, flow, B, x, logp), ENF_ERR_UNSUPPORTED);
  configure("logdet.method=coupled;run.precision=float32");
  ck_assert_int_eq(enf_log_prob(ctx, flow, B, x, logp), ENF_ERR_UNSUPPORTED);
  set("train.objective", "flow-matching");
  ck_assert_int_eq(enf_trainer_create(ctx, &tr, flow, opts), ENF_ERR_UNSUPPORTED);
  set("train.objective", "likelihood");
  set("train.trace", "hutchinson");
  ck_assert_int_eq(enf_trainer_create(ctx, &tr, flow, opts), ENF_ERR_UNSUPPORTED);
}
END_TEST

START_TEST(a_saved_flow_is_the_same) {
  make(_i < LATTICES ? lattices[_i] : groups[_i - LATTICES], 0.2, 2);
  void *image;
  size_t bytes;
  enf_flow *loaded;
  double before[2], after[2];
  ok(enf_save_memory(ctx, flow, &image, &bytes));
  ok(enf_load_memory(ctx, &loaded, image, bytes));
  ok(enf_log_prob(ctx, flow, B, x, before));
  ok(enf_log_prob(ctx, loaded, B, x, after));
  ck_assert_mem_eq(before, after, sizeof before);
  enf_destroy(loaded);
  enf_free_memory(ctx, image);
}
END_TEST

/* ---- training -------------------------------------------------------------------------------- */

START_TEST(every_objective_on_the_density_takes_a_step) {
  static const char *const names[] = {"likelihood"};
  make(lattices[1], 0.1, 8);
  set("train.objective", names[0]);
  enf_trainer *tr;
  enf_step_info info = ENF_STEP_INFO_INIT;
  ok(enf_trainer_create(ctx, &tr, flow, opts));
  double first = 0;
  for (int k = 0; k < 20; k++) {
    ok(enf_train_step(ctx, tr, B, x, &info));
    first = k ? first : info.loss;
  }
  ck_assert_double_lt(info.loss, first);
  enf_trainer_destroy(tr);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("matrices");
  tcase_add_checked_fixture(tests, begin, end);
  tcase_add_loop_test(tests, log_q_is_gauge_invariant, 0, LATTICES);
  tcase_add_loop_test(tests, log_q_does_not_change_under_reflections, 0, LATTICES);
  tcase_add_loop_test(tests, log_q_does_not_change_when_axes_are_swapped, 0, 2);
  tcase_add_loop_test(tests, log_q_of_one_variable_does_not_change_under_conjugation, 0, GROUPS);
  tcase_add_loop_test(tests, there_and_back_is_the_identity, 0, LATTICES + GROUPS);
  tcase_add_loop_test(tests, samples_have_the_density_that_they_say, 0, LATTICES + GROUPS);
  tcase_add_test(tests, the_density_of_one_variable_integrates_to_1);
  tcase_add_test(tests, the_density_of_a_small_lattice_integrates_to_1);
  tcase_add_loop_test(tests, the_divergence_is_that_of_the_velocity, 0, LATTICES + GROUPS);
  tcase_add_loop_test(tests, the_gradient_is_that_of_the_steps_taken, 0, LATTICES + GROUPS);
  tcase_add_loop_test(tests, the_gradient_by_coefficients_is_that_of_the_steps_taken, 0,
                      LATTICES + GROUPS);
  tcase_add_loop_test(tests, results_do_not_depend_on_threads_and_cuts, 0, LATTICES);
  tcase_add_loop_test(tests, every_kernel_gives_the_same, 0, LATTICES + GROUPS);
  tcase_add_test(tests, what_cannot_be_a_flow_is_refused);
  tcase_add_test(tests, what_is_not_in_the_group_fails_with_how_much);
  tcase_add_test(tests, probes_and_float32_are_not_there);
  tcase_add_loop_test(tests, a_saved_flow_is_the_same, 0, LATTICES + GROUPS);
  tcase_add_test(tests, every_objective_on_the_density_takes_a_step);
  return run_suite("matrices", tests);
}
