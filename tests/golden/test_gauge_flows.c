/* test_gauge_flows.c -- what test_gauge.c and test_lattice.c leave of the recorded numbers of matrices:
   the basis, components of gradients, traces, Laplacians of loops, the leading-order trivialising
   field, the reverse KL of given starts and its derivatives, and the way there and back. */
#include "gauge.h"

static bool is_one(int i) { return i < GAUGE_ONE; }

/* The file's energy: wilson, or class. */
static enf_energy *energy_of(const matrices *m) {
  char spec[200];
  enf_energy *energy;
  double *beta = golden_doubles(&m->g, "beta", NULL);
  const char *group = enf__st_meta_find(&m->g.file, "group");
  if (!*m->lift) {
    double *c = golden_doubles(&m->g, "target.c", NULL);
    snprintf(spec, sizeof spec, "class:group=%s,beta=%.17g,c1=%.17g,c2=%.17g,c3=%.17g", group, *beta,
             c[0], c[1], c[2]);
    free(c);
  } else {
    const size_t *side = m->flow->space.links.side;
    snprintf(spec, sizeof spec, "wilson:group=%s,l0=%zu,l1=%zu,beta=%.17g", group, side[0], side[1],
             *beta);
  }
  gauge_ok(m, enf_energy_builtin(m->g.ctx, &energy, spec));
  free(beta);
  return energy;
}

START_TEST(the_basis_is_the_recorded_one) {
  matrices m;
  gauge_open(&m, _i, "");
  for (size_t a = 0; m.n > 1 && a < m.group; a++) {
    double t[ENF__SUN_DOUBLES], *basis = golden_doubles(&m.g, "basis", NULL);
    enf__sun_basis(m.n, a, t);
    ck_assert_double_le(distance_of(m.width, t, basis + a * m.width), 1e-15);
    free(basis);
  }
  gauge_close(&m);
}
END_TEST

START_TEST(components_of_energies_gradients) {
  matrices m;
  gauge_open(&m, _i, "");
  enf_energy *energy = energy_of(&m);
  double *u = doubles(m.B), *grad = doubles(m.B * m.dim), *c = doubles(m.B * m.links * m.group);
  const char *name = is_one(_i) ? "target.grad" : "action.grad";
  ck_assert_int_eq(enf_energy_eval(energy, m.B, m.x, u, grad), 0);
  components_of(&m, m.B, m.x, grad, c);
  double *wanted = golden_doubles(&m.g, name, NULL);
  ck_assert_double_le(distance_of(m.B * m.links * m.group, c, wanted), 1e-12);
  enf_energy_destroy(energy);
  double *const all[] = {u, grad, c, wanted};
  for (size_t k = 0; k < 4; k++)
    free(all[k]);
  gauge_close(&m);
}
END_TEST

/* tr U^k is the sum of exp(i k a) over the eigenangles. */
START_TEST(traces_of_powers) {
  matrices m;
  gauge_open(&m, _i, "");
  size_t count;
  double *angles = doubles(m.B * m.n), *trace = golden_doubles(&m.g, "trace", &count);
  const size_t powers = count / (2 * m.B);
  ck_assert_uint_eq(powers, 2 * m.n - 2);
  gauge_ok(&m, enf_group_angles(m.g.ctx, m.flow, m.B, m.x, angles, NULL));
  for (size_t i = 0; i < m.B; i++)
    for (size_t k = 1; k <= powers; k++) {
      double re = 0, im = 0;
      for (size_t a = 0; a < m.n; a++) {
        re += cos((double)k * angles[i * m.n + a]);
        im += sin((double)k * angles[i * m.n + a]);
      }
      ck_assert_double_eq_tol(re, trace[2 * (i * powers + k - 1)], 1e-12);
      ck_assert_double_eq_tol(im, trace[2 * (i * powers + k - 1) + 1], 1e-12);
    }
  free(angles);
  free(trace);
  gauge_close(&m);
}
END_TEST

