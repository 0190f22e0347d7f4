/* bonds.h -- the bonds of a molecule in the file of a flow of particles, and files whose atoms stand
   in another order. */
#ifndef BONDS_H
#define BONDS_H

#include "topology.h"

/* Bonds as text into the flow's file. */
int bonds_keep(const cli *c, enf_flow *flow, const topology *t);
/* Fail where the rows have other bonds than the flow called name: like elements have changed places,
   which labels do not tell. */
int bonds_fit_flow(const cli *c, const enf_flow *flow, const char *name, const dataset *data,
                   const char *path);

#endif
