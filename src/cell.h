/* cell.h -- periodic cells in files of configurations. */
#ifndef CELL_H
#define CELL_H

#include "cli.h"

/* Refuse configurations of a periodic cell unless --unwrapped is given; name those that its walls
   cut, one way or the other. */
int cell_check(const cli *c, const char *path, const enf_array *array);

#endif
