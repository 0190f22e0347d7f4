/* kernel_laws.h -- the laws of the kernel tables of one precision: every function computes what its
   contract says, in every instruction set there is, and a row's bits do not depend on how many rows
   come with it. Included by test_kernels_f32.c and test_kernels_f64.c.

   A table of 64-byte vectors is compiled into the test as well, in the instructions the compiler
   may use anyway: the tiles, lanes and tails of AVX-512 can be tested on any processor, only not
   the four intrinsic functions of simd.h. */
#define ENF__VECTOR_BYTES 64
#define ENF__TABLE wide
#define UNROLL
#include "math/kernels_impl.h"
#define ENF__FIELD_TABLE(suffix) wide_field
#include "field/kernels_impl.h"
#undef L

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#if ENF__DOUBLE
typedef enf__kernels_f64 math_kernels;
typedef enf__field_kernels_f64 field_kernels;
#define TABLE_OF enf__kernels_f64_of
#define FIELD_TABLE_OF enf__field_kernels_f64_of
#define CASE_ERROR 2e-14
#define FUNCTION_ERROR 1e-14
#define RANGE_LOW (-708.0)
#define RANGE_HIGH 709.0
#define SMALLEST 1e-300
#else
typedef enf__kernels_f32 math_kernels;
typedef enf__field_kernels_f32 field_kernels;
#define TABLE_OF enf__kernels_f32_of
#define FIELD_TABLE_OF enf__field_kernels_f32_of
#define CASE_ERROR 3e-6
#define FUNCTION_ERROR 5e-7
#define RANGE_LOW (-87.0)
#define RANGE_HIGH 88.0
#define SMALLEST 1e-35
#endif

typedef struct {
  const math_kernels *math;
  const field_kernels *field;
} kernels;

#include "suite.h"
#include "unit/kernel_cases.h"

/* ---- tables ---------------------------------------------------------------------------------- */

static const char *const names[] = {"baseline", "avx2", "avx512", "blas", "64-byte vectors"};
enum { TABLES = 5, BLAS = 3, WIDE = 4 };

static kernels both[TABLES];
static const kernels *tables[TABLES]; /* NULL: not on this processor */

static void find_tables(void) {
  enf_ctx *ctx = NULL;
  enf_opts *opts = NULL;
  enf_ctx_create(&ctx, NULL);
  enf_opts_create(ctx, &opts);
  for (int i = 0; i < WIDE; i++) {
    enf_opts_set(opts, "run.kernel", names[i]);
    if (enf_ctx_configure(ctx, opts) == ENF_OK) {
      both[i] = (kernels){TABLE_OF(ctx->run.kernel), FIELD_TABLE_OF(ctx->run.kernel)};
      tables[i] = &both[i];
    } else {
      printf("skipped: %s\n", enf_ctx_errmsg(ctx));
    }
  }
  both[WIDE] = (kernels){&wide, &wide_field};
  tables[WIDE] = &both[WIDE];
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}

/* ck_assert_msg reports every time it is passed; this one only speaks up. */
#define REQUIRE(condition, ...)                                                                    \
  do {                                                                                             \
    if (!(condition))                                                                              \
      ck_abort_msg(__VA_ARGS__);                                                                   \
  } while (0)

/* ---- random problems ------------------------------------------------------------------------- */

static uint64_t state = 88172645463325252u;

static double random_between(double low, double high) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return low + (high - low) * (double)(state >> 11) * 0x1p-53;
}

static REAL *random_array(double low, double high) {
  REAL *a = malloc(CAPACITY * sizeof *a);
  for (size_t i = 0; i < CAPACITY; i++)
    a[i] = (REAL)random_between(low, high);
  return a;
}

static void fill_inputs(void) {
#define FILL(name) name = random_array(-1, 1);
  INPUTS(FILL)
#undef FILL
  for (size_t i = 0; i < CAPACITY; i++) {
    gate[i] = (REAL)random_between(0, 1);
    q[i] = (REAL)random_between(0, 3);
    z2[i] *= 8;
    B[i] /= 4;
    center[i] *= 2;
    sharp[i] = (REAL)random_between(0.5, 1.5);
  }
  for (size_t r = 0; r < MOST_ROWS; r++) {
    row_i[r] = (int32_t)random_between(0, NODES);
    row_j[r] = (int32_t)random_between(0, NODES);
    seg[r] = (int32_t)(r / 3);
  }
}

static void free_inputs(void) {
#define FREE(name) free(name);
  INPUTS(FREE)
#undef FREE
}

/* ---- a case against its reference ------------------------------------------------------------ */

static REAL *start[OUTPUTS], *got[OUTPUTS], *single[OUTPUTS];
static double *want[OUTPUTS];

static size_t most(size_t a, size_t b) { return a > b ? a : b; }

/* Numbers of an output that a case may reach, and some that it may not. */
static size_t extent(const kernel_case *t) {
  const size_t reach = most(2 * rows * n, most(NODES * 3 * n, 2 * MOST_ROWS)) + 64;
  return t->sums_rows ? most(reach, K * (n + 32) + 64) : reach;
}

