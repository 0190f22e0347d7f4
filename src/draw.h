/* draw.h -- samples from a flow, for `enf sample` and `enf reweight`. */
#ifndef DRAW_H
#define DRAW_H

#include "data.h"
#include "report.h"

/* What the last transport cost and how exact its log-determinant is; NaN where it did not say. */
typedef struct {
  size_t n;
  double seconds, velocities, divergences, logdet_error;
} effort;

effort effort_read(const cli *c, size_t n, double seconds);
/* Evaluations per sample, error, seconds and rate. */
void effort_report(report *r, const effort *e);

typedef struct {
  dataset data;
  double *logp; /* NULL if not wanted */
  uint64_t seed, first, failed;
  effort effort;
} draws;

/* Takes -n, --seed and --first. A sample that fails is NaN, counted and noted on standard error;
   it is a failure only if all fail. */
int draw_samples(cli *c, const char *path, bool density, draws *d);
void draws_free(draws *d);

/* The rule for calls that may fail for some samples only: the note, or the failure. */
int settle_failed(const cli *c, enf_status status, size_t n, uint64_t *failed);

#endif
