/* cores.h -- how many threads this process should start. */
#ifndef CORES_H
#define CORES_H

/* Processors it may use, by its affinity mask and its control groups' quota; at least 1. */
int cores_allowed(void);

#endif
