/* suite.h -- the end of a test program: run one case, tell whether it failed. */
#ifndef ENF_TEST_SUITE_H
#define ENF_TEST_SUITE_H

#include <check.h>

static inline int run_suite(const char *name, TCase *tests) {
  Suite *suite = suite_create(name);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}

#endif