/* Real and imaginary part of every plaquette, by products; U(1): its angle, too. */
START_TEST(plaquettes_by_products) {
  matrices m;
  gauge_open(&m, _i, "");
  const size_t *side = m.flow->space.links.side, V = side[0] * side[1], D = m.width;
  double *wanted = golden_doubles(&m.g, "plaquette", NULL);
  double *angle = m.n == 1 ? golden_doubles(&m.g, "plaquette.angle", NULL) : NULL;
  for (size_t i = 0; i < m.B; i++)
    for (size_t x = 0; x < V; x++) {
      const size_t x0 = x / side[1], x1 = x % side[1];
      const size_t next0 = (x0 + 1) % side[0] * side[1] + x1, next1 = x0 * side[1] + (x1 + 1) % side[1];
      const double *u = m.x + i * m.dim, *v = u + V * D;
      double t[ENF__SUN_DOUBLES], s[ENF__SUN_DOUBLES], p[ENF__SUN_DOUBLES], z[2];
      if (m.n == 1) {
        const double a = remainder(u[x] + v[next0] - u[next1] - v[x], 2 * M_PI);
        ck_assert_double_eq_tol(a, angle[i * V + x], 1e-12);
        z[0] = cos(a);
        z[1] = sin(a);
      } else {
        enf__sun_product(m.n, u + x * D, v + next0 * D, t);
        enf__sun_product(m.n, v + x * D, u + next1 * D, s);
        enf__sun_product_adjoint(m.n, t, s, p);
        enf__sun_trace(m.n, p, z);
      }
      for (size_t k = 0; k < 2; k++)
        ck_assert_double_eq_tol(z[k] / (double)m.n, wanted[2 * (i * V + x) + k], 1e-13);
    }
  free(wanted);
  free(angle);
  gauge_close(&m);
}
END_TEST

/* Every link of a loop that occurs once gives sum_a T_a T_a = -(n^2 - 1)/n, of U(1) -1. */
START_TEST(laplacians_of_loops) {
  matrices m;
  gauge_open(&m, _i, "");
  const size_t V = m.flow->space.links.side[0] * m.flow->space.links.side[1];
  double casimir = m.n == 1 ? 1 : 0, *w = doubles(m.B);
  for (size_t a = 0; m.n > 1 && a < m.group; a++) {
    double t[ENF__SUN_DOUBLES], square[ENF__SUN_DOUBLES];
    enf__sun_basis(m.n, a, t);
    enf__sun_product(m.n, t, t, square);
    casimir -= square[0];
  }
  for (size_t a = 1; a <= 2; a++)
    for (size_t b = 1; b <= 2; b++) {
      char name[32];
      snprintf(name, sizeof name, "laplacian.%zux%zu", a, b);
      double *wanted = golden_doubles(&m.g, name, NULL);
      gauge_ok(&m, enf_lattice_loop(m.g.ctx, m.flow, m.B, m.x, a, b, w));
      for (size_t i = 0; i < m.B; i++)
        w[i] *= -casimir * (double)(2 * (a + b) * V);
      ck_assert_double_le(distance_of(m.B, w, wanted), 1e-10);
      free(wanted);
    }
  free(w);
  gauge_close(&m);
}
END_TEST

