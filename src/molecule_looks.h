/* molecule_looks.h -- what `enf train --features` looks at on the way: are the atoms of samples
   stable, and, of a flow with a dequantiser, the bound on held-out molecules. */
#ifndef MOLECULE_LOOKS_H
#define MOLECULE_LOOKS_H

#include "cli.h"
#include "formula.h"

typedef struct {
  uint64_t every, rows; /* steps between looks, 0: none; samples, and at most so many held out */
  enf_batch *held_out;  /* kinds are places in the flow's elements; NULL: none */
  bool bound;           /* of them can be had */
  int elements;
  int32_t number[ATOMIC_NUMBERS]; /* of the flow's elements */
  char path[4096];                /* of the curve */
  double atoms, molecules;        /* of the last look: shares that are stable */
} molecule_looks;

int molecule_looks_open(cli *c, const enf_flow *flow, molecule_looks *l);
void molecule_looks_free(molecule_looks *l);
/* After this step, if one is due. */
int molecule_look(cli *c, const enf_flow *flow, molecule_looks *l, uint64_t step, double loss);

#endif
