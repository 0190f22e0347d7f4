/* ladder.h -- a flow of many temperatures: its states have one number more, which no map moves and
   no density is of, and which stands for the reduced temperature,

     s = (2 ln T - ln(coldest hottest)) / ln(hottest/coldest),

   -1 at the coldest and 1 at the hottest. At T the target is exp(-u/T). */
#ifndef ENF__LADDER_H
#define ENF__LADDER_H

#include <math.h>
#include <stdbool.h>

typedef struct {
  double coldest, hottest; /* 0: there is none */
  double temperature;      /* of samples and densities */
} enf__ladder;

static inline bool enf__ladder_on(const enf__ladder *ladder) { return ladder->hottest > 0; }

static inline bool enf__ladder_holds(const enf__ladder *ladder, double temperature) {
  return temperature >= ladder->coldest && temperature <= ladder->hottest;
}

static inline double enf__ladder_place(const enf__ladder *ladder, double temperature) {
  return (2 * log(temperature) - log(ladder->coldest * ladder->hottest)) /
         log(ladder->hottest / ladder->coldest);
}

/* Of the share in [0,1] of the way up. */
static inline double enf__ladder_at(const enf__ladder *ladder, double share) {
  return ladder->coldest * pow(ladder->hottest / ladder->coldest, share);
}

#endif
