/* links.h -- configurations of a lattice in files, in the order of --layout. */
#ifndef LINKS_H
#define LINKS_H

#include "data.h"
#include "target.h"

/* Of what lattice the files of the command are: of a flow that was loaded, or of the options and the
   energy. Fail on a --layout that cannot be of it. */
int links_of_flow(cli *c, const enf_flow *flow);
int links_of_target(cli *c, const target *t);
bool links_known(const cli *c);

/* Rows in the library's order; of U(1) numbers of modulus 1, as pairs, become angles. */
int links_take(const cli *c, const char *path, const enf_array *array, dataset *data);
/* The array to write for data: its order, and its axes after the first. The caller frees *x. */
int links_give(const cli *c, const dataset *data, double **x, size_t *ndim, size_t shape[5]);

#endif
