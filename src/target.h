/* target.h -- the energy that a flow is compared with, and what is known exactly about it. */
#ifndef TARGET_H
#define TARGET_H

#include "cli.h"

typedef struct {
  const char *spec;
  enf_energy *energy; /* NULL: no --energy */
  size_t N, D;
  /* Exact values with their uncertainty (0: all digits shown); NaN where unknown. */
  double log_z, log_z_err, mean_u, mean_u_err;
} target;

/* From a spec; --log-z, if given, replaces the table's log Z. spec NULL gives an empty target. */
int target_make(cli *c, const char *spec, target *t);
void target_free(target *t);
/* Refuse data of another shape. */
int target_check(const target *t, size_t N, size_t D);
int target_eval(const target *t, size_t n, const double *x, double *u);

#endif
