/* Batches: what is appended is got back; hostile configurations are refused and change nothing;
   files of many sizes are read as they were written, in pieces of any size, with little memory;
   every refusal says where. */
#include "unit/scratch.h"
#include <enf/enf.h>
#include <math.h>
#include <sys/stat.h>

static enf_batch *new_batch(size_t dimensions) {
  enf_batch *batch;
  ck_assert_int_eq(enf_batch_create(ctx, &batch, dimensions), ENF_OK);
  return batch;
}

/* Water, carbon monoxide and hydrogen fluoride. */
static const int32_t elements[] = {8, 1, 1, 6, 8, 1, 9};
static const size_t sizes[] = {3, 2, 2};
static const double positions[] = {0,    0, 0.117, 0, 0.757, -0.47, 0, -0.757, -0.47, 0, 0,
                                   1.13, 0, 0,     0, 0,     0,     0, 0.92,   0,     0};

static enf_batch *three_molecules(void) {
  enf_batch *batch = new_batch(3);
  for (size_t i = 0, atom = 0; i < 3; atom += sizes[i++])
    ck_assert_int_eq(
        enf_batch_append(ctx, batch, sizes[i], elements + atom, 0, NULL, positions + 3 * atom),
        ENF_OK);
  return batch;
}

static void expect_three(const enf_batch *batch) {
  ck_assert_uint_eq(enf_batch_count(batch), 3);
  ck_assert_uint_eq(enf_batch_particles(batch), 7);
  for (size_t i = 0, atom = 0; i < 3; atom += sizes[i++]) {
    size_t N, F;
    const int32_t *kinds;
    const double *features, *x;
    ck_assert_int_eq(enf_batch_get(batch, i, &N, &kinds, &F, &features, &x), ENF_OK);
    ck_assert_uint_eq(N, sizes[i]);
    ck_assert_uint_eq(F, 0);
    ck_assert_ptr_null(features);
    ck_assert_int_eq(memcmp(kinds, elements + atom, N * sizeof *kinds), 0);
    ck_assert_int_eq(memcmp(x, positions + 3 * atom, 3 * N * sizeof *x), 0);
  }
}

START_TEST(what_is_appended_is_got_back) {
  const long before = live;
  enf_batch *batch = three_molecules();
  expect_three(batch);
  const double x[4] = {1, 2, 3, 4}, h[6] = {5, 6, 7, 8, 9, 10}, *features;
  const int32_t *kinds;
  size_t F;
  enf_batch *planar = new_batch(2);
  ck_assert_int_eq(enf_batch_append(ctx, planar, 2, NULL, 3, h, x), ENF_OK);
  ck_assert_int_eq(enf_batch_get(planar, 0, NULL, &kinds, &F, &features, NULL), ENF_OK);
  ck_assert_ptr_null(kinds);
  ck_assert_uint_eq(F, 3);
  ck_assert_int_eq(memcmp(features, h, sizeof h), 0);
  ck_assert_int_eq(enf_batch_get(planar, 1, NULL, NULL, NULL, NULL, NULL), ENF_ERR_RANGE);
  enf_batch_destroy(planar);
  enf_batch_destroy(batch);
  enf_batch_destroy(NULL);
  ck_assert_int_eq(live, before);
}
END_TEST

