/* flow.c -- making a flow from options, its numbers, and its parameters by name.

   A flow is a space, a prior density, a velocity field and a data scale s: the network sees x/s,
   its velocity is multiplied by s. The scale is a number from the start unless model.data_scale is
   auto; then it is 1 until something fixes it (the trainer, enf_params_set, enf_load). */
#include "flow/flow.h"
#include "core/option_text.h"
#include "flow/dequantiser.h"
#include <math.h>
#include <string.h>

/* ---- checks --------------------------------------------------------------------------------- */

static bool is_flow(const enf_flow *flow) { return flow && flow->magic == ENF__MAGIC_FLOW; }

enf_status enf__flow_check(enf_ctx *ctx, const enf_flow *flow) {
  if (is_flow(flow))
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_ARG, flow ? "flow is not a flow" : "flow is NULL");
}

/* ---- options -------------------------------------------------------------------------------- */

/* Read the numbers of model.species into list (N); counts on past N to tell how many there are. */
static enf_status read_species(enf_ctx *ctx, const char *text, size_t N, int *list, size_t *count) {
  int number;
  *count = 0;
  while ((text = enf__species_next(text, &number)) != NULL) {
    if (*count < N)
      list[*count] = number;
    ++*count;
  }
  if (*count == N || *count == 0)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION, "model.species lists %zu particles, model.particles is %zu",
                   *count, N);
}

/* Numbers become kinds (N), in the order of the numbers: 8 1 1 -> 1 0 0. Returns how many kinds
   there are; with `by_number`, kinds are the numbers, those that no particle has included. */
static size_t number_kinds(size_t N, bool by_number, int *list) {
  int kind[ENF__SPECIES] = {0};
  size_t kinds = 0;
  for (size_t i = 0; i < N; i++)
    kind[list[i]] = 1;
  for (int number = 0; number < ENF__SPECIES; number++)
    if (kind[number]) {
      kind[number] = by_number ? number : (int)kinds;
      kinds = (size_t)kind[number] + 1;
    }
  for (size_t i = 0; i < N; i++)
    list[i] = kind[list[i]];
  return kinds;
}

/* A space that has centres and widths to find has no other scale. */
static enf_status read_scale(enf_ctx *ctx, enf_flow *flow) {
  double scale;
  const bool unitless = flow->space.ops->unitless, own = flow->space.ops->fit || unitless;
  enf__read_data_scale(enf__opts_text(flow->options, ENF__OPT_MODEL_DATA_SCALE), &scale);
  if (own && scale != 0 && scale != 1)
    return enf__fail(
        ctx, ENF_ERR_SHAPE,
        "model.data_scale is %g: model.space molecule has widths of its own, a matrix has "
        "no length, it can be auto or 1 only",
        scale);
  flow->scale_fixed = unitless || (scale > 0 && !own);
  flow->space.scale = scale > 0 ? scale : 1;
  return ENF_OK;
}

/* Layers of splines after which every coordinate of a molecule has moved given every other, twice
   if that is few. */
static void default_map(const enf_opts *opts, char text[32]) {
  const int64_t N = enf__opts_int(opts, ENF__OPT_MODEL_PARTICLES);
  int64_t bits = 1;
  while (((int64_t)1 << bits) < 3 * N - 6)
    bits++;
  enf__format(text, 32, "spline*%d", (int)(2 * bits < 12 ? 12 : 2 * bits));
}

static bool has_map(const enf_opts *opts, int wanted) {
  const char *text = enf__opts_text(opts, ENF__OPT_MODEL_MAP);
  int map = ENF__MAPS;
  size_t layers;
  while (map != wanted && (text = enf__map_next(text, &map, &layers)) != NULL)
    ;
  return map == wanted;
}

