/* Trajectories as mdtraj, MDAnalysis, NumPy and netCDF4 write them are read: DCD in either order of
   bytes, with cells or without, AMBER's NetCDF in its three classic formats, .npz stored and
   packed. What is cut off, damaged or of another kind is refused with the reason. */
#include "io/inflate.h"
#include "unit/scratch.h"
#include <math.h>

static const char folder[] = "tests/fuzz/corpus/";

static const char *file_of(const char *name) {
  static char path[200];
  snprintf(path, sizeof path, "%s%s", folder, name);
  return path;
}

/* Files that hold 0.25 k - 3 as their k-th number, again for every 45 of them. */
static const struct {
  const char *name;
  size_t frames, first;
  int periodic;
} files[] = {{"dcd/mdtraj.dcd", 3, 0, 0},      {"dcd/big_endian.dcd", 3, 0, 0},
             {"dcd/mdanalysis.dcd", 3, 0, 0},  {"dcd/mdtraj_cell.dcd", 3, 0, 1},
             {"netcdf/mdtraj.nc", 3, 0, 0},    {"netcdf/mdtraj_cell.nc", 3, 0, 1},
             {"netcdf/classic.nc", 3, 0, 0},   {"netcdf/cdf5.nc", 3, 0, 0},
             {"netcdf/mdtraj.ncrst", 1, 1, 1}, {"netcdf/mdanalysis.ncdf", 3, 0, 0},
             {"npz/stored.npz", 3, 0, 0},      {"npz/packed.npz", 3, 0, 0},
             {"npz/large.npz", 600, 0, 0},     {"npz/several.npz", 3, 0, 0},
             {"npz/several.npz:R", 3, 0, 0},   {"npz/nameless.npz:first", 3, 0, 0}};

START_TEST(files_of_other_programs_are_read) {
  const long before = live;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    enf_array *array;
    ck_assert_int_eq(enf_array_read(ctx, &array, file_of(files[i].name)), ENF_OK);
    ck_assert_uint_eq(enf_array_ndim(array), 3);
    ck_assert_uint_eq(enf_array_shape(array, 0), files[i].frames);
    ck_assert_uint_eq(enf_array_shape(array, 1), 5);
    ck_assert_uint_eq(enf_array_shape(array, 2), 3);
    for (size_t k = 0; k < 15 * files[i].frames; k++)
      ck_assert_double_eq(enf_array_data(array)[k],
                          0.25 * (double)((k + 15 * files[i].first) % 45) - 3);
    double vectors[9];
    int periodic[3];
    ck_assert_int_eq(enf_array_cell(array, files[i].frames - 1, vectors, periodic), ENF_OK);
    const double cell[9] = {20, 0, 0, 15, 15 * sqrt(3), 0, 0, 0, 40};
    for (int k = 0; k < 9; k++)
      ck_assert(files[i].periodic ? fabs(vectors[k] - cell[k]) < 1e-12 : isnan(vectors[k]));
    ck_assert_int_eq(periodic[2], files[i].periodic);
    enf_array_destroy(array);
    ck_assert_int_eq(live, before);
  }
}
END_TEST

static char *contents(const char *name, size_t *bytes) {
  FILE *file = fopen(file_of(name), "rb");
  ck_assert_ptr_nonnull(file);
  fseek(file, 0, SEEK_END);
  *bytes = (size_t)ftell(file);
  rewind(file);
  char *data = malloc(*bytes);
  ck_assert_uint_eq(fread(data, 1, *bytes, file), *bytes);
  fclose(file);
  return data;
}

