/* groups.h -- calls on samples of many shapes: samples of one shape together, each group by the
   call that there is for n samples of one shape, results in the caller's order.

   Samples are sorted by shape, then by number; a group is at most so many of them that its arrays
   are small. As a sample's result is a function of the sample alone, groups and their order leave
   no trace in it. */
#ifndef ENF__GROUPS_H
#define ENF__GROUPS_H

#include "flow/sized.h"
#include "io/ragged.h"

/* A sample: its shape, and which way it goes through the call. */
typedef struct {
  size_t N;
  const int *kind; /* (N) kinds that are the shape's, not the sample's; or NULL */
  int way;
} enf__item;

/* Samples of one shape and way, with room for their numbers. */
typedef struct {
  const enf_flow *flow; /* at N */
  size_t n, N;
  int way;
  const size_t *index; /* (n) which of the items, ascending */
  double *in, *out;    /* (n,N(D+F)+G) */
  double *context;     /* (n,G) */
  double *a, *b;       /* (n) */
  uint64_t *number;    /* (n) */
  int32_t *kind;       /* (n,N) */
} enf__group;

/* As a call on n samples of g->flow: a status, and the context's statuses of samples. */
typedef enf_status (*enf__group_fn)(enf_ctx *ctx, const enf__group *g, void *user);

/* All groups; statistics are sums, the status is that of the failed sample with the lowest number.
 */
enf_status enf__groups_run(enf_ctx *ctx, const enf_flow *flow, size_t n, const enf__item *item,
                           enf__group_fn fn, void *user);

/* What a batch is for: its states, with features; these or kinds in their place; or what samples are
   given, whatever its states are. */
typedef enum { ENF__BATCH_STATES, ENF__BATCH_KINDS, ENF__BATCH_GIVEN } enf__batch_use;

/* The items (count) of a batch, from ctx's allocator as *kinds, if not NULL; the caller frees both
   (enf__free). Features, or positions alone, go way 0; kinds without features go way 1, which is
   refused (SHAPE) with ENF__BATCH_STATES. SHAPE, RANGE, UNSUPPORTED with the number of the one that the
   flow cannot take. */
enf_status enf__items_of(enf_ctx *ctx, const enf_flow *flow, const enf_batch *batch,
                         enf__batch_use use,
                         enf__item **item, int **kinds);

/* UNSUPPORTED for a number of particles that the flow's weights do not serve. */
enf_status enf__size_check(enf_ctx *ctx, const enf_flow *flow, size_t N);
/* The numbers (N) of model.species, as they are there. */
void enf__flow_species(const enf_flow *flow, int32_t *kind);

#endif
