/* systems.c -- the table of systems, and how each comes to its weights and samples.

   Trained flows and samples lie in bench/data (made by --convert from files of the PyTorch peer).
   A fresh network is nearly the identity, and integrates in a few steps: where there is no trained
   one, the last weights of the coordinate networks are enlarged until a trajectory needs as many
   evaluations as a trained flow's. */
#include "bench.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FRESH_SEED = 7, OWN_SAMPLES = 8 };

static const bench_spec specs[] = {
    {"dw4", "dw4", "dw4", 4, 2, 32, 3, 2, 1, 64},
    {"lj13", "lj13", "lj13", 13, 3, 32, 3, 2, 1, 32},
    {"lj13-5x64", NULL, "lj13", 13, 3, 64, 5, 2, 1000, 8},
    {"lj13-2x64", NULL, "lj13", 13, 3, 64, 2, 2, 1500, 32},
    {"lj13-2x64d3", NULL, "lj13", 13, 3, 64, 2, 3, 3000, 32},
    {"ala2", "ala2", "ala2", 22, 3, 64, 5, 2, 1, 4},
    {"lj55", NULL, NULL, 55, 3, 64, 7, 2, 300, 0},
    {"lj55-2x64", NULL, NULL, 55, 3, 64, 2, 2, 200, 2},
};

const bench_spec *bench_spec_at(size_t index) {
  return index < sizeof specs / sizeof *specs ? specs + index : NULL;
}

void bench_center(const bench_system *s, double *x, size_t n) {
  const size_t N = (size_t)s->N, D = (size_t)s->D;
  for (size_t q = 0; q < n * D; q++) {
    double *first = x + q / D * N * D + q % D, mean = 0;
    for (size_t i = 0; i < N; i++)
      mean += first[i * D] / (double)N;
    for (size_t i = 0; i < N; i++)
      first[i * D] -= mean;
  }
}

static void read_shape(bench_system *s) {
  enf_get_int(s->flow, "particles", &s->N);
  enf_get_int(s->flow, "dimensions", &s->D);
  enf_get_int(s->flow, "hidden", &s->H);
  enf_get_int(s->flow, "layers", &s->L);
  enf_get_int(s->flow, "edge_depth", &s->edge_depth);
  enf_get_int(s->flow, "node_depth", &s->node_depth);
  enf_get_int(s->flow, "species", &s->species);
}

static void read_samples(enf_ctx *ctx, const char *path, bench_system *s) {
  enf_array *array = NULL;
  bench_check(enf_array_read(ctx, &array, path), enf_ctx_errmsg(ctx));
  const bool fits = enf_array_ndim(array) == 3 && enf_array_shape(array, 0) > 0 &&
                    enf_array_shape(array, 1) == (size_t)s->N &&
                    enf_array_shape(array, 2) == (size_t)s->D;
  bench_check(fits ? ENF_OK : ENF_ERR_SHAPE, "the samples have another shape than the flow");
  s->samples = enf_array_shape(array, 0);
  const size_t count = s->samples * (size_t)(s->N * s->D);
  s->x = bench_memory(count, sizeof *s->x);
  memcpy(s->x, enf_array_data(array), count * sizeof *s->x);
  bench_center(s, s->x, s->samples);
  enf_array_destroy(array);
}

static void draw_samples(enf_ctx *ctx, bench_system *s, size_t n) {
  s->samples = n;
  s->x = bench_memory(n * (size_t)(s->N * s->D), sizeof *s->x);
  bench_check(enf_sample(ctx, s->flow, 1, 0, n, s->x, NULL), enf_ctx_errmsg(ctx));
}

static void enlarge_updates(enf_ctx *ctx, enf_flow *flow, double factor) {
  const char *name;
  size_t rows, cols;
  for (size_t i = 0; enf_params_info(flow, i, &name, &rows, &cols) == ENF_OK; i++) {
    if (!strstr(name, "coord_mlp.2"))
      continue;
    double *w = bench_memory(rows * cols, sizeof *w);
    bench_check(enf_params_get(ctx, flow, name, w, rows * cols), enf_ctx_errmsg(ctx));
    for (size_t k = 0; k < rows * cols; k++)
      w[k] *= factor;
    bench_check(enf_params_set(ctx, flow, name, w, rows * cols), enf_ctx_errmsg(ctx));
    free(w);
  }
}

