/* .npy arrays are written and read back bit for bit, as NumPy would, in either order of bytes and of
   indices; what is not an array of floats, or not whole, is refused with the reason. */
#include "unit/scratch.h"
#include <math.h>

/* A file of this version with this header; *bytes is set. Exactly as long as it is, so that a
   sanitizer sees every step over its end. */
static char *compose(int version, const char *header, size_t data, size_t *bytes) {
  const size_t length = strlen(header), fixed = version == 1 ? 10 : 12;
  *bytes = fixed + length + data;
  char *file = calloc(1, *bytes);
  memcpy(file, "\x93NUMPY", 6);
  file[6] = (char)version;
  for (size_t i = 8; i < fixed; i++)
    file[i] = (char)(length >> 8 * (i - 8));
  memcpy(file + fixed, header, length);
  for (size_t i = 0; i < data; i++)
    file[fixed + length + i] = (char)(i * 7);
  return file;
}

static enf_status read_bytes(const char *data, size_t bytes, enf_array **array) {
  make_file("a.npy", data, bytes);
  return enf_array_read(ctx, array, at("a.npy"));
}

static enf_status read_header(int version, const char *header, size_t data, enf_array **array) {
  size_t bytes;
  char *file = compose(version, header, data, &bytes);
  const enf_status status = read_bytes(file, bytes, array);
  free(file);
  return status;
}

START_TEST(what_is_written_is_read_back) {
  static const struct {
    size_t ndim, shape[7];
  } cases[] = {{1, {6}},
               {2, {2, 3}},
               {3, {1, 3, 2}},
               {4, {3, 1, 2, 1}},
               {7, {1, 3, 1, 1, 2, 1, 1}},
               {3, {0, 4, 2}},
               {1, {0}}};
  static const char *const types[] = {NULL, "f8", "f4"};
  const double data[6] = {1.5, -0.0, 5e-324, INFINITY, 0.1, -3e300};
  const long before = live;
  for (size_t i = 0; i < 3 * sizeof cases / sizeof *cases; i++) {
    const size_t ndim = cases[i / 3].ndim, *shape = cases[i / 3].shape;
    const char *type = types[i % 3];
    enf_array *array;
    ck_assert_int_eq(enf_array_write(ctx, at("a.npy"), type, ndim, shape, NULL, data), ENF_OK);
    ck_assert_int_eq(enf_array_read(ctx, &array, at("a.npy")), ENF_OK);
    ck_assert_uint_eq(enf_array_ndim(array), ndim);
    size_t count = 1;
    for (size_t d = 0; d < ndim; count *= shape[d++])
      ck_assert_uint_eq(enf_array_shape(array, d), shape[d]);
    ck_assert_uint_eq(enf_array_shape(array, ndim), 0);
    ck_assert_str_eq(enf_array_label(array, 0), "");
    for (size_t k = 0; k < count; k++) {
      const double value = i % 3 == 2 ? (double)(float)data[k] : data[k];
      ck_assert_int_eq(memcmp(&enf_array_data(array)[k], &value, sizeof value), 0);
    }
    enf_array_destroy(array);
    ck_assert_int_eq(live, before);
  }
  ck_assert_int_eq(count_files(true), 1);
}
END_TEST

START_TEST(the_file_is_what_numpy_writes) {
  const size_t shape[2] = {1, 2};
  const double data[2] = {1, 2};
  char *file;
  size_t bytes;
  ck_assert_int_eq(enf_array_write(ctx, at("a.npy"), "f4", 2, shape, NULL, data), ENF_OK);
  ck_assert_int_eq(enf__file_read(ctx, at("a.npy"), &file, &bytes), ENF_OK);
  char expected[128 + 9] = "\x93NUMPY\x01\x00\x76\x00"
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
  memset(expected + 10 + 59, ' ', 127 - 69);
  memcpy(expected + 127, "\n\0\0\x80\x3f\0\0\0\x40", 9);
  ck_assert_uint_eq(bytes, 136);
  ck_assert_int_eq(memcmp(file, expected, 136), 0);
  enf__free(&ctx->alloc, file);
  count_files(true);
}
END_TEST

