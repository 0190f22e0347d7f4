/* The data scale is the root mean square of mean-free coordinates to two significant digits, and
   configurations far outside do not set it. */
#include "unit/scratch.h"
#include <enf/enf.h>
#include <math.h>

enum { N = 3, D = 3, DIM = N * D, ROWS = 200 };

static enf_flow *flow;
static double x[ROWS * DIM];

static void begin(void) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "model.particles", N), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.hidden", "4"), ENF_OK);
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  enf_opts_destroy(opts);
  uint64_t state = 1;
  for (size_t k = 0; k < ROWS * DIM; k++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    x[k] = 40 + 0.7 * ((double)(state >> 40) / (1 << 23) - 1);
  }
}

static void end(void) { enf_destroy(flow); }

/* Straight from the definition, of the rows that are not marked. */
static double plain(const bool *far) {
  double sum = 0, scale;
  size_t kept = 0;
  char text[32];
  for (size_t i = 0; i < ROWS; i++) {
    if (far && far[i])
      continue;
    kept++;
    for (size_t d = 0; d < D; d++) {
      const double *p = x + i * DIM + d, mean = (p[0] + p[D] + p[2 * D]) / 3;
      for (size_t k = 0; k < N; k++)
        sum += (p[k * D] - mean) * (p[k * D] - mean);
    }
  }
  snprintf(text, sizeof text, "%.1e", sqrt(sum / (double)(kept * DIM)));
  sscanf(text, "%lf", &scale);
  return scale;
}

static void stretch(size_t row, double factor) {
  for (size_t k = 0; k < DIM; k++)
    x[row * DIM + k] *= factor;
}

static double scale_of(size_t n, size_t left_out) {
  double scale;
  size_t out = 77;
  ck_assert_int_eq(enf_data_scale(ctx, flow, n, x, &scale, &out), ENF_OK);
  ck_assert_uint_eq(out, left_out);
  ck_assert_int_eq(enf_data_scale(ctx, flow, n, x, &scale, NULL), ENF_OK);
  return scale;
}

START_TEST(it_is_the_root_mean_square_of_all) {
  begin();
  ck_assert_double_eq(scale_of(ROWS, 0), plain(NULL));
  for (size_t k = 0; k < ROWS * DIM; k++)
    x[k] *= 3e-5;
  ck_assert_double_eq(scale_of(ROWS, 0), plain(NULL));
  end();
}
END_TEST

/* Few or nearly half of them, anywhere. */
START_TEST(configurations_far_outside_are_left_out) {
  static const size_t counts[] = {1, 3, 99};
  for (size_t c = 0; c < 3; c++) {
    bool far[ROWS] = {false};
    begin();
    const double whole = plain(NULL);
    for (size_t i = 0; i < counts[c]; i++)
      far[(i * 67 + 5) % ROWS] = true;
    for (size_t i = 0; i < ROWS; i++)
      if (far[i])
        stretch(i, 30 + 1e4 * (double)(i % 5));
    ck_assert_double_eq(scale_of(ROWS, counts[c]), plain(far));
    ck_assert(fabs(plain(far) / whole - 1) < 0.1 && plain(NULL) > 2 * whole);
    end();
  }
}
END_TEST

/* Two particles on a line at +-1 but for one row at +-a: the limit is 8 medians, itself inside. */
START_TEST(eight_medians_are_the_limit) {
  begin();
  for (int far = 0; far < 2; far++) {
    for (size_t k = 0; k < ROWS * DIM; k++)
      x[k] = k % DIM == 0 ? 1 : k % DIM == D ? -1 : 0;
    stretch(11, far ? 8.001 : 8);
    ck_assert_double_eq(scale_of(ROWS, (size_t)far), plain(far ? (bool[ROWS]){[11] = true} : NULL));
  }
  end();
}
END_TEST

START_TEST(few_and_flat_configurations_have_a_scale) {
  begin();
  stretch(1, 1e6);
  scale_of(1, 0);
  const double one = scale_of(1, 0);
  ck_assert_double_eq(scale_of(2, 1), one);
  for (size_t k = 0; k < ROWS * DIM; k++)
    x[k] = 4;
  for (size_t i = 0; i < 20; i++)
    x[i * DIM] = 5; /* most of all: in one place */
  ck_assert_double_eq(scale_of(ROWS, 0), plain(NULL));
  end();
}
END_TEST

START_TEST(what_has_no_scale_is_refused) {
  double scale;
  const long before = live;
  begin();
  ck_assert_int_eq(enf_data_scale(NULL, flow, 1, x, &scale, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_data_scale(ctx, NULL, 1, x, &scale, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_data_scale(ctx, flow, 0, x, &scale, NULL), ENF_ERR_ARG);
  expect_sentence("there are no configurations");
  ck_assert_int_eq(enf_data_scale(ctx, flow, 1, NULL, &scale, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_data_scale(ctx, flow, 1, x, NULL, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_data_scale(ctx, flow, SIZE_MAX / 16, x, &scale, NULL), ENF_ERR_ARG);
  expect_sentence("too many");
  x[7 * DIM + 2] = (double)NAN;
  ck_assert_int_eq(enf_data_scale(ctx, flow, ROWS, x, &scale, NULL), ENF_ERR_NONFINITE);
  expect_sentence("configuration 7 (from 0) holds nan");
  x[7 * DIM + 2] = 1e200;
  ck_assert_int_eq(enf_data_scale(ctx, flow, ROWS, x, &scale, NULL), ENF_ERR_NONFINITE);
  expect_sentence("too large for a data scale");
  for (size_t k = 0; k < ROWS * DIM; k++)
    x[k] = 4;
  ck_assert_int_eq(enf_data_scale(ctx, flow, ROWS, x, &scale, NULL), ENF_ERR_RANGE);
  countdown = 0;
  ck_assert_int_eq(enf_data_scale(ctx, flow, ROWS, x, &scale, NULL), ENF_ERR_NOMEM);
  countdown = -1;
  end();
  ck_assert_int_eq(live, before);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("scale");
  tcase_add_test(tests, it_is_the_root_mean_square_of_all);
  tcase_add_test(tests, configurations_far_outside_are_left_out);
  tcase_add_test(tests, eight_medians_are_the_limit);
  tcase_add_test(tests, few_and_flat_configurations_have_a_scale);
  tcase_add_test(tests, what_has_no_scale_is_refused);
  return run_case("scale", tests);
}
