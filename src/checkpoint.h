/* checkpoint.h -- walkers and where they are, in a file beside what a command writes (FILE.state.npy),
   from which --resume goes on. */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include "cli.h"

enum { CHECKPOINT_NUMBERS = 24 };

typedef struct {
  size_t n, size;
  double *number;                         /* (CHECKPOINT_NUMBERS) what the command keeps besides */
  double *x, *u, *logq, *logw, *families; /* (n,size), (n) four times, in one block */
} checkpoint;

int checkpoint_make(checkpoint *p, size_t n, size_t size);
void checkpoint_free(checkpoint *p);

/* Beside --output; nothing where that is a stream. */
int checkpoint_write(cli *c, const checkpoint *p);
/* Into one of the same shape; *found is false where there is no such file. */
int checkpoint_read(cli *c, checkpoint *p, bool *found);
/* The first walker's numbers are those of this flow and this energy, and `wanted` (first of number)
   what the flags say now; else the sentence. */
int checkpoint_check(cli *c, const checkpoint *p, const enf_flow *flow, enf_energy_fn fn, void *user,
                     size_t wanted, const double *number);

/* A seed is two numbers, as a double does not hold all of it. */
void checkpoint_put_seed(double *number, uint64_t seed);

#endif
