/* logsum.h -- the sum of many logarithms of numbers above 0, with few calls of log: factors are
   multiplied until the product leaves a middle range. */
#ifndef ENF__LOGSUM_H
#define ENF__LOGSUM_H

#include <math.h>

typedef struct {
  double product, sum;
} enf__logsum;

#define ENF__LOGSUM_INIT ((enf__logsum){1, 0})

static inline void enf__logsum_add(enf__logsum *l, double factor) {
  l->product *= factor;
  if (!(l->product > 1e-100 && l->product < 1e100)) {
    l->sum += log(l->product);
    l->product = 1;
  }
}

static inline double enf__logsum_get(const enf__logsum *l) { return l->sum + log(l->product); }

#endif