/* Lift local, the word k = 1 alone: -c TA(P), of U(1) -c sin. */
START_TEST(the_leading_order_trivialising_field) {
  matrices m;
  gauge_open(&m, _i, tight);
  const enf__tensor *tensor = &m.flow->params.tensor[0];
  double *c = doubles(m.flow->params.size), *v = doubles(m.B * m.dim), *div = doubles(m.B);
  double *t = doubles(m.B), *beta = golden_doubles(&m.g, "beta", NULL);
  double *coef = golden_doubles(&m.g, "lo.coef", NULL);
  ck_assert_double_eq_tol(*coef, *beta / (4 * (double)(m.n == 1 ? 1 : m.n * m.n - 1)), 1e-14);
  for (size_t k = 0; k < tensor->cols; k++)
    c[k] = *coef;
  gauge_ok(&m, enf_params_set(m.g.ctx, m.flow, "class", c, m.flow->params.size));
  m.lift = "lo.";
  gauge_ok(&m, enf_velocity(m.g.ctx, m.flow, m.B, t, m.x, v, div));
  gauge_compare(&m, "v", m.B * m.dim, v, 1e-10);
  gauge_compare(&m, "div", m.B, div, 1e-10);
  gauge_ok(&m, enf_transport(m.g.ctx, m.flow, m.B, 0, 1, m.x, v, div));
  gauge_compare(&m, "flow.logdet", m.B, div, 1e-9);
  gauge_compare_points(&m, "flow.y", v, 1e-9);
  double *const all[] = {c, v, div, t, beta, coef};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    free(all[k]);
  gauge_close(&m);
}
END_TEST

/* As close as the recorded flow, of order 8, or to what order 5 leaves at knots. */
START_TEST(there_and_back_closes) {
  matrices m;
  gauge_open(&m, _i, tight);
  double *y = doubles(m.B * m.dim), *back = doubles(m.B * m.dim), *there = doubles(m.B);
  double *logdet = doubles(m.B), *recorded = tensor_of(&m, "roundtrip");
  gauge_ok(&m, enf_transport(m.g.ctx, m.flow, m.B, 0, 1, m.x, y, there));
  gauge_ok(&m, enf_transport(m.g.ctx, m.flow, m.B, 1, 0, y, back, logdet));
  ck_assert_double_le(distance_of(m.B * m.dim, back, m.x), fmax(recorded[0], 1e-10));
  for (size_t i = 0; i < m.B; i++)
    ck_assert_double_le(fabs(there[i] + logdet[i]), fmax(recorded[1], 3e-9));
  double *const all[] = {y, back, there, logdet, recorded};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    free(all[k]);
  gauge_close(&m);
}
END_TEST

/* Ends y of the flows from x, u there with du, or NULL; returns the mean of u - logdet. */
static double reverse_kl(const matrices *m, enf_energy *energy, double *y, double *du) {
  double *u = doubles(m->B), *logdet = doubles(m->B), sum = 0;
  gauge_ok(m, enf_transport(m->g.ctx, m->flow, m->B, 0, 1, m->x, y, logdet));
  ck_assert_int_eq(enf_energy_eval(energy, m->B, y, u, du), 0);
  for (size_t i = 0; i < m->B; i++)
    sum += (u[i] - logdet[i]) / (double)m->B;
  free(u);
  free(logdet);
  return sum;
}

/* Its gradient (P), by the discrete adjoint. */
static void reverse_kl_gradient(const matrices *m, enf_energy *energy, double *gradient) {
  enf_ctx *ctx = m->g.ctx;
  const enf__chain *chain = &m->flow->chain;
  const size_t P = m->flow->params.size, pieces = enf__journey_pieces(chain, m->B);
  enf__journey j = {.chain = chain, .way = {.n = m->B, .t0 = 0, .t1 = 1}, .x = m->x};
  double *du = doubles(m->B * m->dim), *dlogdet = doubles(m->B), *y = doubles(m->B * m->dim);
  double *sums = doubles(pieces * P);
  reverse_kl(m, energy, y, du);
  for (size_t i = 0; i < m->B; i++)
    dlogdet[i] = -1 / (double)m->B;
  for (size_t i = 0; i < m->B * m->dim; i++)
    du[i] /= (double)m->B;
  gauge_ok(m, enf__reserve(ctx, enf__journey_call_bytes(&j), enf__journey_worker_bytes(&j, &ctx->run)));
  enf__journey_take(&j, &ctx->arena);
  const enf__pulled pulled = {.dy = du, .dlogdet = dlogdet, .gradients = sums, .scale = 1};
  gauge_ok(m, enf__journey_forward(ctx, &j));
  gauge_ok(m, enf__journey_reverse(ctx, &j, &pulled));
  for (size_t k = 0; k < pieces * P; k++)
    gradient[k % P] += sums[k];
  double *const all[] = {du, dlogdet, y, sums};
  for (size_t k = 0; k < 4; k++)
    free(all[k]);
}

