/* frames.h -- whether configurations are of the molecule and in the unit of length of a flow. */
#ifndef FRAMES_H
#define FRAMES_H

#include "data.h"

bool flow_is_molecule(const enf_flow *flow);
/* Does a flow of particles tell left from right (model.reflections off)? */
bool flow_has_a_hand(const enf_flow *flow);
bool flow_is_of_particles(const enf_flow *flow);
/* Matrices, or the angles of a lattice: they have no length. */
bool flow_is_of_matrices(const enf_flow *flow);

/* Fail where configurations are far larger or smaller than those a flow of particles was trained
   on, as they are in another unit of length; note where they may be. */
int frames_fit_size(const cli *c, const enf_flow *flow, const char *name, const dataset *data,
                    const char *path);

/* Fail unless most configurations, read from path, are of the flow's molecule, hand and length
   unit, with a note of those that are not. Other flows take all. */
int frames_fit_flow(const cli *c, const enf_flow *flow, const char *name, const dataset *data,
                    const char *path);
/* The same for a training, from which those that are not are left out. */
int frames_keep_good(const cli *c, const enf_flow *flow, const char *name, dataset *data,
                     const char *path);

#endif
