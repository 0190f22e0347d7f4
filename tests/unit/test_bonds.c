/* test_bonds.c -- bonds as text and by distance, and the Z-matrix they give: the rule on molecules
   done by hand, what frames change, what is refused. */
#include "failing_alloc.h"
#include "io/io.h"
#include "space/bonds.h"
#include "space/internal.h"
#include "suite.h"
#include <enf/molecule.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS(table) (int)(sizeof(table) / sizeof *(table))

static enf_ctx *ctx;
static enf__bonds bonds;
static enf__zmatrix z;

static void open_context(void) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  memset(&bonds, 0, sizeof bonds);
  memset(&z, 0, sizeof z);
}
static void close_context(void) {
  enf__bonds_free(&ctx->alloc, &bonds);
  enf__zmatrix_free(&ctx->alloc, &z);
  enf_ctx_destroy(ctx);
}

static enf_status parse(size_t atoms, const char *text) {
  return enf__bonds_parse(ctx, &ctx->alloc, "model.bonds", atoms, text, &bonds);
}

static void must_parse(size_t atoms, const char *text) {
  ck_assert_msg(parse(atoms, text) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
}

/* ---- the list ------------------------------------------------------------------------------- */

START_TEST(what_is_read_is_printed_and_listed_by_neighbours) {
  char out[64];
  must_parse(5, " 3-1 0-1\n4-0  2-1 ");
  ck_assert_uint_eq(enf__bonds_print(&bonds, out, sizeof out), 16);
  ck_assert_str_eq(out, "3-1 0-1 4-0 2-1");
  const size_t start[] = {0, 2, 5, 6, 7, 8};
  const int32_t neighbour[] = {1, 4, 0, 2, 3, 1, 1, 0};
  ck_assert_mem_eq(bonds.start, start, sizeof start);
  ck_assert_mem_eq(bonds.neighbour, neighbour, sizeof neighbour);
  ck_assert(enf__bonds_has(&bonds, 1, 3));
  ck_assert(!enf__bonds_has(&bonds, 3, 0));
  ck_assert_uint_eq(enf__bonds_print(&bonds, out, 6), 16);
  ck_assert_str_eq(out, "3-1 0");
}
END_TEST

START_TEST(distances_count_bonds_on_ways_that_are_open) {
  int32_t queue[6], distance[6];
  must_parse(6, "0-1 1-2 2-3 3-0 3-4 4-5");
  enf__bonds_distances(&bonds, 0, -1, queue, distance);
  const int32_t all[] = {0, 1, 2, 1, 2, 3};
  ck_assert_mem_eq(distance, all, sizeof all);
  enf__bonds_distances(&bonds, 0, 3, queue, distance);
  const int32_t past[] = {0, 1, 2, -1, -1, -1};
  ck_assert_mem_eq(distance, past, sizeof past);
}
END_TEST

static const struct {
  size_t atoms;
  const char *text, *sentence;
} refused[] = {
    {3, "0-1 1", "model.bonds: \"1\" is not a bond, such as 0-1"},
    {3, "0-1 1-", "\"1-\" is not a bond"},
    {3, "0-1 -1-2", "\"-1-2\" is not a bond"},
    {3, "0-1 1-2x", "\"1-2x\" is not a bond"},
    {3, "0-1, 1-2", "\"0-1,\" is not a bond"},
    {3, "0-1 1-3", "bond 1-3: there is no atom 3, numbers are 0 to 2"},
    {3, "0-1 1-99999999999999999999", "there is no atom"},
    {3, "0-1 1-1 1-2", "bond 1-1: an atom is bonded to itself"},
    {3, "0-1 1-2 1-0", "bond 0-1 is there twice"},
    {3, "", "no way of bonds leads from atom 0 to atom 1 (nor to 1 others)"},
    {5, "0-1 1-2 3-4", "no way of bonds leads from atom 0 to atom 3 (nor to 1 others)"},
    {4, "0-1 1-2", "no way of bonds leads from atom 0 to atom 3 (nor to 0 others)"},
};

START_TEST(what_are_no_bonds_of_a_molecule_is_refused) {
  ck_assert_int_eq(parse(refused[_i].atoms, refused[_i].text), ENF_ERR_OPTION);
  ck_assert_ptr_null(bonds.pair);
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), refused[_i].sentence) != NULL, "\"%s\" gives \"%s\"",
                refused[_i].text, enf_ctx_errmsg(ctx));
}
END_TEST

