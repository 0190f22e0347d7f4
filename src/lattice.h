/* lattice.h -- gauge fields and matrices in the tool: the options that their energies stand for, the
   flow of a lattice from one matrix, and what is printed of a flow beside exact values. */
#ifndef LATTICE_H
#define LATTICE_H

#include "report.h"
#include "target.h"

/* Is the energy wilson or class? */
bool lattice_is(const target *t);
/* "group": n of SU(n), 1 of U(1); "l0", "l1": sides. 0 where it has none. */
int64_t lattice_number(const target *t, const char *name);
/* model.space, model.group and model.lattice of the energy, where they are not set. */
int lattice_options(cli *c, const target *t);
/* Samples of a flow with log q, u and normalised log w; of a lattice the mean plaquette, of U(1) the
   charge. */
typedef struct {
  size_t n;
  double *x, *logp, *u, *logw, *plaquette, *charge;
  enf_weights weights;
} lattice_samples;
enf_status lattice_draw(cli *c, const enf_flow *flow, const target *t, lattice_samples *s);
void lattice_forget(lattice_samples *s);
/* Picture of samples, weighted: charges of U(1), eigenangles of one matrix beside their exact density. */
int lattice_plot(cli *c, const enf_flow *flow, const target *t, const char *path);
/* ESS, log Z, plaquette and squared charge of samples of the flow, beside what is exact; nothing for
   another energy than wilson and class. */
int lattice_report(report *r, cli *c, const enf_flow *flow, const target *t);
/* `enf train --lift`. */
int lattice_lift(cli *c);

#endif
