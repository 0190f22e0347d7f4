/* effort.c -- what transports cost, and how exact their log-determinants are. */
#include "effort.h"

#include <math.h>

static double stat_of(const cli *c, const char *name) {
  double value = (double)NAN;
  return enf_ctx_stat(c->ctx, name, &value) == ENF_OK ? value : (double)NAN;
}

effort effort_read(const cli *c, size_t n, double seconds) {
  return (effort){.n = n,
                  .seconds = seconds,
                  .velocities = stat_of(c, "velocities"),
                  .divergences = stat_of(c, "divergences"),
                  .logdet_error = stat_of(c, "logdet_error"),
                  .logdet_unmet = stat_of(c, "logdet_unmet")};
}

effort effort_add(const effort *a, const effort *b) {
  const double n = (double)a->n, m = (double)b->n;
  if (a->n == 0 || b->n == 0)
    return a->n == 0 ? *b : *a;
  return (effort){.n = a->n + b->n,
                  .seconds = a->seconds + b->seconds,
                  .velocities = a->velocities + b->velocities,
                  .divergences = a->divergences + b->divergences,
                  .logdet_error = sqrt((n * a->logdet_error * a->logdet_error +
                                        m * b->logdet_error * b->logdet_error) /
                                       (n + m)),
                  .logdet_unmet = a->logdet_unmet + b->logdet_unmet};
}

void effort_report(report *r, const effort *e) {
  const double n = (double)e->n;
  if (e->n == 0)
    return;
  report_real(r, "velocities", "velocities per sample", e->velocities / n);
  if (e->divergences > 0) {
    report_real(r, "divergences", "divergences per sample", e->divergences / n);
    report_real(r, "logdet_error", "error of log-density (RMS)", e->logdet_error);
  }
  if (e->logdet_unmet > 0)
    report_count(r, "logdet_unmet", "log-determinants over logdet.tol", (uint64_t)e->logdet_unmet);
  report_real(r, "seconds", "seconds", e->seconds);
  report_real(r, "rate", "samples per second", n / e->seconds);
}
