/* test_gauge.c -- the fields of matrices and their flows give what explicit matrices gave. */
#include "gauge.h"

static const char loose[] = "ode.rtol=1e-6";

START_TEST(velocity_and_divergence) {
  matrices m;
  gauge_open(&m, _i, loose);
  double *v = doubles(m.B * m.dim), *div = doubles(m.B), *t = doubles(m.B);
  for (size_t i = 0; i < m.B; i++)
    t[i] = *m.t;
  gauge_ok(&m, enf_velocity(m.g.ctx, m.flow, m.B, t, m.x, v, div));
  gauge_compare(&m, "v", m.B * m.dim, v, 1e-10);
  gauge_compare(&m, "div", m.B, div, 1e-10);
  free(v);
  free(div);
  free(t);
  gauge_close(&m);
}
END_TEST

static void flat(size_t terms, size_t times, const double *dparams, double *out) {
  for (size_t e = 0; e < terms; e++) {
    out[e] = 0;
    for (size_t k = 0; k < times; k++)
      out[e] += dparams[e * times + k];
  }
}

/* Every word alone: the gradient by its coefficient of div, and of <v, dW>. */
START_TEST(features_of_every_word) {
  matrices m;
  gauge_open(&m, _i, loose);
  const enf__tensor *tensor = &m.flow->params.tensor[0];
  const size_t terms = tensor->rows, times = tensor->cols;
  const enf__field *field = enf__chain_field(&m.flow->chain);
  const enf__run *run = &m.g.ctx->run;
  enf__arena arena = {0};
  enf__arena_reserve(&m.g.ctx->alloc, &arena,
                     enf__field_workspace(field, run, &m.flow->space.shape, ENF__VJP_TRACE));
  const char *of_matrices = _i < GAUGE_ONE ? "target.grad_x" : "action.grad_x";
  double *dW = golden_doubles(&m.g, m.n == 1 ? "action.grad" : of_matrices, NULL);
  double *dparams = doubles(terms * times), *zero = doubles(m.dim);
  double *div = doubles(m.B * terms), *dot = doubles(m.B * terms);
  for (size_t i = 0; i < m.B * m.dim; i++)
    dW[i] = -dW[i];
  for (size_t i = 0; i < m.B; i++)
    for (int which = 0; which < 2; which++) {
      const enf__points at = {&m.flow->space.shape, 1, m.t, m.x + i * m.dim};
      const double b = which == 0;
      const enf__cotangent of = {.a = which ? dW + i * m.dim : zero, .b = &b};
      const enf__gradient out = {.dparams = dparams};
      memset(dparams, 0, terms * times * sizeof *dparams);
      enf__field_vjp_trace(field, run, &arena, &at, &of, &out);
      flat(terms, times, dparams, (which ? dot : div) + i * terms);
    }
  gauge_compare(&m, "feat.div", m.B * terms, div, 1e-10);
  gauge_compare(&m, "feat.dot", m.B * terms, dot, 1e-10);
  enf__arena_free(&m.g.ctx->alloc, &arena);
  free(dW);
  free(dparams);
  free(zero);
  free(div);
  free(dot);
  gauge_close(&m);
}
END_TEST

START_TEST(words_of_one_variable) {
  matrices m;
  gauge_open(&m, _i, loose);
  const size_t terms = m.flow->params.tensor[0].rows, times = m.flow->params.tensor[0].cols;
  double *c = doubles(terms * times), *v = doubles(m.B * m.dim), *div = doubles(m.B);
  double *t = doubles(m.B), *one = doubles(m.B * m.group);
  double *A = doubles(m.B * terms * m.group), *D = doubles(m.B * terms);
  for (size_t e = 0; e < terms; e++) {
    for (size_t k = 0; k < terms * times; k++)
      c[k] = k / times == e;
    gauge_ok(&m, enf_params_set(m.g.ctx, m.flow, "class", c, terms * times));
    gauge_ok(&m, enf_velocity(m.g.ctx, m.flow, m.B, t, m.x, v, div));
    components_of(&m, m.B, m.x, v, one);
    for (size_t i = 0; i < m.B; i++) {
      memcpy(A + (i * terms + e) * m.group, one + i * m.group, m.group * sizeof *A);
      D[i * terms + e] = div[i];
    }
  }
  gauge_compare(&m, "words.A", m.B * terms * m.group, A, 1e-10);
  gauge_compare(&m, "words.div", m.B * terms, D, 1e-10);
  double *const all[] = {c, v, div, t, A, D, one};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    free(all[k]);
  gauge_close(&m);
}
END_TEST

