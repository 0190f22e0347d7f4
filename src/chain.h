/* chain.h -- configurations of weight 1 from weighted samples, by independence Metropolis. */
#ifndef CHAIN_H
#define CHAIN_H

#include "draw.h"

/* Write the chain over the samples, of energies u (n), to the file of --output: as many
   configurations, some of them repeated. *acceptance is the share of moves that were made. */
int chain_write(cli *c, const draws *d, const double *u, double *acceptance);

#endif
