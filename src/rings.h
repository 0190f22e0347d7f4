/* rings.h -- the bonds at which the rings of a molecule are cut: no coordinates of its Z-matrix,
   their lengths are the flow's to learn. The flow's file has them, with the lengths of the rows it
   was trained on, as the metadata "rings". */
#ifndef RINGS_H
#define RINGS_H

#include "report.h"
#include "topology.h"

/* Put those of a new flow into its metadata. rows may have none. */
int rings_keep(const cli *c, enf_flow *flow, const topology *top, const dataset *rows);
/* Say them, with their lengths in rows and in samples of the flow. */
int rings_print(const cli *c, report *r, const enf_flow *flow);

#endif