START_TEST(hostile_configurations_are_refused) {
  enf_batch *batch = three_molecules(), *none;
  const double nan[6] = {0, (double)NAN, 0, 0, 0, 0}, x[6] = {0}, infinite[2] = {1, INFINITY};
  const int32_t below[2] = {1, -1};
  const struct {
    size_t N;
    const int32_t *kinds;
    size_t F;
    const double *features, *x;
    enf_status status;
    const char *sentence;
  } row[] = {
      {0, NULL, 0, NULL, x, ENF_ERR_SHAPE, "N is 0"},
      {2, NULL, 0, NULL, NULL, ENF_ERR_ARG, "x is NULL"},
      {2, NULL, 1, NULL, x, ENF_ERR_ARG, "features is NULL"},
      {2, below, 0, NULL, x, ENF_ERR_RANGE, "the kind of particle 1 of 2 is -1"},
      {2, NULL, 0, NULL, nan, ENF_ERR_NONFINITE, "x of particle 0 of 2 is nan"},
      {2, NULL, 1, infinite, x, ENF_ERR_NONFINITE, "a feature of particle 1 of 2 is inf"},
      {SIZE_MAX / 2, NULL, 0, NULL, x, ENF_ERR_NOMEM, "no memory"},
      {2, NULL, SIZE_MAX / 2, x, x, ENF_ERR_NOMEM, "no memory"},
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    ck_assert_int_eq(
        enf_batch_append(ctx, batch, row[i].N, row[i].kinds, row[i].F, row[i].features, row[i].x),
        row[i].status);
    expect_sentence(row[i].sentence);
  }
  expect_three(batch);
  ck_assert_int_eq(enf_batch_create(ctx, &none, 1), ENF_ERR_RANGE);
  expect_sentence("dimensions is 1");
  ck_assert_int_eq(enf_batch_append(ctx, NULL, 2, NULL, 0, NULL, x), ENF_ERR_ARG);
  enf_batch_destroy(batch);
}
END_TEST

START_TEST(an_allocation_that_fails_changes_nothing) {
  enf_batch *batch = three_molecules();
  const double x[300] = {0}, h[100] = {0};
  for (long k = 0;; k++) {
    countdown = k;
    const enf_status status = enf_batch_append(ctx, batch, 100, NULL, 1, h, x);
    countdown = -1;
    if (status == ENF_OK)
      break;
    ck_assert_int_eq(status, ENF_ERR_NOMEM);
    expect_three(batch);
    ck_assert_int_lt(k, 10);
  }
  ck_assert_uint_eq(enf_batch_particles(batch), 107);
  enf_batch_destroy(batch);
}
END_TEST

START_TEST(what_is_written_is_read_back_in_pieces) {
  enf_batch *batch = three_molecules(), *back, *piece = new_batch(3);
  ck_assert_int_eq(enf_batch_write(ctx, batch, NULL, at("b.xyz")), ENF_OK);
  ck_assert_int_eq(enf_batch_read(ctx, &back, NULL, at("b.xyz")), ENF_OK);
  expect_three(back);
  enf_batch_reader *reader;
  ck_assert_int_eq(enf_batch_reader_open(ctx, &reader, NULL, at("b.xyz")), ENF_OK);
  const size_t expected[] = {2, 1, 0, 0};
  for (size_t i = 0; i < 4; i++) {
    ck_assert_int_eq(enf_batch_reader_next(ctx, reader, 2, piece), ENF_OK);
    ck_assert_uint_eq(enf_batch_count(piece), expected[i]);
  }
  enf_batch_reader_close(reader);
  enf_batch_reader_close(NULL);
  enf_batch_destroy(piece);
  enf_batch_destroy(back);
  enf_batch_destroy(batch);
}
END_TEST

static void expect_refusal(const char *text, enf_status status, const char *sentence) {
  enf_batch *batch;
  const long before = live;
  make_file("a.xyz", text, strlen(text));
  ck_assert_msg(enf_batch_read(ctx, &batch, NULL, at("a.xyz")) == status, "%s", text);
  ck_assert_ptr_null(batch);
  expect_sentence(sentence);
  ck_assert_int_eq(live, before);
}

