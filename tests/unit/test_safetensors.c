/* What is written is read back bit for bit; every file that is not exactly a safetensors file is
   refused with the reason; no damage makes the reader do anything else. */
#include "unit/scratch.h"
#include <math.h>

static const char good[] = "{\"__metadata__\":{\"k\":\"v\",\"a\":\"b\"},"
                           "\"w\":{\"dtype\":\"F64\",\"shape\":[2,1],\"data_offsets\":[4,20]},"
                           "\"\\u00e9\":{\"data_offsets\":[0,4],\"dtype\":\"F32\",\"shape\":[]},"
                           "\"e\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[20,20]}}  ";
enum { GOOD_DATA = 20 };

/* A file in memory from the context's allocator: this header and so many bytes of data. */
static char *compose(const char *header, size_t length, size_t data, size_t *bytes) {
  const uint64_t prefix = length;
  *bytes = 8 + length + data;
  char *buffer = enf__alloc(&ctx->alloc, *bytes);
  memcpy(buffer, &prefix, 8);
  memcpy(buffer + 8, header, length);
  for (size_t i = 0; i < data; i++)
    buffer[8 + length + i] = (char)(i * 37);
  return buffer;
}

static enf_status parse(const char *header, size_t length, size_t data, enf__st_file *file) {
  size_t bytes;
  char *buffer = compose(header, length, data, &bytes);
  return enf__st_parse(ctx, file, "some/file", buffer, bytes);
}

START_TEST(what_is_written_is_read_back) {
  const long before = live;
  const double d[6] = {1.5, -0.0, 5e-324, INFINITY, NAN, 0.1};
  const float f[3] = {1.5f, -2.25f, 1e-45f};
  const int64_t i[2] = {INT64_MIN, 7};
  const uint64_t u[1] = {UINT64_MAX};
  const enf__st_meta meta[] = {{"format", "libenf"},
                               {"quote\"d", "back\\slash\nnew\tline\x01"},
                               {"", "\xc3\xa9\xf0\x9f\x92\xa9"}};
  const enf__st_tensor tensor[] = {
      {.name = "f", .dtype = ENF__F32, .ndim = 1, .shape = {3}, .count = 3, .data = f},
      {.name = "d\"", .dtype = ENF__F64, .ndim = 4, .shape = {1, 2, 1, 3}, .count = 6, .data = d},
      {.name = "none", .dtype = ENF__F64, .ndim = 1, .shape = {0}, .count = 0, .data = NULL},
      {.name = "i", .dtype = ENF__I64, .ndim = 1, .shape = {2}, .count = 2, .data = i},
      {.name = "u", .dtype = ENF__U64, .ndim = 0, .count = 1, .data = u}};
  enf__st_file file;
  ck_assert_int_eq(enf__st_write(ctx, at("a"), 3, meta, 5, tensor), ENF_OK);
  ck_assert_int_eq(enf__st_read(ctx, &file, at("a")), ENF_OK);
  uint64_t header;
  memcpy(&header, file.buffer, 8);
  ck_assert_uint_eq(header % 8, 0);
  ck_assert_uint_eq(file.metas, 3);
  for (size_t k = 0; k < 3; k++)
    ck_assert_str_eq(enf__st_meta_find(&file, meta[k].key), meta[k].value);
  ck_assert_ptr_null(enf__st_meta_find(&file, "other"));
  ck_assert_uint_eq(file.tensors, 5);
  static const size_t item[] = {4, 8, 8, 8, 8};
  for (size_t k = 0; k < 5; k++) {
    const enf__st_tensor *t = enf__st_find(&file, tensor[k].name);
    ck_assert_ptr_eq(t, &file.tensor[k]);
    ck_assert_int_eq(t->dtype, tensor[k].dtype);
    ck_assert_uint_eq(t->ndim, tensor[k].ndim);
    ck_assert_int_eq(memcmp(t->shape, tensor[k].shape, sizeof t->shape), 0);
    ck_assert_uint_eq(t->count, tensor[k].count);
    if (t->count > 0)
      ck_assert_int_eq(memcmp(t->data, tensor[k].data, t->count * item[k]), 0);
  }
  ck_assert_ptr_null(enf__st_find(&file, "d"));
  double out[6];
  enf__st_doubles(&file.tensor[1], out);
  ck_assert_int_eq(memcmp(out, d, sizeof d), 0);
  enf__st_doubles(&file.tensor[0], out);
  for (size_t k = 0; k < 3; k++)
    ck_assert_double_eq(out[k], (double)f[k]);
  enf__st_free(&file);
  enf__st_free(&file);
  ck_assert_int_eq(live, before);
  count_files(true);
}
END_TEST