static void find_reference(const kernel_case *t) {
  for (size_t i = 0; i < t->outputs; i++)
    for (size_t j = 0; j < extent(t); j++)
      want[i][j] = (double)start[i][j];
  t->want(want);
}

static void compare(const kernel_case *t, const char *table_name) {
  for (size_t i = 0; i < t->outputs; i++) {
    double size = 1;
    for (size_t j = 0; j < extent(t); j++)
      size = fmax(size, fabs(want[i][j]));
    for (size_t j = 0; j < extent(t); j++) {
      const double error = fabs((double)got[i][j] - want[i][j]) / size;
      REQUIRE(error <= CASE_ERROR + t->differences,
              "%s of %s, %zu rows of %zu, option %u: output %zu[%zu] is %.17g, not %.17g", t->name,
              table_name, rows, n, option, i, j, (double)got[i][j], want[i][j]);
    }
  }
}

static void run_at_once(const kernel_case *t, const kernels *k) {
  for (size_t i = 0; i < t->outputs; i++)
    memcpy(got[i], start[i], extent(t) * sizeof(REAL));
  t->run(k, 0, rows, got);
}

static void compare_with_single_rows(const kernel_case *t, const kernels *k,
                                     const char *table_name) {
  for (size_t i = 0; i < t->outputs; i++)
    memcpy(single[i], start[i], extent(t) * sizeof(REAL));
  for (size_t r = 0; r < rows; r++)
    t->run(k, r, 1, single);
  for (size_t i = 0; i < t->outputs; i++)
    REQUIRE(!memcmp(got[i], single[i], extent(t) * sizeof(REAL)),
            "%s of %s, %zu rows of %zu, option %u: rows one by one give other bits", t->name,
            table_name, rows, n, option);
}

static void check_case(const kernel_case *t) {
  for (option = 0; option < t->options; option++) {
    find_reference(t);
    for (int i = 0; i < TABLES; i++) {
      if (!tables[i])
        continue;
      run_at_once(t, tables[i]);
      compare(t, names[i]);
      if (i != BLAS && !t->sums_rows) /* a BLAS may add up in another order for other shapes */
        compare_with_single_rows(t, tables[i], names[i]);
    }
  }
}

START_TEST(kernel_computes_its_contract_and_rows_do_not_feel_each_other) {
  static const size_t few[] = {1, 5, 6, 7, 12, 13, 19, 25, 41, MOST_ROWS};
  const kernel_case *t = &cases[_i];
  fill_inputs();
  for (size_t i = 0; i < t->outputs; i++) {
    start[i] = random_array(-1, 1), got[i] = random_array(0, 0), single[i] = random_array(0, 0);
    want[i] = malloc(CAPACITY * sizeof *want[i]);
  }
  n = 32, K = 64;
  for (rows = 1; rows <= 20; rows++)
    check_case(t);
  for (n = 64, K = 160; n <= 96; n += 32, K = 32)
    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
      rows = few[i];
      if (rows <= 25 || t->differences <= 0)
        check_case(t);
    }
  for (size_t i = 0; i < t->outputs; i++)
    free(start[i]), free(got[i]), free(single[i]), free(want[i]);
  free_inputs();
}
END_TEST

/* ---- functions of one variable --------------------------------------------------------------- */

static long double true_exp(long double x) { return expl(x); }
static long double true_sigmoid(long double x) { return 1 / (1 + expl(-x)); }
static long double true_silu(long double x) { return x * true_sigmoid(x); }
static long double true_tanh(long double x) { return tanhl(x); }
static long double true_slope(long double x) {
  const long double s = true_sigmoid(x);
  return s + x * s * (1 - s);
}
/* The slope of silu crosses zero: its error is relative to the terms of its sum. */
static long double slope_size(long double x) {
  const long double s = true_sigmoid(x);
  return s + fabsl(x) * s * (1 - s);
}

#define FUNCTION(k, i)                                                                             \
  ((void (*const[])(size_t, const REAL *, REAL *)){k->math->exp, k->math->silu, k->math->sigmoid,  \
                                                   k->math->tanh, k->math->silu_slope})[i]
static const struct {
  const char *name;
  long double (*truth)(long double x), (*size)(long double x);
  double low, high; /* finite inputs beyond are taken for these */
  double at_minus_inf, at_inf;
} functions[] = {
    {"exp", true_exp, true_exp, RANGE_LOW, RANGE_HIGH, 0, INFINITY},
    {"silu", true_silu, true_silu, -INFINITY, INFINITY, -INFINITY, INFINITY},
    {"sigmoid", true_sigmoid, true_sigmoid, -INFINITY, INFINITY, 0, 1},
    {"tanh", true_tanh, true_tanh, -INFINITY, INFINITY, -1, 1},
    {"slope of silu", true_slope, slope_size, -INFINITY, INFINITY, NAN, NAN},
};
enum { FUNCTIONS = 5, POINTS = 64 * 1024 };

