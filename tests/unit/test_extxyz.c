/* Extended XYZ: what is written is read back bit for bit; columns are where Properties says;
   frames must agree; what is not understood is refused, never skipped; every error names its line.
 */
#include "unit/scratch.h"
#include <math.h>

static enf_status read_text(const char *text, enf_array **array) {
  make_file("a.xyz", text, strlen(text));
  return enf_array_read(ctx, array, at("a.xyz"));
}

START_TEST(what_is_written_is_read_back) {
  const size_t shape[3] = {2, 2, 3};
  const double data[12] = {1.5,
                           -0.0,
                           5e-324,
                           12,
                           0.1,
                           -1.7976931348623157e308,
                           1. / 3,
                           2. / 3,
                           1e-300,
                           -2.5e-5,
                           123456789.123456789,
                           0};
  const char *const labels[2] = {"C", "H\xc3\xa9"};
  const long before = live;
  enf_array *array;
  ck_assert_int_eq(enf_array_write(ctx, at("a.xyz"), NULL, 3, shape, labels, data), ENF_OK);
  ck_assert_int_eq(enf_array_read(ctx, &array, at("a.xyz")), ENF_OK);
  ck_assert_uint_eq(enf_array_ndim(array), 3);
  for (size_t d = 0; d < 3; d++)
    ck_assert_uint_eq(enf_array_shape(array, d), shape[d]);
  ck_assert_int_eq(memcmp(enf_array_data(array), data, sizeof data), 0);
  ck_assert_str_eq(enf_array_label(array, 0), "C");
  ck_assert_str_eq(enf_array_label(array, 1), "H\xc3\xa9");
  ck_assert_str_eq(enf_array_label(array, 2), "");
  enf_array_destroy(array);
  ck_assert_int_eq(live, before);
  ck_assert_int_eq(count_files(true), 1);
}
END_TEST

START_TEST(the_plane_is_written_with_z_0_and_no_labels_as_x) {
  const size_t shape[3] = {1, 2, 2};
  const double data[4] = {1, 2.5, NAN, -4e-7};
  char *text;
  size_t bytes;
  ck_assert_int_eq(enf_array_write(ctx, at("a.extxyz"), NULL, 3, shape, NULL, data), ENF_OK);
  ck_assert_int_eq(enf__file_read(ctx, at("a.extxyz"), &text, &bytes), ENF_OK);
  ck_assert_str_eq(text,
                   "2\nProperties=species:S:1:pos:R:3 pbc=\"F F F\"\nX 1 2.5 0\nX nan -4e-07 0\n");
  enf__free(&ctx->alloc, text);
  count_files(true);
}
END_TEST