START_TEST(a_file_without_anything_is_one) {
  enf__st_file file;
  ck_assert_int_eq(enf__st_write(ctx, at("a"), 0, NULL, 0, NULL), ENF_OK);
  ck_assert_int_eq(enf__st_read(ctx, &file, at("a")), ENF_OK);
  ck_assert_uint_eq(file.tensors + file.metas, 0);
  enf__st_free(&file);
  count_files(true);
}
END_TEST

START_TEST(a_foreign_file_is_read) {
  enf__st_file file;
  ck_assert_int_eq(parse(good, sizeof good - 1, GOOD_DATA, &file), ENF_OK);
  ck_assert_uint_eq(file.tensors, 3);
  ck_assert_str_eq(file.tensor[0].name, "\xc3\xa9");
  ck_assert_str_eq(file.tensor[1].name, "w");
  ck_assert_str_eq(file.tensor[2].name, "e");
  ck_assert_uint_eq(file.tensor[1].count, 2);
  ck_assert_int_eq(*((const char *)file.tensor[1].data + 1), (char)(5 * 37));
  ck_assert_str_eq(enf__st_meta_find(&file, "k"), "v");
  enf__st_free(&file);
}
END_TEST

START_TEST(escapes_mean_what_json_says) {
  static const char header[] = "{\"__metadata__\":{\"k\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u20AC"
                               "\\ud83d\\ude00\\u07ff\\uffff\"}}";
  enf__st_file file;
  ck_assert_int_eq(parse(header, sizeof header - 1, 0, &file), ENF_OK);
  ck_assert_str_eq(enf__st_meta_find(&file, "k"),
                   "\"\\/\b\f\n\r\tA\xe2\x82\xac\xf0\x9f\x98\x80\xdf\xbf\xef\xbf\xbf");
  enf__st_free(&file);
}
END_TEST

#define T(name, rest) "\"" name "\":{\"dtype\":\"F32\"," rest "}"
#define ONE "\"shape\":[1],\"data_offsets\":[0,4]"