/* ---- the rule ------------------------------------------------------------------------------- */

enum { MOST_ATOMS = 22, MOST_FRAMES = 2000 };

static const int32_t butane[] = {6, 6, 6, 6, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const int32_t ala2[] = {1, 6, 1, 1, 6, 8, 7, 1, 6, 1, 6, 1, 1, 1, 6, 8, 7, 1, 6, 1, 1, 1};
#define ALA2_BONDS                                                                                 \
  "0-1 1-2 1-3 1-4 4-5 4-6 6-7 6-8 8-9 8-10 8-14 10-11 10-12 10-13 14-15 14-16 16-17 16-18 18-19 " \
  "18-20 18-21"

static const struct {
  size_t atoms;
  const int32_t *element;
  const char *bonds, *zmatrix;
} rule[] = {
    {3, (const int32_t[]){8, 1, 1}, "0-1 0-2", "1 0 2"},
    {3, NULL, "0-2 2-1", "0 2 1"},
    /* HOF: O is the centre, though F is as near to all heavy atoms and has a lower number */
    {3, (const int32_t[]){9, 1, 8}, "0-2 1-2", "0 2 1"},
    /* a chain of four: 2 has one heavy atom more behind it than 0 */
    {14, butane, "0-1 1-2 2-3 0-4 0-5 0-6 1-7 1-8 2-9 2-10 3-11 3-12 3-13",
     "2 1 0; 3 2 1 0 t; 9 2 1 3 i; 10 2 1 3 i; 7 1 2 0 i; 8 1 2 0 i; 4 0 1 2 t; 5 0 1 4 i; "
     "6 0 1 4 i; 11 3 2 1 t; 12 3 2 11 i; 13 3 2 11 i"},
    /* without elements, leaves are hydrogens: of a chain of four the ends count for nothing */
    {14, NULL, "0-1 1-2 2-3 0-4 0-5 0-6 1-7 1-8 2-9 2-10 3-11 3-12 3-13",
     "2 1 0; 3 2 1 0 t; 9 2 1 3 i; 10 2 1 3 i; 7 1 2 0 i; 8 1 2 0 i; 4 0 1 2 t; 5 0 1 4 i; "
     "6 0 1 4 i; 11 3 2 1 t; 12 3 2 11 i; 13 3 2 11 i"},
    /* a ring of four is cut between 2 and 3 */
    {4, (const int32_t[]){6, 6, 6, 6}, "0-1 1-2 2-3 3-0", "1 0 3; 2 1 0 3 t"},
    {22, ala2, ALA2_BONDS,
     "6 8 14; 4 6 8 14 t; 7 6 8 4 i; 10 8 6 14 i; 9 8 6 14 i; 15 14 8 6 t; 16 14 8 15 i; "
     "1 4 6 8 t; 5 4 6 1 i; 11 10 8 6 t; 12 10 8 11 i; 13 10 8 11 i; 18 16 14 8 t; "
     "17 16 14 18 i; 0 1 4 6 t; 2 1 4 0 i; 3 1 4 0 i; 19 18 16 14 t; 20 18 16 19 i; "
     "21 18 16 19 i"},
};

static void assert_zmatrix(const enf__knowledge *known, const char *expected) {
  char out[1000];
  ck_assert_msg(enf__zmatrix_from_bonds(ctx, &ctx->alloc, &bonds, known, &z) == ENF_OK, "%s",
                enf_ctx_errmsg(ctx));
  enf__zmatrix_print(&z, out, sizeof out);
  ck_assert_str_eq(out, expected);
  enf__zmatrix again;
  ck_assert_int_eq(enf__zmatrix_parse(ctx, &ctx->alloc, bonds.atoms, out, &again), ENF_OK);
  enf__zmatrix_free(&ctx->alloc, &again);
}

START_TEST(the_zmatrix_of_known_molecules_is_that_by_hand) {
  must_parse(rule[_i].atoms, rule[_i].bonds);
  const enf__knowledge known = {.element = rule[_i].element};
  assert_zmatrix(&known, rule[_i].zmatrix);
}
END_TEST

/* The text of the bonds may name them in any order and direction. */
START_TEST(the_order_of_bonds_does_not_matter) {
  must_parse(14, "13-3 12-3 11-3 2-10 9-2 8-1 7-1 6-0 5-0 4-0 3-2 2-1 1-0");
  const enf__knowledge known = {.element = butane};
  assert_zmatrix(&known, rule[3].zmatrix);
}
END_TEST

START_TEST(fewer_than_three_atoms_are_refused) {
  const enf__knowledge known = {0};
  must_parse(2, "0-1");
  ck_assert_int_eq(enf__zmatrix_from_bonds(ctx, &ctx->alloc, &bonds, &known, &z), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "3 atoms or more"));
}
END_TEST

