/* The gradient of the converged bound of the network of the published sizes, whose exact divergence
   makes it the one golden number that takes minutes. */
#include "golden/feature_flow.h"

START_TEST(gradient_of_the_bound_is_the_authors) { check_bound(FEATURES_FILES - 1); }
END_TEST

int main(void) {
  TCase *tc = tcase_create("bound");
  tcase_set_timeout(tc, 3600);
  tcase_add_test(tc, gradient_of_the_bound_is_the_authors);
  return run_suite("golden features, the bound", tc);
}