static void make_fresh(const bench_args *args, enf_ctx *ctx, const bench_spec *spec,
                       bench_system *s) {
  enf_opts *opts = bench_options(args, ctx, "model.data_scale", "1", NULL);
  bench_check(enf_opts_set_int(opts, "model.particles", spec->particles), enf_opts_errmsg(opts));
  bench_check(enf_opts_set_int(opts, "model.dimensions", spec->dimensions), enf_opts_errmsg(opts));
  bench_check(enf_opts_set_int(opts, "model.hidden", spec->hidden), enf_opts_errmsg(opts));
  bench_check(enf_opts_set_int(opts, "model.layers", spec->layers), enf_opts_errmsg(opts));
  bench_check(enf_opts_set_int(opts, "model.edge_depth", spec->depth), enf_opts_errmsg(opts));
  bench_check(enf_opts_set_int(opts, "model.node_depth", spec->depth), enf_opts_errmsg(opts));
  bench_check(enf_opts_set_int(opts, "model.seed", FRESH_SEED), enf_opts_errmsg(opts));
  bench_check(enf_create(ctx, &s->flow, opts), enf_ctx_errmsg(ctx));
  enlarge_updates(ctx, s->flow, spec->enlarge);
  enf_opts_destroy(opts);
  read_shape(s);
}

void bench_system_open(const bench_args *args, enf_ctx *ctx, const bench_spec *spec,
                       bench_system *s) {
  char path[1024];
  *s = (bench_system){.trained = spec->file, .references = spec->references};
  snprintf(s->name, sizeof s->name, "%s", spec->name);
  if (spec->file) {
    snprintf(path, sizeof path, "%s/%s.safetensors", args->data, spec->file);
    bench_check(enf_load(ctx, &s->flow, path), enf_ctx_errmsg(ctx));
    read_shape(s);
  } else {
    make_fresh(args, ctx, spec, s);
  }
  if (spec->samples) {
    snprintf(path, sizeof path, "%s/%s.npy", args->data, spec->samples);
    read_samples(ctx, path, s);
  } else {
    draw_samples(ctx, s, OWN_SAMPLES);
  }
}

void bench_system_from_file(const bench_args *args, enf_ctx *ctx, const char *path,
                            bench_system *s) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  const char *dot = strrchr(name, '.');
  const int stem = (int)(dot ? dot - name : (ptrdiff_t)strlen(name));
  *s = (bench_system){.trained = true, .references = 4};
  snprintf(s->name, sizeof s->name, "%.*s", stem, name);
  if (!bench_peer_read(args, ctx, path, s)) {
    char samples[1024];
    bench_check(enf_load(ctx, &s->flow, path), enf_ctx_errmsg(ctx));
    read_shape(s);
    snprintf(samples, sizeof samples, "%.*s%.*s.npy", (int)(name - path), path, stem, name);
    read_samples(ctx, samples, s);
  }
  read_shape(s);
  for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
    if (!strcmp(specs[i].name, s->name))
      s->references = specs[i].references;
}

void bench_system_fresh(const bench_args *args, enf_ctx *ctx, const bench_spec *shape,
                        size_t samples, bench_system *s) {
  *s = (bench_system){.samples = samples};
  snprintf(s->name, sizeof s->name, "%s", shape->name);
  make_fresh(args, ctx, shape, s);
  const size_t count = samples * (size_t)(s->N * s->D);
  s->x = bench_memory(count, sizeof *s->x);
  uint64_t state = 1;
  for (size_t i = 0; i < count; i++) {
    double sum = -6; /* of twelve uniform numbers: nearly normal */
    for (int k = 0; k < 12; k++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      sum += (double)(state >> 11) * 0x1p-53;
    }
    s->x[i] = sum;
  }
  bench_center(s, s->x, samples);
}

void bench_system_close(bench_system *s) {
  enf_destroy(s->flow);
  free(s->x);
  *s = (bench_system){0};
}
