/* The tool's layouts of a lattice: every order of axes is taken and given back to the bit, and the
   plaquettes of rows in that order are those of the library's. The lattice is 3 x 2, so that a wrong
   order shows. The tool is no library: its file is part of this program. */
#include "../../src/layout.c"
#include "suite.h"

#include <enf/enf.h>
#include <math.h>
#include <stdlib.h>

enum { L0 = 3, L1 = 2, LINKS = 2 * L0 * L1, SITES = L0 * L1 };

static const char *const orders[] = {"mu x0 x1", "mu x1 x0", "x0 mu x1",
                                     "x1 mu x0", "x0 x1 mu", " x1  x0 mu "};
enum { ORDERS = sizeof orders / sizeof *orders };

static layout layout_at(size_t i) {
  layout l = {.sides = {L0, L1}, .group = 1};
  char why[LAYOUT_WHY];
  ck_assert(layout_parse(orders[i], &l, why));
  return l;
}

START_TEST(there_and_back_is_the_same) {
  double ours[8 * LINKS], theirs[8 * LINKS], again[8 * LINKS];
  for (size_t i = 0; i < 2 * ORDERS; i++) {
    const layout l = layout_at(i / 2);
    const size_t width = i % 2 ? 8 : 1;
    ck_assert_uint_eq(layout_links(&l), LINKS);
    for (size_t k = 0; k < width * LINKS; k++)
      ours[k] = (double)k;
    layout_give(&l, width, ours, theirs);
    layout_take(&l, width, theirs, again);
    ck_assert_mem_eq(again, ours, width * LINKS * sizeof *ours);
    ck_assert_int_eq(memcmp(theirs, ours, width * LINKS * sizeof *ours) == 0, i / 2 == 0);
  }
}
END_TEST

/* Axis a (0: x0, 1: x1, 2: mu) at these coordinates, by strides of the names in the text. */
static double link_of(const char *text, const double *theirs, const size_t at[3]) {
  static const char *const axes[3] = {"x0", "x1", "mu"};
  static const size_t lengths[3] = {L0, L1, 2};
  size_t place = 0;
  char word[3];
  for (int used; sscanf(text, " %2s%n", word, &used) == 1; text += used)
    for (size_t a = 0; a < 3; a++)
      if (strcmp(word, axes[a]) == 0)
        place = place * lengths[a] + at[a];
  return theirs[place];
}

START_TEST(plaquettes_are_those_of_the_other_order) {
  enf_ctx *ctx;
  enf_opts *opts;
  enf_flow *flow;
  double ours[LINKS], theirs[LINKS], mean, each[SITES], charge;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  enf_opts_set(opts, "model.space", "lattice");
  enf_opts_set(opts, "model.group", "u1");
  enf_opts_set(opts, "model.lattice", "3 2");
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  for (size_t i = 0; i < ORDERS; i++) {
    const layout l = layout_at(i);
    for (size_t k = 0; k < LINKS; k++)
      theirs[k] = sin(1 + 7.0 * (double)(k * k));
    layout_take(&l, 1, theirs, ours);
    ck_assert_int_eq(enf_lattice_plaquettes(ctx, flow, 1, ours, &mean, each, &charge), ENF_OK);
    for (size_t s = 0; s < SITES; s++) {
      const size_t x = s / L1, y = s % L1, right = (x + 1) % L0, up = (y + 1) % L1;
      const double angle = link_of(orders[i], theirs, (size_t[3]){x, y, 0}) +
                           link_of(orders[i], theirs, (size_t[3]){right, y, 1}) -
                           link_of(orders[i], theirs, (size_t[3]){x, up, 0}) -
                           link_of(orders[i], theirs, (size_t[3]){x, y, 1});
      ck_assert_double_eq_tol(each[s], cos(angle), 1e-14);
    }
  }
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}
END_TEST

START_TEST(what_is_no_order_is_refused) {
  static const char *const cases[][2] = {{"", "x0 is missing"},
                                         {"x1 mu", "x0 is missing"},
                                         {"x0 x1", "mu is missing"},
                                         {"x0 x1 mu mu", "mu stands twice"},
                                         {"x0 x1 x0", "x0 stands twice"},
                                         {"x0 x1 nu", "'nu' is no axis"},
                                         {"x0 x1 x2 mu", "'x2' is no axis"},
                                         {"X0 x1 mu", "'X0' is no axis"},
                                         {"complex x0 x1 mu", "complex stands once and behind"},
                                         {"x0 x1 mu complex complex", "complex stands once"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    layout l = {.sides = {L0, L1}, .group = 1};
    char why[LAYOUT_WHY] = "";
    ck_assert(!layout_parse(cases[i][0], &l, why));
    ck_assert_msg(strstr(why, cases[i][1]) != NULL, "%s: %s", cases[i][0], why);
  }
  layout l = {.sides = {L0, L1}, .group = 1};
  char why[LAYOUT_WHY];
  ck_assert(layout_parse("x1 x0 mu complex", &l, why) && l.pairs);
  ck_assert(layout_parse("x1 x0 mu", &l, why) && !l.pairs);
  ck_assert_uint_eq(layout_length(&l, 0), L1);
  ck_assert_uint_eq(layout_length(&l, 1), L0);
  ck_assert_str_eq(layout_axis_name(&l, 2), "mu");
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("layout");
  tcase_add_test(tests, there_and_back_is_the_same);
  tcase_add_test(tests, plaquettes_are_those_of_the_other_order);
  tcase_add_test(tests, what_is_no_order_is_refused);
  return run_suite("layout", tests);
}
