/* Stability: orders by hand on both sides of each limit, valences, pieces; the hash knows the graph
   and neither the order of atoms nor their place. */
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <string.h>

static enf_ctx *ctx;
static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

static enf_molecule_facts facts_of(size_t N, const int32_t *element, const double *x) {
  enf_molecule_facts facts = ENF_MOLECULE_FACTS_INIT;
  ck_assert_msg(enf_molecule_check(ctx, N, element, x, 1, NULL, &facts) == ENF_OK, "%s",
                enf_ctx_errmsg(ctx));
  return facts;
}

START_TEST(orders_change_at_the_limits_of_the_table) {
  static const struct {
    int32_t a, b;
    double pm;
    int32_t order;
  } row[] = {{1, 1, 83.9, 1},  {1, 1, 84, 0},    {6, 6, 163.9, 1}, {6, 6, 164.1, 0},
             {6, 6, 138.9, 2}, {6, 6, 139.1, 1}, {6, 6, 122.9, 3}, {6, 6, 123.1, 2},
             {6, 7, 118.9, 3}, {7, 6, 119.1, 2}, {6, 8, 115.9, 3}, {8, 6, 124.9, 2},
             {7, 7, 112.9, 3}, {7, 8, 100, 2},   {8, 8, 100, 2},   {9, 9, 100, 1},
             {1, 9, 101.9, 1}, {6, 9, 145.1, 0}, {7, 9, 145.9, 1}, {8, 9, 151.9, 1},
             {1, 6, 50, 1},    {1, 7, 110.9, 1}, {1, 8, 105.9, 1}, {7, 8, 125.9, 2}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    const int32_t element[2] = {row[i].a, row[i].b};
    const double x[6] = {0, 0, 0, 0, 0, row[i].pm / 1000}; /* nm */
    int32_t order[4];
    enf_molecule_facts facts = ENF_MOLECULE_FACTS_INIT;
    ck_assert_int_eq(enf_molecule_check(ctx, 2, element, x, 10, order, &facts), ENF_OK);
    ck_assert_msg(order[1] == row[i].order, "row %zu: order %d", i, order[1]);
    ck_assert_int_eq(order[2], order[1]);
    ck_assert_int_eq(order[0] + order[3], 0);
    ck_assert_uint_eq(facts.bonds, row[i].order > 0);
    ck_assert_uint_eq(facts.pieces, row[i].order > 0 ? 1 : 2);
  }
}
END_TEST

static const int32_t water[3] = {8, 1, 1};
static const double water_x[9] = {0, 0, 0.117, 0, 0.757, -0.47, 0, -0.757, -0.47};

START_TEST(atoms_are_stable_at_their_valence) {
  const enf_molecule_facts whole = facts_of(3, water, water_x);
  ck_assert_uint_eq(whole.stable_atoms, 3);
  ck_assert_uint_eq(whole.bonds, 2);
  ck_assert_uint_eq(whole.crowded_atoms, 0);
  ck_assert_uint_eq(whole.pieces, 1);
  const int32_t monoxide[2] = {6, 8}; /* a triple bond: three of four, and three of two */
  const double x[6] = {0, 0, 0, 0, 0, 1.128};
  const enf_molecule_facts other = facts_of(2, monoxide, x);
  ck_assert_uint_eq(other.stable_atoms, 0);
  ck_assert_uint_eq(other.crowded_atoms, 1);
}
END_TEST

START_TEST(the_hash_is_that_of_the_graph) {
  const int32_t element[3] = {1, 1, 8}, hydrogens[3] = {1, 1, 1};
  double x[9];
  const double c = cos(0.7), s = sin(0.7);
  for (size_t i = 0; i < 3; i++) { /* the atoms in another order, turned and moved */
    const double *from = water_x + 3 * ((i + 1) % 3);
    x[3 * i] = 5 + from[1] * s;
    x[3 * i + 1] = from[1] * c;
    x[3 * i + 2] = -2 + from[2];
  }
  const uint64_t hash = facts_of(3, water, water_x).hash;
  ck_assert_uint_eq(facts_of(3, element, x).hash, hash);
  ck_assert_uint_ne(facts_of(2, water, water_x).hash, hash);
  ck_assert_uint_ne(facts_of(3, hydrogens, water_x).hash, hash);
  x[0] += 3;
  ck_assert_uint_ne(facts_of(3, element, x).hash, hash);
}
END_TEST

START_TEST(what_has_no_rule_is_refused) {
  enf_molecule_facts facts = ENF_MOLECULE_FACTS_INIT;
  const int32_t chlorine[2] = {1, 17};
  const double x[6] = {0, 0, 0, 0, 0, 1.3}, nan[6] = {0, 0, 0, 0, 0, (double)NAN};
  ck_assert_int_eq(enf_molecule_check(ctx, 2, chlorine, x, 1, NULL, &facts), ENF_ERR_RANGE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "atom 1 is of element 17"));
  ck_assert_int_eq(enf_molecule_check(ctx, 2, water, nan, 1, NULL, &facts), ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_molecule_check(ctx, 0, water, x, 1, NULL, &facts), ENF_ERR_SHAPE);
  ck_assert_int_eq(enf_molecule_check(ctx, 2, water, x, 0, NULL, &facts), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_molecule_check(ctx, 2, water, NULL, 1, NULL, &facts), ENF_ERR_ARG);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("stability");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_test(tests, orders_change_at_the_limits_of_the_table);
  tcase_add_test(tests, atoms_are_stable_at_their_valence);
  tcase_add_test(tests, the_hash_is_that_of_the_graph);
  tcase_add_test(tests, what_has_no_rule_is_refused);
  return run_suite("stability", tests);
}
