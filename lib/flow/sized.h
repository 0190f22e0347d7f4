/* sized.h -- a flow whose samples have any number of particles, seen at one number: a flow as all
   others, which every call takes. Weights, parameters and options are those of the flow it is a
   view of; what knows the number of particles is the view's own. */
#ifndef ENF__SIZED_H
#define ENF__SIZED_H

#include "flow/flow.h"

enum { ENF__SIZED_MAPS = 2, ENF__SIZED_WORDS = 32 };

typedef struct {
  enf_flow flow;
  void *map[ENF__SIZED_MAPS][ENF__SIZED_WORDS];
} enf__sized;

/* Does the flow have features? */
static inline bool enf__flow_has_features(const enf_flow *flow) {
  return flow->space.shape.features > 0;
}

/* Is its number of particles open, by features, a context or given kinds? */
static inline bool enf__flow_is_open(const enf_flow *flow) {
  return flow->space.ops == &enf__featured_ops;
}

/* The flow at N particles, 2 or more; good as long as flow and view stay where they are and the
   flow's parameters are not packed anew. */
const enf_flow *enf__flow_at(enf__sized *view, const enf_flow *flow, size_t N);

/* log p(N) by model.sizes: 0 where there are none, -inf for a size that is not among them. */
double enf__flow_size_log(const enf_flow *flow, size_t N);
/* The size of sample number `index` of a stream; 0 if model.sizes is empty. */
size_t enf__flow_size_draw(const enf_flow *flow, uint64_t seed, uint64_t index);

/* The kinds (N), places in model.elements, that features (N,F) in the host's units stand for. */
void enf__flow_decode(const enf_flow *flow, size_t N, const double *features, int32_t *kind);

#endif
