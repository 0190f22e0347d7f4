/* import.c -- enf_import: a flow from the weights of a published network.

   State dicts of E(n) Equivariant Normalizing Flows and its relatives, as safetensors: tensors
   "...egnn.embedding.weight", "...egnn.gcl_0.edge_mlp.0.weight" and so on, behind any prefix. Names
   and shapes give the network: hidden width, layers, depths, attention, and for how many kinds of
   particles the weights are. What they do not tell comes from the caller's options or, where a file
   has them, from metadata: the number of particles (N), dimensions (dim), species, tanh,
   aggregation. embedding_out has no influence on a velocity and may be missing, but where particles
   have features (import_features.c). */
#include "flow/import.h"
#include <math.h>
#include <string.h>

static const enf__st_tensor *find(const enf__importer *im, const char *text) {
  return enf__import_find(&im->flow, text);
}

/* ---- what the network is --------------------------------------------------------------------- */

/* Linear layers of a network of the first message-passing layer: weights 0, 2, 4 ... */
static size_t depth_of(const enf__importer *im, const char *network) {
  size_t depth = 0;
  while (enf__import_linear(&im->flow, 0, network, 2 * depth))
    depth++;
  return depth;
}

static enf_status read_shapes(enf__importer *im) {
  enf_status status;
  TRY(enf__import_set(im, "model.field", "egnn"));
  TRY(enf__import_set_size(im, "model.hidden", find(im, "embedding.weight")->shape[0]));
  TRY(enf__import_set_size(im, "model.layers", enf__import_layers(&im->flow)));
  TRY(enf__import_set_size(im, "model.edge_depth", depth_of(im, "edge_mlp")));
  TRY(enf__import_set_size(im, "model.node_depth", depth_of(im, "node_mlp")));
  TRY(enf__import_set(im, "model.attention",
                      enf__import_linear(&im->flow, 0, "att_mlp", 0) ? "1" : "0"));
out:
  return status;
}

/* Metadata of files that have any, unless the caller says otherwise. */
static enf_status read_metadata(enf__importer *im) {
  static const struct {
    const char *key;
    enf__opt id;
  } known[] = {{"N", ENF__OPT_MODEL_PARTICLES},
               {"dim", ENF__OPT_MODEL_DIMENSIONS},
               {"species", ENF__OPT_MODEL_SPECIES},
               {"tanh", ENF__OPT_MODEL_TANH},
               {"aggregation", ENF__OPT_MODEL_AGGREGATION}};
  enf_status status = ENF_OK;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const char *value = enf__st_meta_find(&im->file, known[i].key);
    const bool mine = known[i].id != ENF__OPT_MODEL_SPECIES || !enf__import_has_features(im);
    if (mine && value && strcmp(value, "none") != 0 && !enf__opts_isset(im->opts, known[i].id))
      TRY(enf__import_set(im, enf__opts_name(known[i].id), value));
  }
  if (!enf__opts_isset(im->opts, ENF__OPT_MODEL_DATA_SCALE))
    TRY(enf__import_set(im, "model.data_scale", "1"));
out:
  return status;
}

/* What weights cannot tell. */
static enf_status check_options(enf__importer *im) {
  if (enf__import_has_features(im))
    return enf__import_features(im);
  const size_t inputs = find(im, "embedding.weight")->shape[1];
  const bool kinds = *enf__opts_text(im->opts, ENF__OPT_MODEL_SPECIES) != 0;
  if (!enf__opts_isset(im->opts, ENF__OPT_MODEL_PARTICLES))
    return enf__file_refuse(im->ctx, ENF_ERR_OPTION, im->path,
                            "model.particles must be given, the weights do not tell it");
  if (inputs > 1 && !kinds)
    return enf__file_refuse(im->ctx, ENF_ERR_OPTION, im->path,
                            "model.species must be given, the weights are for %zu kinds of "
                            "particles",
                            inputs - 1);
  return ENF_OK;
}

/* ---- weights --------------------------------------------------------------------------------- */

static bool fits(const enf__tensor *view, const enf__st_tensor *tensor) {
  if (tensor->dtype != ENF__F64 && tensor->dtype != ENF__F32)
    return false;
  if (tensor->ndim == 1)
    return view->cols == 1 && tensor->shape[0] == view->rows;
  return tensor->ndim == 2 && tensor->shape[0] == view->rows && tensor->shape[1] == view->cols;
}

/* Every tensor that the network has, but for those without influence. */
static enf_status check_tensors(const enf__importer *im, const enf__params *params) {
  for (size_t i = 0; i < params->count; i++) {
    const enf__tensor *view = &params->tensor[i];
    const enf__st_tensor *tensor = enf__import_view(im, view->name);
    if (!tensor && strstr(view->name, "embedding_out") && !enf__import_has_features(im))
      continue;
    if (!tensor)
      return enf__file_refuse(im->ctx, ENF_ERR_FORMAT, im->path, "tensor %s is missing",
                              view->name);
    if (!fits(view, tensor))
      return enf__file_refuse(im->ctx, ENF_ERR_FORMAT, im->path,
                              "tensor %s has another shape than the %zu x %zu of the network",
                              view->name, view->rows, view->cols);
  }
  return ENF_OK;
}

static enf_status read_tensors(const enf__importer *im, enf__params *params) {
  for (size_t i = 0; i < params->count; i++) {
    const enf__tensor *view = &params->tensor[i];
    const enf__st_tensor *tensor = enf__import_view(im, view->name);
    double *data = params->value + view->offset;
    if (tensor)
      enf__st_doubles(tensor, data);
    for (size_t k = 0; k < view->rows * view->cols; k++)
      if (!isfinite(data[k]))
        return enf__file_refuse(im->ctx, ENF_ERR_NONFINITE, im->path,
                                "value %zu of tensor %s is not finite", k, view->name);
  }
  return ENF_OK;
}

static enf_status make(enf__importer *im, enf_flow **flow) {
  enf_status status;
  enf_flow *made = NULL;
  TRY(enf__import_networks(im));
  TRY(read_shapes(im));
  TRY(read_metadata(im));
  TRY(check_options(im));
  TRY(enf__flow_plan(im->ctx, &made, im->opts, true, 0));
  TRY(check_tensors(im, &made->params));
  TRY(enf__flow_allocate(im->ctx, made));
  TRY(read_tensors(im, &made->params));
  enf__flow_pack(made);
  made->scale_fixed = true;
  *flow = made;
  made = NULL;
out:
  enf_destroy(made);
  return status;
}

enf_status enf_import_parts(enf_ctx *ctx, enf_flow **flow, const char *path,
                            const char *dequantiser, const enf_opts *opts) {
  ENF__ENTRY;
  enf__importer im = {.ctx = ctx, .path = path};
  if (flow)
    *flow = NULL;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!flow || !path)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", flow ? "path" : "flow"));
  TRY(enf__opts_check(ctx, opts));
  TRY(enf__opts_copy(ctx, &ctx->alloc, &im.opts, opts));
  TRY(enf__st_read(ctx, &im.file, path));
  if (dequantiser)
    TRY(enf__st_read(ctx, &im.second, dequantiser));
  TRY(make(&im, flow));
out:
  enf_opts_destroy(im.opts);
  enf__st_free(&im.file);
  enf__st_free(&im.second);
  return status;
}

enf_status enf_import(enf_ctx *ctx, enf_flow **flow, const char *path, const enf_opts *opts) {
  ENF__ENTRY;
  return enf_import_parts(ctx, flow, path, NULL, opts);
}
