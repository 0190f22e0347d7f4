/* test_options.c -- the option table, the bag, its refusals, and numbers that follow no locale. */
#include "comma_locale.h"
#include "core/option_text.h"
#include "core/options.h"
#include "failing_alloc.h"
#include "suite.h"
#include <math.h>

static enf_ctx *ctx;
static enf_opts *opts;
static failing_alloc host;

static void make(void) {
  host = (failing_alloc){0};
  const enf_alloc alloc = failing_alloc_of(&host);
  ck_assert_int_eq(enf_ctx_create(&ctx, &alloc), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
}

static void drop(void) {
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
  ck_assert_uint_eq(host.live, 0);
}

/* ---- the table ------------------------------------------------------------------------------ */

static bool is_one_of(const char *text, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!strcmp(text, list[i]))
      return true;
  return false;
}

START_TEST(every_row_is_sound) {
  static const char *const types[] = {"int", "real", "bool", "choice", "text", "seed"};
  static const char *const groups[] = {"model.",  "run.",   "ode.", "logdet.",  "inverse.",
                                       "sample.", "train.", "sim.", "dequant.", "density."};
  enf_opt_info info = ENF_OPT_INFO_INIT;
  size_t index = 0;
  for (; enf_opts_info(index, &info) == ENF_OK; index++) {
    char group[16] = "", buffer[32];
    strncat(group, info.name, strcspn(info.name, ".") + 1);
    ck_assert_msg(is_one_of(group, groups, 10), "%s", info.name);
    ck_assert_msg(is_one_of(info.type, types, 6), "%s", info.name);
    ck_assert_msg(*info.help, "%s", info.name);
    ck_assert_msg(!!*info.choices == !strcmp(info.type, "choice"), "%s", info.name);
    if (is_one_of(info.type, types, 2))
      ck_assert_double_le(info.lowest, info.highest);
    ck_assert_str_eq(enf__opts_name((enf__opt)index), info.name);
    ck_assert_str_eq(enf__opts_print(opts, (enf__opt)index, buffer), info.fallback);
    ck_assert_msg(enf_opts_set(opts, info.name, info.fallback) == ENF_OK, "%s",
                  enf_opts_errmsg(opts));
  }
  ck_assert_uint_eq(index, ENF__OPT_COUNT);
  ck_assert_int_eq(enf_opts_info(SIZE_MAX, &info), ENF_ERR_RANGE);
}
END_TEST

START_TEST(names_are_unique) {
  for (size_t i = 0; i < ENF__OPT_COUNT; i++)
    for (size_t k = 0; k < i; k++)
      ck_assert_str_ne(enf__opts_name((enf__opt)i), enf__opts_name((enf__opt)k));
}
END_TEST

START_TEST(every_choice_can_be_set_and_printed) {
  enf_opt_info info = ENF_OPT_INFO_INIT;
  for (size_t i = 0; enf_opts_info(i, &info) == ENF_OK; i++) {
    char list[256], buffer[32], *rest = list;
    ck_assert_uint_lt(strlen(info.choices), sizeof list);
    strcpy(list, info.choices);
    int64_t place = 0;
    for (char *choice; (choice = strtok_r(rest, " |", &rest)); place++) {
      ck_assert_int_eq(enf_opts_set(opts, info.name, choice), ENF_OK);
      ck_assert_int_eq(enf__opts_int(opts, (enf__opt)i), place);
      ck_assert_str_eq(enf__opts_print(opts, (enf__opt)i, buffer), choice);
    }
  }
}
END_TEST

START_TEST(info_fits_smaller_and_larger_callers) {
  struct {
    enf_opt_info info;
    double later;
  } newer = {ENF_OPT_INFO_INIT, 7};
  newer.info.struct_size = sizeof newer;
  ck_assert_int_eq(enf_opts_info(0, &newer.info), ENF_OK);
  ck_assert_str_eq(newer.info.name, "model.particles");
  ck_assert_double_eq(newer.later, 7);
  ck_assert_uint_eq(newer.info.struct_size, sizeof newer);
  enf_opt_info empty = {0};
  ck_assert_int_eq(enf_opts_info(0, &empty), ENF_ERR_ARG);
  ck_assert_int_eq(enf_opts_info(0, NULL), ENF_ERR_ARG);
}
END_TEST

