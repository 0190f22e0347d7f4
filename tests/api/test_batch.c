/* Molecules that a flow cannot take, as a host sees it: every call on batches refuses with a status
   and a sentence unknown elements, sizes that the data never had, single atoms, none, planes among
   space, numbers that are none. */
#include "host.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static enf_flow *flow;
static enf_trainer *trainer;
static enf_batch *batch;

/* H and O, of 2 and 3 atoms. */
static void open_flow(void) {
  setup();
  enf_opts *opts = options("model.hidden=4,model.layers=1,model.elements=H O,model.dequantiser="
                           "uniform,model.sizes=2:1 3:4,train.objective=likelihood");
  OK(enf_create(ctx, &flow, opts));
  OK(enf_trainer_create(ctx, &trainer, flow, opts));
  enf_opts_destroy(opts);
}

static void close_flow(void) {
  enf_trainer_destroy(trainer);
  enf_destroy(flow);
  teardown();
}

static const double line[12] = {0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3}, half[8] = {.5, .5, .5, .5,
                                                                                .5, .5, .5, .5},
                    nowhere[12] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};

/* A batch of one configuration: kinds, or 2 features. */
static void make(size_t dimensions, size_t N, const int32_t *kinds, const double *x) {
  OK(enf_batch_create(ctx, &batch, dimensions));
  OK(enf_batch_append(ctx, batch, N, kinds, kinds ? 0 : 2, kinds ? NULL : half, x));
}

/* By density and step, which take kinds, or by all calls on features. */
static void expect_refusal(enf_status status, const char *words, bool kinds) {
  double t = 0.5, x[12], h[8], logp = 0, div;
  REFUSED(status, words, enf_log_prob_batch(ctx, flow, batch, 0, &logp, NULL));
  REFUSED(status, words, enf_train_step_batch(ctx, trainer, batch, NULL));
  if (!kinds) {
    REFUSED(status, words, enf_velocity_batch(ctx, flow, batch, &t, x, h, &div));
    REFUSED(status, words, enf_transport_batch(ctx, flow, batch, 1, 0, x, h, &div));
  }
  enf_batch_destroy(batch);
}

static const int32_t known[4] = {0, 1, 0, 1}, other[4] = {0, 2, 0, 1};

static char folder[32], file[40];

