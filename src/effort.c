/* effort.c -- what transports cost, and how exact their log-determinants are. */
#include "effort.h"
#include "ranks.h"

#include <math.h>
#include <string.h>

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

effort effort_gather(const effort *own) {
  enum { NUMBERS = 5, MOST = 1024 };
  static double all[MOST][NUMBERS];
  const size_t ranks = ranks_count(), me = ranks_number();
  if (ranks == 1 || ranks > MOST)
    return *own;
  const double mine[NUMBERS] = {(double)own->n, own->velocities, own->divergences,
                                own->logdet_error, own->logdet_unmet};
  memcpy(all[me], mine, sizeof mine);
  ranks_gather(ranks, NUMBERS, all[0]);
  effort sum = {.n = 0};
  for (size_t r = 0; r < ranks; r++) {
    const effort one = {.n = (size_t)all[r][0],
                        .velocities = all[r][1],
                        .divergences = all[r][2],
                        .logdet_error = all[r][3],
                        .logdet_unmet = all[r][4]};
    sum = effort_add(&sum, &one);
  }
  sum.seconds = own->seconds;
  return sum;
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