START_TEST(choices_are_in_the_order_of_their_enums) {
  const struct {
    const char *name, *value;
    enf__opt id;
    int code;
  } known[] = {
      {"run.precision", "float32", ENF__OPT_RUN_PRECISION, ENF__FLOAT32},
      {"run.precision", "float64", ENF__OPT_RUN_PRECISION, ENF__FLOAT64},
      {"run.kernel", "auto", ENF__OPT_RUN_KERNEL, ENF__KERNEL_AUTO},
      {"run.kernel", "baseline", ENF__OPT_RUN_KERNEL, ENF__KERNEL_BASELINE},
      {"run.kernel", "avx2", ENF__OPT_RUN_KERNEL, ENF__KERNEL_AVX2},
      {"run.kernel", "avx512", ENF__OPT_RUN_KERNEL, ENF__KERNEL_AVX512},
      {"run.kernel", "blas", ENF__OPT_RUN_KERNEL, ENF__KERNEL_BLAS},
      {"run.kernel", "amx", ENF__OPT_RUN_KERNEL, ENF__KERNEL_AMX},
      {"ode.method", "dopri5", ENF__OPT_ODE_METHOD, ENF__DOPRI5},
      {"ode.method", "rk4", ENF__OPT_ODE_METHOD, ENF__RK4},
      {"ode.method", "rk4-38", ENF__OPT_ODE_METHOD, ENF__RK4_38},
      {"logdet.method", "quadrature", ENF__OPT_LOGDET_METHOD, ENF__LOGDET_QUADRATURE},
      {"logdet.method", "coupled", ENF__OPT_LOGDET_METHOD, ENF__LOGDET_COUPLED},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    ck_assert_int_eq(enf_opts_set(opts, known[i].name, known[i].value), ENF_OK);
    ck_assert_int_eq(enf__opts_int(opts, known[i].id), known[i].code);
  }
}
END_TEST

/* ---- setting and refusing ------------------------------------------------------------------- */