/* The recorded derivatives are differences of sixth order at a step of 0.01, which the same of our
   flows give; of the local lift, which is far from linear, they are off by some 1e-5. */
static double difference_along(const matrices *m, enf_energy *energy, const double *dir) {
  static const double factor[] = {-1, 9, -45, 0, 45, -9, 1};
  const size_t P = m->flow->params.size;
  double *c = tensor_of(m, "weights.class"), *moved = doubles(P), *y = doubles(m->B * m->dim);
  double sum = 0;
  for (int s = -3; s <= 3; s++) {
    for (size_t k = 0; k < P; k++)
      moved[k] = c[k] + 0.01 * s * dir[k];
    gauge_ok(m, enf_params_set(m->g.ctx, m->flow, "class", moved, P));
    sum += factor[s + 3] * reverse_kl(m, energy, y, NULL) / 0.6;
  }
  gauge_ok(m, enf_params_set(m->g.ctx, m->flow, "class", c, P));
  free(c);
  free(moved);
  free(y);
  return sum;
}

START_TEST(the_reverse_kl_and_its_derivatives) {
  enum { MOST = 3 };
  matrices m;
  gauge_open(&m, _i, tight);
  const size_t P = m.flow->params.size;
  size_t count;
  enf_energy *energy = energy_of(&m);
  char name[32];
  double *gradient = doubles(P), *dir = tensor_of(&m, "kl.dir"), *y = doubles(m.B * m.dim);
  double along[MOST] = {0}, difference[MOST];
  const double loss = reverse_kl(&m, energy, y, NULL);
  gauge_compare(&m, "kl.loss", 1, &loss, 1e-9);
  reverse_kl_gradient(&m, energy, gradient);
  snprintf(name, sizeof name, "%skl.ddir", m.lift);
  free(golden_doubles(&m.g, name, &count));
  ck_assert_uint_le(count, MOST);
  for (size_t r = 0; r < count; r++) {
    for (size_t k = 0; k < P; k++)
      along[r] += dir[r * P + k] * gradient[k];
    difference[r] = difference_along(&m, energy, dir + r * P);
  }
  gauge_compare(&m, "kl.ddir", count, difference, 1e-7); /* solver, over the step */
  gauge_compare(&m, "kl.ddir", count, along, strcmp(m.lift, "local.") ? 1e-7 : 1e-4);
  enf_energy_destroy(energy);
  free(gradient);
  free(dir);
  free(y);
  gauge_close(&m);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("gauge flows");
  const int first_local = GAUGE_CASES - 5;
  tcase_add_loop_test(tests, the_basis_is_the_recorded_one, 0, first_local);
  tcase_add_loop_test(tests, components_of_energies_gradients, 0, first_local);
  tcase_add_loop_test(tests, traces_of_powers, 0, GAUGE_ONE);
  tcase_add_loop_test(tests, plaquettes_by_products, GAUGE_ONE, first_local);
  tcase_add_loop_test(tests, laplacians_of_loops, GAUGE_ONE, first_local);
  tcase_add_loop_test(tests, the_leading_order_trivialising_field, first_local, GAUGE_CASES);
  tcase_add_loop_test(tests, there_and_back_closes, GAUGE_ONE, GAUGE_CASES);
  tcase_add_loop_test(tests, the_reverse_kl_and_its_derivatives, 0, GAUGE_CASES);
  return run_suite("gauge flows", tests);
}
