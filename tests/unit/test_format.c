/* test_format.c -- metadata of libenf's own files: older ones load as what they meant, newer ones
   are told apart from broken ones. */
#include "io/io.h"
#include "suite.h"
#include <enf/version.h>
#include <stdlib.h>
#include <string.h>

static enf_ctx *ctx;
static enf_opts *opts;

static void setup(void) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
}

static void teardown(void) {
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}

static int by_key(const void *a, const void *b) {
  return strcmp(((const enf__st_meta *)a)->key, ((const enf__st_meta *)b)->key);
}

/* A file that says everything there is to say about a group, by `writer`; without option `left`. */
static enf__st_file file_of(const char *writer, const char *group, const char *left) {
  static enf__st_meta metas[ENF__FORMAT_METAS + ENF__OPT_COUNT + 1];
  static char numbers[ENF__OPT_COUNT][32];
  enf__st_file file = {.meta = metas, .metas = enf__format_metas("libenf", metas)};
  metas[2].value = writer;
  for (enf__opt id = 0; id < ENF__OPT_COUNT; id++) {
    const char *name = enf__opts_name(id);
    if (!strncmp(name, group, strlen(group)) && (!left || strcmp(name, left) != 0))
      metas[file.metas++] = (enf__st_meta){name, enf__opts_print(NULL, id, numbers[id])};
  }
  qsort(metas, file.metas, sizeof *metas, by_key);
  return file;
}

static void add(enf__st_file *file, const char *name) {
  file->meta[file->metas++] = (enf__st_meta){name, "1"};
  qsort(file->meta, file->metas, sizeof *file->meta, by_key);
}

static void expect(enf_status found, enf_status expected, const char *sentence) {
  ck_assert_int_eq(found, expected);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), sentence);
}

START_TEST(every_option_is_set) {
  const enf__st_file file = file_of(enf_version(), "train.", NULL);
  expect(enf__format_options(ctx, &file, "f", "train.", opts), ENF_OK, "");
  for (enf__opt id = 0; id < ENF__OPT_COUNT; id++)
    ck_assert_int_eq(enf__opts_isset(opts, id), !strncmp(enf__opts_name(id), "train.", 6));
}
END_TEST

START_TEST(an_option_of_the_first_files_may_not_be_missing) {
  const enf__st_file file = file_of(enf_version(), "model.", "model.hidden");
  ck_assert_ptr_null(enf__format_option(&file, ENF__OPT_MODEL_HIDDEN));
  expect(enf__format_options(ctx, &file, "f", "model.", opts), ENF_ERR_FORMAT,
         "f: option model.hidden is missing");
}
END_TEST

START_TEST(a_later_option_may_be_missing_and_means_what_was_done_before) {
  const enf__st_file file = file_of("0.0.9", "train.", "train.trace");
  ck_assert_str_eq(enf__format_option(&file, ENF__OPT_TRAIN_TRACE), "hutchinson");
  expect(enf__format_options(ctx, &file, "f", "train.", opts), ENF_OK, "");
  ck_assert(enf__opts_isset(opts, ENF__OPT_TRAIN_TRACE));
  ck_assert_int_eq(enf__opts_int(opts, ENF__OPT_TRAIN_TRACE), 0);
}
END_TEST

START_TEST(an_option_that_is_there_is_not_replaced) {
  enf__st_file file = file_of(enf_version(), "train.", "train.probes");
  file.meta[file.metas++] = (enf__st_meta){"train.probes", "7"};
  qsort(file.meta, file.metas, sizeof *file.meta, by_key);
  expect(enf__format_options(ctx, &file, "f", "train.", opts), ENF_OK, "");
  ck_assert_int_eq(enf__opts_int(opts, ENF__OPT_TRAIN_PROBES), 7);
}
END_TEST

START_TEST(an_unknown_option_of_another_version_is_too_new) {
  enf__st_file file = file_of("0.7.0", "model.", NULL);
  add(&file, "model.colour");
  expect(enf__format_options(ctx, &file, "f", "model.", opts), ENF_ERR_VERSION,
         "f: written by libenf 0.7.0 with option \"model.colour\", which this one, " ENF_VERSION
         ", does not have");
}
END_TEST

START_TEST(an_unknown_option_of_our_own_version_is_an_error) {
  enf__st_file file = file_of(enf_version(), "model.", NULL);
  add(&file, "model.colour");
  expect(enf__format_options(ctx, &file, "f", "model.", opts), ENF_ERR_FORMAT,
         "f: there is no option \"model.colour\"");
}
END_TEST

START_TEST(other_groups_are_not_looked_at) {
  enf__st_file file = file_of(enf_version(), "model.", NULL);
  add(&file, "note");
  add(&file, "train.lr");
  expect(enf__format_options(ctx, &file, "f", "model.", opts), ENF_OK, "");
  ck_assert(!enf__opts_isset(opts, ENF__OPT_TRAIN_LR));
}
END_TEST

START_TEST(formats_are_told_apart) {
  const enf__st_file file = file_of(enf_version(), "model.", NULL);
  expect(enf__format_check(ctx, &file, "f", "libenf", "flow"), ENF_OK, "");
  expect(enf__format_check(ctx, &file, "f", "libenf trainer", "training"), ENF_ERR_FORMAT,
         "f: not a libenf training: its metadata \"format\" is \"libenf\", not \"libenf trainer\"");
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, every_option_is_set);
  tcase_add_test(tests, an_option_of_the_first_files_may_not_be_missing);
  tcase_add_test(tests, a_later_option_may_be_missing_and_means_what_was_done_before);
  tcase_add_test(tests, an_option_that_is_there_is_not_replaced);
  tcase_add_test(tests, an_unknown_option_of_another_version_is_too_new);
  tcase_add_test(tests, an_unknown_option_of_our_own_version_is_an_error);
  tcase_add_test(tests, other_groups_are_not_looked_at);
  tcase_add_test(tests, formats_are_told_apart);
  return run_suite("format", tests);
}