START_TEST(without_memory_nothing_is_left) {
  const enf__knowledge known = {.element = ala2};
  enf_status status = ENF_ERR_NOMEM;
  size_t failures = 0;
  while (status != ENF_OK) {
    failing_alloc a = {.fail_at = failures + 1};
    const enf_alloc alloc = failing_alloc_of(&a);
    status = enf__bonds_parse(ctx, &alloc, "model.bonds", 22, ALA2_BONDS, &bonds);
    if (status == ENF_OK)
      status = enf__zmatrix_from_bonds(ctx, &alloc, &bonds, &known, &z);
    if (status != ENF_OK) {
      ck_assert_int_eq(status, ENF_ERR_NOMEM);
      ck_assert_ptr_null(z.row);
      failures++;
    }
    enf__bonds_free(&alloc, &bonds);
    enf__zmatrix_free(&alloc, &z);
    ck_assert_uint_eq(a.live, 0);
  }
  ck_assert_uint_ge(failures, 5);
}
END_TEST

/* ---- what frames change --------------------------------------------------------------------- */

static uint64_t state;
static double x[MOST_FRAMES * 3 * MOST_ATOMS];

static double uniform(double least, double most) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return least + (most - least) * ((double)(state >> 11) + 0.5) * 0x1p-53;
}

/* Frames of a Z-matrix: every coordinate is its middle, give or take its spread. */
static void make_frames(size_t atoms, const char *text, const double *middle, const double *spread,
                        size_t frames) {
  double q[3 * MOST_ATOMS];
  enf__zmatrix made;
  enf__fault fault;
  ck_assert_int_eq(enf__zmatrix_parse(ctx, &ctx->alloc, atoms, text, &made), ENF_OK);
  for (size_t f = 0; f < frames; f++) {
    for (size_t k = 0; k < 3 * atoms - 6; k++)
      q[k] = middle[k] + uniform(-spread[k], spread[k]);
    ck_assert(enf__internal_place(&made, q, x + f * 3 * atoms, &fault));
  }
  enf__zmatrix_free(&ctx->alloc, &made);
}

/* 0-1-2-3, the dihedral between 0 and its spread. */
static void chain_of_four(double spread) {
  const double middle[] = {1, 1, 1, 2, 2, 0}, spreads[] = {.05, .05, .05, .1, .1, spread};
  make_frames(4, "0 1 2; 3 2 1 0 t", middle, spreads, 100);
  must_parse(4, "0-1 1-2 2-3");
}

START_TEST(a_stiff_torsion_becomes_an_improper) {
  chain_of_four(0.7); /* resultant .92 */
  const enf__knowledge known = {.frames = 100, .x = x};
  assert_zmatrix(&known, "2 1 0; 3 2 1 0 i");
}
END_TEST

START_TEST(a_free_torsion_stays_one) {
  chain_of_four(1); /* resultant .84 */
  const enf__knowledge known = {.frames = 100, .x = x};
  assert_zmatrix(&known, "2 1 0; 3 2 1 0 t");
}
END_TEST