START_TEST(values_are_kept) {
  char buffer[32];
  ck_assert(!enf__opts_isset(opts, ENF__OPT_MODEL_HIDDEN));
  ck_assert(!enf__opts_isset(NULL, ENF__OPT_MODEL_HIDDEN));
  ck_assert_int_eq(enf__opts_int(opts, ENF__OPT_MODEL_HIDDEN),
                   enf__opts_int(NULL, ENF__OPT_MODEL_HIDDEN));
  ck_assert_int_eq(enf_opts_set(opts, "model.hidden", "48"), ENF_OK);
  ck_assert(enf__opts_isset(opts, ENF__OPT_MODEL_HIDDEN));
  ck_assert_int_eq(enf__opts_int(opts, ENF__OPT_MODEL_HIDDEN), 48);
  ck_assert_int_eq(enf_opts_set_int(opts, "model.hidden", 64), ENF_OK);
  ck_assert_str_eq(enf__opts_print(opts, ENF__OPT_MODEL_HIDDEN, buffer), "64");
  ck_assert_int_eq(enf_opts_set_real(opts, "ode.rtol", 1.0 / 3), ENF_OK);
  ck_assert_double_eq(enf__opts_real(opts, ENF__OPT_ODE_RTOL), 1.0 / 3);
  ck_assert_str_eq(enf__opts_print(opts, ENF__OPT_ODE_RTOL, buffer), "0.3333333333333333");
  ck_assert_int_eq(enf_opts_set_int(opts, "ode.rtol", 1), ENF_OK);
  ck_assert_double_eq(enf__opts_real(opts, ENF__OPT_ODE_RTOL), 1);
  ck_assert_int_eq(enf_opts_set(opts, "train.seed", "18446744073709551615"), ENF_OK);
  ck_assert_uint_eq(enf__opts_seed(opts, ENF__OPT_TRAIN_SEED), UINT64_MAX);
  ck_assert_str_eq(enf__opts_print(opts, ENF__OPT_TRAIN_SEED, buffer), "18446744073709551615");
  ck_assert_int_eq(enf_opts_set_int(opts, "model.seed", INT64_MAX), ENF_OK);
  ck_assert_uint_eq(enf__opts_seed(opts, ENF__OPT_MODEL_SEED), INT64_MAX);
  ck_assert_int_eq(enf_opts_set(opts, "model.species", "0 0 1 2"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.species", "0 1"), ENF_OK);
  ck_assert_str_eq(enf__opts_text(opts, ENF__OPT_MODEL_SPECIES), "0 1");
  ck_assert_int_eq(enf_opts_set_real(opts, "model.data_scale", 0.25), ENF_OK);
  ck_assert_str_eq(enf__opts_text(opts, ENF__OPT_MODEL_DATA_SCALE), "0.25");
  ck_assert_str_eq(enf_opts_errmsg(opts), "");
}
END_TEST

START_TEST(booleans_have_three_spellings) {
  const char *const spellings[2][3] = {{"0", "off", "false"}, {"1", "on", "true"}};
  char buffer[32];
  for (int value = 0; value < 2; value++)
    for (int i = 0; i < 3; i++) {
      ck_assert_int_eq(enf_opts_set_int(opts, "model.tanh", !value), ENF_OK);
      ck_assert_int_eq(enf_opts_set(opts, "model.tanh", spellings[value][i]), ENF_OK);
      ck_assert_int_eq(enf__opts_int(opts, ENF__OPT_MODEL_TANH), value);
      ck_assert_str_eq(enf__opts_print(opts, ENF__OPT_MODEL_TANH, buffer), value ? "1" : "0");
    }
}
END_TEST

static const struct {
  const char *name, *value;
  enf_status status;
  const char *text;
} refusals[] = {
    {"model.hiden", "32", ENF_ERR_OPTION,
     "there is no option \"model.hiden\"; did you mean \"model.hidden\"?"},
    {"threads", "2", ENF_ERR_OPTION,
     "there is no option \"threads\"; did you mean \"run.threads\"?"},
    {"ode.rtoll", "2", ENF_ERR_OPTION,
     "there is no option \"ode.rtoll\"; did you mean \"ode.rtol\"?"},
    {"qqqqqqqq", "2", ENF_ERR_OPTION, "there is no option \"qqqqqqqq\""},
    {"", "2", ENF_ERR_OPTION, "there is no option \"\""},
    {"model.hidden", "many", ENF_ERR_OPTION, "model.hidden: \"many\" is not an integer"},
    {"model.hidden", "32.5", ENF_ERR_OPTION, "model.hidden: \"32.5\" is not an integer"},
    {"model.hidden", "", ENF_ERR_OPTION, "model.hidden: \"\" is not an integer"},
    {"model.hidden", " 32", ENF_ERR_OPTION, "model.hidden: \" 32\" is not an integer"},
    {"model.hidden", "32 ", ENF_ERR_OPTION, "model.hidden: \"32 \" is not an integer"},
    {"model.hidden", "-", ENF_ERR_OPTION, "model.hidden: \"-\" is not an integer"},
    {"model.hidden", "0", ENF_ERR_RANGE, "model.hidden: 0 is not between 1 and 256"},
    {"model.hidden", "-5", ENF_ERR_RANGE, "model.hidden: -5 is not between 1 and 256"},
    {"model.hidden", "99999999999999999999999", ENF_ERR_RANGE,
     "model.hidden: 99999999999999999999999 is not between 1 and 256"},
    {"ode.rtol", "1,5", ENF_ERR_OPTION, "ode.rtol: \"1,5\" is not a number"},
    {"ode.rtol", "1e-5x", ENF_ERR_OPTION, "ode.rtol: \"1e-5x\" is not a number"},
    {"ode.rtol", "", ENF_ERR_OPTION, "ode.rtol: \"\" is not a number"},
    {"ode.rtol", "0", ENF_ERR_RANGE, "ode.rtol: 0 is not between 1e-13 and 1"},
    {"ode.rtol", "nan", ENF_ERR_RANGE, "ode.rtol: nan is not between 1e-13 and 1"},
    {"ode.rtol", "inf", ENF_ERR_RANGE, "ode.rtol: inf is not between 1e-13 and 1"},
    {"model.tanh", "yes", ENF_ERR_OPTION, "model.tanh: \"yes\" is not 0/1, off/on or false/true"},
    {"model.tanh", "2", ENF_ERR_OPTION, "model.tanh: \"2\" is not 0/1, off/on or false/true"},
    {"ode.method", "euler", ENF_ERR_OPTION,
     "ode.method: \"euler\" is not one of dopri5 | rk4 | rk4-38"},
    {"ode.method", "rk4 ", ENF_ERR_OPTION,
     "ode.method: \"rk4 \" is not one of dopri5 | rk4 | rk4-38"},
    {"ode.method", "|", ENF_ERR_OPTION, "ode.method: \"|\" is not one of dopri5 | rk4 | rk4-38"},
    {"ode.method", "", ENF_ERR_OPTION, "ode.method: \"\" is not one of dopri5 | rk4 | rk4-38"},
    {"train.seed", "-1", ENF_ERR_RANGE, "train.seed: -1 is not between 0 and 18446744073709551615"},
    {"train.seed", "18446744073709551616", ENF_ERR_RANGE,
     "train.seed: 18446744073709551616 is not between 0 and 18446744073709551615"},
    {"train.seed", "1.5", ENF_ERR_OPTION, "train.seed: \"1.5\" is not an integer of 0 or more"},
    {"train.seed", "1e", ENF_ERR_OPTION, "train.seed: \"1e\" is not an integer of 0 or more"},
    {"train.seed", "e5", ENF_ERR_OPTION, "train.seed: \"e5\" is not an integer of 0 or more"},
    {"train.seed", "1e-1", ENF_ERR_OPTION, "train.seed: \"1e-1\" is not an integer of 0 or more"},
    {"train.seed", "1e0.5", ENF_ERR_OPTION, "train.seed: \"1e0.5\" is not an integer of 0 or more"},
    {"train.seed", "2e19", ENF_ERR_RANGE,
     "train.seed: 2e19 is not between 0 and 18446744073709551615"},
    {"train.seed", "1e99999999999999999999", ENF_ERR_RANGE,
     "train.seed: 1e99999999999999999999 is not between 0 and 18446744073709551615"},
    {"model.hidden", "1e5", ENF_ERR_RANGE, "model.hidden: 1e5 is not between 1 and 256"},
};

START_TEST(a_refusal_says_why_and_changes_nothing) {
  ck_assert_int_eq(enf_opts_set(opts, "model.hidden", "48"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "ode.method", "rk4"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, refusals[_i].name, refusals[_i].value), refusals[_i].status);
  ck_assert_str_eq(enf_opts_errmsg(opts), refusals[_i].text);
  ck_assert_int_eq(enf__opts_int(opts, ENF__OPT_MODEL_HIDDEN), 48);
  ck_assert_int_eq(enf__opts_int(opts, ENF__OPT_ODE_METHOD), ENF__RK4);
  ck_assert(!enf__opts_isset(opts, ENF__OPT_ODE_RTOL));
  ck_assert(!enf__opts_isset(opts, ENF__OPT_MODEL_TANH));
  ck_assert(!enf__opts_isset(opts, ENF__OPT_TRAIN_SEED));
}
END_TEST

START_TEST(whole_numbers_may_have_an_exponent) {
  static const struct {
    const char *text;
    uint64_t value;
  } known[] = {{"1e5", 100000},      {"12E2", 1200},
               {"3e0", 3},           {"0e99", 0},
               {"10e00000001", 100}, {"184467440737095516e2", 18446744073709551600u}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    ck_assert_int_eq(enf_opts_set(opts, "train.seed", known[i].text), ENF_OK);
    ck_assert_uint_eq(enf__opts_seed(opts, ENF__OPT_TRAIN_SEED), known[i].value);
  }
  ck_assert_int_eq(enf_opts_set(opts, "train.steps", "2e4"), ENF_OK);
  ck_assert_int_eq(enf__opts_int(opts, ENF__OPT_TRAIN_STEPS), 20000);
}
END_TEST

START_TEST(numbers_of_the_wrong_type_are_refused) {
  ck_assert_int_eq(enf_opts_set_real(opts, "model.hidden", 32.5), ENF_ERR_OPTION);
  ck_assert_str_eq(enf_opts_errmsg(opts), "model.hidden: \"32.5\" is not an integer");
  ck_assert_int_eq(enf_opts_set_real(opts, "model.hidden", 32), ENF_ERR_OPTION);
  ck_assert_int_eq(enf_opts_set_real(opts, "model.tanh", 1), ENF_ERR_OPTION);
  ck_assert_int_eq(enf_opts_set_real(opts, "run.precision", 1), ENF_ERR_OPTION);
  ck_assert_int_eq(enf_opts_set_real(opts, "train.seed", 1), ENF_ERR_OPTION);
  ck_assert_int_eq(enf_opts_set_int(opts, "run.precision", 1), ENF_ERR_OPTION);
  ck_assert_str_eq(enf_opts_errmsg(opts), "run.precision: \"1\" is not one of float32 | float64");
  ck_assert_int_eq(enf_opts_set_int(opts, "model.hidden", INT64_MIN), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_opts_set_int(opts, "train.seed", -1), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_opts_set_real(opts, "ode.rtol", NAN), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_opts_set_real(opts, "ode.rtol", -INFINITY), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_opts_set_real(opts, "ode.rtoll", 1), ENF_ERR_OPTION);
}
END_TEST

START_TEST(null_arguments_are_refused) {
  ck_assert_int_eq(enf_opts_set(NULL, "model.hidden", "32"), ENF_ERR_ARG);
  ck_assert_int_eq(enf_opts_set(opts, NULL, "32"), ENF_ERR_ARG);
  ck_assert_str_eq(enf_opts_errmsg(opts), "name is NULL");
  ck_assert_int_eq(enf_opts_set(opts, "model.hidden", NULL), ENF_ERR_ARG);
  ck_assert_str_eq(enf_opts_errmsg(opts), "value is NULL");
  ck_assert_int_eq(enf_opts_set_int(NULL, "model.hidden", 1), ENF_ERR_ARG);
  ck_assert_int_eq(enf_opts_set_int(opts, NULL, 1), ENF_ERR_ARG);
  ck_assert_int_eq(enf_opts_set_real(NULL, "ode.rtol", 1), ENF_ERR_ARG);
  ck_assert_int_eq(enf_opts_set_real(opts, NULL, 1), ENF_ERR_ARG);
  ck_assert_str_eq(enf_opts_errmsg(NULL), "the bag of options is NULL or not one");
  enf_opts_destroy(NULL);
  enf_opts *out = opts;
  ck_assert_int_eq(enf_opts_create(NULL, &out), ENF_ERR_ARG);
  ck_assert_ptr_null(out);
  ck_assert_int_eq(enf_opts_create(ctx, NULL), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "opts is NULL");
}
END_TEST

START_TEST(a_long_wrong_name_is_cut) {
  char name[5000];
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = 0;
  ck_assert_int_eq(enf_opts_set(opts, name, "1"), ENF_ERR_OPTION);
  ck_assert_uint_lt(strlen(enf_opts_errmsg(opts)), 512);
  ck_assert_int_eq(enf_opts_set(opts, "ode.rtol", name), ENF_ERR_OPTION);
  ck_assert_uint_lt(strlen(enf_opts_errmsg(opts)), 512);
  memset(name, '1', sizeof name - 1);
  ck_assert_int_eq(enf_opts_set(opts, "model.hidden", name), ENF_ERR_RANGE);
}
END_TEST

/* ---- copies, checks, memory ----------------------------------------------------------------- */

START_TEST(a_copy_is_equal_and_independent) {
  failing_alloc other = {0};
  const enf_alloc alloc = failing_alloc_of(&other);
  enf_opts *copy;
  char a[32], b[32];
  ck_assert_int_eq(enf_opts_set(opts, "model.species", "0 1 1"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "ode.rtol", "0.125"), ENF_OK);
  ck_assert_int_eq(enf__opts_copy(ctx, &alloc, &copy, opts), ENF_OK);
  for (size_t i = 0; i < ENF__OPT_COUNT; i++) {
    const enf__opt id = (enf__opt)i;
    ck_assert_int_eq(enf__opts_isset(copy, id), enf__opts_isset(opts, id));
    ck_assert_str_eq(enf__opts_print(copy, id, a), enf__opts_print(opts, id, b));
  }
  ck_assert_int_eq(enf_opts_set(opts, "model.species", "2 2 2"), ENF_OK);
  ck_assert_str_eq(enf__opts_text(copy, ENF__OPT_MODEL_SPECIES), "0 1 1");
  enf_opts_destroy(copy);
  ck_assert_uint_eq(other.live, 0);

  ck_assert_int_eq(enf__opts_copy(ctx, &alloc, &copy, NULL), ENF_OK);
  for (size_t i = 0; i < ENF__OPT_COUNT; i++)
    ck_assert(!enf__opts_isset(copy, (enf__opt)i));
  enf_opts_destroy(copy);
  ck_assert_uint_eq(other.live, 0);
}
END_TEST

START_TEST(copying_survives_every_failing_allocation) {
  ck_assert_int_eq(enf_opts_set(opts, "model.species", "0 1 1"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.data_scale", "2"), ENF_OK);
  enf_status status = ENF_ERR_NOMEM;
  for (size_t k = 1; status != ENF_OK; k++) {
    failing_alloc other = {.fail_at = k};
    const enf_alloc alloc = failing_alloc_of(&other);
    enf_opts *copy = opts;
    status = enf__opts_copy(ctx, &alloc, &copy, opts);
    ck_assert_int_eq(status, k <= 3 ? ENF_ERR_NOMEM : ENF_OK);
    if (status != ENF_OK)
      ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "no memory"));
    if (status != ENF_OK)
      ck_assert_ptr_null(copy);
    enf_opts_destroy(copy);
    ck_assert_uint_eq(other.live, 0);
  }
}
END_TEST

START_TEST(a_text_that_finds_no_memory_changes_nothing) {
  ck_assert_int_eq(enf_opts_set(opts, "model.species", "0 1"), ENF_OK);
  host.fail_at = host.calls + 1;
  ck_assert_int_eq(enf_opts_set(opts, "model.species", "1 1"), ENF_ERR_NOMEM);
  ck_assert_str_eq(enf_opts_errmsg(opts), "model.species: no memory for a text of 4 bytes");
  ck_assert_str_eq(enf__opts_text(opts, ENF__OPT_MODEL_SPECIES), "0 1");
  enf_opts *out = opts;
  ck_assert_int_eq(enf_opts_create(ctx, &out), ENF_ERR_NOMEM);
  ck_assert_ptr_null(out);
}
END_TEST

START_TEST(what_is_no_bag_is_refused) {
  double rubbish[64] = {0};
  const enf_opts *no_bag = (const enf_opts *)(const void *)rubbish;
  ck_assert_int_eq(enf__opts_check(ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__opts_check(ctx, opts), ENF_OK);
  ck_assert_int_eq(enf__opts_check(ctx, no_bag), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "opts is not a bag of options");
}
END_TEST

START_TEST(a_bag_outlives_its_context) {
  enf_ctx *other;
  enf_opts *bag;
  ck_assert_int_eq(enf_ctx_create(&other, NULL), ENF_OK);
  ck_assert_int_eq(enf_opts_create(other, &bag), ENF_OK);
  enf_ctx_destroy(other);
  ck_assert_int_eq(enf_opts_set(bag, "model.species", "0 1"), ENF_OK);
  enf_opts_destroy(bag);
}
END_TEST

/* ---- text ----------------------------------------------------------------------------------- */

static void check_numbers(void) {
  const struct {
    const char *text;
    double value;
    size_t used;
  } known[] = {{"1.5", 1.5, 3},
               {" \t-2.5e-3,", -2.5e-3, 9},
               {"1,5", 1, 1},
               {".5.5", 0.5, 2},
               {"5.", 5, 2},
               {"1e5", 1e5, 3},
               {"1.5e", 1.5, 3},
               {"inf", INFINITY, 3},
               {"-Infinityx", -INFINITY, 9},
               {"0x1.8p1", 3, 7},
               {"x", 0, 0},
               {"", 0, 0},
               {".", 0, 0},
               {"-", 0, 0},
               {"1.000.000", 1, 5},
               {"1e400", INFINITY, 5},
               {"0.1 0.2", 0.1, 3}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    char *end;
    const double value = enf__strtod(known[i].text, &end);
    ck_assert_msg(value == known[i].value && end == known[i].text + known[i].used,
                  "\"%s\" gives %g, %d characters", known[i].text, value,
                  (int)(end - known[i].text));
  }
}

static void check_texts(void) {
  const struct {
    double value;
    const char *text;
  } known[] = {{0.1, "0.1"},
               {1, "1"},
               {-1.5e300, "-1.5e+300"},
               {1.0 / 3, "0.3333333333333333"},
               {0.1 + 0.2, "0.30000000000000004"},
               {5e-324, "5e-324"},
               {INFINITY, "inf"},
               {-INFINITY, "-inf"},
               {NAN, "nan"},
               {-NAN, "nan"}};
  char buffer[32];
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    enf__dtoa(known[i].value, buffer);
    ck_assert_str_eq(buffer, known[i].text);
  }
  for (uint64_t bits = 1; bits; bits = bits * 3 + (bits < 1000)) {
    double value;
    char *end;
    if (bits > UINT64_MAX / 4)
      break;
    memcpy(&value, &bits, sizeof value);
    enf__dtoa(value, buffer);
    ck_assert_double_eq(enf__strtod(buffer, &end), value);
    ck_assert(!*end && !strchr(buffer, ','));
  }
}

static void check_format(void) {
  char out[200];
  enf__format(out, sizeof out, "%d|%5.2f|%g|%-4s|%zu|%llu|%c|%%|%08.3e|%.*s|%x|%ld|%+i", -7, 1.25,
              0.5, "ab", (size_t)9, 18446744073709551615ull, 'z', 1.5, 2, "xyz", 255u, -5L, 3);
  ck_assert_str_eq(out, "-7| 1.25|0.5|ab  |9|18446744073709551615|z|%|1.500e+00|xy|ff|-5|+3");
  enf__format(out, sizeof out, "%s|||%g", "1,5", 1.5); /* texts keep their commas */
  ck_assert_str_eq(out, "1,5|||1.5");
  enf__format(out, 6, "%s%g", "abcd", 0.25);
  ck_assert_str_eq(out, "abcd0");
  enf__format(out, 4, "%s", "abcdef");
  ck_assert_mem_eq(out, "abc\0000", 5); /* nothing is written past the buffer */
  enf__format(out, 1, "%s", "abcdef");
  ck_assert_str_eq(out, "");
}

START_TEST(numbers_are_read_and_written_with_a_point) {
  check_numbers();
  check_texts();
  check_format();
}
END_TEST

START_TEST(numbers_follow_no_locale) {
  if (!use_comma_locale())
    return;
  char printed[32];
  snprintf(printed, sizeof printed, "%g", 1.5);
  ck_assert_str_eq(printed, "1,5");
  check_numbers();
  check_texts();
  check_format();
  ck_assert_int_eq(enf_opts_set(opts, "ode.rtol", "2.5e-1"), ENF_OK);
  ck_assert_double_eq(enf__opts_real(opts, ENF__OPT_ODE_RTOL), 0.25);
  ck_assert_str_eq(enf__opts_print(opts, ENF__OPT_ODE_RTOL, printed), "0.25");
  ck_assert_int_eq(enf_opts_set(opts, "ode.rtol", "0,25"), ENF_ERR_OPTION);
  ck_assert_str_eq(enf_opts_errmsg(opts), "ode.rtol: \"0,25\" is not a number");
  ck_assert_int_eq(enf_opts_set_real(opts, "train.ema", 1.5), ENF_ERR_RANGE);
  ck_assert_str_eq(enf_opts_errmsg(opts), "train.ema: 1.5 is not between 0 and 0.9999999");
  printed[0] = 0;
  snprintf(printed, sizeof printed, "%g", 1.5); /* the host's locale is untouched */
  ck_assert_str_eq(printed, "1,5");
}
END_TEST

/* Texts are refused where they are set, with the reason; the value stays what it was. */
START_TEST(texts_are_checked_when_they_are_set) {
  static const char *const refused[][3] = {
      {"model.species", "0 -1", "\"-1\" is neither a whole number from 0 to 255 nor the symbol"},
      {"model.species", "0 256", "\"256\" is neither"},
      {"model.species", "0 99999999999999999999", "\"99999999999999999999\" is neither"},
      {"model.species", "0 1.5", "\"1.5\" is neither"},
      {"model.species", "C h", "\"h\" is neither"},
      {"model.species", "C Xx N", "\"Xx\" is neither"},
      {"model.species", "a", "\"a\" is neither"},
      {"model.species", "C Hee", "\"Hee\" is neither"},
      {"model.species", "0,1", "\"0,1\" is neither"},
      {"model.data_scale", "banana", "\"banana\" is neither auto nor a number above 0"},
      {"model.data_scale", "", "\"\" is neither auto"},
      {"model.data_scale", "0", "\"0\" is neither auto"},
      {"model.data_scale", "-1", "\"-1\" is neither auto"},
      {"model.data_scale", "inf", "\"inf\" is neither auto"},
      {"model.data_scale", "nan", "\"nan\" is neither auto"},
      {"model.data_scale", "1x", "\"1x\" is neither auto"},
  };
  ck_assert_int_eq(enf_opts_set(opts, "model.species", " H\tC  N "), ENF_OK);
  ck_assert_int_eq(enf_opts_set_real(opts, "model.data_scale", 2.5), ENF_OK);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    ck_assert_int_eq(enf_opts_set(opts, refused[i][0], refused[i][1]), ENF_ERR_OPTION);
    ck_assert_ptr_eq(strstr(enf_opts_errmsg(opts), refused[i][0]), enf_opts_errmsg(opts));
    ck_assert_msg(strstr(enf_opts_errmsg(opts), refused[i][2]) != NULL, "%s",
                  enf_opts_errmsg(opts));
  }
  ck_assert_int_eq(enf_opts_set_real(opts, "model.data_scale", INFINITY), ENF_ERR_OPTION);
  ck_assert_str_eq(enf__opts_text(opts, ENF__OPT_MODEL_SPECIES), " H\tC  N ");
  ck_assert_str_eq(enf__opts_text(opts, ENF__OPT_MODEL_DATA_SCALE), "2.5");
}
END_TEST

START_TEST(elements_stand_for_their_atomic_numbers) {
  static const struct {
    const char *word;
    int number;
  } known[] = {{"H", 1},   {"He", 2},   {"C", 6},   {"N", 7},   {"O", 8},    {"F", 9},
               {"Cl", 17}, {"K", 19},   {"Fe", 26}, {"I", 53},  {"W", 74},   {"Au", 79},
               {"U", 92},  {"Og", 118}, {"0", 0},   {"007", 7}, {"255", 255}};
  int number;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    ck_assert_ptr_nonnull(enf__species_next(known[i].word, &number));
    ck_assert_int_eq(number, known[i].number);
  }
  const char *text = " O H\t1";
  for (int i = 0; (text = enf__species_next(text, &number)) != NULL; i++)
    ck_assert_int_eq(number, i == 0 ? 8 : 1);
  ck_assert_int_eq(number, -1);
}
END_TEST