/* Every text holds two frames of C 1 2 3 and H -4 5e-1 6 (or its second, 7 8 9 and 10 11 12). */
static const char *const spellings[] = {
    "2\nplain\nC 1 2 3\nH -4 5e-1 6\n2\n\nC 7 8 9\nH 10 11 12\n",
    "2\nno newline at the end\nC 1 2 3\nH -4 5e-1 6\n2\n\nC 7 8 9\nH 10 11 12",
    "2\r\nwindows\r\nC 1 2 3\r\nH -4 5e-1 6\r\n2\r\n\r\nC 7 8 9\r\nH 10 11 12\r\n",
    "  2 \n\t\n  C\t1   2 3  \nH -4 .5 6 ignored columns\n2\nit's \"open\nC 7 8 9\nH 10 11 12\n\n "
    "\n\n",
    "2\nProperties=species:S:1:pos:R:3\nC 1 2 3\nH -4 5e-1 6\n"
    "2\nProperties=species:S:1:pos:R:3\nC 7 8 9\nH 10 11 12\n",
    "2\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3:forces:R:3 pbc=\"F F F\"\n"
    "C 1 2 3 0 0 0\nH -4 5e-1 6 0 0 0\n"
    "2\nProperties=id:I:1:mass:R:1:pos:R:3:species:S:1:moved:L:1\n"
    "0 12.0 7 8 9 C T\n1 1.0 10 11 12 H F\n",
    "2\nnote=\"a \\\"Properties=pos:R:3\\\" b\" x={Properties=q} y=[Properties=r] 'p = q' "
    "Properties = "
    "\"pos:R:3:species:S:1\" e=-1\n1 2 3 C\n-4 0.5 6 H\n2\n'p = q'\nC 7 8 9\nH 10 11 12\n",
    "2\nNotProperties=pos:R:1 a==b =c\nC 1 2 3\nH -4 5e-1 6\n2\nflag\nC 7 8 9\nH 10 11 12\n",
    /* keys and names in any case and place */
    "2\nx=1 PROPERTIES=forces:R:3:SPECIES:S:1:Pos:R:3 t=2\n9 9 9 C 1 2 3\n9 9 9 H -4 .5 6\n"
    "2\npbc=\"F F F\"properties=\"pos:r:3:species:s:1\"\n7 8 9 C\n10 11 12 H\n",
    "2\nproperties = { velo:R:3:species:S:1:pos:R:3}\n0 0 0 C 1 2 3\n0 0 0 H -4 .5 6\n"
    "2\n[a, [b]] = [[1, 2], [3]] Properties=species:S:1:pos:R:3\nC 7 8 9\nH 10 11 12\n",
    /* Fortran's exponents */
    "2\n\nC 0.1D+01 +2.0d0 3.D0\nH -.4D1 5.0D-01 6d+00\n"
    "2\n\nC 7 80.0E-1 .9D+001\nH 1.0D1 11 1.2e+1\n",
    /* atomic numbers */
    "2\nProperties=Z:I:1:pos:R:3\n6 1 2 3\n1 -4 .5 6\n"
    "2\nProperties=pos:R:3:Z:I:1\n7 8 9 6\n10 11 12 1\n",
    "2\n\n6 1 2 3\n1 -4 .5 6\n2\nProperties=Z:I:1:pos:R:3:species:S:1\n0 7 8 9 C\n0 10 11 12 H\n",
    "2\nProperties=atomic_numbers:I:1:pos:R:3\n6 1 2 3\n1 -4 .5 6\n"
    "2\nProperties=Element:S:1:type:I:1:pos:R:3\nC 1 7 8 9\nH 2 10 11 12\n",
};

START_TEST(columns_are_where_properties_says) {
  static const double expected[12] = {1, 2, 3, -4, 0.5, 6, 7, 8, 9, 10, 11, 12};
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    enf_array *array;
    const enf_status status = read_text(spellings[i], &array);
    ck_assert_msg(status == ENF_OK, "%s: %s", spellings[i], enf_ctx_errmsg(ctx));
    ck_assert_uint_eq(enf_array_shape(array, 0), 2);
    ck_assert_uint_eq(enf_array_shape(array, 1), 2);
    for (size_t k = 0; k < 12; k++)
      ck_assert_double_eq(enf_array_data(array)[k], expected[k]);
    ck_assert_str_eq(enf_array_label(array, 0), "C");
    ck_assert_str_eq(enf_array_label(array, 1), "H");
    enf_array_destroy(array);
  }
  count_files(true);
}
END_TEST

START_TEST(without_species_there_are_no_labels) {
  enf_array *array;
  ck_assert_int_eq(read_text("1\nProperties=id:I:1:pos:R:3\n1 1 2 3\n", &array), ENF_OK);
  ck_assert_str_eq(enf_array_label(array, 0), "");
  enf_array_destroy(array);
  ck_assert_int_eq(read_text("2\nProperties=species:I:1:pos:R:3\n1 1 2 3\n22 1 2 3\n", &array),
                   ENF_OK);
  ck_assert_str_eq(enf_array_label(array, 0), "1");
  ck_assert_str_eq(enf_array_label(array, 1), "22");
  enf_array_destroy(array);
  count_files(true);
}
END_TEST