/* `size` bytes at `place` are replaced; the rest beyond `keep` bytes is cut off. */
static const struct {
  const char *name;
  size_t place, size;
  const char *bytes;
  size_t keep;
  enf_status status;
  const char *fragment;
} refused[] = {
    {"dcd/mdtraj.dcd", 0, 0, "", 0, ENF_ERR_FORMAT, "not a DCD file"},
    {"dcd/mdtraj.dcd", 0, 1, "U", 9999, ENF_ERR_FORMAT, "not a DCD file"},
    {"dcd/mdtraj.dcd", 4, 4, "VELD", 9999, ENF_ERR_UNSUPPORTED, "a DCD file of 'VELD'"},
    {"dcd/mdtraj.dcd", 40, 1, "\2", 9999, ENF_ERR_UNSUPPORTED, "2 atoms are fixed"},
    {"dcd/mdtraj.dcd", 52, 1, "\1", 9999, ENF_ERR_UNSUPPORTED, "a fourth dimension"},
    {"dcd/mdtraj.dcd", 88, 1, "U", 9999, ENF_ERR_FORMAT, "84 bytes, or 85"},
    {"dcd/mdtraj.dcd", 92, 3, "\xff\xff\xff", 9999, ENF_ERR_FORMAT, "beyond the end of the file"},
    {"dcd/mdtraj.dcd", 0, 0, "", 527, ENF_ERR_FORMAT, "frame 2 (from 0) is cut off"},
    {"dcd/mdtraj.dcd", 448, 4, "\0\0\xc0\x7f", 9999, ENF_ERR_FORMAT, "is nan"},
    {"netcdf/mdtraj.nc", 0, 1, "X", 9999, ENF_ERR_FORMAT, "not a NetCDF file"},
    {"netcdf/mdtraj.nc", 3, 1, "\4", 9999, ENF_ERR_FORMAT, "not a NetCDF file"},
    {"netcdf/mdtraj.nc", 0, 4, "\x89HDF", 9999, ENF_ERR_UNSUPPORTED, "NetCDF-4"},
    {"netcdf/mdtraj.nc", 7, 1, "\4", 9999, ENF_ERR_FORMAT, "ends before its 4 frames"},
    {"netcdf/mdtraj.nc", 4, 1, "\x7f", 9999, ENF_ERR_FORMAT, "ends before its 2130706435 frames"},
    {"netcdf/mdtraj.nc", 0, 0, "", 300, ENF_ERR_FORMAT, "beyond the end"},
    {"netcdf/mdtraj.nc", 0, 0, "", 700, ENF_ERR_FORMAT, "ends before its 3 frames"},
    {"npz/stored.npz", 0, 0, "", 500, ENF_ERR_FORMAT, "its end is missing"},
    {"npz/stored.npz", 0, 0, "", 10, ENF_ERR_FORMAT, "it has 10 bytes"},
    {"npz/stored.npz", 300, 1, "X", 9999, ENF_ERR_FORMAT, "check sum is wrong"},
    {"npz/stored.npz", 0, 1, "X", 9999, ENF_ERR_FORMAT, "not where the directory says"},
    {"npz/packed.npz", 100, 2, "XX", 9999, ENF_ERR_FORMAT, "the packed array is damaged"},
    {"npz/nameless.npz", 0, 0, "", 9999, ENF_ERR_FORMAT, "there are: first second"},
};

START_TEST(what_is_broken_is_refused) {
  const long before = live;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    size_t bytes;
    char *data = contents(refused[i].name, &bytes), name[16];
    memcpy(data + refused[i].place, refused[i].bytes, refused[i].size);
    snprintf(name, sizeof name, "a%s", strrchr(refused[i].name, '.'));
    make_file(name, data, bytes < refused[i].keep ? bytes : refused[i].keep);
    free(data);
    enf_array *array;
    ck_assert_msg(enf_array_read(ctx, &array, at(name)) == refused[i].status, "case %zu: %s", i,
                  enf_ctx_errmsg(ctx));
    expect_sentence(refused[i].fragment);
    ck_assert_ptr_null(array);
    ck_assert_int_eq(live, before);
  }
  count_files(true);
}
END_TEST

START_TEST(a_name_that_is_not_in_an_archive_is_refused) {
  enf_array *array;
  ck_assert_int_eq(enf_array_read(ctx, &array, file_of("npz/several.npz:q")), ENF_ERR_FORMAT);
  expect_sentence("there are: z R E");
  ck_assert_int_eq(enf_array_read(ctx, &array, file_of("npz/several.npz:z")), ENF_ERR_UNSUPPORTED);
  expect_sentence("integers");
  ck_assert_int_eq(enf_array_read(ctx, &array, file_of("npz/none.npz:x")), ENF_ERR_IO);
}
END_TEST

