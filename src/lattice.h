/* lattice.h -- gauge fields and matrices in the tool: the options that their energies stand for, the
   flow of a lattice from one matrix, and what is printed of a flow beside exact values. */
#ifndef LATTICE_H
#define LATTICE_H

#include "report.h"
#include "target.h"

/* Is the energy wilson or class? */
bool lattice_is(const target *t);
/* model.space, model.group and model.lattice of the energy, where they are not set. */
int lattice_options(cli *c, const target *t);
/* ESS, log Z, plaquette and charge of samples of the flow, beside what is exact; nothing for another
   energy than wilson. */
int lattice_report(report *r, cli *c, const enf_flow *flow, const target *t);
/* `enf train --lift`. */
int lattice_lift(cli *c);

#endif