/* Also of a planar flow. */
START_TEST(a_sample_that_failed_is_read) {
  static const double data[12] = {1, 2, 3, 4, 5, 6, NAN, NAN, NAN, NAN, NAN, NAN};
  for (size_t D = 2; D <= 3; D++) {
    const size_t shape[3] = {2, 6 / D, D};
    enf_array *array;
    ck_assert_int_eq(enf_array_write(ctx, at("a.xyz"), NULL, 3, shape, NULL, data), ENF_OK);
    ck_assert_int_eq(enf_array_read(ctx, &array, at("a.xyz")), ENF_OK);
    for (size_t k = 0; k < 2 * 3 * shape[1]; k++) {
      const size_t d = k % 3, from = k / 3 * D + d;
      const double wanted = d < D ? data[from] : 0, found = enf_array_data(array)[k];
      ck_assert(isnan(wanted) ? isnan(found) : found == wanted);
    }
    enf_array_destroy(array);
  }
  count_files(true);
}
END_TEST

/* vectors: the first and the last number of the cell, NaN if it is not told. */
static const struct {
  const char *comment;
  double first, last;
  int periodic[3];
} cells[] = {
    {"", NAN, NAN, {0, 0, 0}},
    {"pbc=\"F F F\"", NAN, NAN, {0, 0, 0}},
    {"Lattice=\"5 0 0 0 6 0 0 0 7\"", 5, 7, {1, 1, 1}},
    {"Lattice=\"5 0 0 0 6 0 0 0 7\" pbc=\"F F F\"", 5, 7, {0, 0, 0}},
    {"PBC=\"T F true\" lattice={5.0D0 0 0 0 6 0 0 0 7}", 5, 7, {1, 0, 1}},
    {"Lattice=[[5, 0, 0], [0, 6, 0], [1, 2, 7]] pbc=[F, T, F]", 5, 7, {0, 1, 0}},
    {"Lattice=\"5 6 7\" pbc=T", 5, 7, {1, 1, 1}},
    {"pbc=\"1 0 0\"", NAN, NAN, {1, 0, 0}},
    {"# CELL(abcABC): 35.2 35.2 35.2 90 90 90 Step: 0", NAN, NAN, {1, 1, 1}},
    {"t=1 box=12.5", NAN, NAN, {1, 1, 1}},
    {"%PBC", NAN, NAN, {1, 1, 1}},
    {"cell=5 pbc=F", NAN, NAN, {0, 0, 0}},
    {"note=\"in a cell\" excellent", NAN, NAN, {0, 0, 0}},
};

START_TEST(the_cell_is_told) {
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
    double vectors[9];
    int periodic[3];
    char text[200];
    enf_array *array;
    snprintf(text, sizeof text, "1\n\nC 1 2 3\n1\n%s\nC 1 2 3\n1\n\nC 1 2 3\n", cells[i].comment);
    const enf_status status = read_text(text, &array);
    ck_assert_msg(status == ENF_OK, "%s: %s", text, enf_ctx_errmsg(ctx));
    for (size_t frame = 0; frame < 3; frame++) {
      const bool here = frame == 1;
      ck_assert_int_eq(enf_array_cell(array, frame, vectors, periodic), ENF_OK);
      for (size_t k = 0; k < 3; k++)
        ck_assert_int_eq(periodic[k], here ? cells[i].periodic[k] : 0);
      if (here && !isnan(cells[i].first))
        ck_assert(vectors[0] == cells[i].first && vectors[8] == cells[i].last && vectors[1] == 0);
      else
        ck_assert(isnan(vectors[0]) && isnan(vectors[8]));
    }
    ck_assert_int_eq(enf_array_cell(array, 3, vectors, periodic), ENF_ERR_RANGE);
    ck_assert_int_eq(enf_array_cell(array, 0, NULL, NULL), ENF_OK);
    ck_assert_int_eq(enf_array_cell(NULL, 0, vectors, periodic), ENF_ERR_ARG);
    enf_array_destroy(array);
  }
  count_files(true);
}
END_TEST

#define P "1\nProperties="
#define GOOD "1\n\nC 1 2 3\n"

