/* test_status.c -- statuses have a text each, and the version is that of the headers. */
#include "suite.h"
#include <enf/enf.h>
#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  enf_status status;
} statuses[] = {
#define ENF__STATUS(name, number, text, advice) {#name, number},
#include "core/status.def"
#undef ENF__STATUS
};
enum { COUNT = sizeof statuses / sizeof *statuses };

START_TEST(every_status_has_a_text_of_its_own) {
  for (int i = 0; i < COUNT; i++) {
    const char *text = enf_strerror(statuses[i].status);
    ck_assert_msg(*text && strcmp(text, "unknown status"), "%s has no text", statuses[i].name);
    for (int j = 0; j < i; j++)
      ck_assert_str_ne(text, enf_strerror(statuses[j].status));
  }
}
END_TEST

START_TEST(the_table_has_every_pinned_status) {
  const int pinned[] = {0,   -1,  -2,  -3,  -4,  -5,  -6,  -7,  -20, -21,
                        -22, -23, -40, -41, -42, -43, -44, -60, -61, -100};
  ck_assert_int_eq(COUNT, (int)(sizeof pinned / sizeof *pinned));
  for (int i = 0; i < COUNT; i++)
    ck_assert_int_eq(statuses[i].status, pinned[i]);
}
END_TEST

START_TEST(unknown_statuses_have_a_text) {
  const enf_status unknown[] = {1, -8, -99, -101, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
    ck_assert_str_eq(enf_strerror(unknown[i]), "unknown status");
}
END_TEST

START_TEST(version_is_that_of_the_headers) {
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", ENF_VERSION_MAJOR, ENF_VERSION_MINOR, ENF_VERSION_PATCH);
  ck_assert_str_eq(enf_version(), ENF_VERSION);
  ck_assert_str_eq(enf_version(), text);
  ck_assert_int_eq(ENF_VERSION_NUMBER,
                   ENF_VERSION_MAJOR << 16 | ENF_VERSION_MINOR << 8 | ENF_VERSION_PATCH);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("status");
  tcase_add_test(c, every_status_has_a_text_of_its_own);
  tcase_add_test(c, the_table_has_every_pinned_status);
  tcase_add_test(c, unknown_statuses_have_a_text);
  tcase_add_test(c, version_is_that_of_the_headers);
  return run_suite("status", c);
}
