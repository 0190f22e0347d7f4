/* accuracy.c -- how far log |dy/dx| and log q are from the truth: the samples are carried from
   data to prior, y(1) -> y(0), by coupled integration in float64 at rtol = atol = 1e-10, and again
   with the settings that are judged. log q = logdet - |y|^2 / (2 std^2) + a constant, which cancels
   in the difference; it sees the error of y(0) too. */
#include "bench.h"
#include <math.h>
#include <stdlib.h>

typedef struct {
  const char *name;
  const char *precision, *tolerance, *method;
  bool promised; /* logdet.tol holds: the trajectory's own error is far below it */
} setting;

static const setting reference = {"reference", "float64", "1e-10", "coupled", false};
static const setting judged[BENCH_ERRORS] = {
    {"default (float32, 1e-5)", NULL, NULL, NULL, false},
    {"float64, ode 1e-7", "float64", "1e-7", "quadrature", true},
};

typedef struct {
  double *y, *logdet, velocities, divergences;
} result;

static enf_ctx *context_of(const bench_args *args, const setting *q) {
  enf_ctx *ctx = bench_context(args, args->threads);
  if (!q->precision)
    return ctx;
  enf_opts *opts =
      bench_options(args, ctx, "run.precision", q->precision, "ode.rtol", q->tolerance, "ode.atol",
                    q->tolerance, "logdet.method", q->method, "ode.max_steps", "10000", NULL);
  bench_check(enf_ctx_configure(ctx, opts), enf_ctx_errmsg(ctx));
  enf_opts_destroy(opts);
  return ctx;
}

static result carry(const bench_args *args, const bench_system *s, const setting *q, size_t n) {
  const size_t size = (size_t)(s->N * s->D);
  enf_ctx *ctx = context_of(args, q);
  result r = {bench_memory(n * size, sizeof(double)), bench_memory(n, sizeof(double)), 0, 0};
  bench_check(enf_transport(ctx, s->flow, n, 1, 0, s->x, r.y, r.logdet), enf_ctx_errmsg(ctx));
  enf_ctx_stat(ctx, "velocities", &r.velocities);
  enf_ctx_stat(ctx, "divergences", &r.divergences);
  enf_ctx_destroy(ctx);
  return r;
}

static void drop(result *r) {
  free(r->y);
  free(r->logdet);
}

static double log_prob(const bench_system *s, const result *r, size_t i) {
  const size_t size = (size_t)(s->N * s->D);
  double scale = 1, std = 1, square = 0;
  enf_get_real(s->flow, "data_scale", &scale);
  enf_get_real(s->flow, "prior_std", &std);
  for (size_t k = 0; k < size; k++)
    square += r->y[i * size + k] * r->y[i * size + k];
  return r->logdet[i] - square / (2 * scale * scale * std * std);
}

void bench_errors(const bench_args *args, const bench_system *s, bench_error errors[BENCH_ERRORS]) {
  const size_t wanted = args->references ? args->references : s->references;
  const size_t n = wanted < s->samples ? wanted : s->samples;
  const double tolerance = bench_number(args, "logdet.tol");
  for (size_t q = 0; q < BENCH_ERRORS; q++)
    errors[q] =
        (bench_error){.setting = judged[q].name, .tolerance = judged[q].promised ? tolerance : 0};
  if (!n)
    return;
  result truth = carry(args, s, &reference, n);
  for (size_t q = 0; q < BENCH_ERRORS; q++) {
    bench_error *e = errors + q;
    result r = carry(args, s, judged + q, n);
    for (size_t i = 0; i < n; i++) {
      const double logdet = r.logdet[i] - truth.logdet[i];
      const double density = log_prob(s, &r, i) - log_prob(s, &truth, i);
      e->logdet += logdet * logdet / (double)n;
      e->log_prob += density * density / (double)n;
      e->worst = fmax(e->worst, fabs(density));
    }
    e->samples = n;
    e->logdet = sqrt(e->logdet);
    e->log_prob = sqrt(e->log_prob);
    e->velocities = r.velocities / (double)n;
    e->divergences = r.divergences / (double)n;
    drop(&r);
  }
  drop(&truth);
}