static const struct {
  const char *text, *fragment;
} refused[] = {
    {"", "line 1: the file has no frame"},
    {"\n \n\n", "line 1: the file has no frame"},
    {"two\n\nC 1 2 3\n", "line 1: the number of atoms expected, not 'two'"},
    {"-1\n\nC 1 2 3\n", "line 1: the number of atoms expected, not '-1'"},
    {"1.0\n\nC 1 2 3\n", "line 1: the number of atoms expected"},
    {"1 1\n\nC 1 2 3\n", "line 1: the number of atoms expected"},
    {"\n1\n\nC 1 2 3\n", "line 1: the number of atoms expected, not ''"},
    {"99999999999999999999\n\nC 1 2 3\n", "line 1: the number of atoms expected"},
    {"0\n\n", "line 1: a frame has no atoms"},
    {"1", "line 1: 1 atoms are announced, the file ends in line 1"},
    {"1\n", "line 1: 1 atoms are announced, the file ends in line 1"},
    {"18446744073709551615\n\nC 1 2 3\n", "atoms are announced, the file ends in line 3"},
    {"5\n\nC 1 2 3\n", "line 1: 5 atoms are announced"},
    {"2\n\nC 1 2 3\n", "line 3: the file ends after 1 of 2 atoms"},
    {"1\n\n", "line 2: the file ends after 0 of 1 atoms"},
    {GOOD "1", "line 4: the file ends without a comment line"},
    {GOOD "1\n\n", "line 5: the file ends after 0 of 1 atoms"},
    {GOOD "2\n\nC 1 2 3\nC 1 2 3\n", "line 4: 2 atoms, the first frame has 1"},
    {GOOD "\n" GOOD, "line 4: the number of atoms expected, not ''"},
    {GOOD "1\n\nH 1 2 3\n", "line 6: atom 1 is 'H' and was 'C' in the first frame"},
    {GOOD "1\nProperties=pos:R:3\n1 2 3\n", "line 6: atom 1 is '' and was 'C'"},
    {"1\n\nC 1 2\n", "line 3: atom 1 has 3 columns, 4 are needed"},
    {"1\n\n\n\n", "line 3: atom 1 has 0 columns, 4 are needed"},
    {"1\n\nC 1 2 three\n", "line 3: 'three' is not a number"},
    {"1\n\nC 1 2 3x\n", "line 3: '3x' is not a number"},
    {"1\n\nC 1 2,5 3\n", "line 3: '2,5' is not a number"},
    {"1\n\nC 1 2 3\x1b[2J\n", "line 3: '3?[2J' is not a number"},
    {"1\n\nC 1 2 1e\n", "line 3: '1e' is not a number"},
    {"1\n\nC 1 2 1d\n", "line 3: '1d' is not a number"},
    {"1\n\nC 1 2 1.0D+\n", "line 3: '1.0D+' is not a number"},
    {"1\n\nC 1 2 1D1D1\n", "line 3: '1D1D1' is not a number"},
    {"1\n\nC 1 2 1.0-101\n", "line 3: '1.0-101' is not a number"},
    {"1\n\nC 1 2 .\n", "line 3: '.' is not a number"},
    {"1\n\nC 1 2 ********\n", "line 3: '********' is not a number"},
    {"1\n\nC 0x10 2 3\n", "line 3: '0x10' is not a number"},
    {"1\n\nC 1 inf 3\n", "line 3: 'inf' is not a number"},
    {"1\n\nC 1 -Infinity 3\n", "line 3: '-Infinity' is not a number"},
    {"1\n\nC 1 nan(7) 3\n", "line 3: 'nan(7)' is not a number"},
    {"1\n\nC 1 2 nan\n", "line 3: 'nan' is not a coordinate"},
    {"1\n\nC 0 nan nan\n", "line 3: 'nan' is not a coordinate"},
    {"2\n\nC 1 2 3\nC nan nan nan\n", "line 4: 'nan' is not a coordinate: atom 2 is nan"},
    {"2\n\nC nan nan nan\nC 1 2 3\n", "line 4: 'nan' is not a coordinate: atom 2 is not"},
    {"1\n\nC 1 2 1e400\n", "line 3: '1e400' is too large"},
    {"1\n\nC 1 2 -1D999\n", "line 3: '-1D999' is too large"},
    /* forces or velocities in the place of positions */
    {"1\n\n0.1 0.2 0.3 9 9 9\n", "line 3: the element expected, not the number '0.1'"},
    {"1\n\n1e0 2 3 4\n", "line 3: the element expected, not the number '1e0'"},
    {"1\n\n119 2 3 4\n", "line 3: the element expected, not the number '119'"},
    {"1\nLattice=\"5 0 0 0 5 0 0 0 5 Properties=species:S:1:forces:R:3:pos:R:3\nC 9 9 9 1 2 3\n",
     "line 2: what begins with \" in the comment has no end"},
    {"1\nnote='a Properties=species:S:1:forces:R:3:pos:R:3\nC 9 9 9 1 2 3\n",
     "line 2: what begins with ' in the comment has no end"},
    {"1\nx=[1, [2] Properties=species:S:1:forces:R:3:pos:R:3\nC 9 9 9 1 2 3\n",
     "line 2: what begins with [ in the comment has no end"},
    {"1\nnote=\"a pbc=\"F F F \" Properties=\"species:S:1:forces:R:3:pos:R:3\"\nC 9 9 9 1 2 3\n",
     "line 2: Properties is not where a key can be; is a quote missing?"},
    {"1\nx={Properties=species:S:1:forces:R:3:pos:R:3}\nC 9 9 9 1 2 3\n",
     "line 2: Properties is not where a key can be"},
    {"1\nproperties : species:S:1:forces:R:3:pos:R:3\nC 9 9 9 1 2 3\n",
     "line 2: Properties is not where a key can be"},
    {"1\nproperties=x\nC 1 2 3\n", "not a list of name:type:columns near 'x'"},
    {"1\nProperties=species:S:1:pos:R:3 properties=pos:R:3\nC 1 2 3\n",
     "line 2: the comment has two of 'properties'"},
    /* cells */
    {"1\nLattice=\"5 0 0 0 5 0 0 0\"\nC 1 2 3\n", "line 2: Lattice is not nine numbers but 8"},
    {"1\nLattice=\"5 0 0 0 5 0 0 0 x\"\nC 1 2 3\n", "Lattice is not nine numbers: 'x' is in it"},
    {"1\nLattice=\"5 0 0 0 5 0 0 0 inf\"\nC 1 2 3\n", "nine numbers: 'inf' is in it"},
    {"1\nLattice=\"5 0 0 0 5 0 0 0 1e999\"\nC 1 2 3\n", "nine numbers: '1e999' is in it"},
    {"1\nLattice=\"5 0 0 0 5 0 0 0 5 1\"\nC 1 2 3\n", "nine numbers: '1' is in it"},
    {"1\npbc=\"T T\"\nC 1 2 3\n", "line 2: pbc is not three of T and F but 2"},
    {"1\npbc=\"T T maybe\"\nC 1 2 3\n", "pbc is not three of T and F: 'maybe' is in it"},
    {"1\npbc=\"T T T T\"\nC 1 2 3\n", "pbc is not three of T and F: 'T' is in it"},
    {"1\npbc=\nC 1 2 3\n", "pbc is not three of T and F but 0"},
    {P "species:S:1:pos:R:3\nC 1 2\n", "line 3: atom 1 has 3 columns, 4 are needed"},
    {P "species:S:1:pos:R:3\nC 1 2 3 4\n", "line 3: atom 1 has more columns than the 4"},
    {P "species:S:1\nC\n", "line 2: Properties names no pos"},
    {P "species:S:1:pos:R:2\nC 1 2\n", "line 2: Properties must have pos once, as pos:R:3"},
    {P "pos:S:3\n1 2 3\n", "line 2: Properties must have pos once"},
    {P "pos:R:3:pos:R:3\n1 2 3 1 2 3\n", "line 2: Properties must have pos once"},
    {P "pos:R:3:species:S:2\n1 2 3 C H\n", "line 2: Properties must have species once"},
    {P "pos:R:3:species:S:1:species:S:1\n1 2 3 C H\n", "line 2: Properties must have species once"},
    {P "Z:R:1:pos:R:3\n1 1 2 3\n", "line 2: Properties must have Z once, as Z:I:1"},
    {P "Z:I:1:Z:I:1:pos:R:3\n1 1 1 2 3\n", "line 2: Properties must have Z once, as Z:I:1"},
    {P "Z:I:1:pos:R:3\n119 1 2 3\n", "line 3: '119' is not an atomic number"},
    {P "Z:I:1:pos:R:3\nO 1 2 3\n", "line 3: 'O' is not an atomic number"},
    {P "Z:I:1:pos:R:3\n-1 1 2 3\n", "line 3: '-1' is not an atomic number"},
    {P "residue:S:1:pos:R:3\nALA 1 2 3\n", "a column 'residue': which are the elements?"},
    {P "x:R:1:y:R:1:z:R:1\n1 2 3\n", "line 2: Properties names no pos"},
    {GOOD "1\nProperties=Z:I:1:pos:R:3\n1 1 2 3\n", "line 6: atom 1 is 'H' and was 'C' in the"},
    {P "pos:R\n1 2 3\n", "line 2: Properties is not a list of name:type:columns near 'pos'"},
    {P "pos:R:x\n1 2 3\n", "not a list of name:type:columns near 'pos'"},
    {P "pos:Q:3\n1 2 3\n", "not a list of name:type:columns near 'pos'"},
    {P "\nC 1 2 3\n", "line 2: Properties names no pos"},
    {P ":R:3\n1 2 3\n", "not a list of name:type:columns near ''"},
    {P "a:R:0:pos:R:3\n1 2 3\n", "not a list of name:type:columns near 'a'"},
    {P "a:R:18446744073709551615:pos:R:3\n1 2 3\n", "not a list of name:type:columns near 'a'"},
};

