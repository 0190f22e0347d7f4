/* trajectory.h -- DATA from one file or several, and which of their configurations. */
#ifndef TRAJECTORY_H
#define TRAJECTORY_H

#include "data.h"

/* The configurations of `files` files, one behind the other, of each those that --skip, --last and
   --stride leave. N and D as in data_read; the files must agree in both, and in their labels. */
int trajectory_read(cli *c, int files, const char *const *path, size_t N, size_t D, dataset *data);

#endif