START_TEST(a_number_of_any_length_is_safe) {
  static char text[3000];
  char *end;
  memset(text, '0', sizeof text - 1);
  text[1] = '.';
  text[700] = '5';
  text[799] = 0;
  ck_assert_double_eq(enf__strtod(text, &end), 0); /* 5e-699 */
  ck_assert_ptr_eq(end, text + 799);
  text[799] = '0';
  text[sizeof text - 1] = 0;
  ck_assert_double_eq(enf__strtod(text, &end), 0);
  ck_assert_ptr_eq(end, text);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("options");
  tcase_add_checked_fixture(c, make, drop);
  tcase_add_test(c, every_row_is_sound);
  tcase_add_test(c, names_are_unique);
  tcase_add_test(c, every_choice_can_be_set_and_printed);
  tcase_add_test(c, info_fits_smaller_and_larger_callers);
  tcase_add_test(c, choices_are_in_the_order_of_their_enums);
  tcase_add_test(c, values_are_kept);
  tcase_add_test(c, booleans_have_three_spellings);
  tcase_add_loop_test(c, a_refusal_says_why_and_changes_nothing, 0,
                      sizeof refusals / sizeof *refusals);
  tcase_add_test(c, whole_numbers_may_have_an_exponent);
  tcase_add_test(c, numbers_of_the_wrong_type_are_refused);
  tcase_add_test(c, null_arguments_are_refused);
  tcase_add_test(c, a_long_wrong_name_is_cut);
  tcase_add_test(c, a_copy_is_equal_and_independent);
  tcase_add_test(c, copying_survives_every_failing_allocation);
  tcase_add_test(c, a_text_that_finds_no_memory_changes_nothing);
  tcase_add_test(c, what_is_no_bag_is_refused);
  tcase_add_test(c, a_bag_outlives_its_context);
  tcase_add_test(c, numbers_are_read_and_written_with_a_point);
  tcase_add_test(c, numbers_follow_no_locale);
  tcase_add_test(c, texts_are_checked_when_they_are_set);
  tcase_add_test(c, elements_stand_for_their_atomic_numbers);
  tcase_add_test(c, a_number_of_any_length_is_safe);
  return run_suite("options", c);
}
