/* import_features.c -- enf_import of flows of molecules with features: the E(n) flow of QM9
   (Satorras et al. 2021, arXiv:2105.09016) as its authors save it, flow and dequantiser in one
   file,

     transformations.0.x_log_s, .h_t, .h_log_s    actnorm
     transformations.1.odefunc.dynamics.egnn.*    the field, data at t = 0
     net_fn.egnn.*                                the dequantiser

   behind any prefix. Elements are the caller's (model.elements) or the metadata's "species"; sizes
   the caller's (model.sizes) or those of tensors tab.n_nodes and tab.n_nodes_count. */
#include "core/option_text.h"
#include "flow/import.h"
#include <string.h>

/* The tensor whose name ends so, behind "weights." where there are others; or NULL. */
static const enf__st_tensor *find_end(const enf__importer *im, const char *end) {
  const enf__st_tensor *found = NULL;
  const size_t bytes = strlen(end);
  for (size_t i = 0; i < im->file.tensors; i++) {
    const enf__st_tensor *t = &im->file.tensor[i];
    const size_t length = strlen(t->name);
    if (length < bytes || strcmp(t->name + length - bytes, end) != 0)
      continue;
    if (!found || !strncmp(t->name, "weights.", 8))
      found = t;
  }
  return found;
}

const enf__st_tensor *enf__import_view(const enf__importer *im, const char *view) {
  static const char own[] = "egnn.", second[] = "dequantiser.egnn.", norm[] = "actnorm.";
  if (!strncmp(view, second, sizeof second - 1))
    return enf__import_find(&im->dequantiser, view + sizeof second - 1);
  if (!strncmp(view, norm, sizeof norm - 1))
    return find_end(im, view + sizeof norm - 2); /* with its dot */
  return enf__import_find(&im->flow, view + sizeof own - 1);
}

bool enf__import_has_features(const enf__importer *im) {
  return *enf__opts_text(im->opts, ENF__OPT_MODEL_ELEMENTS) ||
         enf__opts_int(im->opts, ENF__OPT_MODEL_FEATURES) > 0 || im->dequantiser.prefix ||
         find_end(im, ".h_log_s") || enf__st_meta_find(&im->file, "h_channels");
}

static size_t elements_of(const enf_opts *opts) {
  const char *text = enf__opts_text(opts, ENF__OPT_MODEL_ELEMENTS);
  size_t count = 0;
  int number;
  while ((text = enf__species_next(text, &number)) != NULL)
    count++;
  return count;
}

/* Elements, and what they leave of the network's inputs: the charge. */
static enf_status read_elements(enf__importer *im) {
  enf_status status = ENF_OK;
  const char *species = enf__st_meta_find(&im->file, "species");
  const size_t inputs = enf__import_find(&im->flow, "embedding.weight")->shape[1] - 1;
  const size_t more = (size_t)enf__opts_int(im->opts, ENF__OPT_MODEL_FEATURES);
  if (!enf__opts_isset(im->opts, ENF__OPT_MODEL_ELEMENTS) && species && more == 0)
    TRY(enf__import_set(im, "model.elements", species));
  const size_t elements = elements_of(im->opts);
  if (elements + more == 0)
    TRY(enf__file_refuse(im->ctx, ENF_ERR_OPTION, im->path,
                         "model.elements must be given, the weights are for %zu features", inputs));
  if (inputs != elements + more && inputs != elements + more + 1)
    TRY(enf__file_refuse(im->ctx, ENF_ERR_OPTION, im->path,
                         "the weights are for %zu features, model.elements lists %zu and "
                         "model.features adds %zu; one more would be the charge",
                         inputs, elements, more));
  TRY(enf__import_set(im, "model.charges", inputs == elements + more ? "0" : "1"));
out:
  return status;
}

/* Published with data at t = 0; other files say it. */
static enf_status read_time(enf__importer *im) {
  const char *time = enf__st_meta_find(&im->file, "data_time");
  const bool known = im->dequantiser.prefix || find_end(im, ".h_log_s");
  if (enf__opts_isset(im->opts, ENF__OPT_MODEL_REVERSED))
    return ENF_OK;
  return enf__import_set(im, "model.reversed",
                         time    ? (*time == '0' ? "1" : "0")
                         : known ? "1"
                                 : "0");
}

/* The sizes of the file's table. */
static enf_status read_sizes(enf__importer *im) {
  enum { BYTES = 16384 };
  const enf__st_tensor *size = enf__st_find(&im->file, "tab.n_nodes");
  const enf__st_tensor *count = enf__st_find(&im->file, "tab.n_nodes_count");
  if (!size || !count || size->dtype != ENF__I64 || count->dtype != ENF__I64 ||
      size->count != count->count || enf__opts_isset(im->opts, ENF__OPT_MODEL_SIZES))
    return ENF_OK;
  char *text = enf__alloc(&im->ctx->alloc, BYTES);
  if (!text)
    return enf__fail(im->ctx, ENF_ERR_NOMEM, "no memory for a table of sizes");
  size_t used = 0;
  *text = 0;
  for (size_t least = 0, i = 0; i < size->count && used + 48 < BYTES; i++) {
    int64_t next = INT64_MAX, times = 0;
    for (size_t k = 0; k < size->count; k++) { /* in ascending order */
      int64_t value, n;
      memcpy(&value, (const char *)size->data + k * sizeof value, sizeof value);
      memcpy(&n, (const char *)count->data + k * sizeof n, sizeof n);
      if (value > (int64_t)least && value < next) {
        next = value;
        times = n;
      }
    }
    if (next == INT64_MAX)
      break;
    least = (size_t)next;
    if (times > 0) {
      enf__format(text + used, BYTES - used, "%s%zu:%zu", used ? " " : "", least, (size_t)times);
      used += strlen(text + used);
    }
  }
  const enf_status status = enf__import_set(im, "model.sizes", text);
  enf__free(&im->ctx->alloc, text);
  return status;
}

enf_status enf__import_features(enf__importer *im) {
  enf_status status;
  TRY(read_elements(im));
  TRY(read_time(im));
  TRY(read_sizes(im));
  TRY(enf__import_set(im, "model.actnorm", find_end(im, ".h_log_s") ? "1" : "0"));
  if (!im->dequantiser.prefix)
    goto out;
  TRY(enf__import_set(im, "model.dequantiser", "variational"));
  TRY(enf__import_set_size(im, "model.dequantiser_layers", enf__import_layers(&im->dequantiser)));
out:
  return status;
}