/* 0, +-100, sizes from the smallest to 1, and all between -100 and 100. */
static REAL *points(void) {
  REAL *x = malloc(POINTS * sizeof *x);
  const double decades = log10(SMALLEST);
  for (size_t i = 0; i < POINTS; i++) {
    const double tiny = pow(10, random_between(decades, 0));
    const double wide_range = random_between(-100, 100), near = random_between(-2, 2);
    x[i] = (REAL)(i % 4 == 0 ? (i % 8 ? tiny : -tiny) : i % 4 == 1 ? near : wide_range);
  }
  x[0] = 0, x[1] = 100, x[2] = -100, x[3] = (REAL)-0.0;
  return x;
}

static void check_accuracy(const kernels *k, int i, const REAL *x, REAL *y,
                           const char *table_name) {
  FUNCTION(k, i)(POINTS, x, y);
  for (size_t j = 0; j < POINTS; j++) {
    const long double at = fminl(fmaxl((long double)x[j], functions[i].low), functions[i].high);
    const long double error = fabsl((long double)y[j] - functions[i].truth(at));
    REQUIRE(error <= FUNCTION_ERROR * fabsl(functions[i].size(at)) + SMALLEST,
            "%s(%.9g) of %s is %.17g, not %.17Lg", functions[i].name, (double)x[j], table_name,
            (double)y[j], functions[i].truth(at));
  }
}

START_TEST(functions_are_accurate) {
  const kernels *k = tables[_i];
  if (!k)
    return;
  REAL *x = points(), *y = malloc(POINTS * sizeof *y);
  for (int i = 0; i < FUNCTIONS; i++)
    check_accuracy(k, i, x, y, names[_i]);
  free(x), free(y);
}
END_TEST

/* Whatever the payload and the sign. */
static void check_nan(const kernels *k, int i) {
  REAL x[32], y[32];
  for (size_t j = 0; j < 32; j++) {
    x[j] = (REAL)NAN;
    ((unsigned char *)&x[j])[0] = (unsigned char)(j * 37);
    ((unsigned char *)&x[j])[1] = (unsigned char)(j * 61);
    if (j % 2)
      memset(&x[j], 0xff, sizeof *x);
  }
  FUNCTION(k, i)(32, x, y);
  for (size_t j = 0; j < 32; j++)
    REQUIRE(isnan(y[j]), "%s(NaN) is %g", functions[i].name, (double)y[j]);
}

START_TEST(functions_keep_nan_and_know_infinity) {
  const kernels *k = tables[_i];
  if (!k)
    return;
  for (int i = 0; i < FUNCTIONS; i++) {
    REAL x[32] = {(REAL)-INFINITY, (REAL)INFINITY}, y[32];
    const double low = functions[i].at_minus_inf, high = functions[i].at_inf;
    check_nan(k, i);
    FUNCTION(k, i)(32, x, y);
    if (isnan(low))
      continue; /* the slope of silu there: not used, no promise */
    REQUIRE((double)y[0] == low || fabs((double)y[0] - low) < 1e-35, "%s(-inf) is %g",
            functions[i].name, (double)y[0]);
    REQUIRE((double)y[1] == high || (i == 0 && (double)y[1] > 1e37), "%s(inf) is %g",
            functions[i].name, (double)y[1]);
  }
}
END_TEST

START_TEST(functions_take_any_count_in_place) {
  const kernels *k = tables[_i];
  if (!k)
    return;
  REAL x[80], y[80], z[80];
  for (int i = 0; i < 4; i++)
    for (size_t count = 0; count <= 70; count++) {
      for (size_t j = 0; j < 80; j++)
        x[j] = y[j] = (REAL)random_between(-3, 3);
      FUNCTION(k, i)(count, y, y);
      REQUIRE(!memcmp(x + count, y + count, (80 - count) * sizeof *x), "%s wrote too far",
              functions[i].name);
      for (size_t j = 0; j < count; j++) {
        FUNCTION(k, i)(1, x + j, z);
        REQUIRE(!memcmp(z, y + j, sizeof *z), "%s: number %zu of %zu has other bits alone",
                functions[i].name, j, count);
      }
    }
}
END_TEST

START_TEST(every_function_of_a_table_has_a_case) {
  const size_t elementwise = FUNCTIONS - 1; /* the slope of silu has a case, too */
  ck_assert_uint_eq((sizeof(math_kernels) + sizeof(field_kernels)) / sizeof(void (*)(void)),
                    sizeof cases / sizeof *cases + elementwise);
}
END_TEST

static int run_kernel_laws(const char *name) {
  TCase *tc = tcase_create("kernels");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, every_function_of_a_table_has_a_case);
  tcase_add_loop_test(tc, kernel_computes_its_contract_and_rows_do_not_feel_each_other, 0,
                      sizeof cases / sizeof *cases);
  tcase_add_loop_test(tc, functions_are_accurate, 0, TABLES);
  tcase_add_loop_test(tc, functions_keep_nan_and_know_infinity, 0, TABLES);
  tcase_add_loop_test(tc, functions_take_any_count_in_place, 0, TABLES);
  find_tables();
  return run_suite(name, tc);
}
