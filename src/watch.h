/* watch.h -- configurations that a training does not see, and looks at their NLL on the way. */
#ifndef WATCH_H
#define WATCH_H

#include "data.h"

typedef struct {
  uint64_t every;    /* steps between looks; 0: none */
  uint64_t patience; /* looks since the best that end the training; 0: never */
  dataset data;
} watch;

/* Takes --validation, --validate-every and --patience; without a file nothing is watched. */
int watch_open(cli *c, size_t N, size_t D, watch *w);
void watch_free(watch *w);
/* One line on standard error. */
void watch_tell(const cli *c, const enf_fit_event *look);

#endif