START_TEST(reverse_pass) {
  matrices m;
  gauge_open(&m, _i, loose);
  const enf__field *field = enf__chain_field(&m.flow->chain);
  const enf__run *run = &m.g.ctx->run;
  const size_t P = m.flow->params.size;
  enf__arena arena = {0};
  enf__arena_reserve(&m.g.ctx->alloc, &arena,
                     enf__field_workspace(field, run, &m.flow->space.shape, ENF__VJP_TRACE));
  double *a = tensor_of(&m, "vjp.a"), *b = tensor_of(&m, "vjp.b");
  double *dx = doubles(m.B * m.dim), *grad = doubles(m.B * m.dim), *dparams = doubles(m.B * P);
  double *c = doubles(m.B * m.links * m.group);
  for (size_t i = 0; i < m.B; i++) {
    const enf__points at = {&m.flow->space.shape, 1, m.t, m.x + i * m.dim};
    const enf__cotangent of = {.a = a + i * m.dim, .b = b + i};
    const enf__gradient out = {.dx = dx + i * m.dim, .dparams = dparams + i * P};
    enf__field_vjp_trace(field, run, &arena, &at, &of, &out);
    m.flow->space.ops->enter_pull(&m.flow->space, m.x + i * m.dim, dx + i * m.dim, 0,
                                  grad + i * m.dim);
  }
  components_of(&m, m.B, m.x, grad, c);
  gauge_compare(&m, "vjp.x", m.B * m.links * m.group, c, 1e-8);
  gauge_compare(&m, "vjp.coef", m.B * P, dparams, 1e-8);
  enf__arena_free(&m.g.ctx->alloc, &arena);
  double *const all[] = {a, b, dx, grad, dparams, c};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    free(all[k]);
  gauge_close(&m);
}
END_TEST

START_TEST(flows_and_densities) {
  matrices m;
  gauge_open(&m, _i, tight);
  double *y = doubles(m.B * m.dim), *logdet = doubles(m.B);
  gauge_ok(&m, enf_transport(m.g.ctx, m.flow, m.B, 0, 1, m.x, y, logdet));
  gauge_compare(&m, "flow.logdet", m.B, logdet, 1e-9);
  gauge_compare_points(&m, "flow.y", y, 1e-9);
  gauge_ok(&m, enf_transport(m.g.ctx, m.flow, m.B, 1, 0, m.x, y, logdet));
  gauge_compare_points(&m, "z", y, 1e-9);
  gauge_ok(&m, enf_log_prob(m.g.ctx, m.flow, m.B, m.x, logdet));
  gauge_compare(&m, "logp", m.B, logdet, 1e-9);
  free(y);
  free(logdet);
  gauge_close(&m);
}
END_TEST

START_TEST(gradient_of_the_density) {
  matrices m;
  gauge_open(&m, _i, "ode.rtol=1e-10 ode.atol=1e-10 ode.max_steps=100000");
  const size_t count = m.links * m.group;
  double *logp = doubles(m.B), *grad = doubles(m.B * m.dim), *c = doubles(m.B * count), along = 0;
  gauge_ok(&m, enf_log_prob_grad(m.g.ctx, m.flow, m.B, m.x, logp, grad));
  gauge_compare(&m, "logp", m.B, logp, 1e-7);
  components_of(&m, m.B, m.x, grad, c);
  if (_i < GAUGE_ONE) {
    gauge_compare(&m, "logp.grad", m.B * count, c, 1e-6);
  } else {
    double *dir = tensor_of(&m, "logp.dir");
    for (size_t k = 0; k < count; k++)
      along += dir[k] * c[k];
    gauge_compare(&m, "logp.ddir", 1, &along, 2e-6); /* differences at a step of 0.01 */
    free(dir);
  }
  free(logp);
  free(grad);
  free(c);
  gauge_close(&m);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("gauge");
  tcase_add_loop_test(tests, velocity_and_divergence, 0, GAUGE_CASES);
  tcase_add_loop_test(tests, features_of_every_word, 0, GAUGE_CASES);
  tcase_add_loop_test(tests, words_of_one_variable, 0, GAUGE_ONE);
  tcase_add_loop_test(tests, reverse_pass, 0, GAUGE_CASES);
  tcase_add_loop_test(tests, flows_and_densities, 0, GAUGE_CASES);
  tcase_add_loop_test(tests, gradient_of_the_density, 0, GAUGE_CASES);
  return run_suite("gauge", tests);
}
