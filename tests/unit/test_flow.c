/* test_flow.c -- making flows, their numbers and parameters, their files: what is refused, with
   which sentence, and that a file gives back the flow bit for bit. */
#include "flow/flow.h"
#include "io/io.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enf_ctx *ctx;
static char folder[] = "/tmp/enf-test-flow-XXXXXX";
static char path[64], other[64];

static void setup(void) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/a", folder);
  snprintf(other, sizeof other, "%s/b", folder);
}

static void teardown(void) {
  unlink(path);
  unlink(other);
  rmdir(folder);
  memcpy(strrchr(folder, '-') + 1, "XXXXXX", 6);
  enf_ctx_destroy(ctx);
}

/* Options given as "name=value" texts, ended by NULL. */
static enf_status create(enf_flow **flow, const char *const *settings) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  for (; *settings; settings++) {
    char name[64];
    const char *equals = strchr(*settings, '=');
    memcpy(name, *settings, (size_t)(equals - *settings));
    name[equals - *settings] = 0;
    ck_assert_int_eq(enf_opts_set(opts, name, equals + 1), ENF_OK);
  }
  const enf_status status = enf_create(ctx, flow, opts);
  enf_opts_destroy(opts);
  return status;
}

#define CREATE(flow, ...) create(flow, (const char *const[]){__VA_ARGS__, NULL})

static enf_flow *small(void) {
  enf_flow *flow;
  ck_assert_int_eq(CREATE(&flow, "model.particles=4", "model.dimensions=2", "model.hidden=8",
                          "model.layers=2", "model.edge_depth=3", "model.node_depth=4",
                          "model.species=0 0 1 2", "model.seed=3", "model.prior_std=0.7",
                          "model.data_scale=1.3"),
                   ENF_OK);
  return flow;
}

#define REFUSED(call, expected, words)                                                             \
  do {                                                                                             \
    ck_assert_int_eq(call, expected);                                                              \
    ck_assert_msg(strstr(enf_ctx_errmsg(ctx), words) != NULL, "\"%s\" does not say \"%s\"",        \
                  enf_ctx_errmsg(ctx), words);                                                     \
  } while (0)

/* ---- creation ------------------------------------------------------------------------------- */

static const struct {
  const char *settings[4], *words;
} refusals[] = {
    {{"model.dimensions=2"}, "model.particles must be set"},
    {{"model.particles=1"}, "model.particles is 1, a flow needs 2 or more"},
    {{"model.particles=4", "model.species=0 0 1"}, "lists 3 particles, model.particles is 4"},
    {{"model.particles=2", "model.species=0 0 1 1"}, "lists 4 particles, model.particles is 2"},
    {{"model.particles=2", "model.species=O H H"}, "lists 3 particles, model.particles is 2"},
};
enum { REFUSALS = sizeof refusals / sizeof *refusals };

START_TEST(contradictory_options_are_refused) {
  enf_flow *flow = (enf_flow *)(void *)&ctx;
  REFUSED(create(&flow, refusals[_i].settings), ENF_ERR_OPTION, refusals[_i].words);
  ck_assert_ptr_null(flow);
}
END_TEST

