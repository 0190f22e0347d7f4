/* atoms.h -- whether the atoms of a file are those that a flow, or another file, has in that order.
 */
#ifndef ATOMS_H
#define ATOMS_H

#include "data.h"

/* Fail, naming the first atom that differs, unless the labels of data, read from path, fit the
   kinds of the flow (its name is for the sentence): like kinds have like labels, and where a kind
   is an element the label is that. Data without labels fit. With --map-atoms they are put in the
   flow's order, by their elements. */
int atoms_fit_flow(const cli *c, const enf_flow *flow, const char *name, dataset *data,
                   const char *path);
/* Likewise unless both files have the same labels in the same order. */
int atoms_fit_file(const dataset *known, const char *name, const dataset *data, const char *path);

/* Label samples of the flow, as far as its kinds are elements. */
int atoms_label(const enf_flow *flow, dataset *samples);

#endif
