/* prior.c -- the table of priors. */
#include "prior/prior.h"

/* In the order of model.prior. */
static const enf__prior_ops *const table[] = {[ENF__GAUSSIAN_PRIOR] = &enf__gaussian_ops};
_Static_assert(sizeof table / sizeof *table == ENF__PRIORS, "a row for every prior");

enf__prior enf__prior_make(int kind, const enf__space *space, double std) {
  return (enf__prior){.ops = table[kind], .space = space, .std = std};
}