START_TEST(what_is_not_xyz_is_refused_with_its_line) {
  const long before = live;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    enf_array *array = (enf_array *)&array;
    const enf_status status = read_text(refused[i].text, &array);
    ck_assert_msg(status == ENF_ERR_FORMAT, "%s gave %d", refused[i].text, status);
    expect_sentence(refused[i].fragment);
    expect_sentence("a.xyz: ");
    ck_assert_ptr_null(array);
    ck_assert_int_eq(live, before);
  }
  count_files(true);
}
END_TEST

START_TEST(a_file_with_a_nul_byte_is_refused) {
  enf_array *array;
  make_file("a.xyz", "1\n\nC 1 2\0 3\n", 12);
  ck_assert_int_eq(enf_array_read(ctx, &array, at("a.xyz")), ENF_ERR_FORMAT);
  expect_sentence("byte 8 is NUL");
  count_files(true);
}
END_TEST

START_TEST(what_xyz_cannot_hold_is_not_written) {
  const double data[16] = {0};
  static const char *const spaced[] = {"C", "a b"}, *const empty[] = {"C", ""},
                           *const control[] = {"C", "a\n"}, *const missing[] = {"C", NULL};
  static const struct {
    const char *type;
    size_t ndim, shape[4];
    const char *const *labels;
    enf_status status;
    const char *fragment;
  } cases[] = {
      {NULL, 2, {2, 3}, NULL, ENF_ERR_SHAPE, "shape (n,N,2) or (n,N,3)"},
      {NULL, 3, {1, 2, 4}, NULL, ENF_ERR_SHAPE, "shape (n,N,2) or (n,N,3)"},
      {NULL, 4, {1, 1, 2, 3}, NULL, ENF_ERR_SHAPE, "shape (n,N,2) or (n,N,3)"},
      {NULL, 3, {0, 2, 3}, NULL, ENF_ERR_SHAPE, "at least one frame"},
      {NULL, 3, {1, 0, 3}, NULL, ENF_ERR_SHAPE, "at least one frame"},
      {"f8", 3, {1, 2, 3}, NULL, ENF_ERR_ARG, "type must be NULL"},
      {NULL, 3, {1, 2, 3}, spaced, ENF_ERR_ARG, "label 1 is not a word"},
      {NULL, 3, {1, 2, 3}, empty, ENF_ERR_ARG, "label 1 is not a word"},
      {NULL, 3, {1, 2, 3}, control, ENF_ERR_ARG, "label 1 is not a word"},
      {NULL, 3, {1, 2, 3}, missing, ENF_ERR_ARG, "label 1 is not a word"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ck_assert_int_eq(enf_array_write(ctx, at("a.xyz"), cases[i].type, cases[i].ndim, cases[i].shape,
                                     cases[i].labels, data),
                     cases[i].status);
    expect_sentence(cases[i].fragment);
    ck_assert_int_eq(count_files(true), 0);
  }
}
END_TEST

/* From memory that ends where the text ends (but for its NUL). */
static enf_status parse(const char *text, size_t bytes, enf_array *array) {
  char *copy = malloc(bytes + 1);
  memcpy(copy, text, bytes);
  copy[bytes] = '\0';
  *array = (enf_array){.magic = ENF__MAGIC_ARRAY, .alloc = ctx->alloc};
  const enf_status status = enf__xyz_parse(ctx, array, "a", copy, bytes);
  free(copy);
  return status;
}

static void release(enf_array *array) {
  enf__free(&ctx->alloc, array->data);
  enf__free(&ctx->alloc, array->label);
  enf__free(&ctx->alloc, array->text);
  enf__free(&ctx->alloc, array->cell);
}

/* A number may be cut short unseen; a frame may not. */
START_TEST(a_truncated_file_never_gains_a_frame) {
  const long before = live;
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    for (size_t end = 0; end < strlen(spellings[i]); end++) {
      enf_array array;
      const enf_status status = parse(spellings[i], end, &array);
      ck_assert(status == ENF_ERR_FORMAT ||
                (status == ENF_OK && array.shape[0] <= 2 && array.shape[1] == 2));
      release(&array);
    }
  }
  ck_assert_int_eq(live, before);
}
END_TEST

