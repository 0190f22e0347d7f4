/* sized.c -- see sized.h. */
#include "flow/sized.h"
#include "core/option_text.h"
#include "core/random.h"
#include <math.h>
#include <string.h>

const enf_flow *enf__flow_at(enf__sized *view, const enf_flow *flow, size_t N) {
  view->flow = *flow;
  view->flow.space.shape.particles = N;
  view->flow.prior.space = &view->flow.space;
  for (size_t i = 0; i < flow->chain.count && i < ENF__SIZED_MAPS; i++) {
    const enf__map *map = flow->chain.map[i];
    enf__map *copy = (enf__map *)(void *)view->map[i];
    memcpy(copy, map, map->ops->bytes);
    copy->space = &view->flow.space;
    view->flow.chain.map[i] = copy;
  }
  return &view->flow;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static double total_of(const char *text) {
  size_t particles;
  double count, sum = 0;
  while ((text = enf__sizes_next(text, &particles, &count)) != NULL)
    sum += count;
  return sum;
}

double enf__flow_size_log(const enf_flow *flow, size_t N) {
  const char *text = enf__opts_text(flow->options, ENF__OPT_MODEL_SIZES);
  const double total = total_of(text);
  size_t particles;
  double count;
  while ((text = enf__sizes_next(text, &particles, &count)) != NULL)
    if (particles == N)
      return log(count / total);
  return total > 0 ? -(double)INFINITY : 0;
}

size_t enf__flow_size_draw(const enf_flow *flow, uint64_t seed, uint64_t index) {
  const char *text = enf__opts_text(flow->options, ENF__OPT_MODEL_SIZES);
  const double total = total_of(text);
  size_t particles, last = 0;
  double count, u, sum = 0;
  enf__random_uniform(seed, ENF__STREAM_SIZE, index, 1, &u);
  while ((text = enf__sizes_next(text, &particles, &count)) != NULL) {
    sum += count / total;
    last = particles;
    if (u < sum)
      break;
  }
  return last;
}

/* ---- kinds ----------------------------------------------------------------------------------- */

void enf__flow_decode(const enf_flow *flow, size_t N, const double *features, int32_t *kind) {
  const size_t F = flow->space.shape.features, elements = flow->space.featured.elements;
  for (size_t i = 0; i < N; i++) {
    const double *h = features + i * F;
    size_t best = 0;
    for (size_t k = 1; k < elements; k++)
      if (h[k] > h[best])
        best = k;
    kind[i] = (int32_t)best;
  }
}