static const struct {
  const char *header;
  size_t data;
  const char *fragment;
} refused[] = {
    /* not JSON */
    {"", 0, "byte 0 of the header: '{' expected"},
    {" {}", 0, "byte 0 of the header: '{' expected"},
    {"[]", 0, "'{' expected"},
    {"{", 0, "byte 1 of the header: closing bracket expected"},
    {"{}x", 0, "byte 2 of the header: end expected"},
    {"{}{}", 0, "end expected"},
    {"{,}", 0, "string expected"},
    {"{\"a\"}", 0, "':' expected"},
    {"{\"a\" 1}", 0, "':' expected"},
    {"{\"a", 0, "string without end"},
    {"{\"a\\", 0, "string without end"},
    {"{'a':1}", 0, "string expected"},
    {"{" T("a", ONE) ",}", 4, "string expected"},
    {"{" T("a", ONE) T("b", ONE) "}", 4, "',' expected"},
    {"{" T("a", ONE), 4, "closing bracket expected"},
    {"{\"a\\x\":1}", 0, "unknown escape"},
    {"{\"a\\u12\":1}", 0, "four hexadecimal digits"},
    {"{\"a\\u12g4\":1}", 0, "four hexadecimal digits"},
    {"{\"a\\u123", 0, "four hexadecimal digits"},
    {"{\"a\\u0000\":1}", 0, "NUL"},
    {"{\"a\\ud800\":1}", 0, "lone surrogate"},
    {"{\"a\\udc00\":1}", 0, "lone surrogate"},
    {"{\"a\\ud800\\u0041\":1}", 0, "lone surrogate"},
    {"{\"a\\ud800\\ud800\":1}", 0, "lone surrogate"},
    {"{\"a\nb\":1}", 0, "control character"},
    {"{\"a\xff\":1}", 0, "invalid UTF-8"},
    {"{\"\x80\":1}", 0, "invalid UTF-8"},
    {"{\"\xc0\x80\":1}", 0, "invalid UTF-8"},
    {"{\"\xe0\x80\x80\":1}", 0, "invalid UTF-8"},
    {"{\"\xed\xa0\x80\":1}", 0, "invalid UTF-8"},
    {"{\"\xf4\x90\x80\x80\":1}", 0, "invalid UTF-8"},
    {"{\"\xf8\x88\x80\x80\x80\":1}", 0, "invalid UTF-8"},
    {"{\"\xe2\x82", 0, "invalid UTF-8"},
    /* JSON of another form */
    {"{\"a\":1}", 0, "'{' expected"},
    {"{\"a\":null}", 0, "'{' expected"},
    {"{\"a\":[[[[]]]]}", 0, "'{' expected"},
    {"{\"a\":{}}", 0, "tensor 'a' has no dtype"},
    {"{\"a\":{\"dtype\":1}}", 0, "string expected"},
    {"{\"a\":{\"dtype\":\"F32\"}}", 0, "tensor 'a' has no shape"},
    {"{" T("a", "\"shape\":[1]") "}", 4, "tensor 'a' has no data_offsets"},
    {"{" T("a", ONE ",\"dtype\":\"F32\"") "}", 4, "two of 'dtype'"},
    {"{" T("a", ONE ",\"shape\":[1]") "}", 4, "two of 'shape'"},
    {"{" T("a", ONE ",\"x\":1") "}", 4, "unknown key 'x'"},
    {"{" T("a", "\"shape\":1") "}", 4, "'[' expected"},
    {"{" T("a", "\"shape\":[") "}", 4, "unsigned integer expected"},
    {"{" T("a", "\"shape\":[1,]") "}", 4, "unsigned integer expected"},
    {"{" T("a", "\"shape\":[-1]") "}", 4, "unsigned integer expected"},
    {"{" T("a", "\"shape\":[1.0]") "}", 4, "unsigned integer expected"},
    {"{" T("a", "\"shape\":[1e3]") "}", 4, "unsigned integer expected"},
    {"{" T("a", "\"shape\":[01]") "}", 4, "leading zero"},
    {"{" T("a", "\"shape\":[[1]]") "}", 4, "unsigned integer expected"},
    {"{" T("a", "\"shape\":[18446744073709551616]") "}", 4, "number too large"},
    {"{" T("a", "\"shape\":[99999999999999999999999999]") "}", 4, "number too large"},
    {"{" T("a", "\"shape\":[1,1,1,1,1,1,1,1,1]") "}", 4, "more than 8 dimensions"},
    {"{" T("a", "\"data_offsets\":[0]") "}", 4, "data_offsets has 1 numbers, not 2"},
    {"{" T("a", "\"data_offsets\":[0,4,8]") "}", 4, "data_offsets has 3 numbers, not 2"},
    {"{\"a\":{\"dtype\":\"BF16\"," ONE "}}", 4, "unknown dtype 'BF16'"},
    {"{\"a\":{\"dtype\":\"f32\"," ONE "}}", 4, "unknown dtype 'f32'"},
    {"{\"a\":{\"dtype\":\"F32\\u001b[2J\"," ONE "}}", 4, "unknown dtype 'F32?[2J'"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "string expected"},
    {"{\"__metadata__\":[]}", 0, "'{' expected"},
    {"{\"__metadata__\":{\"a\":\"b\"", 0, "closing bracket expected"},
    /* twice */
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "two of '__metadata__'"},
    {"{\"__metadata__\":{\"a\":\"1\",\"b\":\"\",\"a\":\"2\"}}", 0, "two metadata entries 'a'"},
    {"{" T("a", ONE) "," T("\\u0061", "\"shape\":[1],\"data_offsets\":[4,8]") "}", 8,
     "two tensors 'a'"},
    /* sizes */
    {"{" T("a", "\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]") "}", 0, "overflows"},
    {"{" T("a", "\"shape\":[4611686018427387904],\"data_offsets\":[0,0]") "}", 0, "overflows"},
    {"{" T("a", "\"shape\":[2],\"data_offsets\":[0,4]") "}", 4,
     "needs 8 bytes for its shape and has 4"},
    {"{" T("a", "\"shape\":[0],\"data_offsets\":[0,4]") "}", 4,
     "needs 0 bytes for its shape and has 4"},
    {"{" T("a", "\"shape\":[1],\"data_offsets\":[4,0]") "}", 4, "bytes 4 to 0 of 4"},
    {"{" T("a", ONE) "}", 3, "bytes 0 to 4 of 3"},
    {"{" T("a", "\"shape\":[1],\"data_offsets\":[18446744073709551612,18446744073709551615]") "}",
     4, "of 4"},
    {"{" T("a", ONE) "}", 5, "the data have 1 bytes more"},
    {"{}", 1, "the data have 1 bytes more"},
    {"{" T("a", "\"shape\":[1],\"data_offsets\":[4,8]") "}", 8, "after a hole"},
    {"{" T("a", ONE) "," T("b", "\"shape\":[1],\"data_offsets\":[5,9]") "}", 9,
     "tensor 'b' begins at byte 5 of the data, after a hole"},
    {"{" T("a", ONE) "," T("b", "\"shape\":[1],\"data_offsets\":[2,6]") "}", 6,
     "tensor 'b' begins at byte 2 of the data, inside another one"},
    {"{" T("a", ONE) "," T("b", ONE) "}", 4, "inside another one"},
    {"{" T("a", ONE) "," T("b", "\"shape\":[0],\"data_offsets\":[2,2]") "}", 4,
     "inside another one"},
};

