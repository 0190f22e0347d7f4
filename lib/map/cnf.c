/* cnf.c -- the flow of a velocity field as a map: made from the model.* options, and its table. */
#include "map/cnf.h"

/* Is the field to tell left from right, and can it? enf__chain_plan refuses the others. */
static bool has_hand(const enf__map_spec *spec) {
  const enf__shape *shape = &spec->space->shape;
  return !enf__opts_int(spec->options, ENF__OPT_MODEL_REFLECTIONS) &&
         enf__opts_int(spec->options, ENF__OPT_MODEL_FIELD) == ENF__FIELD_EGNN &&
         shape->dimensions == 3 && shape->features == 0 && shape->fixed == 0;
}

static enf__model model_of(const enf__map_spec *spec) {
  const enf_opts *opts = spec->options;
  const size_t F = spec->space->shape.features;
  return (enf__model){.kind = (int)enf__opts_int(opts, ENF__OPT_MODEL_FIELD),
                      .dimensions = spec->space->shape.dimensions,
                      .hidden = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_HIDDEN),
                      .layers = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_LAYERS),
                      .edge_depth = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_EDGE_DEPTH),
                      .node_depth = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_NODE_DEPTH),
                      .species_count = spec->space->kinds,
                      .kernels = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_KERNELS),
                      .kernel_times = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_KERNEL_TIMES),
                      .kernel_range = enf__opts_real(opts, ENF__OPT_MODEL_KERNEL_RANGE),
                      .links = spec->space->links,
                      .degree = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_DEGREE),
                      .times = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_TIMES),
                      .pairs = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_PAIRS),
                      .attention = enf__opts_int(opts, ENF__OPT_MODEL_ATTENTION) != 0,
                      .tanh = enf__opts_int(opts, ENF__OPT_MODEL_TANH) != 0,
                      .features = F,
                      .inputs = F,
                      .outputs = F + 1,
                      .context = spec->space->shape.fixed,
                      .reversed = enf__opts_int(opts, ENF__OPT_MODEL_REVERSED) != 0,
                      .hand = has_hand(spec),
                      .mean = enf__opts_int(opts, ENF__OPT_MODEL_AGGREGATION) == ENF__MEAN};
}

static void destroy(enf__map *map) {
  const enf_alloc alloc = map->alloc;
  enf__field_destroy(((enf__cnf *)map)->field);
  enf__free(&alloc, map);
}

/* Does the field know the space's points? */
static enf_status check_space(enf_ctx *ctx, const enf_opts *opts) {
  char space[32], field[32];
  const int64_t kind = enf__opts_int(opts, ENF__OPT_MODEL_FIELD);
  if (enf__field_space((int)kind) == enf__opts_int(opts, ENF__OPT_MODEL_SPACE))
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION,
                   "model.field is %s and model.space %s: egnn and pair-kernel are fields of "
                   "particles, mlp of a vector, class of a group, drain and local of a lattice, and "
                   "a molecule has none",
                   enf__opts_print(opts, ENF__OPT_MODEL_FIELD, field),
                   enf__opts_print(opts, ENF__OPT_MODEL_SPACE, space));
}

static enf_status plan(enf_ctx *ctx, enf__map **map, const enf__map_spec *spec) {
  const enf_status fits = check_space(ctx, spec->options);
  if (fits != ENF_OK)
    return fits;
  if (spec->layers > 1)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.map: cnf*%zu, but the flow of a velocity field is one map",
                     spec->layers);
  if (spec->space->ops->is_circle)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.map: a velocity field moves positions, not the distances and angles of "
                     "model.space molecule");
  enf__cnf *cnf = enf__alloc(&ctx->alloc, sizeof *cnf);
  if (!cnf)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  *cnf = (enf__cnf){.base.alloc = ctx->alloc};
  const enf__model model = model_of(spec);
  const enf_status status = enf__field_plan(ctx, &cnf->field, &model, spec->params);
  if (status != ENF_OK) {
    enf__free(&ctx->alloc, cnf);
    return status;
  }
  *map = &cnf->base;
  return ENF_OK;
}

static enf_status allocate(enf_ctx *ctx, enf__map *map) {
  return enf__field_allocate(ctx, ((enf__cnf *)map)->field);
}

static void pack(enf__map *map, const double *params) {
  enf__field_pack(((enf__cnf *)map)->field, params);
}

const enf__map_ops enf__cnf_ops = {.bytes = sizeof(enf__cnf),
                                   .plan = plan,
                                   .allocate = allocate,
                                   .destroy = destroy,
                                   .pack = pack,
                                   .carry_group = enf__cnf_carry_group,
                                   .carry_workspace = enf__cnf_carry_workspace,
                                   .carry = enf__cnf_carry,
                                   .pieces = enf__cnf_pieces,
                                   .take = enf__cnf_take,
                                   .passage_workspace = enf__cnf_passage_workspace,
                                   .forward = enf__cnf_forward,
                                   .reverse = enf__cnf_reverse};