START_TEST(a_file_that_is_not_understood_is_refused_with_its_line) {
  expect_refusal("", ENF_ERR_FORMAT, "line 1: the file has no frame");
  expect_refusal("\n\n", ENF_ERR_FORMAT, "the file has no frame");
  expect_refusal("0\n\n", ENF_ERR_FORMAT, "line 1: a frame has no atoms");
  expect_refusal("1000000000\n\nH 0 0 0\n", ENF_ERR_FORMAT, "line 1: 1000000000 atoms");
  expect_refusal("2\n\nH 0.0 0.0 0.0\n", ENF_ERR_FORMAT, "the file ends after 1 of 2 atoms");
  expect_refusal("1\n\nH 0 0 0\n\n1\n\nH 0 0 0\n", ENF_ERR_FORMAT,
                 "line 4: the number of atoms expected, not ''");
  expect_refusal("1\n\nQq 0 0 0\n", ENF_ERR_FORMAT, "line 3: 'Qq' is not the symbol");
  expect_refusal("2\n\nH 0 0 0\nH 0 nan 0\n", ENF_ERR_FORMAT, "line 4: 'nan' is not a coordinate");
  expect_refusal("2\n\nH 0 0 0\nX 0 1 0\n", ENF_ERR_FORMAT, "1 of 2 atoms have no element");
  expect_refusal("1\nLattice=\"9 0 0 0 9 0 0 0 9\"\nH 0 0 0\n", ENF_ERR_UNSUPPORTED,
                 "line 2: the cell is repeated");
}
END_TEST

START_TEST(names_of_other_files_are_refused) {
  enf_batch *batch;
  ck_assert_int_eq(enf_batch_read(ctx, &batch, NULL, at("a.npy")), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_batch_read(ctx, &batch, NULL, at("nothing")), ENF_ERR_IO);
  expect_sentence("nothing_n_atoms.npy");
  batch = three_molecules();
  ck_assert_int_eq(enf_batch_write(ctx, batch, NULL, at("b.pdb")), ENF_ERR_UNSUPPORTED);
  enf_batch_destroy(batch);
}
END_TEST

