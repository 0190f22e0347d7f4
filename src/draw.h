/* draw.h -- samples from a flow, for `enf sample` and `enf reweight`. */
#ifndef DRAW_H
#define DRAW_H

#include "effort.h"
#include "hands.h"

typedef struct draws draws;

struct draws {
  dataset data;
  size_t done;  /* of data.n: fewer where the drawing was interrupted */
  double *logp; /* NULL if not wanted */
  uint64_t seed, first, failed;
  hands hands; /* samples of the other one are mirrored */
  effort effort;
  /* What finds samples of before (d->done) once there is a flow, and what keeps those so far;
     either may be NULL. */
  int (*recall)(cli *c, const enf_flow *flow, draws *d);
  int (*keep)(cli *c, const draws *d);
};

/* Takes -n, --seed and --first. A sample that fails is NaN, counted and noted on standard error;
   it is a failure only if all fail. Interrupted, the samples so far are d->done. */
int draw_samples(cli *c, const char *path, bool density, draws *d);
/* Its two halves: flags and options, with the context configured; and the samples of a flow. */
int draws_flags(cli *c, draws *d);
int draw_flow(cli *c, const enf_flow *flow, bool density, draws *d);
void draws_free(draws *d);

/* The rule for calls that may fail for some samples only: the note, or the failure. */
int settle_failed(const cli *c, enf_status status, size_t n, uint64_t *failed);

#endif
