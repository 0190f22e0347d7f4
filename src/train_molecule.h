/* train_molecule.h -- what a training of one molecule in internal coordinates adds. */
#ifndef TRAIN_MOLECULE_H
#define TRAIN_MOLECULE_H

#include "train.h"

/* Before the data: flags, and the topology if there is a file of it. */
int molecule_open(training *t);
/* Atoms of the topology, or of the energy. */
size_t molecule_size(const training *t);
/* Is the new flow one of a molecule? */
bool molecule_wanted(const training *t);
/* The topology of --topology, or of the rows' labels and first frame, compared with the rows. */
int molecule_find_topology(training *t);
/* Labels and unit in the flow's file. */
int molecule_keep_labels(const training *t);
/* Before the flow: model.zmatrix and model.species, told. */
int molecule_set_options(training *t);
/* Of a new flow: centres and widths, from DATA or from --start; labels and unit in its file. */
int molecule_fix_centres(training *t);
/* Whether DATA and the validation are of the flow's molecule; other rows of DATA are left out. */
int molecule_check_data(training *t);
void molecule_close(training *t);

#endif
