/* import.h -- inside of enf_import: a published file and what is known of its networks. */
#ifndef ENF__IMPORT_H
#define ENF__IMPORT_H

#include "flow/flow.h"
#include "io/io.h"

/* A network in the file: the beginning of its tensors' names, NULL: none. */
typedef struct {
  const enf__st_file *file;
  const char *prefix;
  size_t length;
} enf__import_network;

typedef struct {
  enf_ctx *ctx;
  const char *path;
  enf__st_file file, second; /* the dequantiser's own, or empty */
  enf__import_network flow, dequantiser;
  enf_opts *opts;
} enf__importer;

/* The tensor "egnn.<text>" of a network; or NULL. */
const enf__st_tensor *enf__import_find(const enf__import_network *network, const char *text);
/* Linear layer k of a network of a message-passing layer; or NULL. */
const enf__st_tensor *enf__import_linear(const enf__import_network *network, size_t layer,
                                         const char *name, size_t k);
/* Message-passing layers of a network. */
size_t enf__import_layers(const enf__import_network *network);
/* Set an option; FORMAT, with the file's name, for a value that it does not take. */
enf_status enf__import_set(enf__importer *im, const char *name, const char *value);
enf_status enf__import_set_size(enf__importer *im, const char *name, size_t value);
/* The networks "<prefix>egnn." in the files. */
enf_status enf__import_networks(enf__importer *im);

/* Is the file's flow one of features, and then the options that follow from it (import_features.c).
 */
bool enf__import_has_features(const enf__importer *im);
enf_status enf__import_features(enf__importer *im);
/* The file's tensor for a view of the flow's parameters; or NULL. */
const enf__st_tensor *enf__import_view(const enf__importer *im, const char *view);

#endif
