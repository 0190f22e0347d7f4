/* import_names.c -- published networks by the names of their tensors: see import.h. */
#include "flow/import.h"
#include <string.h>

#define FIRST "egnn.embedding.weight"

const enf__st_tensor *enf__import_find(const enf__import_network *network, const char *text) {
  char name[256];
  if (!network->prefix || network->length + strlen(text) + 8 > sizeof name)
    return NULL;
  enf__format(name, sizeof name, "%.*segnn.%s", (int)network->length, network->prefix, text);
  return enf__st_find(network->file, name);
}

const enf__st_tensor *enf__import_linear(const enf__import_network *network, size_t layer,
                                         const char *name, size_t k) {
  char text[64];
  enf__format(text, sizeof text, "gcl_%zu.%s.%zu.weight", layer, name, k);
  return enf__import_find(network, text);
}

size_t enf__import_layers(const enf__import_network *network) {
  size_t layers = 0;
  while (enf__import_linear(network, layers, "edge_mlp", 0))
    layers++;
  return layers;
}

/* Files with more than networks in them have those behind "weights.". */
static bool has_weights(const enf__st_file *file) {
  for (size_t i = 0; i < file->tensors; i++)
    if (!strncmp(file->tensor[i].name, "weights.", 8))
      return true;
  return false;
}

/* The networks of one of the files; of the second any is the dequantiser. */
static enf_status read_networks(enf__importer *im, const enf__st_file *file) {
  const size_t bytes = strlen(FIRST);
  const bool behind = has_weights(file);
  for (size_t i = 0; i < file->tensors; i++) {
    const char *name = file->tensor[i].name;
    const size_t length = strlen(name);
    if (length < bytes || strcmp(name + length - bytes, FIRST) != 0 ||
        (behind && strncmp(name, "weights.", 8) != 0))
      continue;
    if (file->tensor[i].ndim != 2)
      return enf__file_refuse(im->ctx, ENF_ERR_FORMAT, im->path, "%s is no matrix", name);
    const bool second = file == &im->second || strstr(name, "net_fn.") || strstr(name, "dequanti");
    enf__import_network *network = second ? &im->dequantiser : &im->flow;
    if (!network->prefix)
      *network = (enf__import_network){file, name, length - bytes};
  }
  return ENF_OK;
}

enf_status enf__import_networks(enf__importer *im) {
  enf_status status;
  TRY(read_networks(im, &im->file));
  TRY(read_networks(im, &im->second));
  if (im->flow.prefix)
    return ENF_OK;
  status = enf__file_refuse(im->ctx, ENF_ERR_FORMAT, im->path,
                            "holds no tensor that ends in \"" FIRST "\": not a published EGNN");
out:
  return status;
}

enf_status enf__import_set(enf__importer *im, const char *name, const char *value) {
  const enf_status status = enf_opts_set(im->opts, name, value);
  if (status == ENF_OK)
    return ENF_OK;
  return enf__file_refuse(im->ctx, status == ENF_ERR_NOMEM ? status : ENF_ERR_FORMAT, im->path,
                          "%s", enf_opts_errmsg(im->opts));
}

enf_status enf__import_set_size(enf__importer *im, const char *name, size_t value) {
  char text[32];
  enf__format(text, sizeof text, "%zu", value);
  return enf__import_set(im, name, text);
}