/* What is not set and depends on others: then it is set, so that the flow's file says it. */
static enf_status set_defaults(enf_ctx *ctx, enf_opts *opts) {
  char map[32];
  default_map(opts, map);
  const struct {
    int space;
    enf__opt id;
    const char *value;
  } rows[] = {{ENF__MOLECULE, ENF__OPT_MODEL_MAP, map},
              {ENF__VECTOR, ENF__OPT_MODEL_FIELD, "mlp"},
              {ENF__VECTOR, ENF__OPT_MODEL_HIDDEN, "64"},
              {ENF__VECTOR, ENF__OPT_MODEL_RESIDUAL, "mlp"},
              {ENF__MOLECULE, ENF__OPT_MODEL_PRIOR, "internal"},
              {ENF__MOLECULE, ENF__OPT_MODEL_HIDDEN, "64"},
              {ENF__GROUP, ENF__OPT_MODEL_FIELD, "class"},
              {ENF__GROUP, ENF__OPT_MODEL_PRIOR, "haar"},
              {ENF__GROUP, ENF__OPT_MODEL_DEGREE, "6"},
              {ENF__LATTICE, ENF__OPT_MODEL_FIELD, "drain"},
              {ENF__LATTICE, ENF__OPT_MODEL_PRIOR, "haar"}};
  enf_status status = ENF_OK;
  if (enf__opts_int(opts, ENF__OPT_MODEL_ACTNORM))
    status = enf__opts_default(ctx, opts, ENF__OPT_MODEL_MAP, "cnf+actnorm");
  for (size_t i = 0; i < sizeof rows / sizeof *rows && status == ENF_OK; i++)
    if (rows[i].space == (int)enf__opts_int(opts, ENF__OPT_MODEL_SPACE))
      status = enf__opts_default(ctx, opts, rows[i].id, rows[i].value);
  if (status == ENF_OK && has_map(opts, ENF__MAP_RESIDUAL))
    status = enf__opts_default(ctx, opts, ENF__OPT_MODEL_BOUND, "0.9");
  if (status == ENF_OK && has_map(opts, ENF__MAP_COUPLING))
    status = enf__opts_default(ctx, opts, ENF__OPT_MODEL_LAYERS, "1");
  return status;
}

/* The space of model.space, particles and dimensions in its limits. */
static enf_status read_space(enf_ctx *ctx, enf_opts *opts, enf__space *space) {
  const int kind = (int)enf__opts_int(opts, ENF__OPT_MODEL_SPACE);
  const size_t D = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_DIMENSIONS);
  const size_t set = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_PARTICLES); /* 0: it is not */
  const size_t N = set ? set : enf__space_particles(kind);
  const bool featured = kind == ENF__PARTICLES && enf__space_is_featured(opts);
  if (N == 0 && !featured)
    return enf__fail(ctx, ENF_ERR_OPTION, "model.particles must be set (2 or more)");
  *space = enf__space_make(kind, N, D);
  if (featured)
    space->ops = &enf__featured_ops;
  else if (kind == ENF__PARTICLES && has_map(opts, ENF__MAP_COUPLING))
    space->ops = &enf__augmented_ops;
  return space->ops->derive ? space->ops->derive(ctx, space, opts) : space->ops->check(ctx, space);
}

/* ---- making and ending ---------------------------------------------------------------------- */

static enf_status read_kinds(enf_ctx *ctx, enf_flow *flow) {
  enf_status status;
  enf__space *space = &flow->space;
  size_t count;
  const size_t N = space->shape.particles;
  if (space->ops == &enf__featured_ops)
    return ENF_OK;
  flow->kind = enf__alloc_array(&flow->alloc, N, sizeof *flow->kind);
  if (!flow->kind)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a flow");
  TRY(read_species(ctx, enf__opts_text(flow->options, ENF__OPT_MODEL_SPECIES), N, flow->kind,
                   &count));
  space->kinds = count ? number_kinds(N, flow->by_number, flow->kind) : 0;
  space->shape.kind = count ? flow->kind : NULL;
out:
  return status;
}

