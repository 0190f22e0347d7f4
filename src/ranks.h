/* ranks.h -- the processes that share the work of a command: those of mpirun, where the tool is built
   with MPI=1; otherwise one alone.

   All ranks do the same and read the same files; each computes its part, and all have all parts then.
   Rank 0 alone writes and prints. Calls marked "together" are made by all ranks, in one order. */
#ifndef RANKS_H
#define RANKS_H

#include <stdbool.h>
#include <stddef.h>

/* How the tool was built: "no", or the version of MPI. */
const char *ranks_library(void);
int ranks_begin(int *argc, char ***argv);
/* Together, unless a rank fails alone: then its sentence is printed and all are ended. */
int ranks_end(int result);

/* Started by mpirun, be it as one rank. */
bool ranks_shared(void);
size_t ranks_count(void);
size_t ranks_number(void);
bool ranks_first(void);
/* Remember the sentence of a failure that rank 0 may not know of. */
void ranks_remember(const char *sentence);

/* Rank r has the rows from ranks_from(n, r) to those of r + 1. */
size_t ranks_from(size_t n, size_t rank);
/* Together: rows (n,width), of which each rank has its own. */
void ranks_gather(size_t n, size_t width, double *rows);
/* Together: the largest value. */
int ranks_worst(int value);
/* Together: an enf_reduce_fn. */
int ranks_add(void *user, size_t n, double *sum);

#endif
