/* test_random.c -- the generator, its counter layout and its maps, pinned by known answers.

   Philox vectors are those of the Random123 distribution (kat_vectors, philox4x32 10). The other
   numbers were computed by an independent implementation in exact integers and 40 digits. */
#include "core/random.h"
#include "suite.h"
#include <math.h>
#include <string.h>

static const uint64_t seed = 0x0123456789abcdef, position = 0xfedcba9876543210;
enum { STREAM = 2, MANY = 200000 };

START_TEST(philox_gives_the_published_vectors) {
  static const struct {
    uint32_t counter[4], key[2], out[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    uint32_t out[4];
    enf__philox(known[i].counter, known[i].key, out);
    ck_assert_mem_eq(out, known[i].out, sizeof out);
  }
}
END_TEST

START_TEST(seed_stream_index_and_block_have_their_places) {
  const uint32_t counter[4] = {0x76543210, 0xfedcba98, 7, STREAM};
  const uint32_t key[2] = {0x89abcdef, 0x01234567};
  uint32_t expected[4], out[4];
  enf__philox(counter, key, expected);
  enf__random_bits(seed, STREAM, position, 7, out);
  ck_assert_mem_eq(out, expected, sizeof out);
}
END_TEST

START_TEST(uniforms_are_the_known_ones) {
  static const double known[5] = {0x1.0095eda516ab7p-1, 0x1.a881466c7be03p-1, 0x1.14055b9d20ee4p-3,
                                  0x1.7d4b188caa061p-1, 0x1.0a31a864f6ddbp-1};
  double u[5];
  enf__random_uniform(seed, STREAM, position, 5, u);
  for (int i = 0; i < 5; i++)
    ck_assert_double_eq(u[i], known[i]);
}
END_TEST

/* To a few units in the last place: libm's last bits are the machine's. */
START_TEST(normals_are_the_known_ones) {
  static const double known[5] = {0.5605252140735784, -1.0332161548311651, -0.06648788049375484,
                                  -2.0009657537706738, -0.6368742316777289};
  double z[5];
  enf__random_normal(seed, STREAM, position, 5, z);
  for (int i = 0; i < 5; i++)
    ck_assert_double_eq_tol(z[i], known[i], 1e-15);
}
END_TEST

START_TEST(a_longer_draw_begins_with_the_shorter_one) {
  double longer[9], shorter[9];
  for (size_t n = 0; n <= 9; n++) {
    for (int i = 0; i < 9; i++)
      shorter[i] = -7;
    enf__random_normal(seed, STREAM, 3, 9, longer);
    enf__random_normal(seed, STREAM, 3, n, shorter);
    ck_assert_mem_eq(longer, shorter, n * sizeof(double));
    for (size_t i = n; i < 9; i++)
      ck_assert_double_eq(shorter[i], -7);
  }
}
END_TEST

/* Mean and variance of 2e5 draws, each within 5 standard errors. */
START_TEST(uniforms_have_their_moments) {
  static double u[MANY];
  double sum = 0, square = 0;
  enf__random_uniform(1, 1, 0, MANY, u);
  for (int i = 0; i < MANY; i++) {
    ck_assert(u[i] > 0 && u[i] < 1);
    sum += u[i] - 0.5, square += (u[i] - 0.5) * (u[i] - 0.5);
  }
  ck_assert_double_eq_tol(sum / MANY, 0, 5 * sqrt(1.0 / 12 / MANY));
  ck_assert_double_eq_tol(square / MANY, 1.0 / 12, 5 * sqrt(1.0 / 180 / MANY));
}
END_TEST

START_TEST(normals_have_their_moments) {
  static double z[MANY];
  double m1 = 0, m2 = 0, m4 = 0, neighbours = 0;
  enf__random_normal(2, 1, 0, MANY, z);
  for (int i = 0; i < MANY; i++) {
    const double s = z[i] * z[i];
    m1 += z[i], m2 += s, m4 += s * s, neighbours += i ? z[i] * z[i - 1] : 0;
  }
  ck_assert_double_eq_tol(m1 / MANY, 0, 5 / sqrt(MANY));
  ck_assert_double_eq_tol(m2 / MANY, 1, 5 * sqrt(2.0 / MANY));
  ck_assert_double_eq_tol(m4 / MANY, 3, 5 * sqrt(96.0 / MANY));
  ck_assert_double_eq_tol(neighbours / MANY, 0, 5 / sqrt(MANY));
}
END_TEST

START_TEST(neighbouring_seeds_streams_and_indices_are_unrelated) {
  double z[2];
  double sums[3] = {0};
  for (uint64_t i = 0; i < 20000; i++) {
    for (int k = 0; k < 3; k++) {
      enf__random_normal(7 + i, 1, 5, 1, z);
      enf__random_normal(7 + i + (k == 0), 1 + (k == 1), 5 + (k == 2), 1, z + 1);
      sums[k] += z[0] * z[1];
    }
  }
  for (int k = 0; k < 3; k++)
    ck_assert_double_eq_tol(sums[k] / 20000, 0, 5 / sqrt(20000));
}
END_TEST

START_TEST(integers_below_a_bound_are_the_known_ones) {
  ck_assert_uint_eq(enf__random_below(seed, STREAM, position, 1), 0);
  ck_assert_uint_eq(enf__random_below(seed, STREAM, position, 10), 5);
  ck_assert_uint_eq(enf__random_below(seed, STREAM, position, 1000003), 501145);
  ck_assert_uint_eq(enf__random_below(seed, STREAM, position, ((uint64_t)1 << 63) + 5),
                    4622236284636289160u);
}
END_TEST

/* Chi-square with 9 degrees of freedom: 35 is exceeded with probability 6e-5. */
START_TEST(integers_below_a_bound_are_uniform) {
  double counts[10] = {0}, chi = 0;
  for (uint64_t i = 0; i < MANY; i++) {
    uint64_t k = enf__random_below(3, 1, i, 10);
    ck_assert_uint_lt(k, 10);
    counts[k]++;
  }
  for (int k = 0; k < 10; k++)
    chi += pow(counts[k] - MANY / 10.0, 2) / (MANY / 10.0);
  ck_assert_double_lt(chi, 35);
}
END_TEST

START_TEST(permutations_are_the_known_ones) {
  static const uint64_t known[10] = {2, 4, 6, 0, 8, 7, 5, 3, 9, 1};
  for (uint64_t i = 0; i < 10; i++)
    ck_assert_uint_eq(enf__random_permute(seed, STREAM, position, 10, i), known[i]);
  ck_assert_uint_eq(enf__random_permute(seed, STREAM, position, 1000000000000, 123456789),
                    72379788062);
  ck_assert_uint_eq(enf__random_permute(seed, STREAM, position, UINT64_MAX, 5),
                    17127383052697817256u);
}
END_TEST

START_TEST(a_permutation_takes_every_place_once) {
  const uint64_t sizes[] = {1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 1000};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    char seen[1000] = {0};
    for (uint64_t i = 0; i < sizes[s]; i++) {
      uint64_t k = enf__random_permute(11, 1, s, sizes[s], i);
      ck_assert_uint_lt(k, sizes[s]);
      ck_assert_int_eq(seen[k], 0);
      seen[k] = 1;
    }
  }
}
END_TEST

