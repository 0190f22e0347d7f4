/* test_zmatrix.c -- a Z-matrix's text is read and printed; what is none is refused by its row. */
#include "failing_alloc.h"
#include "space/zmatrix.h"
#include "suite.h"
#include <string.h>

static enf_ctx *ctx;

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

static enf_status parse(size_t atoms, const char *text, enf__zmatrix *z) {
  return enf__zmatrix_parse(ctx, &ctx->alloc, atoms, text, z);
}

static void assert_printed(size_t atoms, const char *text, const char *expected) {
  enf__zmatrix z;
  char out[200];
  ck_assert_msg(parse(atoms, text, &z) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  ck_assert_uint_eq(enf__zmatrix_print(&z, out, sizeof out), strlen(expected) + 1);
  ck_assert_str_eq(out, expected);
  enf__zmatrix_free(&ctx->alloc, &z);
}

START_TEST(what_is_read_is_printed) {
  assert_printed(3, "2 0 1", "2 0 1");
  assert_printed(5, "0 1 2; 3 2 1 0 t; 4 2 1 3 i", "0 1 2; 3 2 1 0 t; 4 2 1 3 i");
  assert_printed(5, "  0\t1 2;3 2 1 0 t ;\n4 2 1 3   i ; ", "0 1 2; 3 2 1 0 t; 4 2 1 3 i");
  assert_printed(4, "00 1 2; 3 2 1 0 i", "0 1 2; 3 2 1 0 i");
}
END_TEST

START_TEST(rows_hold_what_the_text_says) {
  enf__zmatrix z;
  ck_assert_int_eq(parse(5, "4 1 2; 3 2 1 4 t; 0 2 1 3 i", &z), ENF_OK);
  ck_assert_int_eq(z.root[0], 4);
  ck_assert_int_eq(z.root[2], 2);
  ck_assert_int_eq(z.row[0].atom, 3);
  ck_assert_int_eq(z.row[0].a, 2);
  ck_assert_int_eq(z.row[0].b, 1);
  ck_assert_int_eq(z.row[0].c, 4);
  ck_assert_int_eq(z.row[0].kind, ENF__TORSION);
  ck_assert_int_eq(z.row[1].kind, ENF__IMPROPER);
  enf__zmatrix_free(&ctx->alloc, &z);
}
END_TEST

START_TEST(a_print_into_too_little_is_cut_and_tells_its_length) {
  enf__zmatrix z;
  char out[12];
  ck_assert_int_eq(parse(4, "0 1 2; 3 2 1 0 t", &z), ENF_OK);
  memset(out, 'x', sizeof out);
  ck_assert_uint_eq(enf__zmatrix_print(&z, out, 10), 17);
  ck_assert_str_eq(out, "0 1 2; 3 ");
  ck_assert_int_eq(out[10], 'x');
  ck_assert_uint_eq(enf__zmatrix_print(&z, NULL, 0), 17);
  enf__zmatrix_free(&ctx->alloc, &z);
}
END_TEST

static const struct {
  size_t atoms;
  const char *text, *sentence;
} refused[] = {
    {2, "0 1 2", "a molecule in internal coordinates has 3 atoms or more, model.particles is 2"},
    {3, "", "the root is three atoms"},
    {3, "0 1", "the root (\"0 1\"): the root is three atoms"},
    {3, "0 1 2 x", "\"x\" is left over"},
    {3, "0 1 2 1", "\"1\" is left over"},
    {3, "0 1 -2", "the root is three atoms"},
    {3, "0 1 2.5", "the root is three atoms"},
    {3, "0 1 1", "the root (\"0 1 1\"): atom 1 is there twice"},
    {3, "0 1 3", "there is no atom 3: numbers are 0 to 2"},
    {3, "0 1 99999999999999999999999999", "there is no atom 99999999999999999999: numbers"},
    {3, "0 1 2; 0 1 2 2 t", "row 1 (\"0 1 2 2 t\"): its reference 2 is given twice"},
    {3, "0 1 2; 1 0 2 1 t", "row 1 (\"1 0 2 1 t\"): atom 1 is there twice"},
    {4, "0 1 2", "model.zmatrix places 3 of 4 atoms: atom 3 is missing"},
    {5, "0 1 2; 3 2 1 0 t", "model.zmatrix places 4 of 5 atoms: atom 4 is missing"},
    {4, "0 1 2; 3 2 1 t", "row 1 (\"3 2 1 t\"): a row is an atom, three references and t or i"},
    {4, "0 1 2; 3 2 1 0", "row 1 (\"3 2 1 0\"): it ends with neither t"},
    {4, "0 1 2; 3 2 1 0 p", "row 1 (\"3 2 1 0 p\"): it ends with neither t"},
    {4, "0 1 2; 3 2 1 0 ti", "row 1 (\"3 2 1 0 ti\"): \"i\" is left over"},
    {4, "0 1 2; 3 2 1 0 t extra", "\"extra\" is left over"},
    {4, "0 1 2; 3 2 1 3 t", "row 1 (\"3 2 1 3 t\"): its reference 3 is not placed before it"},
    {5, "0 1 2; 3 2 4 0 t; 4 2 1 0 t", "row 1 (\"3 2 4 0 t\"): its reference 4 is not placed"},
    {4, "0 1 2; 3 2 2 0 t", "its reference 2 is given twice"},
    {4, "0 1 2; 3 2 1 2 t", "its reference 2 is given twice"},
    {4, "0 1 2; 3 2 1 1 t", "its reference 1 is given twice"},
    {4, "0 1 2; 3 2 1 0 t; 3 2 1 0 t", "row 2 (\"3 2 1 0 t\"): atom 3 is there twice"},
    {4, "0 1 2; 4 2 1 0 t", "row 1 (\"4 2 1 0 t\"): there is no atom 4: numbers are 0 to 3"},
    {4, "0 1 2;; 3 2 1 0 t", "row 1 (\"\"): a row is an atom"},
};

START_TEST(what_is_no_zmatrix_is_refused_by_its_row) {
  enf__zmatrix z;
  ck_assert_int_eq(parse(refused[_i].atoms, refused[_i].text, &z), ENF_ERR_OPTION);
  ck_assert_ptr_null(z.row);
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), refused[_i].sentence) != NULL, "\"%s\" gives \"%s\"",
                refused[_i].text, enf_ctx_errmsg(ctx));
}
END_TEST

START_TEST(without_memory_nothing_is_left) {
  enf__zmatrix z;
  for (size_t k = 1; k <= 2; k++) {
    failing_alloc a = {.fail_at = k};
    const enf_alloc alloc = failing_alloc_of(&a);
    ck_assert_int_eq(enf__zmatrix_parse(ctx, &alloc, 4, "0 1 2; 3 2 1 0 t", &z), ENF_ERR_NOMEM);
    ck_assert_ptr_null(z.row);
    ck_assert_uint_eq(a.live, 0);
  }
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("zmatrix");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_test(tests, what_is_read_is_printed);
  tcase_add_test(tests, rows_hold_what_the_text_says);
  tcase_add_test(tests, a_print_into_too_little_is_cut_and_tells_its_length);
  tcase_add_loop_test(tests, what_is_no_zmatrix_is_refused_by_its_row, 0,
                      (int)(sizeof refused / sizeof *refused));
  tcase_add_test(tests, without_memory_nothing_is_left);
  return run_suite("zmatrix", tests);
}
