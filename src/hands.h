/* hands.h -- the hand of a chiral molecule whose flow, of particles, does not know left from right.
 */
#ifndef HANDS_H
#define HANDS_H

#include "topology.h"

typedef struct {
  size_t count; /* 0: both hands are alike */
  size_t (*centre)[4];
  int *wanted; /* +1 or -1 each */
} hands;

/* Of --chiral, else of the flow's file. */
int hands_of_flow(const cli *c, const enf_flow *flow, hands *h);
/* Of a new flow: --chiral, else the stereocentres of the topology with their hands in x (N,D), which
   is NULL where there are no rows. */
int hands_of_topology(const cli *c, const topology *t, const double *x, size_t N, size_t D,
                      hands *h);
/* Into the flow's file. */
int hands_keep(const cli *c, enf_flow *flow, const hands *h);
void hands_free(hands *h);

/* Samples of the flow: those of the other hand are mirrored, log 2 is added to logp (or NULL). */
int hands_settle(const cli *c, const hands *h, size_t n, size_t N, double *x, double *logp);
/* wrong (n): not of the wanted hand, finite ones only; how many. */
int hands_compare(const cli *c, const hands *h, const dataset *data, bool *wrong, size_t *count);

/* Fail unless most of the data, read from path, are of the hand of the flow called name. */
int hands_fit_flow(const cli *c, const enf_flow *flow, const char *name, const dataset *data,
                   const char *path);
/* Of a training: mirror rows of the other hand and leave out those whose centres have both, told. */
int hands_keep_good(const cli *c, const hands *h, dataset *data, const char *path);

#endif
