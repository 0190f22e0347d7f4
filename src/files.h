/* files.h -- the files that a command reads and writes: what may not be, told before any work. */
#ifndef FILES_H
#define FILES_H

#include "cli.h"

/* Refuse (exit code 2) an output that is also an input or another output of the command, by
   whatever name, and a name of the wrong kind; (exit code 1) an output that cannot be written. */
int files_check(cli *c);

/* An output of the command is "-": standard output. */
bool files_output_is_stream(const cli *c);

/* An output and the bytes it will take. */
typedef struct {
  flag output;
  double bytes;
} file_need;

/* Refuse outputs for which there is no room; those that are not written take none. */
int files_room(const cli *c, size_t n, const file_need *need);
/* Bytes of configurations or numbers in a file: exact for .npy, the least that XYZ takes. */
double files_bytes(const cli *c, const char *path, const char *type, size_t n, size_t columns);

/* FLOW.safetensors and an ending -> FLOW.ending; false if it is too long for `size`. */
bool files_beside(const char *path, const char *ending, size_t size, char *name);
/* "-", where a file is taken. */
bool is_stream(const char *path);

#endif