/* All 24 orders of 4, chi-square with 23 degrees of freedom: 60 is exceeded with probability 4e-5.
 */
START_TEST(all_orders_are_equally_likely) {
  double counts[256] = {0}, chi = 0;
  int orders = 0;
  for (uint64_t draw = 0; draw < 24000; draw++) {
    unsigned code = 0;
    for (uint64_t i = 0; i < 4; i++)
      code = code << 2 | (unsigned)enf__random_permute(13, 1, draw, 4, i);
    counts[code]++;
  }
  for (int code = 0; code < 256; code++) {
    if (!counts[code])
      continue;
    orders++;
    chi += pow(counts[code] - 1000, 2) / 1000;
  }
  ck_assert_int_eq(orders, 24);
  ck_assert_double_lt(chi, 60);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("random");
  tcase_add_test(c, philox_gives_the_published_vectors);
  tcase_add_test(c, seed_stream_index_and_block_have_their_places);
  tcase_add_test(c, uniforms_are_the_known_ones);
  tcase_add_test(c, normals_are_the_known_ones);
  tcase_add_test(c, a_longer_draw_begins_with_the_shorter_one);
  tcase_add_test(c, uniforms_have_their_moments);
  tcase_add_test(c, normals_have_their_moments);
  tcase_add_test(c, neighbouring_seeds_streams_and_indices_are_unrelated);
  tcase_add_test(c, integers_below_a_bound_are_the_known_ones);
  tcase_add_test(c, integers_below_a_bound_are_uniform);
  tcase_add_test(c, permutations_are_the_known_ones);
  tcase_add_test(c, a_permutation_takes_every_place_once);
  tcase_add_test(c, all_orders_are_equally_likely);
  return run_suite("random", c);
}
