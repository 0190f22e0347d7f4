/* kept.h -- what a training goes on with is not said again. */
#ifndef KEPT_H
#define KEPT_H

#include "cli.h"

/* Refuses what --resume and --init have fixed; of a resumed training only the goal may move. */
int kept_check(const cli *c);

#endif
