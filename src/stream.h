/* stream.h -- arrays in files, or, where the name is "-", from standard input and to standard
   output. */
#ifndef STREAM_H
#define STREAM_H

#include "cli.h"

/* If the command writes an array to standard output, send all other words to standard error. */
int stream_begin(cli *c);
void stream_end(cli *c);

int stream_read(cli *c, const char *path, enf_array **array);
/* type: f4, f8, or NULL for extended XYZ; to a file, its name says what it is. */
int stream_write(cli *c, const char *path, const char *type, size_t ndim, const size_t *shape,
                 const char *const *labels, const double *data);

#endif
