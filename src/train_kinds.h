/* train_kinds.h -- what a training of particles makes of atoms: which are alike, the molecule's
   hand, and what a flow's file tells of both. */
#ifndef TRAIN_KINDS_H
#define TRAIN_KINDS_H

#include "train.h"

/* --kinds, before the data. */
int kinds_check_flags(const training *t);
/* model.species of a new flow, from bonds or labels, told; does nothing where it is set. */
int kinds_set_options(training *t);
/* Labels, elements, unit, size, kT and hand in the new flow's file. */
int kinds_keep(training *t);
/* Rows of the other hand are mirrored. */
int kinds_settle_data(training *t);

#endif
