/* prior.h -- prior densities on the state of a space, whose degrees of freedom are k.

   A new prior is one file and one row of the table in prior.c. */
#ifndef ENF__PRIOR_H
#define ENF__PRIOR_H

#include "space/space.h"

typedef struct enf__prior enf__prior;

typedef struct {
  /* Draw number `index` of stream (seed, stream): z (state). */
  void (*sample)(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                 double *z);
  double (*log_density)(const enf__prior *prior, const double *z);
  void (*gradient)(const enf__prior *prior, const double *z, double *grad);
} enf__prior_ops;

/* Lengths are in units of the data scale. */
struct enf__prior {
  const enf__prior_ops *ops;
  const enf__space *space;
  double std;
};

enf__prior enf__prior_make(int kind, const enf__space *space, double std);

static inline void enf__prior_sample(const enf__prior *prior, uint64_t seed, uint32_t stream,
                                     uint64_t index, double *z) {
  prior->ops->sample(prior, seed, stream, index, z);
}
static inline double enf__prior_log_density(const enf__prior *prior, const double *z) {
  return prior->ops->log_density(prior, z);
}
static inline void enf__prior_gradient(const enf__prior *prior, const double *z, double *grad) {
  prior->ops->gradient(prior, z, grad);
}

extern const enf__prior_ops enf__gaussian_ops;

#endif
