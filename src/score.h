/* score.h -- negative log-likelihood and excess NLL of configurations under a flow. */
#ifndef SCORE_H
#define SCORE_H

#include "draw.h"
#include "lines.h"
#include "target.h"

typedef struct {
  size_t n;                   /* 0: interrupted, nothing is known */
  uint64_t failed, nonfinite; /* densities, energies */
  double nll, nll_err;        /* nats per configuration */
  double excess, excess_err;  /* mean of (-log q) - (u + log Z); NaN without energy and log Z */
  enf_lines lines;            /* of the same configurations */
  effort effort;
} score;

/* logp (n) is filled; t may be empty. */
int score_flow(cli *c, const enf_flow *flow, const dataset *data, const target *t, double *logp,
               score *s);
void score_report(report *r, const score *s);

#endif
