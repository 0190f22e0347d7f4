/* bridge.h -- log Z and forward ESS from both sides: samples of a flow and rows of its target. */
#ifndef BRIDGE_H
#define BRIDGE_H

#include "report.h"
#include "target.h"

/* NaN where the two have nothing in common. */
typedef struct {
  double log_z, log_z_err;
  double forward_ess, forward_ess_err;
} bridge;

/* Reduced energy and log-density of n samples of the flow and of m rows of the target. */
typedef struct {
  size_t n, m;
  const double *u, *logp;           /* (n) */
  const double *u_rows, *logp_rows; /* (m) */
} both_sides;

int bridge_measure(const cli *c, const both_sides *s, bridge *b);
void bridge_report(report *r, const bridge *b, const target *t);

#endif
