/* atom.h -- a line of an XYZ frame: an atom. */
#ifndef ENF__ATOM_H
#define ENF__ATOM_H

#include "io/comment.h"

/* Label (an atomic number as its symbol; empty where the columns have none) and x of number `atom`,
   from 0. x is finite, or lost: NaN, that of a sample that failed. */
enf_status enf__atom_read(const enf__line *line, const enf__columns *columns, size_t atom,
                          enf__span text, enf__span *label, double *x);
/* A planar sample that failed has z = 0. */
bool enf__atom_lost(const double *x);
/* FORMAT unless it is lost as the first atom of the frame is. */
enf_status enf__atom_agrees(const enf__line *line, size_t atom, const double *x,
                            const double *first);

#endif
