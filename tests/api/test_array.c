/* Arrays in files as a host sees them: errors first, then a round trip through every kind of
   name. */
#include "suite.h"
#include <enf/enf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[32];
static enf_ctx *ctx;

static void setup(void) {
  strcpy(directory, "/tmp/enf-api-XXXXXX");
  if (!mkdtemp(directory) || enf_ctx_create(&ctx, NULL) != ENF_OK)
    exit(2);
}

static void teardown(void) {
  enf_ctx_destroy(ctx);
  rmdir(directory);
}

static const char *at(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}

static void expect_sentence(const char *fragment) {
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), fragment) != NULL, "'%s' is not in '%s'", fragment,
                enf_ctx_errmsg(ctx));
}

static const size_t shape[3] = {2, 1, 3};
static const double data[6] = {1, 2.5, -3, 4, 5, 6};

START_TEST(a_read_that_cannot_be_is_refused) {
  enf_array *array = (enf_array *)&array;
  ck_assert_int_eq(enf_array_read(NULL, &array, "a.npy"), ENF_ERR_ARG);
  ck_assert_ptr_null(array);
  ck_assert_int_eq(enf_array_read(ctx, NULL, "a.npy"), ENF_ERR_ARG);
  expect_sentence("array is NULL");
  ck_assert_int_eq(enf_array_read(ctx, &array, NULL), ENF_ERR_ARG);
  expect_sentence("path is NULL");
  static const char *const names[] = {"a", "a.csv", "a.npy.gz", "npy", "", ".np"};
  for (size_t i = 0; i < 6; i++) {
    array = (enf_array *)&array;
    ck_assert_int_eq(enf_array_read(ctx, &array, names[i]), ENF_ERR_UNSUPPORTED);
    expect_sentence("known are .npy, .xyz and .extxyz");
    ck_assert_ptr_null(array);
  }
  ck_assert_int_eq(enf_array_read(ctx, &array, at("missing.npy")), ENF_ERR_IO);
  expect_sentence("missing.npy: No such file");
}
END_TEST

START_TEST(a_write_that_cannot_be_is_refused) {
  const size_t huge[2] = {SIZE_MAX / 2, 3}, large[1] = {SIZE_MAX / 8 + 1};
  const struct {
    const char *name, *type;
    size_t ndim;
    const size_t *shape;
    const double *data;
    enf_status status;
    const char *fragment;
  } cases[] = {{NULL, NULL, 3, shape, data, ENF_ERR_ARG, "path is NULL"},
               {"a.npy", NULL, 3, NULL, data, ENF_ERR_ARG, "shape is NULL"},
               {"a.npy", NULL, 3, shape, NULL, ENF_ERR_ARG, "data is NULL"},
               {"a.npy", "f2", 3, shape, data, ENF_ERR_ARG, "type 'f2' is neither f4 nor f8"},
               {"a.xyz", "f4", 3, shape, data, ENF_ERR_ARG, "type must be NULL"},
               {"a.npy", NULL, 0, shape, data, ENF_ERR_SHAPE, "1 to 8 dimensions, not 0"},
               {"a.npy", NULL, 9, shape, data, ENF_ERR_SHAPE, "1 to 8 dimensions, not 9"},
               {"a.npy", NULL, 2, huge, data, ENF_ERR_SHAPE, "overflows"},
               {"a.npy", NULL, 1, large, data, ENF_ERR_SHAPE, "overflows"},
               {"a.xyz", NULL, 2, shape, data, ENF_ERR_SHAPE, "shape (n,N,2) or (n,N,3)"},
               {"a.csv", NULL, 3, shape, data, ENF_ERR_UNSUPPORTED, "known are .npy"},
               {"no/a.npy", NULL, 3, shape, data, ENF_ERR_IO, "No such file"}};
  ck_assert_int_eq(enf_array_write(NULL, at("a.npy"), NULL, 3, shape, NULL, data), ENF_ERR_ARG);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ck_assert_int_eq(enf_array_write(ctx, cases[i].name ? at(cases[i].name) : NULL, cases[i].type,
                                     cases[i].ndim, cases[i].shape, NULL, cases[i].data),
                     cases[i].status);
    expect_sentence(cases[i].fragment);
  }
}
END_TEST

START_TEST(nothing_is_known_about_no_array) {
  ck_assert_uint_eq(enf_array_ndim(NULL), 0);
  ck_assert_uint_eq(enf_array_shape(NULL, 0), 0);
  ck_assert_ptr_null(enf_array_data(NULL));
  ck_assert_str_eq(enf_array_label(NULL, 0), "");
  enf_array_destroy(NULL);
}
END_TEST

START_TEST(an_array_goes_through_every_kind_of_file_and_outlives_its_context) {
  static const char *const names[] = {"a.npy", "a.NPY", "a.xyz", "a.Xyz", "a.extxyz", "a b.extXYZ"};
  static const char *const labels[] = {"Ar"};
  for (size_t i = 0; i < 6; i++) {
    enf_ctx *other;
    enf_array *array;
    ck_assert_int_eq(enf_array_write(ctx, at(names[i]), NULL, 3, shape, labels, data), ENF_OK);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), "");
    ck_assert_int_eq(enf_ctx_create(&other, NULL), ENF_OK);
    ck_assert_int_eq(enf_array_read(other, &array, at(names[i])), ENF_OK);
    enf_ctx_destroy(other);
    ck_assert_uint_eq(enf_array_ndim(array), 3);
    for (size_t d = 0; d < 4; d++)
      ck_assert_uint_eq(enf_array_shape(array, d), d < 3 ? shape[d] : 0);
    ck_assert_int_eq(memcmp(enf_array_data(array), data, sizeof data), 0);
    ck_assert_str_eq(enf_array_label(array, 0), i < 2 ? "" : "Ar");
    enf_array_destroy(array);
    unlink(at(names[i]));
  }
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("array");
  tcase_add_unchecked_fixture(tests, setup, teardown);
  tcase_add_test(tests, a_read_that_cannot_be_is_refused);
  tcase_add_test(tests, a_write_that_cannot_be_is_refused);
  tcase_add_test(tests, nothing_is_known_about_no_array);
  tcase_add_test(tests, an_array_goes_through_every_kind_of_file_and_outlives_its_context);
  return run_suite("array", tests);
}
