/* egnn_f64.c -- the EGNN field in float64: the one source, compiled for that precision. */
#define ENF__DOUBLE 1

#include "field/egnn_layout.h"