/* Whatever happens to a file, it is read or refused. */
START_TEST(damaged_files_are_read_or_refused) {
  const long before = live;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    size_t bytes;
    if (strchr(files[i].name, ':') || files[i].frames > 3)
      continue;
    char *data = contents(files[i].name, &bytes), *copy = malloc(bytes), name[16];
    snprintf(name, sizeof name, "a%s", strrchr(files[i].name, '.'));
    for (uint64_t seed = 0; seed < 150; seed++) {
      enf_array *array;
      memcpy(copy, data, bytes);
      damage(copy, bytes, seed);
      make_file(name, copy, seed % 3 ? bytes : bytes * (size_t)(seed % 50) / 50);
      if (enf_array_read(ctx, &array, at(name)) != ENF_OK)
        ck_assert_str_ne(enf_ctx_errmsg(ctx), "");
      enf_array_destroy(array);
      ck_assert_int_eq(live, before);
    }
    free(copy);
    free(data);
  }
  count_files(true);
}
END_TEST

START_TEST(no_memory_is_told) {
  static const char *const names[] = {"dcd/mdtraj_cell.dcd", "netcdf/mdtraj_cell.nc",
                                      "npz/packed.npz", "npz/several.npz:R"};
  const long before = live;
  for (size_t i = 0; i < 4; i++) {
    enf_status status = ENF_ERR_NOMEM;
    for (long k = 0; status != ENF_OK; k++) {
      enf_array *array;
      countdown = k;
      status = enf_array_read(ctx, &array, file_of(names[i]));
      countdown = -1;
      ck_assert(status == ENF_OK || status == ENF_ERR_NOMEM);
      enf_array_destroy(array);
      ck_assert_int_eq(live, before);
    }
  }
}
END_TEST

START_TEST(trajectories_are_only_read) {
  static const char *const names[] = {"a.dcd", "a.nc", "a.npz"};
  const size_t shape[3] = {1, 1, 3};
  const double x[3] = {0, 0, 0};
  for (size_t i = 0; i < 3; i++) {
    ck_assert_int_eq(enf_array_write(ctx, at(names[i]), NULL, 3, shape, NULL, x),
                     ENF_ERR_UNSUPPORTED);
    expect_sentence("is only read");
  }
}
END_TEST

/* RFC 1951 and the check value of CRC-32. */
START_TEST(stored_and_fixed_blocks_unpack) {
  char out[16];
  ck_assert_uint_eq(enf__crc32("123456789", 9), 0xcbf43926u);
  ck_assert(enf__inflate("\1\3\0\xfc\xff"
                         "abc",
                         8, out, 3));
  ck_assert_int_eq(memcmp(out, "abc", 3), 0);
  ck_assert(enf__inflate("\x4b\x4c\x84\x01\0", 5, out, 10)); /* ten times a, as one and a copy */
  ck_assert_int_eq(memcmp(out, "aaaaaaaaaa", 10), 0);
  ck_assert(!enf__inflate("\x4b\x4c\x84\x01\0", 5, out, 9));
  ck_assert(!enf__inflate("\x4b\x4c\x84\x01\0", 5, out, 11));
  ck_assert(!enf__inflate("\x4b\x4c\x84", 3, out, 10));
  ck_assert(!enf__inflate("\7", 1, out, 0));
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("trajectories");
  tcase_add_test(tests, files_of_other_programs_are_read);
  tcase_add_test(tests, what_is_broken_is_refused);
  tcase_add_test(tests, a_name_that_is_not_in_an_archive_is_refused);
  tcase_add_test(tests, damaged_files_are_read_or_refused);
  tcase_add_test(tests, no_memory_is_told);
  tcase_add_test(tests, trajectories_are_only_read);
  tcase_add_test(tests, stored_and_fixed_blocks_unpack);
  return run_case("trajectories", tests);
}
