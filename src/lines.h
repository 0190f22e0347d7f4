/* lines.h -- where a flow stands: NLL of the same configurations under the best simple densities. */
#ifndef LINES_H
#define LINES_H

#include "data.h"
#include "report.h"

/* Those of the flow's space; none (lines->n is 0) where it has none, as molecules. */
int lines_find(cli *c, const enf_flow *flow, const dataset *data, enf_lines *lines);
/* nll and floor (the entropy) NaN: not known. */
void lines_report(report *r, const enf_lines *lines, double nll, double floor);

#endif
