/* chain.h -- maps one behind the other, from the prior to the data, as one map.

   Time 0 is the prior's side and 1 the data's; with M layers in all, of which a cnf is one, layer m
   lies between m/M and (m+1)/M. */
#ifndef ENF__CHAIN_H
#define ENF__CHAIN_H

#include "field/field.h"
#include "map/map.h"

enum { ENF__CHAIN_MAPS = 8 };

typedef struct {
  size_t count, layers;
  enf__map *map[ENF__CHAIN_MAPS];
} enf__chain;

/* The maps of model.map ("cnf", "linear*2+cnf"), which append their views to the table; then what
   has the size of their weights. OPTION with the sentence, NOMEM; what was made is there to be
   freed. */
enf_status enf__chain_plan(enf_ctx *ctx, enf__chain *chain, const enf_opts *options,
                           const enf__space *space, enf__params *params);
enf_status enf__chain_allocate(enf_ctx *ctx, enf__chain *chain);
void enf__chain_free(enf__chain *chain); /* fine on a zeroed one */
/* Once the table is complete, and whenever its numbers have changed. */
void enf__chain_pack(enf__chain *chain, const enf__params *params);
/* The chain's one velocity field, or NULL if it is made of anything else (but actnorm, which is no
   part of the field). */
const enf__field *enf__chain_field(const enf__chain *chain);

/* ---- tasks ----------------------------------------------------------------------------------- */

size_t enf__chain_carry_group(const enf__chain *chain, size_t probes);
size_t enf__chain_carry_workspace(const enf__chain *chain, const enf__carry *carry);
void enf__chain_carry(const enf__chain *chain, enf__arena *arena, const enf__carry *carry);

/* ---- there and back -------------------------------------------------------------------------- */

/* Fill chain, way and x; then:
     enf__reserve(ctx, enf__journey_call_bytes(&j) + ..., enf__journey_worker_bytes(&j, run));
     enf__journey_take(&j, &ctx->arena);
     enf__journey_forward(ctx, &j);             y, logdet, penalty, result
     enf__journey_reverse(ctx, &j, &pulled);
   Late logdets (cnf_passage.c), those by probes with the discrete adjoint, are there after
   reverse. */
typedef struct {
  const enf__chain *chain;
  enf__way way;
  const double *x; /* (n,state); may come after take */

  double *y;                /* (n,state) */
  double *logdet, *penalty; /* (n) */
  enf__ode_result *result;  /* (n) of the first map that failed, or of the last */
  size_t failed;            /* how many of them */
  uint64_t evaluations;     /* of fields so far, there and back, summed over samples */

  enf__passage passage[ENF__CHAIN_MAPS]; /* inside: in the order of the way */
  double *dx[2];                         /* (n,state) cotangents between maps */
  double *dlogdet, *dpenalty;            /* (n) scaled */
} enf__journey;

size_t enf__journey_pieces(const enf__chain *chain, size_t n);
size_t enf__journey_call_bytes(const enf__journey *journey);
size_t enf__journey_worker_bytes(const enf__journey *journey, const enf__run *run);
void enf__journey_take(enf__journey *journey, enf__arena *arena);
enf_status enf__journey_forward(enf_ctx *ctx, enf__journey *journey);
enf_status enf__journey_reverse(enf_ctx *ctx, enf__journey *journey, const enf__pulled *pulled);

#endif