START_TEST(a_bond_to_keep_keeps_its_torsion) {
  const size_t kept[][2] = {{1, 2}};
  chain_of_four(0.1);
  const enf__knowledge known = {.frames = 100, .x = x, .keep = 1, .kept = kept};
  assert_zmatrix(&known, "2 1 0; 3 2 1 0 t");
}
END_TEST

START_TEST(a_bond_to_keep_without_a_torsion_is_refused) {
  const size_t kept[][2] = {{0, 1}};
  chain_of_four(0.1);
  const enf__knowledge known = {.keep = 1, .kept = kept};
  ck_assert_int_eq(enf__zmatrix_from_bonds(ctx, &ctx->alloc, &bonds, &known, &z), ENF_ERR_OPTION);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "no torsion is about the bond 0-1");
}
END_TEST

static enf_status from_frames(size_t frames, const int32_t *element) {
  const enf__knowledge known = {.element = element, .frames = frames, .x = x};
  return enf__zmatrix_from_bonds(ctx, &ctx->alloc, &bonds, &known, &z);
}

/* Acetonitrile, H3 C0-C1-N2, N near the line and all around it: neither may 0-1-2 be the root nor
   an angle. */
START_TEST(a_linear_angle_gets_other_references) {
  const double middle[] = {1.1, 1.1, 1.1, 1.5, 1.2, 1.9, 1.9, 1.9, 3.1, 2.1, -2.1, 0};
  const double spread[] = {.03, .03, .03, .03, .03, .1, .1, .1, .03, .1, .1, 3.1};
  const enf__knowledge known = {
      .element = (const int32_t[]){6, 6, 7, 1, 1, 1}, .frames = 200, .x = x};
  make_frames(6, "3 0 4; 5 0 3 4 i; 1 0 3 4 i; 2 1 0 3 t", middle, spread, 200);
  must_parse(6, "0-1 1-2 0-3 0-4 0-5");
  assert_zmatrix(&known, "1 0 3; 2 1 3 0 i; 4 0 1 3 i; 5 0 1 3 i");
}
END_TEST

/* Do all three lie on the chain 0 1 2 3? */
static bool is_inner(const int32_t triple[3]) {
  return triple[0] < 4 && triple[1] < 4 && triple[2] < 4;
}

/* C0-C1-C2-C3 on a line, with H 4 on 0 and H 5 on 3: the dihedral of 5 has its frame elsewhere. */
START_TEST(a_linear_frame_gets_other_references) {
  const double middle[] = {1.1, 1.5, 1.2, 1.5, 1.1, 1.9, 3.1, 3.1, 1.9, 0, 0, 0};
  const double spread[] = {.03, .03, .03, .03, .03, .1, .03, .03, .1, 3.1, 3.1, 3.1};
  make_frames(6, "4 0 1; 2 1 0 4 t; 3 2 1 0 t; 5 3 2 1 t", middle, spread, 200);
  must_parse(6, "0-1 1-2 2-3 0-4 3-5");
  ck_assert_msg(from_frames(200, (const int32_t[]){6, 6, 6, 6, 1, 1}) == ENF_OK, "%s",
                enf_ctx_errmsg(ctx));
  for (size_t k = 0; k < 3; k++) {
    const enf__zrow *row = &z.row[k];
    const int32_t *triples[] = {(const int32_t[]){row->atom, row->a, row->b},
                                (const int32_t[]){row->a, row->b, row->c}};
    for (size_t t = 0; t < 2; t++)
      ck_assert_msg(!is_inner(triples[t]), "row %zu: %d %d %d %d", k, row->atom, row->a, row->b,
                    row->c);
  }
}
END_TEST