START_TEST(null_and_foreign_handles_are_refused) {
  enf_flow *flow = small();
  int64_t i;
  double r;
  REFUSED(enf_create(ctx, NULL, NULL), ENF_ERR_ARG, "flow is NULL");
  enf_flow *none;
  REFUSED(enf_create(ctx, &none, NULL), ENF_ERR_OPTION, "model.particles must be set");
  ck_assert_int_eq(enf_create(NULL, &none, NULL), ENF_ERR_ARG);
  enf_flow fake = {.magic = 1};
  REFUSED(enf_save(ctx, &fake, path), ENF_ERR_ARG, "flow is not a flow");
  REFUSED(enf_save(ctx, NULL, path), ENF_ERR_ARG, "flow is NULL");
  REFUSED(enf_save(ctx, flow, NULL), ENF_ERR_ARG, "path is NULL");
  REFUSED(enf_load(ctx, &none, NULL), ENF_ERR_ARG, "path is NULL");
  REFUSED(enf_load(ctx, NULL, path), ENF_ERR_ARG, "flow is NULL");
  ck_assert_int_eq(enf_get_int(flow, "nonsense", &i), ENF_ERR_ARG);
  ck_assert_int_eq(enf_get_int(NULL, "particles", &i), ENF_ERR_ARG);
  ck_assert_int_eq(enf_get_real(flow, "particles", &r), ENF_ERR_ARG);
  ck_assert_int_eq(enf_get_real(flow, "data_scale", NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_params_info(NULL, 0, NULL, NULL, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_params_info(flow, 1000000, NULL, NULL, NULL), ENF_ERR_RANGE);
  enf_destroy(NULL);
  enf_destroy(flow);
}
END_TEST

static int64_t number(const enf_flow *flow, const char *name) {
  int64_t value = -1;
  ck_assert_int_eq(enf_get_int(flow, name, &value), ENF_OK);
  return value;
}

START_TEST(a_flow_tells_its_numbers) {
  enf_flow *flow = small();
  double scale, std;
  ck_assert_int_eq(number(flow, "particles"), 4);
  ck_assert_int_eq(number(flow, "dimensions"), 2);
  ck_assert_int_eq(number(flow, "degrees_of_freedom"), 6);
  ck_assert_int_eq(number(flow, "hidden"), 8);
  ck_assert_int_eq(number(flow, "layers"), 2);
  ck_assert_int_eq(number(flow, "edge_depth"), 3);
  ck_assert_int_eq(number(flow, "node_depth"), 4);
  ck_assert_int_eq(number(flow, "species"), 3);
  ck_assert_int_eq(number(flow, "data_scale_fixed"), 1);
  enf_get_real(flow, "data_scale", &scale);
  enf_get_real(flow, "prior_std", &std);
  ck_assert_double_eq(scale, 1.3);
  ck_assert_double_eq(std, 0.7);
  size_t total = 0, rows, cols, tensors = 0;
  while (enf_params_info(flow, tensors, NULL, &rows, &cols) == ENF_OK) {
    total += rows * cols;
    tensors++;
  }
  ck_assert_int_eq(number(flow, "tensors"), (int64_t)tensors);
  ck_assert_int_eq(number(flow, "parameters"), (int64_t)total);
  enf_destroy(flow);
}
END_TEST

/* ---- parameters ----------------------------------------------------------------------------- */

/* As it was set, also after a file; the scale in use. */
START_TEST(a_flow_tells_its_options) {
  static const struct {
    const char *name, *text;
  } rows[] = {{"model.species", "0 0 1 2"},
              {"model.field", "egnn"},
              {"model.particles", "4"},
              {"model.prior_std", "0.7"},
              {"model.data_scale", "1.3"}};
  enf_flow *flow = small(), *read;
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  ck_assert_int_eq(enf_load(ctx, &read, path), ENF_OK);
  for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
    const enf_flow *of = i % 2 ? read : flow;
    const char *name = rows[i / 2].name, *wanted = rows[i / 2].text;
    size_t needed = 0;
    char text[16] = "kept";
    ck_assert_int_eq(enf_get_text(of, name, NULL, 0, &needed), ENF_ERR_RANGE);
    ck_assert_uint_eq(needed, strlen(wanted) + 1);
    ck_assert_int_eq(enf_get_text(of, name, text, needed - 1, NULL), ENF_ERR_RANGE);
    ck_assert_str_eq(text, "kept");
    ck_assert_int_eq(enf_get_text(of, name, text, needed, NULL), ENF_OK);
    ck_assert_str_eq(text, wanted);
  }
  char text[16];
  ck_assert_int_eq(enf_get_text(NULL, "model.species", text, 16, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_get_text(flow, NULL, text, 16, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_get_text(flow, "model.species", NULL, 16, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_get_text(flow, "model.specie", text, 16, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_get_text(flow, "train.lr", text, 16, NULL), ENF_ERR_ARG);
  enf_destroy(read);
  enf_destroy(flow);
}
END_TEST

START_TEST(parameters_are_set_by_name_and_fix_the_scale) {
  enf_flow *flow;
  ck_assert_int_eq(CREATE(&flow, "model.particles=3", "model.hidden=4", "model.layers=1"), ENF_OK);
  ck_assert_int_eq(number(flow, "data_scale_fixed"), 0);
  double data[4] = {1, -2, 3, 0.1}, back[4];
  const char *name = "egnn.gcl_0.coord_mlp.2.weight";
  ck_assert_int_eq(enf_params_set(ctx, flow, name, data, 4), ENF_OK);
  ck_assert_int_eq(enf_params_get(ctx, flow, name, back, 4), ENF_OK);
  ck_assert_mem_eq(data, back, sizeof data);
  ck_assert_int_eq(number(flow, "data_scale_fixed"), 1);
  data[2] = NAN;
  REFUSED(enf_params_set(ctx, flow, name, data, 4), ENF_ERR_NONFINITE, "value 2 of egnn.gcl_0");
  enf_params_get(ctx, flow, name, back, 4);
  ck_assert_double_eq(back[2], 3);
  REFUSED(enf_params_set(ctx, flow, name, back, 3), ENF_ERR_SHAPE, "1 x 4 = 4 values, n is 3");
  REFUSED(enf_params_get(ctx, flow, "egnn.gcl_0.coord_mlp.2.wieght", back, 4), ENF_ERR_ARG,
          "did you mean \"egnn.gcl_0.coord_mlp.2.weight\"");
  REFUSED(enf_params_get(ctx, flow, NULL, back, 4), ENF_ERR_ARG, "tensor is NULL");
  REFUSED(enf_params_get(ctx, flow, name, NULL, 4), ENF_ERR_ARG, "data is NULL");
  enf_destroy(flow);
}
END_TEST

START_TEST(equal_seeds_give_equal_weights) {
  enf_flow *a = small(), *b = small(), *c;
  ck_assert_int_eq(CREATE(&c, "model.particles=4", "model.dimensions=2", "model.hidden=8",
                          "model.layers=2", "model.species=0 0 1 2", "model.seed=4"),
                   ENF_OK);
  const size_t bytes = a->params.size * sizeof(double);
  ck_assert_mem_eq(a->params.value, b->params.value, bytes);
  ck_assert_int_ne(memcmp(a->params.value, c->params.value, bytes), 0);
  enf_destroy(a);
  enf_destroy(b);
  enf_destroy(c);
}
END_TEST

/* ---- files ---------------------------------------------------------------------------------- */

static long size_of(const char *name) {
  FILE *f = fopen(name, "rb");
  ck_assert_ptr_nonnull(f);
  fseek(f, 0, SEEK_END);
  const long size = ftell(f);
  fclose(f);
  return size;
}

START_TEST(a_file_gives_the_flow_back_bit_for_bit) {
  enf_flow *flow = small(), *back;
  flow->params.value[5] = 0.1 + 0.2;
  flow->params.value[6] = -0x1p-1070;
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  ck_assert_int_eq(enf_load(ctx, &back, path), ENF_OK);
  ck_assert_mem_eq(flow->params.value, back->params.value, flow->params.size * sizeof(double));
  ck_assert_double_eq(back->space.scale, flow->space.scale);
  ck_assert_double_eq(back->prior.std, flow->prior.std);
  ck_assert_mem_eq(flow->space.shape.kind, back->space.shape.kind, 4 * sizeof(int));
  ck_assert_int_eq(enf_save(ctx, back, other), ENF_OK);
  ck_assert_int_eq(size_of(path), size_of(other));
  enf_destroy(flow);
  enf_destroy(back);
}
END_TEST

START_TEST(loading_fixes_the_scale) {
  enf_flow *flow, *back;
  ck_assert_int_eq(CREATE(&flow, "model.particles=2", "model.hidden=4"), ENF_OK);
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  ck_assert_int_eq(enf_load(ctx, &back, path), ENF_OK);
  ck_assert_int_eq(number(back, "data_scale_fixed"), 1);
  ck_assert_double_eq(back->space.scale, 1);
  enf_destroy(flow);
  enf_destroy(back);
}
END_TEST

START_TEST(no_truncation_of_a_file_is_accepted) {
  enf_flow *flow = small(), *back;
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  const long size = size_of(path);
  for (long keep = size - 1; keep > 0; keep -= keep > 4000 ? 997 : 131) {
    ck_assert_int_eq(truncate(path, keep), 0);
    REFUSED(enf_load(ctx, &back, path), ENF_ERR_FORMAT, path);
    ck_assert_ptr_null(back);
  }
  enf_destroy(flow);
}
END_TEST

START_TEST(missing_and_foreign_files_are_refused) {
  enf_flow *back;
  REFUSED(enf_load(ctx, &back, path), ENF_ERR_IO, path);
  FILE *f = fopen(path, "w");
  fputs("this is a text and no safetensors file at all", f);
  fclose(f);
  REFUSED(enf_load(ctx, &back, path), ENF_ERR_FORMAT, path);
  ck_assert_ptr_null(back);
}
END_TEST

/* A saved flow, taken apart, changed by `key` and `value`, and written again. */
static void rewrite(const char *key, const char *value) {
  enf_flow *flow = small();
  enf__st_file file = {0};
  enf__st_meta meta[64];
  size_t metas = 0;
  bool found = false;
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  ck_assert_int_eq(enf__st_read(ctx, &file, path), ENF_OK);
  for (size_t i = 0; i < file.metas; i++) {
    const bool same = !strcmp(file.meta[i].key, key);
    found = found || same;
    if (same && !value)
      continue;
    meta[metas++] = same ? (enf__st_meta){key, value} : file.meta[i];
  }
  if (!found)
    meta[metas++] = (enf__st_meta){key, value};
  ck_assert_int_eq(enf__st_write(ctx, other, metas, meta, file.tensors, file.tensor), ENF_OK);
  enf__st_free(&file);
  enf_destroy(flow);
}

static const struct {
  const char *key, *value;
  enf_status status;
  const char *words;
} bad_metas[] = {
    {"format", NULL, ENF_ERR_FORMAT, "\"format\" is missing, not \"libenf\""},
    {"format", "pt", ENF_ERR_FORMAT, "\"format\" is \"pt\", not \"libenf\""},
    {"format_version", NULL, ENF_ERR_FORMAT, "\"format_version\" is missing"},
    {"format_version", "one", ENF_ERR_FORMAT, "\"format_version\" is \"one\""},
    {"format_version", "2", ENF_ERR_VERSION, "written by a newer libenf (0.1.0) in format 2"},
    {"format_version", "99999999999999999999", ENF_ERR_VERSION, "reads up to format 1"},
    {"model.particles", NULL, ENF_ERR_FORMAT, "option model.particles is missing"},
    {"model.tanh", NULL, ENF_ERR_FORMAT, "option model.tanh is missing"},
    {"model.hidden", "1000000", ENF_ERR_FORMAT, "model.hidden"},
    {"model.hidden", "9", ENF_ERR_FORMAT, "its options call for"},
    {"model.layers", "1", ENF_ERR_FORMAT, "its options call for"},
    {"model.layers", "3", ENF_ERR_FORMAT, "tensor egnn.gcl_2.edge_mlp.0.weight is missing"},
    {"model.edge_depth", "2", ENF_ERR_FORMAT, "holds 42 tensors, its options call for 38"},
    {"model.edge_depth", "4", ENF_ERR_FORMAT, "egnn.gcl_0.edge_mlp.6.weight is missing"},
    {"model.node_depth", "5", ENF_ERR_FORMAT, "egnn.gcl_0.node_mlp.8.weight is missing"},
    {"model.node_depth", "9", ENF_ERR_FORMAT, "model.node_depth: 9 is not between 2 and 8"},
    {"model.edge_depth", "1", ENF_ERR_FORMAT, "model.edge_depth: 1 is not between 2 and 8"},
    {"model.attention", "0", ENF_ERR_FORMAT, "tensors, its options call for"},
    {"model.particles", "5", ENF_ERR_FORMAT, "lists 4 particles, model.particles is 5"},
    {"model.species", "", ENF_ERR_FORMAT, "egnn.embedding.weight has shape (8,4)"},
    {"model.data_scale", "-3", ENF_ERR_FORMAT, "model.data_scale: \"-3\""},
    {"model.aggregation", "max", ENF_ERR_FORMAT, "model.aggregation"},
    {"model.colour", "red", ENF_ERR_FORMAT, "there is no option \"model.colour\""},
};
enum { BAD_METAS = sizeof bad_metas / sizeof *bad_metas };

START_TEST(inconsistent_metadata_is_refused) {
  enf_flow *back = (enf_flow *)(void *)&ctx;
  rewrite(bad_metas[_i].key, bad_metas[_i].value);
  REFUSED(enf_load(ctx, &back, other), bad_metas[_i].status, bad_metas[_i].words);
  REFUSED(enf_load(ctx, &back, other), bad_metas[_i].status, other);
  ck_assert_ptr_null(back);
}
END_TEST

/* Tensor changes: 0 one is missing, 1 transposed, 2 an integer type, 3 not finite, 4 one too many,
   5 a bias with two axes. */
static const struct {
  enf_status status;
  const char *words;
} bad_tensors[] = {
    {ENF_ERR_FORMAT, "is missing"},           {ENF_ERR_FORMAT, "has shape (18,8)"},
    {ENF_ERR_FORMAT, "is not F64 or F32"},    {ENF_ERR_NONFINITE, "value 1 of tensor"},
    {ENF_ERR_FORMAT, "its options call for"}, {ENF_ERR_FORMAT, "has shape (8,1)"},
};

static void spoil(enf__st_file *file, enf__st_tensor *tensor, size_t *count, int how) {
  static const double numbers[] = {1, 2};
  enf__st_tensor *weight = NULL, *bias = NULL;
  for (size_t i = 0; i < file->tensors; i++) {
    tensor[i] = file->tensor[i];
    if (!strcmp(tensor[i].name, "egnn.gcl_1.edge_mlp.0.weight"))
      weight = tensor + i;
    if (!strcmp(tensor[i].name, "egnn.gcl_1.edge_mlp.0.bias"))
      bias = tensor + i;
  }
  *count = file->tensors;
  if (how == 0)
    *weight = tensor[--*count];
  if (how == 1) {
    weight->shape[0] = weight->shape[1];
    weight->shape[1] = 8;
  }
  if (how == 2)
    weight->dtype = ENF__I64;
  if (how == 3)
    memcpy((char *)(uintptr_t)weight->data + 8, &(double){INFINITY}, 8);
  if (how == 4)
    tensor[(*count)++] = (enf__st_tensor){.name = "egnn.more",
                                          .dtype = ENF__F64,
                                          .ndim = 1,
                                          .shape = {2},
                                          .count = 2,
                                          .data = numbers};
  if (how == 5) {
    bias->ndim = 2;
    bias->shape[1] = 1;
  }
}

START_TEST(inconsistent_tensors_are_refused) {
  enf_flow *flow = small(), *back;
  enf__st_file file = {0};
  enf__st_tensor tensor[64];
  size_t count;
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  ck_assert_int_eq(enf__st_read(ctx, &file, path), ENF_OK);
  spoil(&file, tensor, &count, _i);
  ck_assert_int_eq(enf__st_write(ctx, other, file.metas, file.meta, count, tensor), ENF_OK);
  REFUSED(enf_load(ctx, &back, other), bad_tensors[_i].status, bad_tensors[_i].words);
  ck_assert_ptr_null(back);
  enf__st_free(&file);
  enf_destroy(flow);
}
END_TEST

START_TEST(single_precision_tensors_are_read) {
  enf_flow *flow = small(), *back;
  enf__st_file file = {0};
  enf__st_tensor tensor[64];
  static float numbers[64][512];
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  ck_assert_int_eq(enf__st_read(ctx, &file, path), ENF_OK);
  for (size_t i = 0; i < file.tensors; i++) {
    double wide[512];
    tensor[i] = file.tensor[i];
    ck_assert_uint_le(tensor[i].count, 512);
    enf__st_doubles(tensor + i, wide);
    for (size_t j = 0; j < tensor[i].count; j++)
      numbers[i][j] = (float)wide[j];
    tensor[i].dtype = ENF__F32;
    tensor[i].data = numbers[i];
  }
  ck_assert_int_eq(enf__st_write(ctx, other, file.metas, file.meta, file.tensors, tensor), ENF_OK);
  ck_assert_int_eq(enf_load(ctx, &back, other), ENF_OK);
  for (size_t i = 0; i < flow->params.size; i++)
    ck_assert_float_eq((float)flow->params.value[i], (float)back->params.value[i]);
  enf__st_free(&file);
  enf_destroy(flow);
  enf_destroy(back);
}
END_TEST

/* ---- kinds ---------------------------------------------------------------------------------- */

/* Whatever their numbers, two kinds are two kinds: the same weights, the same bits. */
START_TEST(kinds_are_counted_whatever_their_numbers) {
  static const char *const same[] = {"model.species=0 1 1 0", "model.species=0 255 255 0",
                                     "model.species=H C 6 1", "model.species=3 117 Ts Li"};
  const char *field = _i ? "model.field=pair-kernel" : "model.field=egnn";
  const double x[8] = {0, 0, 1, 0.3, 0.2, 1.1, -1, 0.4}, t = 0.5;
  double v[4][8];
  for (int k = 0; k < 4; k++) {
    enf_flow *flow;
    int64_t kinds;
    ck_assert_int_eq(CREATE(&flow, "model.particles=4", "model.dimensions=2", "model.hidden=8",
                            "model.layers=1", field, same[k]),
                     ENF_OK);
    ck_assert_int_eq(enf_get_int(flow, "species", &kinds), ENF_OK);
    ck_assert_int_eq(kinds, 2);
    ck_assert_int_eq(enf_velocity(ctx, flow, 1, &t, x, v[k], NULL), ENF_OK);
    ck_assert_mem_eq(v[k], v[0], sizeof v[0]);
    enf_destroy(flow);
  }
}
END_TEST

/* Weights for every number up to the largest, as published networks have them: they load, compute
   what they did, and are saved as they were. */
START_TEST(weights_for_every_number_are_kept) {
  const double x[8] = {0, 0, 1, 0.3, 0.2, 1.1, -1, 0.4}, t = 0.5;
  double v[2][8];
  enf_opts *opts;
  enf_flow *flow[2];
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.particles", "4"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.dimensions", "2"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.species", "B 2 2 0"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.hidden", "8"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.field", _i ? "pair-kernel" : "egnn"), ENF_OK);
  ck_assert_int_eq(enf__flow_plan(ctx, &flow[0], opts, true, 0), ENF_OK);
  ck_assert_int_eq(enf__flow_allocate(ctx, flow[0]), ENF_OK);
  enf__params_init(&flow[0]->params, 3);
  enf__flow_pack(flow[0]);
  ck_assert_int_eq(enf_save(ctx, flow[0], path), ENF_OK);
  ck_assert_int_eq(enf_load(ctx, &flow[1], path), ENF_OK);
  ck_assert_uint_eq(flow[1]->params.size, flow[0]->params.size);
  for (int k = 0; k < 2; k++)
    ck_assert_int_eq(enf_velocity(ctx, flow[k], 1, &t, x, v[k], NULL), ENF_OK);
  ck_assert_mem_eq(v[1], v[0], sizeof v[0]);
  ck_assert_int_eq(enf_save(ctx, flow[1], other), ENF_OK);
  enf_destroy(flow[1]);
  ck_assert_int_eq(enf_load(ctx, &flow[1], other), ENF_OK);
  ck_assert_mem_eq(flow[1]->params.value, flow[0]->params.value,
                   flow[0]->params.size * sizeof(double));
  enf_destroy(flow[0]);
  enf_destroy(flow[1]);
  enf_opts_destroy(opts);
}
END_TEST

/* ---- calls on many samples ------------------------------------------------------------------ */

START_TEST(bad_arguments_of_batched_calls_are_refused) {
  enf_flow *flow = small();
  double x[8] = {0}, y[8], t = 0.5, r;
  REFUSED(enf_log_prob(ctx, NULL, 1, x, y), ENF_ERR_ARG, "flow is NULL");
  REFUSED(enf_log_prob(ctx, flow, 1, NULL, y), ENF_ERR_ARG, "x is NULL");
  REFUSED(enf_log_prob(ctx, flow, 1, x, NULL), ENF_ERR_ARG, "logp is NULL");
  REFUSED(enf_log_prob(ctx, flow, SIZE_MAX / 4, x, y), ENF_ERR_ARG, "cannot exist");
  REFUSED(enf_sample(ctx, flow, 0, 0, 1, NULL, y), ENF_ERR_ARG, "x is NULL");
  REFUSED(enf_sample(ctx, flow, 0, UINT64_MAX, 1, x, NULL), ENF_ERR_RANGE, "end of the stream");
  REFUSED(enf_transport(ctx, flow, 1, 0, 1, x, NULL, NULL), ENF_ERR_ARG, "y is NULL");
  REFUSED(enf_transport(ctx, flow, 1, -0.1, 1, x, y, NULL), ENF_ERR_RANGE, "t0 = -0.1");
  REFUSED(enf_transport(ctx, flow, 1, 0, 1.5, x, y, NULL), ENF_ERR_RANGE, "t1 = 1.5");
  REFUSED(enf_transport(ctx, flow, 0, 0, NAN, x, y, NULL), ENF_ERR_RANGE, "between 0 and 1");
  REFUSED(enf_velocity(ctx, flow, 1, NULL, x, y, NULL), ENF_ERR_ARG, "t is NULL");
  REFUSED(enf_velocity(ctx, flow, 1, &t, x, NULL, NULL), ENF_ERR_ARG, "v is NULL");
  ck_assert_int_eq(enf_log_prob(NULL, flow, 1, x, y), ENF_ERR_ARG);
  ck_assert_int_eq(enf_log_prob(ctx, flow, 0, NULL, NULL), ENF_OK);
  ck_assert_int_eq(enf_sample(ctx, flow, 1, UINT64_MAX, 0, NULL, NULL), ENF_OK);
  ck_assert_int_eq(enf_velocity(ctx, flow, 0, NULL, NULL, NULL, NULL), ENF_OK);
  ck_assert_int_eq(enf_ctx_stat(ctx, "failed", &r), ENF_OK);
  ck_assert_double_eq(r, 0);
  enf_destroy(flow);
}
END_TEST

/* ---- all ------------------------------------------------------------------------------------ */

/* ---- texts, copies, images ---------------------------------------------------------------------
 */

START_TEST(free_text_travels_with_a_flow) {
  enf_flow *flow = small(), *back;
  char text[16];
  size_t needed;
  ck_assert_int_eq(enf_meta_set(ctx, flow, "labels", "O H H"), ENF_OK);
  ck_assert_int_eq(enf_meta_set(ctx, flow, "labels", "O \"H\" \303\244"), ENF_OK);
  ck_assert_int_eq(enf_meta_set(ctx, flow, "unit", "nm"), ENF_OK);
  ck_assert_int_eq(enf_meta_set(ctx, flow, "unit", NULL), ENF_OK);
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  ck_assert_int_eq(enf_load(ctx, &back, path), ENF_OK);
  ck_assert_int_eq(enf_meta_get(back, "labels", text, sizeof text, &needed), ENF_OK);
  ck_assert_str_eq(text, "O \"H\" \303\244");
  ck_assert_uint_eq(needed, 9);
  ck_assert_int_eq(enf_meta_get(back, "labels", text, 3, &needed), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_meta_get(back, "unit", text, sizeof text, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_meta_set(ctx, flow, "a key", "x"), ENF_ERR_ARG);
  ck_assert_int_eq(enf_meta_set(ctx, flow, "latin1", "\344"), ENF_ERR_ARG);
  enf_destroy(flow);
  enf_destroy(back);
}
END_TEST

static void expect_file(const char *name, const void *data, size_t bytes) {
  FILE *file = fopen(name, "rb");
  char *whole = malloc(bytes + 1);
  ck_assert_uint_eq(fread(whole, 1, bytes + 1, file), bytes);
  ck_assert_mem_eq(whole, data, bytes);
  free(whole);
  fclose(file);
}

START_TEST(copies_and_images_are_the_flow) {
  enf_flow *flow = small(), *copy, *back;
  void *image;
  size_t bytes;
  flow->params.value[5] = 0.1 + 0.2;
  ck_assert_int_eq(enf_meta_set(ctx, flow, "kT", "2.494"), ENF_OK);
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  ck_assert_int_eq(enf_copy(ctx, &copy, flow), ENF_OK);
  ck_assert_int_eq(enf_save_memory(ctx, copy, &image, &bytes), ENF_OK);
  expect_file(path, image, bytes);
  ck_assert_int_eq(enf_load_memory(ctx, &back, image, bytes), ENF_OK);
  ck_assert_int_eq(enf_load_memory(ctx, &copy, image, bytes - 1), ENF_ERR_FORMAT);
  ck_assert_ptr_null(copy);
  enf_free_memory(ctx, image);
  ck_assert_int_eq(enf_save_memory(ctx, back, &image, &bytes), ENF_OK);
  expect_file(path, image, bytes);
  enf_free_memory(ctx, image);
  enf_destroy(flow);
  enf_destroy(back);
}
END_TEST

START_TEST(every_sample_has_its_status) {
  enf_flow *flow = small();
  const size_t N = flow->space.shape.particles, D = flow->space.shape.dimensions;
  double x[3 * 32] = {0}, logp[3];
  for (size_t k = 0; k < 3 * N * D; k++)
    x[k] = sin((double)k);
  x[N * D] = NAN;
  ck_assert_int_eq(enf_log_prob(ctx, flow, 3, x, logp), ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_sample_status(ctx, 0), ENF_OK);
  ck_assert_int_eq(enf_sample_status(ctx, 1), ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_sample_status(ctx, 2), ENF_OK);
  ck_assert_int_eq(enf_sample_status(ctx, 3), ENF_ERR_RANGE);
  enf_destroy(flow);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("flow");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, contradictory_options_are_refused, 0, REFUSALS);
  tcase_add_test(c, null_and_foreign_handles_are_refused);
  tcase_add_test(c, a_flow_tells_its_numbers);
  tcase_add_test(c, a_flow_tells_its_options);
  tcase_add_test(c, parameters_are_set_by_name_and_fix_the_scale);
  tcase_add_test(c, equal_seeds_give_equal_weights);
  tcase_add_test(c, a_file_gives_the_flow_back_bit_for_bit);
  tcase_add_test(c, loading_fixes_the_scale);
  tcase_add_test(c, no_truncation_of_a_file_is_accepted);
  tcase_add_test(c, missing_and_foreign_files_are_refused);
  tcase_add_loop_test(c, inconsistent_metadata_is_refused, 0, BAD_METAS);
  tcase_add_loop_test(c, inconsistent_tensors_are_refused, 0, 6);
  tcase_add_test(c, single_precision_tensors_are_read);
  tcase_add_loop_test(c, kinds_are_counted_whatever_their_numbers, 0, 2);
  tcase_add_loop_test(c, weights_for_every_number_are_kept, 0, 2);
  tcase_add_test(c, bad_arguments_of_batched_calls_are_refused);
  tcase_add_test(c, free_text_travels_with_a_flow);
  tcase_add_test(c, copies_and_images_are_the_flow);
  tcase_add_test(c, every_sample_has_its_status);
  return run_suite("flow", c);
}