static enf_status plan(enf_ctx *ctx, enf_flow *flow, const enf_opts *opts) {
  enf_status status;
  enf__space *space = &flow->space;
  enf__params *params = &flow->params;
  TRY(enf__opts_copy(ctx, &flow->alloc, &flow->options, opts));
  TRY(set_defaults(ctx, flow->options));
  TRY(read_space(ctx, flow->options, space));
  TRY(read_scale(ctx, flow));
  TRY(read_kinds(ctx, flow));
  if (space->ops->create)
    TRY(space->ops->create(ctx, space, flow->options, params));
  TRY(enf__prior_create(ctx, &flow->prior, flow->options, space, params));
  TRY(enf__chain_plan(ctx, &flow->chain, flow->options, space, params));
  TRY(enf__dequantiser_plan(ctx, flow));
  if (params->failed)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a table of parameters"));
out:
  return status;
}

enf_status enf__flow_plan(enf_ctx *ctx, enf_flow **out, const enf_opts *opts, bool by_number,
                          size_t most_tensors) {
  *out = NULL;
  enf_flow *flow = enf__alloc(&ctx->alloc, sizeof *flow);
  if (!flow)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a flow");
  *flow = (enf_flow){.magic = ENF__MAGIC_FLOW, .alloc = ctx->alloc, .by_number = by_number};
  enf__params_open(ctx, &flow->params);
  flow->params.most = most_tensors;
  const enf_status status = plan(ctx, flow, opts);
  if (status == ENF_OK)
    *out = flow;
  else
    enf_destroy(flow);
  return status;
}

enf_status enf__flow_allocate(enf_ctx *ctx, enf_flow *flow) {
  enf_status status;
  TRY(enf__params_allocate(ctx, &flow->params));
  TRY(enf__prior_allocate(ctx, &flow->prior));
  TRY(enf__chain_allocate(ctx, &flow->chain));
  if (flow->network)
    TRY(enf__field_allocate(ctx, flow->network));
out:
  return status;
}

enf_status enf__flow_make(enf_ctx *ctx, enf_flow **out, const enf_opts *opts, bool by_number) {
  enf_status status = enf__flow_plan(ctx, out, opts, by_number, 0);
  if (status == ENF_OK)
    status = enf__flow_allocate(ctx, *out);
  if (status != ENF_OK) {
    enf_destroy(*out);
    *out = NULL;
  }
  return status;
}

/* Weights that add up to 1, and all parts. */
static void pack_mixture(enf_flow *mix) {
  const double *w = mix->params.value;
  double most = w[0], sum = 0;
  for (size_t c = 0; c < mix->parts; c++)
    most = fmax(most, w[c]);
  for (size_t c = 0; c < mix->parts; c++)
    sum += exp(w[c] - most);
  for (size_t c = 0; c < mix->parts; c++) {
    mix->log_weight[c] = w[c] - most - log(sum);
    enf__flow_pack(mix->part[c]);
  }
}

void enf__flow_pack(enf_flow *flow) {
  if (flow->parts) {
    pack_mixture(flow);
    return;
  }
  if (flow->space.ops->pack)
    flow->space.ops->pack(&flow->space, flow->params.value);
  enf__prior_pack(&flow->prior, flow->params.value);
  enf__chain_pack(&flow->chain, &flow->params);
  if (flow->network)
    enf__field_pack(flow->network, flow->params.value);
}

enf_status enf__flow_field(enf_ctx *ctx, const enf_flow *flow, const char *call,
                           const enf__field **field) {
  if (flow->parts)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED, "%s is of one flow, and this is a mixture of %zu",
                     call, flow->parts);
  *field = enf__chain_field(&flow->chain);
  if (*field)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                   "%s needs a flow of one velocity field, and model.map is %.100s", call,
                   enf__opts_text(flow->options, ENF__OPT_MODEL_MAP));
}