START_TEST(a_molecule_on_a_line_is_refused_with_its_atoms) {
  const double middle[] = {1.2, 1.2, 3.1}, spread[] = {.03, .03, .03};
  make_frames(3, "1 0 2", middle, spread, 50);
  must_parse(3, "0-1 0-2");
  ck_assert_int_eq(from_frames(50, NULL), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(
      strstr(enf_ctx_errmsg(ctx), "atom 0 and its neighbours 1 and 2 are within"));
}
END_TEST

/* H-C-C-H bent at one end only: nothing is off the line to place the other end by. */
START_TEST(a_linear_angle_without_other_references_is_refused_with_its_atoms) {
  const double middle[] = {1, 1, 1, 2, 3.1, 0}, spread[] = {.03, .03, .03, .1, .03, 3.1};
  make_frames(4, "0 1 2; 3 2 1 0 t", middle, spread, 50);
  for (size_t f = 0; f < 50; f++)
    memcpy(x + 12 * f, x + 12 * f + 9, 3 * sizeof *x); /* atom 0 lies where 3 does */
  must_parse(4, "0-1 1-2 2-3");
  ck_assert_int_eq(from_frames(50, NULL), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "within 10 degrees"));
}
END_TEST

START_TEST(a_rare_straight_frame_is_no_reason_to_refuse) {
  const double middle[] = {1, 1, 2}, spread[] = {.03, .03, .1};
  const double straight[] = {0, 0, 0, 1, 0.01, 0, -1, 0, 0};
  must_parse(3, "0-1 0-2");
  make_frames(3, "1 0 2", middle, spread, 2000);
  for (size_t bad = 1; bad <= 3; bad++) {
    memcpy(x + 9 * 100 * bad, straight, sizeof straight);
    ck_assert_int_eq(from_frames(2000, NULL), bad <= 2 ? ENF_OK : ENF_ERR_OPTION);
    enf__zmatrix_free(&ctx->alloc, &z);
  }
}
END_TEST

/* ---- by covalent radii ---------------------------------------------------------------------- */

static void read_ala2(void) {
  enf__st_file file;
  ck_assert_int_eq(enf__st_read(ctx, &file, "tests/golden/internal_ala2_geometry.safetensors"),
                   ENF_OK);
  enf__st_doubles(enf__st_find(&file, "x"), x);
  enf__st_free(&file);
}

