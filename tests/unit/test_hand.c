/* test_hand.c -- kinds of atoms by bonds, and hands of stereocentres: molecules done by hand, laws
   of mirror images, what is refused. */
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <string.h>

static enf_ctx *ctx;

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

#define ROWS(table) (sizeof(table) / sizeof *(table))

/* ---- kinds ----------------------------------------------------------------------------------- */

/* N-methylformamide and a second molecule, water, with atoms in no order: H C O N H C H H H, O H H.
 */
START_TEST(leaves_of_one_element_on_one_atom_are_alike) {
  const int32_t element[] = {1, 6, 8, 7, 1, 6, 1, 1, 1, 8, 1, 1};
  const size_t bond[][2] = {{1, 0}, {1, 2}, {3, 1}, {3, 4},  {3, 5}, {6, 5},
                            {5, 7}, {8, 5}, {7, 5}, {10, 9}, {9, 11}};
  const int32_t wanted[] = {0, 1, 2, 3, 4, 5, 6, 6, 6, 7, 8, 8};
  int32_t kind[ROWS(element)];
  ck_assert_int_eq(enf_kinds_from_bonds(ctx, ROWS(element), element, ROWS(bond), bond, kind),
                   ENF_OK);
  ck_assert_mem_eq(kind, wanted, sizeof kind);
}
END_TEST

/* Leaves of two elements on one atom; two carbons of ethane with their own hydrogens each. */
START_TEST(elements_and_stems_keep_leaves_apart) {
  const int32_t chloroform[] = {17, 6, 17, 1, 17}, ethane[] = {6, 6, 1, 1, 1, 1, 1, 1};
  const size_t star[][2] = {{0, 1}, {1, 2}, {1, 3}, {1, 4}};
  const size_t two[][2] = {{0, 1}, {0, 2}, {1, 3}, {0, 4}, {1, 5}, {0, 6}, {1, 7}};
  const int32_t of_star[] = {0, 1, 0, 2, 0}, of_two[] = {0, 1, 2, 3, 2, 3, 2, 3};
  int32_t kind[8];
  ck_assert_int_eq(enf_kinds_from_bonds(ctx, 5, chloroform, 4, star, kind), ENF_OK);
  ck_assert_mem_eq(kind, of_star, sizeof of_star);
  ck_assert_int_eq(enf_kinds_from_bonds(ctx, 8, ethane, 7, two, kind), ENF_OK);
  ck_assert_mem_eq(kind, of_two, sizeof of_two);
  ck_assert_int_eq(enf_kinds_from_bonds(ctx, 3, ethane, 0, NULL, kind), ENF_OK); /* no bonds */
  ck_assert_int_eq(kind[2], 2);
}
END_TEST

START_TEST(bonds_that_are_none_are_refused) {
  const int32_t element[] = {1, 1, 0};
  const size_t far[][2] = {{0, 2}}, self[][2] = {{1, 1}};
  int32_t kind[3];
  ck_assert_int_eq(enf_kinds_from_bonds(ctx, 2, element, 1, far, kind), ENF_ERR_RANGE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "bond 0-2"));
  ck_assert_int_eq(enf_kinds_from_bonds(ctx, 2, element, 1, self, kind), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_kinds_from_bonds(ctx, 3, element, 0, NULL, kind), ENF_ERR_RANGE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "atom 2"));
  ck_assert_int_eq(enf_kinds_from_bonds(ctx, 0, element, 0, NULL, kind), ENF_ERR_ARG);
  ck_assert_int_eq(enf_kinds_from_bonds(ctx, 2, element, 1, NULL, kind), ENF_ERR_ARG);
  ck_assert_int_eq(enf_kinds_from_bonds(ctx, 2, NULL, 0, NULL, kind), ENF_ERR_ARG);
}
END_TEST

/* ---- hands ----------------------------------------------------------------------------------- */

/* Atom 1 amid 0, 2, 3; atom 4 amid 3, 5, 6: both of hand +1 as listed. */
enum { N = 7, CENTRES = 2 };
static const double frame[3 * N] = {1, 0.1, 0,   0, 0, 0.2, 0, 1, 0.1, 0,  0.1,
                                    1, 0,   0.2, 2, 1, 0.3, 2, 0, 1.2, 2.1};
static const size_t centre[CENTRES][4] = {{1, 0, 2, 3}, {4, 5, 6, 3}};

/* A hand of the second centre turned round by exchanging two of its atoms. */
static void exchange(double *x, size_t i, size_t j) {
  for (size_t d = 0; d < 3; d++) {
    const double kept = x[3 * i + d];
    x[3 * i + d] = x[3 * j + d];
    x[3 * j + d] = kept;
  }
}

START_TEST(hands_are_those_of_the_volume) {
  const double corner[12] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
  const double plane[12] = {0.3, 0.3, 1e-9, 1, 0, 0, 0, 1, 0, -1, -1, 0};
  const size_t one[][4] = {{0, 1, 2, 3}, {0, 1, 3, 2}, {0, 3, 1, 2}};
  const int wanted[] = {1, -1, 1};
  int hand[3];
  ck_assert_int_eq(enf_chirality(ctx, 1, 4, corner, 3, one, hand), ENF_OK);
  ck_assert_mem_eq(hand, wanted, sizeof hand);
  ck_assert_int_eq(enf_chirality(ctx, 1, 4, plane, 1, one, hand), ENF_OK);
  ck_assert_int_eq(hand[0], 0);
  double bad[12];
  memcpy(bad, corner, sizeof bad);
  bad[4] = NAN;
  ck_assert_int_eq(enf_chirality(ctx, 1, 4, bad, 1, one, hand), ENF_OK);
  ck_assert_int_eq(hand[0], 0);
}
END_TEST