static void write_file(const char *text) {
  strcpy(folder, "/tmp/enf-batch-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(file, sizeof file, "%s/m.xyz", folder);
  FILE *out = fopen(file, "w");
  fputs(text, out);
  fclose(out);
}

static void remove_file(void) {
  unlink(file);
  rmdir(folder);
}

static enf_status read_text(const char *text) {
  write_file(text);
  const enf_status status = enf_batch_read(ctx, &batch, flow, file);
  remove_file();
  ck_assert_ptr_null(batch);
  return status;
}

static void expect_option(const char *name, const char *value, const char *words) {
  enf_opts *opts = options("");
  ck_assert_int_eq(enf_opts_set(opts, name, value), ENF_ERR_OPTION);
  ck_assert_msg(strstr(enf_opts_errmsg(opts), words) != NULL, "%s", enf_opts_errmsg(opts));
  enf_opts_destroy(opts);
}

START_TEST(unknown_elements_are_refused) {
  make(3, 3, other, line);
  expect_refusal(ENF_ERR_RANGE, "configuration 0: the kind of particle 1 is 2, model.elements has 2",
                 true);
  REFUSED(ENF_ERR_RANGE, "line 4: the flow has no element S", read_text("2\n\nH 0 0 0\nS 0 0 1\n"));
  REFUSED(ENF_ERR_FORMAT, "line 4: 'Qq' is not the symbol", read_text("2\n\nH 0 0 0\nQq 0 0 1\n"));
  expect_option("model.elements", "H Qq", "\"Qq\" is neither");
}
END_TEST

START_TEST(sizes_never_seen_are_refused) {
  double logp = 0;
  make(3, 4, known, line);
  REFUSED(ENF_ERR_RANGE, "configuration 0: model.sizes has no configuration of 4 particles",
          enf_log_prob_batch(ctx, flow, batch, 0, &logp, NULL));
  ck_assert(isnan(logp));
  ck_assert_int_eq(enf_sample_status(ctx, 0), ENF_ERR_RANGE);
  enf_batch_destroy(batch);
  REFUSED(ENF_ERR_RANGE, "N is 4: model.sizes has no configuration of that size",
          enf_sample_batch(ctx, flow, 0, 0, 1, 4, &batch, NULL));
  ck_assert_ptr_null(batch);
}
END_TEST

START_TEST(single_atoms_and_none_are_refused) {
  make(3, 1, known, line);
  expect_refusal(ENF_ERR_SHAPE, "configuration 0 has a single particle: a flow needs 2 or more",
                 true);
  make(3, 1, NULL, line);
  expect_refusal(ENF_ERR_SHAPE, "configuration 0 has a single particle: a flow needs 2 or more",
                 false);
  REFUSED(ENF_ERR_RANGE, "N is 1: a flow needs 2 particles or more",
          enf_sample_batch(ctx, flow, 0, 0, 1, 1, &batch, NULL));
  OK(enf_batch_create(ctx, &batch, 3));
  REFUSED(ENF_ERR_SHAPE, "N is 0: a configuration has particles",
          enf_batch_append(ctx, batch, 0, known, 0, NULL, line));
  REFUSED(ENF_ERR_ARG, "the batch is empty", enf_train_step_batch(ctx, trainer, batch, NULL));
  enf_batch_destroy(batch);
  REFUSED(ENF_ERR_FORMAT, "line 1: a frame has no atoms", read_text("0\n\n"));
  expect_option("model.sizes", "0:2", "\"0:2\" is not particles:count");
}
END_TEST

START_TEST(planes_among_space_are_refused) {
  enf_batch_reader *reader;
  make(2, 3, known, line);
  expect_refusal(ENF_ERR_SHAPE, "the batch has 2 dimensions, the flow 3", true);
  make(2, 3, NULL, line);
  expect_refusal(ENF_ERR_SHAPE, "the batch has 2 dimensions, the flow 3", false);
  write_file("2\n\nH 0 0 0\nO 0 0 1\n");
  OK(enf_batch_reader_open(ctx, &reader, flow, file));
  OK(enf_batch_create(ctx, &batch, 2));
  REFUSED(ENF_ERR_SHAPE, "the batch has 2 dimensions, the file is read in 3",
          enf_batch_reader_next(ctx, reader, 1, batch));
  enf_batch_reader_close(reader);
  enf_batch_destroy(batch);
  remove_file();
}
END_TEST

/* A row that is NaN throughout is one that has failed before; one in part is refused. */
START_TEST(numbers_that_are_none_are_refused) {
  double t = 0.5, x[12], h[8], logp = 0;
  const double part[6] = {0, 0, 0, 0, NAN, 1};
  OK(enf_batch_create(ctx, &batch, 3));
  REFUSED(ENF_ERR_NONFINITE, "x of particle 1 of 2 is nan",
          enf_batch_append(ctx, batch, 2, known, 0, NULL, part));
  REFUSED(ENF_ERR_NONFINITE, "a feature of particle 1 of 2 is nan",
          enf_batch_append(ctx, batch, 2, NULL, 3, part, line));
  enf_batch_destroy(batch);
  make(3, 3, known, nowhere);
  REFUSED(ENF_ERR_NONFINITE, "configuration 0",
          enf_log_prob_batch(ctx, flow, batch, 0, &logp, NULL));
  ck_assert(isnan(logp));
  ck_assert_int_eq(enf_sample_status(ctx, 0), ENF_ERR_NONFINITE);
  REFUSED(ENF_ERR_NONFINITE, "configuration 0 of the batch is nan; no step was made",
          enf_train_step_batch(ctx, trainer, batch, NULL));
  enf_batch_destroy(batch);
  make(3, 3, NULL, nowhere);
  REFUSED(ENF_ERR_NONFINITE, "configuration 0",
          enf_velocity_batch(ctx, flow, batch, &t, x, h, NULL));
  REFUSED(ENF_ERR_NONFINITE, "configuration 0",
          enf_transport_batch(ctx, flow, batch, 1, 0, x, h, NULL));
  ck_assert(isnan(x[0]) && isnan(h[0]));
  enf_batch_destroy(batch);
  REFUSED(ENF_ERR_FORMAT, "line 4: 'nan' is not a coordinate",
          read_text("2\n\nH 0 0 0\nH 0 nan 0\n"));
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("batch");
  tcase_add_checked_fixture(tests, open_flow, close_flow);
  tcase_add_test(tests, unknown_elements_are_refused);
  tcase_add_test(tests, sizes_never_seen_are_refused);
  tcase_add_test(tests, single_atoms_and_none_are_refused);
  tcase_add_test(tests, planes_among_space_are_refused);
  tcase_add_test(tests, numbers_that_are_none_are_refused);
  return run_suite("molecules refused", tests);
}
