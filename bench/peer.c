/* peer.c -- files of the PyTorch peer: a safetensors file with the published tensor names behind
   "weights.", the samples "x" (n,N,D), and the metadata N, dim, hidden, layers, attention, tanh,
   aggregation (sum | mean) and species ("none", or numbers). The output embedding may be missing:
   no velocity depends on it. Lengths are the data's own: the data scale is 1. */
#include "bench.h"
#include "io/io.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *key, *option;
} metas[] = {
    {"N", "model.particles"},
    {"dim", "model.dimensions"},
    {"hidden", "model.hidden"},
    {"layers", "model.layers"},
    {"attention", "model.attention"},
    {"tanh", "model.tanh"},
    {"aggregation", "model.aggregation"},
};

static enf_opts *model_options(const bench_args *args, enf_ctx *ctx, const enf__st_file *file) {
  enf_opts *opts = bench_options(args, ctx, "model.data_scale", "1", NULL);
  for (size_t i = 0; i < sizeof metas / sizeof *metas; i++) {
    const char *value = enf__st_meta_find(file, metas[i].key);
    bench_check(value ? ENF_OK : ENF_ERR_FORMAT, "a metadata entry of the peer's is missing");
    bench_check(enf_opts_set(opts, metas[i].option, value), enf_opts_errmsg(opts));
  }
  const char *species = enf__st_meta_find(file, "species");
  if (species && strcmp(species, "none"))
    bench_check(enf_opts_set(opts, "model.species", species), enf_opts_errmsg(opts));
  return opts;
}

static void copy_tensor(enf_ctx *ctx, enf_flow *flow, const enf__st_file *file, const char *name) {
  char theirs[128];
  snprintf(theirs, sizeof theirs, "weights.%s", name);
  const enf__st_tensor *tensor = enf__st_find(file, theirs);
  if (!tensor) {
    bench_check(strstr(name, "embedding_out") ? ENF_OK : ENF_ERR_FORMAT, "a tensor is missing");
    return;
  }
  double *data = bench_memory(tensor->count, sizeof *data);
  enf__st_doubles(tensor, data);
  bench_check(enf_params_set(ctx, flow, name, data, tensor->count), enf_ctx_errmsg(ctx));
  free(data);
}

static void take_samples(const enf__st_file *file, bench_system *s) {
  const enf__st_tensor *x = enf__st_find(file, "x");
  const size_t size = (size_t)(s->N * s->D);
  bench_check(x && x->count && x->count % size == 0 ? ENF_OK : ENF_ERR_FORMAT,
              "the peer's file has no samples x of its shape");
  s->samples = x->count / size;
  s->x = bench_memory(x->count, sizeof *s->x);
  enf__st_doubles(x, s->x);
  bench_center(s, s->x, s->samples);
}

bool bench_peer_read(const bench_args *args, enf_ctx *ctx, const char *path, bench_system *s) {
  enf__st_file file = {0};
  const char *name;
  bench_check(enf__st_read(ctx, &file, path), enf_ctx_errmsg(ctx));
  if (enf__st_meta_find(&file, "format")) {
    enf__st_free(&file);
    return false;
  }
  enf_opts *opts = model_options(args, ctx, &file);
  bench_check(enf_create(ctx, &s->flow, opts), enf_ctx_errmsg(ctx));
  for (size_t i = 0; enf_params_info(s->flow, i, &name, NULL, NULL) == ENF_OK; i++)
    copy_tensor(ctx, s->flow, &file, name);
  enf_get_int(s->flow, "particles", &s->N);
  enf_get_int(s->flow, "dimensions", &s->D);
  take_samples(&file, s);
  enf_opts_destroy(opts);
  enf__st_free(&file);
  return true;
}

void bench_system_write(enf_ctx *ctx, const bench_system *s, const char *folder) {
  const size_t shape[] = {s->samples, (size_t)s->N, (size_t)s->D};
  char path[1024];
  snprintf(path, sizeof path, "%s/%s.safetensors", folder, s->name);
  bench_check(enf_save(ctx, s->flow, path), enf_ctx_errmsg(ctx));
  snprintf(path, sizeof path, "%s/%s.npy", folder, s->name);
  bench_check(enf_array_write(ctx, path, "f4", 3, shape, NULL, s->x), enf_ctx_errmsg(ctx));
}