/* Shifts, turns and length units change no hand; a mirror turns all of them round. */
START_TEST(a_mirror_image_has_the_other_hands) {
  double x[3 * N];
  int before[CENTRES], after[CENTRES];
  ck_assert_int_eq(enf_chirality(ctx, 1, N, frame, CENTRES, centre, before), ENF_OK);
  for (int mirror = 0; mirror < 2; mirror++) {
    for (size_t i = 0; i < N; i++) { /* a rotation about z, and z turned round */
      const double *p = frame + 3 * i;
      x[3 * i] = 10 * (0.6 * p[0] - 0.8 * p[1]) + 40;
      x[3 * i + 1] = 10 * (0.8 * p[0] + 0.6 * p[1]) - 7;
      x[3 * i + 2] = (mirror ? -10 : 10) * p[2] + 1;
    }
    ck_assert_int_eq(enf_chirality(ctx, 1, N, x, CENTRES, centre, after), ENF_OK);
    for (int k = 0; k < CENTRES; k++) {
      ck_assert_int_ne(before[k], 0);
      ck_assert_int_eq(after[k], mirror ? -before[k] : before[k]);
    }
  }
}
END_TEST

START_TEST(samples_become_those_of_one_hand) {
  enum { n = 4 };
  double x[n][3 * N], logp[n] = {1, 2, 3, 4}, before[n][3 * N];
  int wanted[CENTRES], state[n];
  const int expected[n] = {1, -1, 0, 0};
  ck_assert_int_eq(enf_chirality(ctx, 1, N, frame, CENTRES, centre, wanted), ENF_OK);
  for (int i = 0; i < n; i++)
    memcpy(x[i], frame, sizeof frame);
  for (size_t k = 0; k < 3 * N; k++)
    x[1][k] = -x[1][k];
  exchange(x[2], 5, 6);
  x[3][0] = NAN;
  memcpy(before, x, sizeof x);
  ck_assert_int_eq(enf_reflect(ctx, n, N, x[0], logp, CENTRES, centre, wanted, state), ENF_OK);
  ck_assert_mem_eq(state, expected, sizeof state);
  ck_assert_mem_eq(x[0], frame, sizeof frame);
  ck_assert_mem_eq(x[1], frame, sizeof frame);
  ck_assert_mem_eq(x[2], before[2], sizeof frame);
  ck_assert_mem_eq(x[3], before[3], sizeof frame);
  for (int i = 0; i < n; i++)
    ck_assert_double_eq(logp[i], i + 1 + (i < 2 ? log(2) : 0));
  ck_assert_int_eq(enf_reflect(ctx, n, N, x[0], NULL, CENTRES, centre, wanted, state), ENF_OK);
  ck_assert_int_eq(state[1], 1);
}
END_TEST

START_TEST(centres_that_are_none_are_refused) {
  static const struct {
    size_t centre[4];
    const char *says;
  } none[] = {{{1, 0, 2, 7}, "atom 7"}, {{1, 0, 2, 0}, "atom 0 twice"}, {{1, 1, 2, 3}, "1 twice"}};
  double x[3 * N];
  int hand[CENTRES], state, odd[] = {1, 2};
  memcpy(x, frame, sizeof x);
  for (size_t k = 0; k < ROWS(none); k++) {
    ck_assert_int_eq(enf_chirality(ctx, 1, N, x, 1, &none[k].centre, hand), ENF_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), none[k].says));
  }
  ck_assert_int_eq(enf_chirality(ctx, 1, N, x, 1, NULL, hand), ENF_ERR_ARG);
  ck_assert_int_eq(enf_chirality(ctx, 1, N, NULL, CENTRES, centre, hand), ENF_ERR_ARG);
  ck_assert_int_eq(enf_reflect(ctx, 1, N, x, NULL, CENTRES, centre, odd, &state), ENF_ERR_RANGE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "2, not 1 or -1"));
  ck_assert_int_eq(enf_reflect(ctx, 1, N, x, NULL, 0, NULL, NULL, &state), ENF_ERR_ARG);
  ck_assert_int_eq(enf_reflect(ctx, 1, N, x, NULL, CENTRES, centre, odd, NULL), ENF_ERR_ARG);
  ck_assert_mem_eq(x, frame, sizeof x);
}
END_TEST

int main(void) {
  TCase *tcase = tcase_create("hand");
  tcase_add_checked_fixture(tcase, open_context, close_context);
  tcase_add_test(tcase, leaves_of_one_element_on_one_atom_are_alike);
  tcase_add_test(tcase, elements_and_stems_keep_leaves_apart);
  tcase_add_test(tcase, bonds_that_are_none_are_refused);
  tcase_add_test(tcase, hands_are_those_of_the_volume);
  tcase_add_test(tcase, a_mirror_image_has_the_other_hands);
  tcase_add_test(tcase, samples_become_those_of_one_hand);
  tcase_add_test(tcase, centres_that_are_none_are_refused);
  return run_suite("hand", tcase);
}