START_TEST(the_data_begin_at_a_multiple_of_64) {
  static const size_t shapes[][4] = {
      {1}, {1, 1}, {10, 100, 1}, {100, 100, 10, 1}, {0, 0, 0, SIZE_MAX / 1000}};
  static const size_t ndims[] = {1, 2, 3, 4, 4};
  double *data = calloc(100000, sizeof *data);
  for (size_t i = 0; i < 5; i++) {
    char *file;
    size_t bytes;
    ck_assert_int_eq(enf_array_write(ctx, at("a.npy"), NULL, ndims[i], shapes[i], NULL, data),
                     ENF_OK);
    ck_assert_int_eq(enf__file_read(ctx, at("a.npy"), &file, &bytes), ENF_OK);
    const size_t start = 10 + (size_t)(unsigned char)file[8] + 256 * (size_t)(unsigned char)file[9];
    ck_assert_uint_eq(start % 64, 0);
    ck_assert_int_eq(file[start - 1], '\n');
    enf__free(&ctx->alloc, file);
  }
  free(data);
  count_files(true);
}
END_TEST

#define HEADER(descr, order, shape)                                                                \
  "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

START_TEST(every_version_and_spelling_is_read) {
  static const struct {
    int version;
    const char *header;
  } cases[] = {{1, HEADER("'<f4'", "False", "(2, 3)")},
               {2, HEADER("'<f4'", "False", "(2, 3)")},
               {3, HEADER("'<f4'", "False", "(2, 3)")},
               {1, HEADER("'<f4'", "False", "(2L, 3L)")},
               {1, "{\"shape\":(2,3,),\"descr\":\"<f4\",\"fortran_order\":False}"},
               {1, " { 'fortran_order' : False , 'shape' : ( 2 , 3 ) , 'descr' : '<f4' } \n \n"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    enf_array *array;
    ck_assert_int_eq(read_header(cases[i].version, cases[i].header, 24, &array), ENF_OK);
    ck_assert_uint_eq(enf_array_ndim(array), 2);
    ck_assert_uint_eq(enf_array_shape(array, 1), 3);
    float value;
    memcpy(&value, "\x1c\x23\x2a\x31", 4);
    ck_assert_double_eq(enf_array_data(array)[1], (double)value);
    enf_array_destroy(array);
  }
  count_files(true);
}
END_TEST

/* Element (a,b) is 10 a + b + 0.5 i: pairs along a third axis, in every order. */
START_TEST(complex_numbers_are_pairs) {
  for (size_t i = 0; i < 8; i++) {
    const bool fortran = i & 1, big = i & 2, single = i & 4;
    const size_t item = single ? 4 : 8;
    char text[120];
    snprintf(text, sizeof text, "{'descr': '%cc%zu', 'fortran_order': %s, 'shape': (2, 3)}",
             big ? '>' : '<', 2 * item, fortran ? "True" : "False");
    size_t bytes;
    char *file = compose(1, text, 12 * item, &bytes), *data = file + bytes - 12 * item;
    for (size_t k = 0; k < 12; k++) {
      const size_t e = k / 2, a = fortran ? e % 2 : e / 3, b = fortran ? e / 2 : e % 3;
      const double value = k % 2 ? 0.5 : (double)(10 * a + b);
      const float rounded = (float)value;
      char number[8];
      memcpy(number, single ? (const void *)&rounded : (const void *)&value, item);
      for (size_t byte = 0; byte < item; byte++)
        data[k * item + byte] = number[big ? item - 1 - byte : byte];
    }
    enf_array *array;
    ck_assert_int_eq(read_bytes(file, bytes, &array), ENF_OK);
    ck_assert_uint_eq(enf_array_ndim(array), 3);
    ck_assert_uint_eq(enf_array_shape(array, 1), 3);
    ck_assert_uint_eq(enf_array_shape(array, 2), 2);
    for (size_t k = 0; k < 12; k++)
      ck_assert_double_eq(enf_array_data(array)[k],
                          k % 2 ? 0.5 : (double)(10 * (k / 6) + k / 2 % 3));
    enf_array_destroy(array);
    free(file);
  }
  count_files(true);
}
END_TEST

/* Every shape, order of indices and order of bytes: element (i,j,k,l) is 1000 i + 100 j + 10 k + l. */
START_TEST(every_order_is_the_same_array) {
  static const struct {
    size_t ndim, shape[4];
  } cases[] = {{1, {5, 1, 1, 1}}, {2, {2, 3, 1, 1}}, {2, {6, 1, 1, 1}}, {3, {2, 4, 3, 1}},
               {3, {1, 4, 3, 1}}, {4, {2, 3, 4, 5}}, {3, {2, 0, 3, 1}}};
  for (size_t i = 0; i < 8 * sizeof cases / sizeof *cases; i++) {
    const bool fortran = i & 1, big = i & 2, single = i & 4;
    const size_t ndim = cases[i / 8].ndim, *n = cases[i / 8].shape, item = single ? 4 : 8;
    const size_t count = n[0] * n[1] * n[2] * n[3];
    char text[200];
    size_t used = (size_t)sprintf(text, "{'descr': '%cf%zu', 'fortran_order': %s, 'shape': (",
                                  big ? '>' : '<', item, fortran ? "True" : "False");
    for (size_t d = 0; d < ndim; d++)
      used += (size_t)sprintf(text + used, "%zu,", n[d]);
    strcpy(text + used, ")}");
    size_t bytes, index[4];
    char *file = compose(1, text, count * item, &bytes), *data = file + bytes - count * item;
    enf_array *array;
    for (size_t k = 0; k < count; k++) {
      for (size_t d = 0, rest = k; d < 4; d++) { /* the fastest first */
        const size_t axis = fortran ? d : 3 - d;
        index[axis] = rest % n[axis];
        rest /= n[axis];
      }
      const double value = (double)(1000 * index[0] + 100 * index[1] + 10 * index[2] + index[3]);
      const float rounded = (float)value;
      char number[8];
      memcpy(number, single ? (const void *)&rounded : (const void *)&value, item);
      for (size_t b = 0; b < item; b++)
        data[k * item + b] = number[big ? item - 1 - b : b];
    }
    ck_assert_int_eq(read_bytes(file, bytes, &array), ENF_OK);
    ck_assert_uint_eq(enf_array_ndim(array), ndim);
    for (size_t k = 0; k < count; k++) {
      const size_t l = k % n[3], c = k / n[3] % n[2], b = k / n[3] / n[2] % n[1],
                   a = k / n[3] / n[2] / n[1];
      ck_assert_double_eq(enf_array_data(array)[k], (double)(1000 * a + 100 * b + 10 * c + l));
    }
    enf_array_destroy(array);
    free(file);
  }
  count_files(true);
}
END_TEST

static const struct {
  const char *header;
  size_t data;
  enf_status status;
  const char *fragment;
} refused[] = {
    /* other kinds of array */
    {HEADER("'<f2'", "False", "(1,)"), 2, ENF_ERR_UNSUPPORTED, "'<f2' (floats of another kind)"},
    {HEADER("'>f16'", "False", "(1,)"), 16, ENF_ERR_UNSUPPORTED, "floats of another kind"},
    {HEADER("'|f8'", "False", "(1,)"), 8, ENF_ERR_UNSUPPORTED, "'|f8' (floats of another kind)"},
    {HEADER("'f8'", "False", "(1,)"), 8, ENF_ERR_UNSUPPORTED, "'f8' (floats of another kind)"},
    {HEADER("'<i8'", "False", "(1,)"), 8, ENF_ERR_UNSUPPORTED, "'<i8' (integers)"},
    {HEADER("'|u1'", "False", "(1,)"), 1, ENF_ERR_UNSUPPORTED, "(unsigned integers)"},
    {HEADER("'|b1'", "False", "(1,)"), 1, ENF_ERR_UNSUPPORTED, "(booleans)"},
    {HEADER("'<c32'", "False", "(1,)"), 32, ENF_ERR_UNSUPPORTED, "(complex numbers)"},
    {HEADER("'c16'", "False", "(1,)"), 16, ENF_ERR_UNSUPPORTED, "(complex numbers)"},
    {HEADER("'<c16'", "False", "(1,)"), 8, ENF_ERR_FORMAT, "needs 16 bytes of data, 8 are"},
    {HEADER("'|O'", "False", "(1,)"), 8, ENF_ERR_UNSUPPORTED, "(Python objects)"},
    {HEADER("'|S5'", "False", "(1,)"), 5, ENF_ERR_UNSUPPORTED, "(byte strings)"},
    {HEADER("'<U5'", "False", "(1,)"), 20, ENF_ERR_UNSUPPORTED, "(strings)"},
    {HEADER("'|V8'", "False", "(1,)"), 8, ENF_ERR_UNSUPPORTED, "(structured or raw)"},
    {HEADER("'<M8[ns]'", "False", "(1,)"), 8, ENF_ERR_UNSUPPORTED, "(dates)"},
    {HEADER("''", "False", "(1,)"), 8, ENF_ERR_UNSUPPORTED, "(unknown)"},
    {HEADER("'\x1b'", "False", "(1,)"), 8, ENF_ERR_UNSUPPORTED, "'?' (unknown)"},
    {HEADER("[('x', '<f8')]", "False", "(1,)"), 8, ENF_ERR_UNSUPPORTED, "structured"},
    {HEADER("'<f8'", "False", "()"), 8, ENF_ERR_UNSUPPORTED, "without dimensions"},
    {HEADER("'<f8'", "False", "(1,1,1,1,1,1,1,1)"), 8, ENF_ERR_UNSUPPORTED, "more than 7 dim"},
    /* sizes */
    {HEADER("'<f8'", "False", "(2, 3)"), 47, ENF_ERR_FORMAT, "needs 48 bytes of data, 47 are"},
    {HEADER("'<f8'", "False", "(2, 3)"), 49, ENF_ERR_FORMAT, "needs 48 bytes of data, 49 are"},
    {HEADER("'<f8'", "False", "(0, 3)"), 8, ENF_ERR_FORMAT, "needs 0 bytes of data, 8 are"},
    {HEADER("'<f8'", "False", "(4294967296, 4294967296)"), 0, ENF_ERR_FORMAT, "size overflows"},
    {HEADER("'<f8'", "False", "(2305843009213693952,)"), 0, ENF_ERR_FORMAT, "size overflows"},
    {HEADER("'<f8'", "False", "(0, 4294967296, 4294967296)"), 0, ENF_ERR_FORMAT, "size overflows"},
    {HEADER("'<f8'", "False", "(99999999999999999999,)"), 0, ENF_ERR_FORMAT, "number too large"},
    /* not such a dictionary */
    {"", 0, ENF_ERR_FORMAT, "byte 0 of the header: '{' expected"},
    {"{", 0, ENF_ERR_FORMAT, "a quoted text expected"},
    {"{}", 0, ENF_ERR_FORMAT, "the header has no 'descr'"},
    {"{'descr': '<f8'}", 0, ENF_ERR_FORMAT, "the header has no 'fortran_order'"},
    {"{'descr': '<f8', 'fortran_order': False}", 0, ENF_ERR_FORMAT, "the header has no 'shape'"},
    {"{'descr': '<f8', 'descr': '<f8'}", 0, ENF_ERR_FORMAT, "two of 'descr'"},
    {"{'other': '<f8'}", 0, ENF_ERR_FORMAT, "unknown key 'other'"},
    {"{'descr' '<f8'}", 0, ENF_ERR_FORMAT, "':' expected"},
    {"{'descr': '<f8' 'shape': (1,)}", 0, ENF_ERR_FORMAT, "',' or '}' expected"},
    {"{'descr': '<f8", 0, ENF_ERR_FORMAT, "the end of a quoted text"},
    {"{'descr': 8}", 0, ENF_ERR_FORMAT, "a quoted text expected"},
    {"{'fortran_order': 0}", 0, ENF_ERR_FORMAT, "True or False expected"},
    {"{'fortran_order': Fals", 0, ENF_ERR_FORMAT, "True or False expected"},
    {"{'shape': 3}", 0, ENF_ERR_FORMAT, "'(' expected"},
    {"{'shape': (3)}", 0, ENF_ERR_FORMAT, "',' after a single length"},
    {"{'shape': (3 4)}", 0, ENF_ERR_FORMAT, "',' or ')' expected"},
    {"{'shape': (,)}", 0, ENF_ERR_FORMAT, "a number expected"},
    {"{'shape': (-3,)}", 0, ENF_ERR_FORMAT, "a number expected"},
    {"{'shape': (L,)}", 0, ENF_ERR_FORMAT, "a number expected"},
    {"{'shape': (3LL,)}", 0, ENF_ERR_FORMAT, "',' or ')' expected"},
    {"{'shape': (3 L,)}", 0, ENF_ERR_FORMAT, "',' or ')' expected"},
    {"{'shape': (3,", 0, ENF_ERR_FORMAT, "a number expected"},
    {HEADER("'<f8'", "False", "(1,)") "x", 8, ENF_ERR_FORMAT, "end expected"},
};

START_TEST(what_is_not_an_array_of_floats_is_refused) {
  const long before = live;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    enf_array *array = (enf_array *)&array;
    const enf_status status = read_header(1, refused[i].header, refused[i].data, &array);
    ck_assert_msg(status == refused[i].status, "%s gave %d", refused[i].header, status);
    expect_sentence(refused[i].fragment);
    expect_sentence("a.npy: ");
    ck_assert_ptr_null(array);
    ck_assert_int_eq(live, before);
  }
  count_files(true);
}
END_TEST