START_TEST(a_damaged_file_is_read_or_refused) {
  const long before = live;
  for (uint64_t seed = 0; seed < 20000; seed++) {
    enf_array array;
    char text[400];
    strcpy(text, spellings[seed % (sizeof spellings / sizeof *spellings)]);
    const size_t bytes = strlen(text);
    damage(text, bytes, seed);
    const enf_status status = parse(text, bytes, &array);
    ck_assert(status == ENF_OK || status == ENF_ERR_FORMAT);
    release(&array);
  }
  ck_assert_int_eq(live, before);
}
END_TEST

START_TEST(every_failing_allocation_is_nomem) {
  const size_t shape[3] = {1, 1, 3};
  const double data[3] = {1, 2, 3};
  const long before = live;
  enf_status status = ENF_ERR_NOMEM;
  static const char in_cell[] = "1\nLattice=\"5 0 0 0 5 0 0 0 5\"\nC 1 2 3\n";
  make_file("cell.xyz", in_cell, sizeof in_cell - 1);
  for (long k = 0; status != ENF_OK; k++) {
    enf_array *array = NULL, *in_a_cell = NULL;
    ck_assert_int_lt(k, 30);
    countdown = k;
    status = enf_array_write(ctx, at("a.xyz"), NULL, 3, shape, NULL, data);
    if (status == ENF_OK)
      status = enf_array_read(ctx, &array, at("a.xyz"));
    if (status == ENF_OK)
      status = enf_array_read(ctx, &in_a_cell, at("cell.xyz"));
    countdown = -1;
    ck_assert(status == ENF_OK || status == ENF_ERR_NOMEM);
    enf_array_destroy(array);
    enf_array_destroy(in_a_cell);
    ck_assert_int_eq(live, before);
  }
  count_files(true);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("extxyz");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, what_is_written_is_read_back);
  tcase_add_test(tests, the_plane_is_written_with_z_0_and_no_labels_as_x);
  tcase_add_test(tests, columns_are_where_properties_says);
  tcase_add_test(tests, without_species_there_are_no_labels);
  tcase_add_test(tests, a_sample_that_failed_is_read);
  tcase_add_test(tests, the_cell_is_told);
  tcase_add_test(tests, what_is_not_xyz_is_refused_with_its_line);
  tcase_add_test(tests, a_file_with_a_nul_byte_is_refused);
  tcase_add_test(tests, what_xyz_cannot_hold_is_not_written);
  tcase_add_test(tests, a_truncated_file_never_gains_a_frame);
  tcase_add_test(tests, a_damaged_file_is_read_or_refused);
  tcase_add_test(tests, every_failing_allocation_is_nomem);
  return run_case("extxyz", tests);
}
