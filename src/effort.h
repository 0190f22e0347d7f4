/* effort.h -- what transports cost, and how exact their log-determinants are. */
#ifndef EFFORT_H
#define EFFORT_H

#include "report.h"

/* NaN where the library did not say. */
typedef struct {
  size_t n;
  double seconds, velocities, divergences, logdet_error, logdet_unmet;
} effort;

/* Of the last transport, and of two together. */
effort effort_read(const cli *c, size_t n, double seconds);
effort effort_add(const effort *a, const effort *b);
/* Together (ranks.h): of all ranks' transports, the seconds being those of this one. */
effort effort_gather(const effort *own);
/* Evaluations per sample, error, seconds and rate; nothing of no transport. */
void effort_report(report *r, const effort *e);

#endif
