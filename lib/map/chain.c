/* chain.c -- maps by name, one behind the other. */
#include "map/chain.h"
#include "core/option_text.h"
#include "map/cnf.h"
#include <string.h>

static const enf__map_ops *const table[] = {[ENF__MAP_CNF] = &enf__cnf_ops,
                                            [ENF__MAP_LINEAR] = &enf__linear_ops,
                                            [ENF__MAP_SPLINE] = &enf__spline_ops,
                                            [ENF__MAP_RESIDUAL] = &enf__residual_ops,
                                            [ENF__MAP_ACTNORM] = &enf__actnorm_ops,
                                            [ENF__MAP_AUTOREGRESSIVE] = &enf__autoregressive_ops,
                                            [ENF__MAP_COUPLING] = &enf__coupled_ops};
ENF__ROW_FOR_EVERY(ENF__MAPS, table);

/* ---- making ---------------------------------------------------------------------------------- */

static enf_status append(enf_ctx *ctx, enf__chain *chain, const enf__map_ops *ops,
                         const enf__map_spec *spec) {
  if (chain->count == ENF__CHAIN_MAPS)
    return enf__fail(ctx, ENF_ERR_OPTION, "model.map has more than %d maps", (int)ENF__CHAIN_MAPS);
  for (size_t i = 0; i < chain->count; i++)
    if (chain->map[i]->ops == ops)
      return enf__fail(ctx, ENF_ERR_OPTION,
                       "model.map: one map is there twice; write its layers as name*2");
  enf__map *map = NULL;
  const enf_status status = ops->plan(ctx, &map, spec);
  if (status != ENF_OK)
    return status;
  map->ops = ops;
  map->space = spec->space;
  map->layers = spec->layers;
  chain->map[chain->count++] = map;
  chain->layers += spec->layers;
  return ENF_OK;
}

/* Without reflections one field must tell left from right: no other map would. */
static enf_status check_hand(enf_ctx *ctx, const enf__chain *chain, const enf_opts *options) {
  const enf__field *field = enf__chain_field(chain);
  if (enf__opts_int(options, ENF__OPT_MODEL_REFLECTIONS) ||
      (field && enf__field_model(field)->hand))
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION,
                   "model.reflections is off: what can tell left from right is the field egnn of "
                   "particles in 3 dimensions, without features or a context, in model.map cnf");
}

enf_status enf__chain_plan(enf_ctx *ctx, enf__chain *chain, const enf_opts *options,
                           const enf__space *space, enf__params *params) {
  enf_status status = ENF_OK;
  enf__map_spec spec = {.options = options, .space = space, .params = params};
  const char *text = enf__opts_text(options, ENF__OPT_MODEL_MAP);
  int map;
  if (space->noise && strchr(text, '+'))
    TRY(enf__fail(ctx, ENF_ERR_OPTION,
                  "model.map: coupling has states of its own, no other map goes with it"));
  while ((text = enf__map_next(text, &map, &spec.layers)) != NULL)
    TRY(append(ctx, chain, table[map], &spec));
  TRY(check_hand(ctx, chain, options));
out:
  return status;
}

enf_status enf__chain_allocate(enf_ctx *ctx, enf__chain *chain) {
  enf_status status = ENF_OK;
  for (size_t i = 0; i < chain->count && status == ENF_OK; i++)
    status = chain->map[i]->ops->allocate(ctx, chain->map[i]);
  return status;
}

void enf__chain_free(enf__chain *chain) {
  for (size_t i = 0; i < chain->count; i++)
    chain->map[i]->ops->destroy(chain->map[i]);
  *chain = (enf__chain){0};
}

void enf__chain_pack(enf__chain *chain, const enf__params *params) {
  for (size_t i = 0; i < chain->count; i++) {
    chain->map[i]->params = params->size;
    chain->map[i]->stride = params->block;
    chain->map[i]->ops->pack(chain->map[i], params->value);
  }
}

const enf__field *enf__chain_field(const enf__chain *chain) {
  const enf__field *field = NULL;
  for (size_t i = 0; i < chain->count; i++)
    if (chain->map[i]->ops == &enf__cnf_ops)
      field = enf__cnf_of(chain->map[i])->field;
    else if (chain->map[i]->ops != &enf__actnorm_ops)
      return NULL;
  return field;
}

/* ---- the way through ------------------------------------------------------------------------- */

/* The chain's time t as one of map number i, whose first layer is `before`: 0 and 1 outside. */
static double local_time(const enf__chain *chain, size_t i, double t) {
  size_t before = 0;
  for (size_t k = 0; k < i; k++)
    before += chain->map[k]->layers;
  const double at = (t * (double)chain->layers - (double)before) / (double)chain->map[i]->layers;
  return at < 0 ? 0 : at > 1 ? 1 : at;
}

/* Number of the k-th map on the way from t0 to t1. */
static size_t on_the_way(const enf__chain *chain, double t0, double t1, size_t k) {
  return t0 <= t1 ? k : chain->count - 1 - k;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

size_t enf__chain_carry_group(const enf__chain *chain, size_t probes) {
  size_t least = SIZE_MAX;
  for (size_t i = 0; i < chain->count; i++) {
    const size_t group = chain->map[i]->ops->carry_group(chain->map[i], probes);
    least = group < least ? group : least;
  }
  return least;
}

size_t enf__chain_carry_workspace(const enf__chain *chain, const enf__carry *carry) {
  size_t most = 0;
  for (size_t i = 0; i < chain->count; i++)
    most = enf__larger(most, chain->map[i]->ops->carry_workspace(chain->map[i], carry));
  return most;
}

void enf__chain_carry(const enf__chain *chain, enf__arena *arena, const enf__carry *carry) {
  const size_t used = arena->used;
  for (size_t k = 0; k < chain->count; k++) {
    const size_t i = on_the_way(chain, carry->t0, carry->t1, k);
    enf__carry part = *carry;
    part.t0 = local_time(chain, i, carry->t0);
    part.t1 = local_time(chain, i, carry->t1);
    if (part.t0 != part.t1 || chain->count == 1)
      chain->map[i]->ops->carry(chain->map[i], arena, &part);
    arena->used = used;
  }
}