enf_status enf_create(enf_ctx *ctx, enf_flow **flow, const enf_opts *opts) {
  ENF__ENTRY;
  if (flow)
    *flow = NULL;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!flow)
    return enf__fail(ctx, ENF_ERR_ARG, "flow is NULL: nowhere to put the flow");
  TRY(enf__opts_check(ctx, opts));
  TRY(enf__flow_make(ctx, flow, opts, false));
  enf__params_init(&(*flow)->params, enf__opts_seed(opts, ENF__OPT_MODEL_SEED));
  enf__prior_start(&(*flow)->prior, (*flow)->params.value);
  enf__flow_pack(*flow);
out:
  return status;
}

void enf_destroy(enf_flow *flow) {
  ENF__ENTRY;
  if (!is_flow(flow))
    return;
  const enf_alloc alloc = flow->alloc;
  flow->magic = 0;
  enf__meta_free(flow);
  for (size_t c = 0; c < flow->parts; c++)
    enf_destroy(flow->part[c]);
  enf__free(&alloc, flow->part);
  enf__free(&alloc, flow->log_weight);
  enf__chain_free(&flow->chain);
  enf__prior_free(&alloc, &flow->prior);
  enf__field_destroy(flow->network);
  if (!flow->parts && flow->space.ops && flow->space.ops->destroy)
    flow->space.ops->destroy(&alloc, &flow->space);
  enf__params_close(&flow->params);
  enf__free(&alloc, flow->kind);
  enf_opts_destroy(flow->options);
  enf__free(&alloc, flow);
}

/* ---- numbers -------------------------------------------------------------------------------- */