START_TEST(what_is_not_a_safetensors_file_is_refused) {
  const long before = live;
  enf__st_file file;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    const char *header = refused[i].header;
    const enf_status status = parse(header, strlen(header), refused[i].data, &file);
    ck_assert_msg(status == ENF_ERR_FORMAT, "%s gave %d", header, status);
    expect_sentence(refused[i].fragment);
    expect_sentence("some/file: ");
    ck_assert_ptr_null(file.buffer);
    ck_assert_int_eq(live, before);
  }
}
END_TEST

START_TEST(a_header_longer_than_the_file_is_refused) {
  static const struct {
    uint64_t header;
    size_t bytes;
    const char *fragment;
  } cases[] = {{3, 10, "header of 3 bytes is longer than the file"},
               {UINT64_MAX, 16, "longer than the file"},
               {100000001, 16, "longer than the file"},
               {0, 7, "at least 8 bytes, this one has 7"},
               {0, 0, "at least 8 bytes, this one has 0"},
               {0, 8, "'{' expected"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    enf__st_file file;
    char data[16] = {0};
    memcpy(data, &cases[i].header, 8);
    make_file("a", data, cases[i].bytes);
    ck_assert_int_eq(enf__st_read(ctx, &file, at("a")), ENF_ERR_FORMAT);
    expect_sentence(cases[i].fragment);
    enf__st_free(&file);
  }
  count_files(true);
}
END_TEST

START_TEST(a_header_of_more_than_100_megabytes_is_refused) {
  enf__st_file file;
  const uint64_t header = 100000001;
  make_file("a", &header, 8);
  ck_assert_int_eq(truncate(at("a"), 100000100), 0);
  ck_assert_int_eq(enf__st_read(ctx, &file, at("a")), ENF_ERR_FORMAT);
  expect_sentence("longer than 100 MB");
  count_files(true);
}
END_TEST

START_TEST(a_truncated_file_is_refused_wherever_it_ends) {
  const long before = live;
  size_t bytes;
  char *whole = compose(good, sizeof good - 1, GOOD_DATA, &bytes);
  for (size_t end = 0; end < bytes; end++) {
    enf__st_file file;
    char *part = enf__alloc(&ctx->alloc, end);
    memcpy(part, whole, end);
    ck_assert_int_eq(enf__st_parse(ctx, &file, "a", part, end), ENF_ERR_FORMAT);
  }
  enf__free(&ctx->alloc, whole);
  ck_assert_int_eq(live, before);
}
END_TEST

START_TEST(a_damaged_file_is_read_or_refused) {
  const long before = live;
  for (uint64_t seed = 0; seed < 20000; seed++) {
    enf__st_file file;
    size_t bytes;
    char *data = compose(good, sizeof good - 1, GOOD_DATA, &bytes);
    damage(data, bytes, seed);
    const enf_status status = enf__st_parse(ctx, &file, "a", data, bytes);
    ck_assert(status == ENF_OK || (status == ENF_ERR_FORMAT && *enf_ctx_errmsg(ctx)));
    enf__st_free(&file);
  }
  ck_assert_int_eq(live, before);
}
END_TEST

/* 40000 tensors of the same name, and as many in reverse order: comparing all pairs would hang. */
START_TEST(many_tensors_are_sorted_quickly) {
  enum { MANY = 40000 };
  char *header = malloc(MANY * 80);
  for (int same = 0; same < 2; same++) {
    size_t length = 0;
    for (size_t i = 0; i < MANY; i++)
      length +=
          (size_t)sprintf(header + length, "%c" T("%zu", "\"shape\":[],\"data_offsets\":[%zu,%zu]"),
                          i ? ',' : '{', same ? 0 : i, 4 * (MANY - 1 - i), 4 * (MANY - i));
    header[length++] = '}';
    enf__st_file file;
    ck_assert_int_eq(parse(header, length, 4 * MANY, &file), same ? ENF_ERR_FORMAT : ENF_OK);
    for (size_t i = 1; i < file.tensors; i++)
      ck_assert_ptr_eq(file.tensor[i].data, (const char *)file.tensor[i - 1].data + 4);
    enf__st_free(&file);
  }
  free(header);
}
END_TEST

START_TEST(text_that_is_not_utf8_is_not_written) {
  const enf__st_meta meta = {"k", "\xff"};
  ck_assert_int_eq(enf__st_write(ctx, at("a"), 1, &meta, 0, NULL), ENF_ERR_ARG);
  expect_sentence("'?' is not UTF-8");
  ck_assert_int_eq(count_files(true), 0);
}
END_TEST

START_TEST(every_failing_allocation_is_nomem) {
  const enf__st_meta meta = {"k", "v"};
  const long before = live;
  enf_status status = ENF_ERR_NOMEM;
  for (long k = 0; status != ENF_OK; k++) {
    enf__st_file file = {0};
    ck_assert_int_lt(k, 20);
    countdown = k;
    status = enf__st_write(ctx, at("a"), 1, &meta, 0, NULL);
    if (status == ENF_OK)
      status = enf__st_read(ctx, &file, at("a"));
    countdown = -1;
    ck_assert(status == ENF_OK || status == ENF_ERR_NOMEM);
    enf__st_free(&file);
    ck_assert_int_eq(live, before);
  }
  count_files(true);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("safetensors");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, what_is_written_is_read_back);
  tcase_add_test(tests, a_file_without_anything_is_one);
  tcase_add_test(tests, a_foreign_file_is_read);
  tcase_add_test(tests, escapes_mean_what_json_says);
  tcase_add_test(tests, what_is_not_a_safetensors_file_is_refused);
  tcase_add_test(tests, a_header_longer_than_the_file_is_refused);
  tcase_add_test(tests, a_header_of_more_than_100_megabytes_is_refused);
  tcase_add_test(tests, a_truncated_file_is_refused_wherever_it_ends);
  tcase_add_test(tests, a_damaged_file_is_read_or_refused);
  tcase_add_test(tests, many_tensors_are_sorted_quickly);
  tcase_add_test(tests, text_that_is_not_utf8_is_not_written);
  tcase_add_test(tests, every_failing_allocation_is_nomem);
  return run_case("safetensors", tests);
}
