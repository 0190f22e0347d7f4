/* test_trainer_file.c -- files of trainings: every refusal with its status and sentence, and a flow
   that a refused file leaves alone. */
#include "flow/flow.h"
#include "scratch.h"
#include <enf/enf.h>
#include <math.h>

static enf_opts *opts;
static enf_flow *flow;
static enf_trainer *tr;

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

/* A training of one step, in the file "good". */
static void save_training(void) {
  const double x[] = {0, 0, 1, 0, 0, 1, 2, 0, 0, 1, -1, 0};
  OK(enf_opts_create(ctx, &opts));
  ck_assert_int_eq(enf_opts_set(opts, "model.particles", "3"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.dimensions", "2"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.hidden", "4"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.layers", "2"), ENF_OK);
  OK(enf_create(ctx, &flow, opts));
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  OK(enf_train_step(ctx, tr, 2, x, NULL));
  OK(enf_trainer_save(ctx, tr, at("good")));
  enf_trainer_destroy(tr);
}

static void forget(void) {
  enf_trainer_destroy(tr);
  enf_destroy(flow);
  enf_opts_destroy(opts);
  count_files(true);
  tr = NULL;
}

/* What is changed in the file, and what the refusal says. */
typedef struct {
  const char *meta, *value; /* value NULL: the entry is renamed */
  const char *tensor;
  void (*change)(enf__st_tensor *tensor);
  enf_status status;
  const char *sentence;
} flaw;

static void rename_it(enf__st_tensor *tensor) { tensor->name = "other"; }
static void flatten(enf__st_tensor *tensor) {
  tensor->shape[0] = tensor->count;
  tensor->shape[1] = 1;
}
static void lose_a_row(enf__st_tensor *tensor) {
  tensor->shape[0]--;
  tensor->count -= tensor->shape[1];
}
static void call_it_integers(enf__st_tensor *tensor) { tensor->dtype = ENF__I64; }
static void shorten(enf__st_tensor *tensor) { tensor->shape[0] = tensor->count = 4; }

static double numbers[1000];
static void put(enf__st_tensor *tensor, double value) {
  memcpy(numbers, tensor->data, tensor->count * sizeof *numbers);
  numbers[2] = value;
  tensor->data = numbers;
}
static void put_first(enf__st_tensor *tensor, double value) {
  put(tensor, 0);
  numbers[0] = value;
}
static void put_large_first(enf__st_tensor *tensor) { put_first(tensor, 1e200); }
static void put_negative_first(enf__st_tensor *tensor) { put_first(tensor, -1); }
static uint64_t counted[5];
static void count_beyond(enf__st_tensor *tensor) {
  memcpy(counted, tensor->data, sizeof counted);
  counted[4] = UINT64_MAX;
  tensor->data = counted;
}
static void put_nan(enf__st_tensor *tensor) { put(tensor, NAN); }
static void put_negative(enf__st_tensor *tensor) { put(tensor, -1); }

#define EDGE "egnn.gcl_0.edge_mlp.0.weight"

static const flaw flaws[] = {
    {"format", "libenf", NULL, NULL, ENF_ERR_FORMAT,
     "not a libenf training: its metadata \"format\" is \"libenf\", not \"libenf trainer\""},
    {"format", NULL, NULL, NULL, ENF_ERR_FORMAT, "its metadata \"format\" is missing"},
    {"format_version", "2", NULL, NULL, ENF_ERR_VERSION, "in format 2; this one, "},
    {"format_version", "1.5", NULL, NULL, ENF_ERR_FORMAT, "\"1.5\", not a version number"},
    {"format_version", "", NULL, NULL, ENF_ERR_FORMAT, "not a version number"},
    {"model.hidden", "8", NULL, NULL, ENF_ERR_SHAPE,
     "is of another network: its model.hidden is 8, the flow's is 4"},
    {"model.prior_std", "2", NULL, NULL, ENF_ERR_SHAPE,
     "its model.prior_std is 2, the flow's is 1"},
    {"model.tanh", NULL, NULL, NULL, ENF_ERR_SHAPE, "its model.tanh is missing, the flow's is "},
    {"model.data_scale", "3", NULL, NULL, ENF_ERR_SHAPE,
     "its model.data_scale is 3, the flow's is"},
    {"model.data_scale", "-3", NULL, NULL, ENF_ERR_FORMAT,
     "model.data_scale is \"-3\", not a number"},
    {"model.data_scale", NULL, NULL, NULL, ENF_ERR_FORMAT, "model.data_scale is \"missing\""},
    {"train.lr", NULL, NULL, NULL, ENF_ERR_FORMAT, "option train.lr is missing"},
    {"train.lr", "fast", NULL, NULL, ENF_ERR_FORMAT, "train.lr"},
    {"train.ema", "1", NULL, NULL, ENF_ERR_FORMAT, "train.ema"},
    {NULL, NULL, "counters", rename_it, ENF_ERR_FORMAT, "has no tensor \"counters\" of 5 U64"},
    {NULL, NULL, "counters", call_it_integers, ENF_ERR_FORMAT, "has no tensor \"counters\""},
    {NULL, NULL, "counters", shorten, ENF_ERR_FORMAT, "has no tensor \"counters\""},
    {NULL, NULL, "weights." EDGE, rename_it, ENF_ERR_FORMAT, "tensor weights." EDGE " is missing"},
    {NULL, NULL, "moment1." EDGE, flatten, ENF_ERR_FORMAT,
     "tensor moment1." EDGE " is not 4 x 10, as the options call for"},
    {NULL, NULL, "moment2." EDGE, lose_a_row, ENF_ERR_FORMAT,
     "tensor moment2." EDGE " is not 4 x 10, as the options call for"},
    {NULL, NULL, "average." EDGE, call_it_integers, ENF_ERR_FORMAT,
     "tensor average." EDGE " is not F64"},
    {NULL, NULL, "weights." EDGE, put_nan, ENF_ERR_NONFINITE,
     "value 2 of tensor weights." EDGE " is nan"},
    {NULL, NULL, "moment2." EDGE, put_negative, ENF_ERR_NONFINITE,
     "value 2 of tensor moment2." EDGE " is -1"},
    {NULL, NULL, "left_basis." EDGE, lose_a_row, ENF_ERR_FORMAT,
     "tensor left_basis." EDGE " is not 4 x 4, as the options call for"},
    {NULL, NULL, "right." EDGE, put_nan, ENF_ERR_NONFINITE,
     "value 2 of tensor right." EDGE " is nan"},
    {NULL, NULL, "left_basis." EDGE, put_large_first, ENF_ERR_FORMAT,
     "the rows of tensor left_basis." EDGE " are not orthonormal"},
    {NULL, NULL, "right." EDGE, put_negative_first, ENF_ERR_FORMAT,
     "element (0,0) of tensor right." EDGE " is -1, not a mean of squares"},
    {NULL, NULL, "counters", count_beyond, ENF_ERR_FORMAT,
     "counts 18446744073709551615 updates in 1 steps with 0 skipped"},
    {"train.optimizer", "adamw", NULL, NULL, ENF_ERR_FORMAT,
     " tensors, a training of this network has "}};
enum { FLAWS = sizeof flaws / sizeof *flaws };

/* Write the good file with the flaw as "bad". */
static void spoil(const flaw *f) {
  enf__st_file file;
  bool done = false;
  OK(enf__st_read(ctx, &file, at("good")));
  for (size_t i = 0; f->meta && i < file.metas; i++)
    if (!strcmp(file.meta[i].key, f->meta)) {
      file.meta[i] = (enf__st_meta){f->value ? f->meta : "unknown", f->value ? f->value : ""};
      done = true;
    }
  for (size_t i = 0; f->tensor && i < file.tensors; i++)
    if (!strcmp(file.tensor[i].name, f->tensor)) {
      f->change(&file.tensor[i]);
      done = true;
    }
  ck_assert(done);
  OK(enf__st_write(ctx, at("bad"), file.metas, file.meta, file.tensors, file.tensor));
  enf__st_free(&file);
}

/* Loading must fail so, and leave no trace. */
static void refuse(const char *name, enf_status status, const char *sentence) {
  const size_t bytes = flow->params.size * sizeof(double);
  double *before = malloc(bytes);
  const long blocks = live;
  tr = (enf_trainer *)ctx;
  memcpy(before, flow->params.value, bytes);
  ck_assert_int_eq(enf_trainer_load(ctx, &tr, flow, at(name)), status);
  expect_sentence(sentence);
  expect_sentence(name);
  ck_assert_ptr_null(tr);
  ck_assert_mem_eq(before, flow->params.value, bytes);
  ck_assert_int_eq(live, blocks);
  free(before);
}

START_TEST(what_was_saved_loads) {
  int64_t step;
  OK(enf_trainer_load(ctx, &tr, flow, at("good")));
  ck_assert_int_eq(enf_trainer_get_int(tr, "step", &step), ENF_OK);
  ck_assert_int_eq(step, 1);
}
END_TEST

START_TEST(flawed_files_are_refused) {
  spoil(&flaws[_i]);
  refuse("bad", flaws[_i].status, flaws[_i].sentence);
}
END_TEST

START_TEST(a_tensor_too_many_is_refused) {
  enf__st_file file;
  enf__st_tensor tensors[200];
  OK(enf__st_read(ctx, &file, at("good")));
  ck_assert_uint_lt(file.tensors, 200);
  memcpy(tensors, file.tensor, file.tensors * sizeof *tensors);
  tensors[file.tensors] = tensors[0];
  tensors[file.tensors].name = "more";
  OK(enf__st_write(ctx, at("bad"), file.metas, file.meta, file.tensors + 1, tensors));
  enf__st_free(&file);
  refuse("bad", ENF_ERR_FORMAT, " tensors, a training of this network has ");
}
END_TEST

START_TEST(flows_and_missing_files_are_no_trainings) {
  OK(enf_save(ctx, flow, at("flow")));
  refuse("flow", ENF_ERR_FORMAT, "not a libenf training");
  refuse("nowhere", ENF_ERR_IO, "cannot");
}
END_TEST

/* Truncated anywhere, or with some bytes changed: refused or loaded, never worse. */
START_TEST(damaged_files_do_no_harm) {
  char *bytes;
  size_t size;
  OK(enf__file_read(ctx, at("good"), &bytes, &size));
  char *copy = malloc(size);
  for (uint64_t k = 0; k < 300; k++) {
    const size_t kept = k % 3 ? size : size * k / 300;
    memcpy(copy, bytes, size);
    if (k % 3)
      damage(copy, k % 3 == 1 ? 5000 : size, k);
    make_file("damaged", copy, kept);
    const enf_status status = enf_trainer_load(ctx, &tr, flow, at("damaged"));
    ck_assert((status == ENF_OK) == (tr != NULL));
    ck_assert((status == ENF_OK) == !*enf_ctx_errmsg(ctx));
    ck_assert(k % 3 || status != ENF_OK);
    enf_trainer_destroy(tr);
  }
  free(copy);
  enf__free(&ctx->alloc, bytes);
}
END_TEST

START_TEST(misuse_is_refused) {
  OK(enf_trainer_load(ctx, &tr, flow, at("good")));
  ck_assert_int_eq(enf_trainer_save(ctx, NULL, at("x")), ENF_ERR_ARG);
  expect_sentence("the trainer is NULL");
  ck_assert_int_eq(enf_trainer_save(ctx, tr, NULL), ENF_ERR_ARG);
  expect_sentence("path is NULL");
  ck_assert_int_eq(enf_trainer_save(ctx, tr, at("no/where")), ENF_ERR_IO);
  enf_trainer_destroy(tr);
  ck_assert_int_eq(enf_trainer_load(ctx, NULL, flow, at("good")), ENF_ERR_ARG);
  expect_sentence("tr is NULL");
  ck_assert_int_eq(enf_trainer_load(ctx, &tr, flow, NULL), ENF_ERR_ARG);
  expect_sentence("path is NULL");
  ck_assert_int_eq(enf_trainer_load(ctx, &tr, NULL, at("good")), ENF_ERR_ARG);
  expect_sentence("flow is NULL");
  ck_assert_ptr_null(tr);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("refusals");
  tcase_add_checked_fixture(tests, save_training, forget);
  tcase_add_test(tests, what_was_saved_loads);
  tcase_add_loop_test(tests, flawed_files_are_refused, 0, FLAWS);
  tcase_add_test(tests, a_tensor_too_many_is_refused);
  tcase_add_test(tests, flows_and_missing_files_are_no_trainings);
  tcase_add_test(tests, damaged_files_do_no_harm);
  tcase_add_test(tests, misuse_is_refused);
  return run_case("trainer_file", tests);
}