enf_status enf_get_int(const enf_flow *flow, const char *name, int64_t *value) {
  ENF__ENTRY;
  if (!is_flow(flow) || !name || !value)
    return ENF_ERR_ARG;
  const enf_opts *opts = flow->options;
  const struct {
    const char *name;
    size_t value;
  } rows[] = {{"particles", flow->space.shape.particles},
              {"dimensions", flow->space.shape.dimensions},
              {"degrees_of_freedom", enf__space_freedom(&flow->space)},
              {"state", enf__space_state(&flow->space)},
              {"parameters", flow->params.size},
              {"tensors", flow->params.count},
              {"parts", flow->parts},
              {"hidden", (size_t)enf__opts_int(opts, ENF__OPT_MODEL_HIDDEN)},
              {"layers", (size_t)enf__opts_int(opts, ENF__OPT_MODEL_LAYERS)},
              {"edge_depth", (size_t)enf__opts_int(opts, ENF__OPT_MODEL_EDGE_DEPTH)},
              {"node_depth", (size_t)enf__opts_int(opts, ENF__OPT_MODEL_NODE_DEPTH)},
              {"species", flow->space.kinds ? flow->space.kinds : 1},
              {"data_scale_fixed", flow->scale_fixed}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (!strcmp(name, rows[i].name)) {
      *value = (int64_t)rows[i].value;
      return ENF_OK;
    }
  return ENF_ERR_ARG;
}

enf_status enf_get_real(const enf_flow *flow, const char *name, double *value) {
  ENF__ENTRY;
  if (!is_flow(flow) || !name || !value)
    return ENF_ERR_ARG;
  const enf__ladder *ladder = &flow->space.ladder;
  if (!strcmp(name, "data_scale"))
    *value = flow->space.scale;
  else if (!strcmp(name, "prior_std"))
    *value = flow->prior.std;
  else if (!strcmp(name, "prior_df"))
    *value = flow->prior.df;
  else if (!strcmp(name, "temperature"))
    *value = enf__ladder_on(ladder) ? ladder->temperature : 1;
  else if (!strcmp(name, "coldest"))
    *value = enf__ladder_on(ladder) ? ladder->coldest : 1;
  else if (!strcmp(name, "hottest"))
    *value = enf__ladder_on(ladder) ? ladder->hottest : 1;
  else
    return ENF_ERR_ARG;
  return ENF_OK;
}

const char *enf__flow_option(const enf_flow *flow, enf__opt id, char buffer[32]) {
  if (id != ENF__OPT_MODEL_DATA_SCALE)
    return enf__opts_print(flow->options, id, buffer);
  enf__dtoa(flow->space.scale, buffer);
  return buffer;
}

enf_status enf_get_text(const enf_flow *flow, const char *name, char *text, size_t size,
                        size_t *needed) {
  ENF__ENTRY;
  char buffer[32];
  enf__opt id = 0;
  if (!is_flow(flow) || !name || (!text && size > 0))
    return ENF_ERR_ARG;
  while (id < ENF__OPT_COUNT && strcmp(name, enf__opts_name(id)) != 0)
    id++;
  if (id == ENF__OPT_COUNT || strncmp(name, "model.", 6) != 0)
    return ENF_ERR_ARG;
  return enf__text_give(enf__flow_option(flow, id, buffer), text, size, needed);
}

/* ---- parameters ----------------------------------------------------------------------------- */

enf_status enf_params_info(const enf_flow *flow, size_t index, const char **name, size_t *rows,
                           size_t *cols) {
  ENF__ENTRY;
  if (!is_flow(flow))
    return ENF_ERR_ARG;
  if (index >= flow->params.count)
    return ENF_ERR_RANGE;
  const enf__tensor *tensor = &flow->params.tensor[index];
  if (name)
    *name = tensor->name;
  if (rows)
    *rows = tensor->rows;
  if (cols)
    *cols = tensor->cols;
  return ENF_OK;
}

static const char *tensor_name(const void *list, size_t index) {
  const enf__params *params = list;
  return index < params->count ? params->tensor[index].name : NULL;
}

/* The tensor of that name and size, or the refusal. */
static enf_status find_tensor(enf_ctx *ctx, const enf_flow *flow, const char *name,
                              const double *data, size_t n, const enf__tensor **found) {
  enf_status status = enf__flow_check(ctx, flow);
  if (status != ENF_OK)
    return status;
  if (!name || !data)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", name ? "data" : "tensor");
  for (size_t i = 0; i < flow->params.count; i++) {
    const enf__tensor *tensor = &flow->params.tensor[i];
    if (strcmp(tensor->name, name))
      continue;
    *found = tensor;
    if (n == tensor->rows * tensor->cols)
      return ENF_OK;
    return enf__fail(ctx, ENF_ERR_SHAPE, "%s holds %zu x %zu = %zu values, n is %zu", name,
                     tensor->rows, tensor->cols, tensor->rows * tensor->cols, n);
  }
  const char *near = enf__nearest(name, tensor_name, &flow->params);
  return enf__fail(ctx, ENF_ERR_ARG, "the flow has no tensor \"%.100s\"%s%s%s", name,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

enf_status enf_params_get(enf_ctx *ctx, const enf_flow *flow, const char *tensor, double *data,
                          size_t n) {
  ENF__ENTRY;
  const enf__tensor *found = NULL;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(find_tensor(ctx, flow, tensor, data, n, &found));
  memcpy(data, flow->params.value + found->offset, n * sizeof *data);
out:
  return status;
}

enf_status enf_params_set(enf_ctx *ctx, enf_flow *flow, const char *tensor, const double *data,
                          size_t n) {
  ENF__ENTRY;
  const enf__tensor *found = NULL;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(find_tensor(ctx, flow, tensor, data, n, &found));
  for (size_t i = 0; i < n; i++)
    if (!isfinite(data[i]))
      TRY(enf__fail(ctx, ENF_ERR_NONFINITE, "value %zu of %s is not finite", i, tensor));
  TRY(enf__flow_admit(ctx, flow, found->offset, data));
  memcpy(flow->params.value + found->offset, data, n * sizeof *data);
  enf__flow_pack(flow);
  flow->scale_fixed = true;
out:
  return status;
}
