/* molecule.h -- what the space of a molecule says of itself. */
#ifndef ENF__MOLECULE_H
#define ENF__MOLECULE_H

#include "space/chart.h"
#include "space/space.h"

/* NULL for another space. */
const enf__zmatrix *enf__molecule_zmatrix(const enf__space *space);
const enf__chart *enf__molecule_chart(const enf__space *space);

#endif
