/* test_memory.c -- aligned blocks and arenas over the host's allocator. */
#include "core/core.h"
#include "failing_alloc.h"
#include "suite.h"

static bool is_aligned(const void *p) { return (uintptr_t)p % ENF__ALIGN == 0; }

START_TEST(blocks_are_aligned_and_whole) {
  failing_alloc a = {0};
  const enf_alloc alloc = failing_alloc_of(&a);
  void *blocks[200];
  for (size_t i = 0; i < 200; i++) {
    blocks[i] = enf__alloc(&alloc, i);
    ck_assert_ptr_nonnull(blocks[i]);
    ck_assert(is_aligned(blocks[i]));
    memset(blocks[i], (int)i, i);
  }
  for (size_t i = 0; i < 200; i++) {
    for (size_t k = 0; k < i; k++)
      ck_assert_int_eq(((unsigned char *)blocks[i])[k], (int)i);
    enf__free(&alloc, blocks[i]);
  }
  enf__free(&alloc, NULL);
  ck_assert_uint_eq(a.live, 0);
}
END_TEST

START_TEST(sizes_that_overflow_never_reach_the_host) {
  failing_alloc a = {0};
  const enf_alloc alloc = failing_alloc_of(&a);
  ck_assert_ptr_null(enf__alloc(&alloc, SIZE_MAX));
  ck_assert_ptr_null(enf__alloc(&alloc, SIZE_MAX - 64));
  ck_assert_ptr_null(enf__alloc_array(&alloc, SIZE_MAX / 8 + 2, 8));
  ck_assert_ptr_null(enf__alloc_array(&alloc, SIZE_MAX, SIZE_MAX));
  ck_assert_uint_eq(a.calls, 0);
}
END_TEST

START_TEST(a_failing_host_gives_null) {
  failing_alloc a = {.fail_at = 1};
  const enf_alloc alloc = failing_alloc_of(&a);
  enf__arena arena = {0};
  ck_assert_ptr_null(enf__alloc(&alloc, 8));
  ck_assert_ptr_null(enf__alloc_array(&alloc, 8, 8));
  ck_assert(!enf__arena_reserve(&alloc, &arena, 100));
  ck_assert_uint_eq(arena.capacity, 0);
}
END_TEST

/* A layout as work does it, three arrays of odd sizes. */
static bool lay_out(enf__arena *arena) {
  char *a = ENF__TAKE(arena, char, 1);
  double *b = ENF__TAKE(arena, double, 9);
  float *c = ENF__TAKE(arena, float, 16);
  if (!a || !b || !c)
    return false;
  ck_assert(is_aligned(a) && is_aligned(b) && is_aligned(c));
  ck_assert(a + 1 <= (char *)b);
  ck_assert((char *)(b + 9) <= (char *)c);
  memset(a, 1, 1), memset(b, 2, 9 * sizeof *b), memset(c, 3, 16 * sizeof *c);
  return true;
}

START_TEST(the_counted_size_is_just_enough) {
  failing_alloc a = {0};
  const enf_alloc alloc = failing_alloc_of(&a);
  enf__arena counting = {0}, arena = {0};
  ck_assert(!lay_out(&counting));
  ck_assert_uint_eq(counting.used, 64 + 128 + 64);
  ck_assert(enf__arena_reserve(&alloc, &arena, counting.used));
  ck_assert(lay_out(&arena));
  ck_assert_uint_eq(arena.used, arena.capacity);
  ck_assert_ptr_null(ENF__TAKE(&arena, char, 1));
  ck_assert_uint_eq(arena.used, counting.used);
  enf__arena_free(&alloc, &arena);
  ck_assert_uint_eq(a.live, 0);
}
END_TEST

START_TEST(reserve_keeps_what_is_enough) {
  failing_alloc a = {0};
  const enf_alloc alloc = failing_alloc_of(&a);
  enf__arena arena = {0};
  ck_assert(enf__arena_reserve(&alloc, &arena, 1000));
  ck_assert(enf__arena_reserve(&alloc, &arena, 10));
  ck_assert(enf__arena_reserve(&alloc, &arena, 1000));
  ck_assert_uint_eq(a.calls, 1);
  ck_assert(enf__arena_reserve(&alloc, &arena, 2000));
  ck_assert_uint_eq(a.calls, 2);
  ck_assert_uint_eq(a.live, 1);
  enf__arena_free(&alloc, &arena);
  ck_assert_uint_eq(a.live, 0);
}
END_TEST

START_TEST(an_overflowing_layout_cannot_be_reserved) {
  failing_alloc a = {0};
  const enf_alloc alloc = failing_alloc_of(&a);
  const size_t huge[] = {SIZE_MAX, SIZE_MAX / 8 + 1, SIZE_MAX / 8 - 1, SIZE_MAX / 16};
  for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
    enf__arena counting = {0}, arena = {0};
    ENF__TAKE(&counting, double, huge[i]);
    ENF__TAKE(&counting, double, huge[i]);
    ENF__TAKE(&counting, double, 1);
    ck_assert_uint_ge(counting.used, SIZE_MAX - 128);
    ck_assert(!enf__arena_reserve(&alloc, &arena, counting.used));
  }
  ck_assert_uint_eq(a.calls, 0);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("memory");
  tcase_add_test(c, blocks_are_aligned_and_whole);
  tcase_add_test(c, sizes_that_overflow_never_reach_the_host);
  tcase_add_test(c, a_failing_host_gives_null);
  tcase_add_test(c, the_counted_size_is_just_enough);
  tcase_add_test(c, reserve_keeps_what_is_enough);
  tcase_add_test(c, an_overflowing_layout_cannot_be_reserved);
  return run_suite("memory", c);
}