START_TEST(what_is_not_npy_is_refused) {
  static const struct {
    const char *data;
    size_t bytes;
    enf_status status;
    const char *fragment;
  } cases[] = {{"", 0, ENF_ERR_FORMAT, "not a .npy file"},
               {"\x93NUMP", 5, ENF_ERR_FORMAT, "not a .npy file"},
               {"PK\x03\x04 a zip archive", 18, ENF_ERR_FORMAT, "not a .npy file"},
               {"\x93NUMPY\x01\x00\x10", 9, ENF_ERR_FORMAT, "truncated after 9 bytes"},
               {"\x93NUMPY\x02\x00\x10\x00\x00", 11, ENF_ERR_FORMAT, "truncated after 11 bytes"},
               {"\x93NUMPY\x01\x00\x10\x00{}", 12, ENF_ERR_FORMAT, "has 16 bytes, 2 are there"},
               {"\x93NUMPY\x02\x00\xff\xff\xff\xff", 12, ENF_ERR_FORMAT, "4294967295 bytes, 0 are"},
               {"\x93NUMPY\x04\x00\x02\x00{}", 12, ENF_ERR_UNSUPPORTED, "version 4.0"},
               {"\x93NUMPY\x01\x01\x02\x00{}", 12, ENF_ERR_UNSUPPORTED, "version 1.1"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    enf_array *array;
    ck_assert_int_eq(read_bytes(cases[i].data, cases[i].bytes, &array), cases[i].status);
    expect_sentence(cases[i].fragment);
    ck_assert_ptr_null(array);
  }
  count_files(true);
}
END_TEST

static enf_status parse(const char *data, size_t bytes, enf_array *array) {
  *array = (enf_array){.magic = ENF__MAGIC_ARRAY, .alloc = ctx->alloc};
  return enf__npy_parse(ctx, array, "a", data, bytes);
}

static void release(enf_array *array) { enf__free(&ctx->alloc, array->data); }

START_TEST(a_truncated_file_is_refused_wherever_it_ends) {
  const long before = live;
  size_t bytes;
  char *whole = compose(1, HEADER("'<f8'", "False", "(2, 3)"), 48, &bytes);
  for (size_t end = 0; end < bytes; end++) {
    enf_array array;
    char *part = malloc(end + 1); /* malloc(0) may be NULL */
    memcpy(part + 1, whole, end);
    ck_assert_int_eq(parse(part + 1, end, &array), ENF_ERR_FORMAT);
    free(part);
    release(&array);
  }
  free(whole);
  ck_assert_int_eq(live, before);
}
END_TEST

START_TEST(a_damaged_file_is_read_or_refused) {
  const long before = live;
  for (uint64_t seed = 0; seed < 20000; seed++) {
    enf_array array;
    size_t bytes;
    char *data = compose(1 + (int)(seed % 3), HEADER("'<f4'", "False", "(1, 2)"), 8, &bytes);
    damage(data, bytes, seed);
    const enf_status status = parse(data, bytes, &array);
    ck_assert(status == ENF_OK || status == ENF_ERR_FORMAT || status == ENF_ERR_UNSUPPORTED);
    ck_assert((status == ENF_OK) == (array.data != NULL));
    release(&array);
    free(data);
  }
  ck_assert_int_eq(live, before);
}
END_TEST

START_TEST(every_failing_allocation_is_nomem) {
  const size_t shape[1] = {3};
  const double data[3] = {1, 2, 3};
  const long before = live;
  enf_status status = ENF_ERR_NOMEM;
  for (long k = 0; status != ENF_OK; k++) {
    enf_array *array = NULL;
    ck_assert_int_lt(k, 20);
    countdown = k;
    status = enf_array_write(ctx, at("a.npy"), NULL, 1, shape, NULL, data);
    if (status == ENF_OK)
      status = enf_array_read(ctx, &array, at("a.npy"));
    countdown = -1;
    ck_assert(status == ENF_OK || status == ENF_ERR_NOMEM);
    enf_array_destroy(array);
    ck_assert_int_eq(live, before);
  }
  count_files(true);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("npy");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, what_is_written_is_read_back);
  tcase_add_test(tests, the_file_is_what_numpy_writes);
  tcase_add_test(tests, the_data_begin_at_a_multiple_of_64);
  tcase_add_test(tests, every_version_and_spelling_is_read);
  tcase_add_test(tests, complex_numbers_are_pairs);
  tcase_add_test(tests, every_order_is_the_same_array);
  tcase_add_test(tests, what_is_not_an_array_of_floats_is_refused);
  tcase_add_test(tests, what_is_not_npy_is_refused);
  tcase_add_test(tests, a_truncated_file_is_refused_wherever_it_ends);
  tcase_add_test(tests, a_damaged_file_is_read_or_refused);
  tcase_add_test(tests, every_failing_allocation_is_nomem);
  return run_case("npy", tests);
}