/* A .npy file of this header. */
static void make_npy(const char *name, const char *type, const char *shape, const void *data,
                     size_t bytes) {
  char file[4096] = "\x93NUMPY\x01\x00\x76\x00";
  memset(file + 10, ' ', 118);
  const int used = snprintf(
      file + 10, 118, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
  file[10 + used] = ' ';
  file[127] = '\n';
  memcpy(file + 128, data, bytes);
  make_file(name, file, 128 + bytes);
}

static void make_set(const int32_t *counts, size_t M, size_t atoms) {
  char shape[40];
  uint8_t numbers[7];
  for (size_t i = 0; i < 7; i++)
    numbers[i] = (uint8_t)elements[i];
  snprintf(shape, sizeof shape, "%zu,", M);
  make_npy("s_n_atoms.npy", "<i4", shape, counts, 4 * M);
  snprintf(shape, sizeof shape, "%zu,", atoms);
  make_npy("s_numbers.npy", "|u1", shape, numbers, atoms);
  make_npy("s_positions.npy", "<f8", "7, 3", positions, sizeof positions);
}

START_TEST(a_set_is_read_by_its_prefix) {
  enf_batch *batch;
  const int32_t good[] = {3, 2, 2}, few[] = {3, 2}, many[] = {3, 2, 1 << 30}, none[] = {3, 4, 0};
  make_set(good, 3, 7);
  ck_assert_int_eq(enf_batch_read(ctx, &batch, NULL, at("s")), ENF_OK);
  expect_three(batch);
  enf_batch_destroy(batch);
  make_set(few, 2, 7);
  ck_assert_int_eq(enf_batch_read(ctx, &batch, NULL, at("s")), ENF_ERR_FORMAT);
  expect_sentence("2 atoms are behind the last molecule");
  make_set(many, 3, 7);
  ck_assert_int_eq(enf_batch_read(ctx, &batch, NULL, at("s")), ENF_ERR_FORMAT);
  expect_sentence("molecule 2 has 1073741824 atoms, 2 are left");
  make_set(none, 3, 7);
  ck_assert_int_eq(enf_batch_read(ctx, &batch, NULL, at("s")), ENF_ERR_FORMAT);
  make_set(good, 3, 6);
  ck_assert_int_eq(enf_batch_read(ctx, &batch, NULL, at("s")), ENF_ERR_FORMAT);
  expect_sentence("7 positions, and 6 atomic numbers");
  make_set(good, 3, 7);
  make_npy("s_n_atoms.npy", "<f4", "3,", good, 12);
  ck_assert_int_eq(enf_batch_read(ctx, &batch, NULL, at("s")), ENF_ERR_FORMAT);
  expect_sentence("dtype '<f4' where whole numbers are expected");
  make_npy("s_n_atoms.npy", "<i4", "300000000000,", good, 12);
  ck_assert_int_eq(enf_batch_read(ctx, &batch, NULL, at("s")), ENF_ERR_FORMAT);
}
END_TEST

/* A long file takes the memory of its buffer and of a piece. */
START_TEST(a_long_file_is_read_in_bounded_memory) {
  enum { FRAMES = 40000 };
  FILE *file = fopen(at("long.xyz"), "w");
  for (int i = 0; i < FRAMES; i++)
    fprintf(file, "%d\n\nO 0 0 0.117\nH 0 0.757 -0.47\n%s", 2 + i % 2,
            i % 2 ? "H 0 -0.757 -0.47\n" : "");
  fclose(file);
  struct stat info;
  ck_assert_int_eq(stat(at("long.xyz"), &info), 0);
  ck_assert_int_gt(info.st_size, 1 << 20);
  enf_batch *piece = new_batch(3);
  enf_batch_reader *reader;
  const long before = live;
  ck_assert_int_eq(enf_batch_reader_open(ctx, &reader, NULL, at("long.xyz")), ENF_OK);
  size_t frames = 0, atoms = 0;
  do {
    ck_assert_int_eq(enf_batch_reader_next(ctx, reader, 100, piece), ENF_OK);
    frames += enf_batch_count(piece);
    atoms += enf_batch_particles(piece);
    ck_assert_int_le(live, before + 3 + 3); /* reader, its path and buffer; the piece's arrays */
  } while (enf_batch_count(piece) > 0);
  ck_assert_uint_eq(frames, FRAMES);
  ck_assert_uint_eq(atoms, FRAMES / 2 * 5);
  enf_batch_reader_close(reader);
  enf_batch_destroy(piece);
}
END_TEST

static enf_flow *flow_of(const char *const (*option)[2], size_t options) {
  enf_opts *opts;
  enf_flow *flow;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  for (size_t i = 0; i < options; i++)
    ck_assert_int_eq(enf_opts_set(opts, option[i][0], option[i][1]), ENF_OK);
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  enf_opts_destroy(opts);
  return flow;
}

START_TEST(a_flow_says_which_kinds_and_dimensions_there_are) {
  static const char *const alike[][2] = {{"model.particles", "3"}, {"model.dimensions", "2"}};
  enf_flow *flow = flow_of(alike, 2);
  enf_batch *batch;
  const int32_t *kinds;
  const char *flat = "2\n\nH 0 1 0\nH 1 0 0\n", *deep = "2\n\nH 0 1 0\nH 1 0 3\n";
  make_file("a.xyz", flat, strlen(flat));
  ck_assert_int_eq(enf_batch_read(ctx, &batch, flow, at("a.xyz")), ENF_OK);
  ck_assert_uint_eq(enf_batch_dimensions(batch), 2);
  ck_assert_int_eq(enf_batch_get(batch, 0, NULL, &kinds, NULL, NULL, NULL), ENF_OK);
  ck_assert_ptr_null(kinds);
  enf_batch_destroy(batch);
  make_file("a.xyz", deep, strlen(deep));
  ck_assert_int_eq(enf_batch_read(ctx, &batch, flow, at("a.xyz")), ENF_ERR_SHAPE);
  expect_sentence("line 4: z is 3, and the flow has two dimensions");
  enf_destroy(flow);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("batch");
  tcase_add_test(tests, what_is_appended_is_got_back);
  tcase_add_test(tests, hostile_configurations_are_refused);
  tcase_add_test(tests, an_allocation_that_fails_changes_nothing);
  tcase_add_test(tests, what_is_written_is_read_back_in_pieces);
  tcase_add_test(tests, a_file_that_is_not_understood_is_refused_with_its_line);
  tcase_add_test(tests, names_of_other_files_are_refused);
  tcase_add_test(tests, a_set_is_read_by_its_prefix);
  tcase_add_test(tests, a_long_file_is_read_in_bounded_memory);
  tcase_add_test(tests, a_flow_says_which_kinds_and_dimensions_there_are);
  return run_case("batch", tests);
}
