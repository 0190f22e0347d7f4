/* test_structs.c -- public structs that grow, between a program and a library of other versions. */
#include "core/core.h"
#include "suite.h"
#include <string.h>

typedef struct {
  size_t struct_size;
  double first;
  uint32_t second;
} version1;

typedef struct {
  size_t struct_size;
  double first;
  uint32_t second, third;
  double fourth;
} version2;

START_TEST(an_older_program_gets_its_members_and_nothing_behind) {
  union {
    version1 info;
    unsigned char bytes[sizeof(version2)];
  } old;
  const version2 all = {sizeof all, 1.5, 2, 3, 4.5};
  memset(&old, 0x5a, sizeof old);
  old.info.struct_size = ENF__SIZE_TO(version1, second);
  enf__struct_give(&old, &all, sizeof all);
  ck_assert_uint_eq(old.info.struct_size, ENF__SIZE_TO(version1, second));
  ck_assert(old.info.first == 1.5 && old.info.second == 2);
  for (size_t i = ENF__SIZE_TO(version1, second); i < sizeof old; i++)
    ck_assert_uint_eq(old.bytes[i], 0x5a);
}
END_TEST

START_TEST(a_newer_program_keeps_what_the_library_does_not_know) {
  version2 newer = {sizeof newer, 0, 0, 7, 8};
  const version1 all = {ENF__SIZE_TO(version1, second), 1.5, 2};
  enf__struct_give(&newer, &all, ENF__SIZE_TO(version1, second));
  ck_assert_uint_eq(newer.struct_size, sizeof newer);
  ck_assert(newer.first == 1.5 && newer.second == 2 && newer.third == 7 && newer.fourth == 8);
}
END_TEST

START_TEST(a_struct_below_the_first_version_is_refused) {
  enf_ctx *ctx;
  version1 info = {ENF__SIZE_TO(version1, second), 0, 0};
  const size_t least = ENF__SIZE_TO(version1, second);
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__struct_check(ctx, "info", &info, least, "INFO_INIT"), ENF_OK);
  info.struct_size--;
  ck_assert_int_eq(enf__struct_check(ctx, "info", &info, least, "INFO_INIT"), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "info has struct_size 19: begin with INFO_INIT");
  ck_assert_int_eq(enf__struct_check(NULL, "info", &info, least, "INFO_INIT"), ENF_ERR_ARG);
  enf_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_test(tests, an_older_program_gets_its_members_and_nothing_behind);
  tcase_add_test(tests, a_newer_program_keeps_what_the_library_does_not_know);
  tcase_add_test(tests, a_struct_below_the_first_version_is_refused);
  return run_suite("structs", tests);
}
