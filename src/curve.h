/* curve.h -- the picture of a training curve: loss, and the looks at the validation. */
#ifndef CURVE_H
#define CURVE_H

#include "cli.h"

/* Of the curve in a CSV file of enf_fit. `loss` names the vertical axis, which is logarithmic if
   the loss is always above 0. */
bool curve_plot(const char *csv, const char *path, const char *title, const char *loss,
                bool above_0);

#endif
