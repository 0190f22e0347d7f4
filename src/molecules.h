/* molecules.h -- flows of molecules of any size (model.elements): their training, samples and
   densities. */
#ifndef MOLECULES_H
#define MOLECULES_H

#include "cli.h"

/* `enf train --features`. */
int train_molecules(cli *c);
/* `enf logprob`, of a flow whose samples have any size. */
int logprob_molecules(cli *c, const enf_flow *flow);
/* `enf sample`, if the samples of the flow have any size; else *done is false. */
int sample_molecules(cli *c, bool *done);

#endif