START_TEST(bonds_of_a_frame_are_the_known_ones) {
  size_t bond[21][2], count;
  read_ala2();
  must_parse(22, ALA2_BONDS);
  ck_assert_int_eq(enf_bonds_from_frame(ctx, 22, ala2, x, 10, 21, bond, &count), ENF_OK);
  ck_assert_uint_eq(count, 21);
  ck_assert_mem_eq(bond, bonds.pair, sizeof bond);
  memset(bond, 0, sizeof bond);
  ck_assert_int_eq(enf_bonds_from_frame(ctx, 22, ala2, x, 10, 2, bond, &count), ENF_OK);
  ck_assert_uint_eq(count, 21);
  ck_assert_uint_eq(bond[1][1], 2);
  ck_assert_uint_eq(bond[2][1], 0);
  ck_assert_int_eq(enf_bonds_from_frame(ctx, 22, ala2, x, 100, 0, NULL, &count), ENF_OK);
  ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(frames_without_elements_or_positions_are_refused) {
  int32_t element[22];
  size_t count;
  read_ala2();
  memcpy(element, ala2, sizeof element);
  ck_assert_int_eq(enf_bonds_from_frame(ctx, 22, element, x, 0, 0, NULL, &count), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_bonds_from_frame(ctx, 22, NULL, x, 1, 0, NULL, &count), ENF_ERR_ARG);
  ck_assert_int_eq(enf_bonds_from_frame(ctx, 22, element, x, 1, 1, NULL, &count), ENF_ERR_ARG);
  element[3] = 97;
  ck_assert_int_eq(enf_bonds_from_frame(ctx, 22, element, x, 10, 0, NULL, &count), ENF_ERR_RANGE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "atom 3 is of element 97: covalent radii are known of 1 to 96");
  element[3] = 1, x[5] = NAN;
  ck_assert_int_eq(enf_bonds_from_frame(ctx, 22, element, x, 10, 0, NULL, &count),
                   ENF_ERR_NONFINITE);
}
END_TEST

/* ---- the public call ------------------------------------------------------------------------ */

START_TEST(elements_are_known_by_their_symbols) {
  ck_assert_int_eq(enf_element_number("H"), 1);
  ck_assert_int_eq(enf_element_number("Cl"), 17);
  ck_assert_int_eq(enf_element_number("Og"), 118);
  ck_assert_int_eq(enf_element_number("CL"), -1);
  ck_assert_int_eq(enf_element_number("X"), -1);
  ck_assert_int_eq(enf_element_number(""), -1);
  ck_assert_int_eq(enf_element_number(NULL), -1);
}
END_TEST

START_TEST(a_host_gets_the_zmatrix_as_text) {
  const size_t bond[][2] = {{1, 0}, {1, 2}, {3, 2}}, kept[][2] = {{2, 1}};
  char text[64];
  ck_assert_int_eq(enf_zmatrix_from_bonds(ctx, 4, NULL, 3, bond, 0, NULL, 1, kept, 64, text),
                   ENF_OK);
  ck_assert_str_eq(text, "2 1 0; 3 2 1 0 t");
  ck_assert_int_eq(enf_zmatrix_from_bonds(ctx, 4, NULL, 3, bond, 0, NULL, 0, NULL, 16, text),
                   ENF_ERR_RANGE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "the Z-matrix needs 17 bytes, text has 16");
  ck_assert_int_eq(enf_zmatrix_from_bonds(ctx, 4, NULL, 2, bond, 0, NULL, 0, NULL, 64, text),
                   ENF_ERR_OPTION);
  ck_assert_int_eq(enf_zmatrix_from_bonds(ctx, 2, NULL, 1, bond, 0, NULL, 0, NULL, 64, text),
                   ENF_ERR_OPTION);
  ck_assert_int_eq(enf_zmatrix_from_bonds(ctx, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 64, text),
                   ENF_ERR_OPTION);
  ck_assert_int_eq(enf_zmatrix_from_bonds(ctx, 4, NULL, 3, NULL, 0, NULL, 0, NULL, 64, text),
                   ENF_ERR_ARG);
  ck_assert_int_eq(enf_zmatrix_from_bonds(ctx, 4, NULL, 3, bond, 1, NULL, 0, NULL, 64, text),
                   ENF_ERR_ARG);
  ck_assert_int_eq(enf_zmatrix_from_bonds(ctx, 4, NULL, 3, bond, 0, NULL, 0, NULL, 64, NULL),
                   ENF_ERR_ARG);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("bonds");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_test(tests, what_is_read_is_printed_and_listed_by_neighbours);
  tcase_add_test(tests, distances_count_bonds_on_ways_that_are_open);
  tcase_add_loop_test(tests, what_are_no_bonds_of_a_molecule_is_refused, 0, ROWS(refused));
  tcase_add_loop_test(tests, the_zmatrix_of_known_molecules_is_that_by_hand, 0, ROWS(rule));
  tcase_add_test(tests, the_order_of_bonds_does_not_matter);
  tcase_add_test(tests, fewer_than_three_atoms_are_refused);
  tcase_add_test(tests, without_memory_nothing_is_left);
  tcase_add_test(tests, a_stiff_torsion_becomes_an_improper);
  tcase_add_test(tests, a_free_torsion_stays_one);
  tcase_add_test(tests, a_bond_to_keep_keeps_its_torsion);
  tcase_add_test(tests, a_bond_to_keep_without_a_torsion_is_refused);
  tcase_add_test(tests, a_linear_angle_gets_other_references);
  tcase_add_test(tests, a_linear_frame_gets_other_references);
  tcase_add_test(tests, a_molecule_on_a_line_is_refused_with_its_atoms);
  tcase_add_test(tests, a_linear_angle_without_other_references_is_refused_with_its_atoms);
  tcase_add_test(tests, a_rare_straight_frame_is_no_reason_to_refuse);
  tcase_add_test(tests, bonds_of_a_frame_are_the_known_ones);
  tcase_add_test(tests, frames_without_elements_or_positions_are_refused);
  tcase_add_test(tests, elements_are_known_by_their_symbols);
  tcase_add_test(tests, a_host_gets_the_zmatrix_as_text);
  return run_suite("bonds", tests);
}
