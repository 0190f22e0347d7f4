/* egnn_f32.c -- the EGNN field in float32: the one source, compiled for that precision. */
#define ENF__DOUBLE 0

#include "field/egnn_layout.h"
