/* prior.c -- the table of priors. */
#include "prior/prior.h"

static const enf__prior_ops *const table[] = {[ENF__GAUSSIAN_PRIOR] = &enf__gaussian_ops};
ENF__ROW_FOR_EVERY(ENF__PRIORS, table);

enf__prior enf__prior_make(int kind, const enf__space *space, double std) {
  return (enf__prior){.ops = table[kind], .space = space, .std = std};
}
