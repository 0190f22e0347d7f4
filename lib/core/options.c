/* options.c -- the bag of options: one table (options.def), values set by name and checked there.

   A value is checked by its row when it is set, so a bag never holds a wrong type or a number out
   of bounds; what goes together is checked by the calls that take the bag. Fallbacks are read
   through the same parser as the host's text. Text follows no locale. A bag refers to nothing but
   its own copy of the allocator. A new option is one row of the table. */
#include "core/options.h"
#include "core/option_text.h"
#include <string.h>

typedef enum { INT, REAL, BOOL, CHOICE, TEXT, SEED, TYPES } type;

static const struct {
  const char *name, *meaning; /* what a wrong value is told it is not */
} types[] = {[INT] = {"int", "an integer"},
             [REAL] = {"real", "a number"},
             [BOOL] = {"bool", "0/1, off/on or false/true"},
             [CHOICE] = {"choice", "one of "},
             [TEXT] = {"text", "text"},
             [SEED] = {"seed", "an integer of 0 or more"}};
ENF__ROW_FOR_EVERY(TYPES, types);

typedef struct {
  const char *name;
  type type;
  const char *fallback;
  double lowest, highest;
  const char *choices;
  enf__text_check check;
  const char *help;
} row;

/* What a domain gives to the columns `choices` and `check`, by type. */
#define CHOICES_INT(domain) ""
#define CHOICES_REAL CHOICES_INT
#define CHOICES_BOOL CHOICES_INT
#define CHOICES_SEED CHOICES_INT
#define CHOICES_TEXT CHOICES_INT
#define CHOICES_CHOICE(domain) ENF__CHOICE_WORDS(ENF__CHOICES_##domain)
#define CHECK_INT(domain) NULL
#define CHECK_REAL CHECK_INT
#define CHECK_BOOL CHECK_INT
#define CHECK_SEED CHECK_INT
#define CHECK_CHOICE CHECK_INT
#define CHECK_TEXT(domain) domain

static const row rows[ENF__OPT_COUNT] = {
#define ENF__OPTION(id, name, type, fallback, lowest, highest, domain, help)                       \
  {name, type, fallback, lowest, highest, CHOICES_##type(domain), CHECK_##type(domain), help},
#include "core/options.def"
#undef ENF__OPTION
};

/* INT, BOOL and CHOICE use i (a choice is its index), SEED u, REAL r, TEXT text. */
typedef union {
  int64_t i;
  uint64_t u;
  double r;
  char *text;
} datum;

struct enf_opts {
  uint32_t magic;
  enf_alloc alloc;
  bool isset[ENF__OPT_COUNT];
  datum values[ENF__OPT_COUNT];
  char errmsg[512];
};

/* ---- texts to values ------------------------------------------------------------------------ */

typedef enum { READ, WRONG_TYPE, OUT_OF_BOUNDS } verdict;

/* Append the decimal digits of text up to *end to the number; true if it passes 2^64. */
static bool append_digits(const char *text, const char **end, uint64_t *value) {
  bool too_large = false;
  for (; *text >= '0' && *text <= '9'; text++)
    too_large |= __builtin_mul_overflow(*value, (uint64_t)10, value) ||
                 __builtin_add_overflow(*value, (uint64_t)(*text - '0'), value);
  *end = text;
  return too_large;
}

/* Decimal digits, with an exponent if need be: 100000 or 1e5. OUT_OF_BOUNDS past 2^64. */
static verdict read_digits(const char *text, uint64_t *value) {
  const char *end, *from, *zero;
  uint64_t exponent = 0;
  *value = 0;
  bool too_large = append_digits(text, &end, value);
  if (end == text)
    return WRONG_TYPE;
  if (*end == 'e' || *end == 'E') {
    from = end + 1;
    too_large |= append_digits(from, &end, &exponent);
    if (end == from)
      return WRONG_TYPE;
    for (; exponent > 0 && *value > 0 && !too_large; exponent--)
      too_large |= append_digits("0", &zero, value);
  }
  return *end ? WRONG_TYPE : too_large ? OUT_OF_BOUNDS : READ;
}

static verdict read_int(const char *text, int64_t *value) {
  const bool negative = *text == '-';
  uint64_t size;
  verdict v = read_digits(text + (negative || *text == '+'), &size);
  if (v != READ)
    return v;
  if (size > INT64_MAX)
    return OUT_OF_BOUNDS;
  *value = negative ? -(int64_t)size : (int64_t)size;
  return READ;
}

static verdict read_real(const char *text, double *value) {
  char *end;
  *value = enf__strtod(text, &end);
  return end == text || *end ? WRONG_TYPE : READ;
}

/* Position of `text` in a list "a | b | c", or -1. */
static int64_t find_choice(const char *list, const char *text) {
  const size_t len = strlen(text);
  for (int64_t i = 0;; i++) {
    const size_t item = strcspn(list, " ");
    if (len == item && !memcmp(list, text, len))
      return i;
    if (!list[item])
      return -1;
    list += item + strlen(" | ");
  }
}

static verdict read_choice(const char *list, const char *text, int64_t *value) {
  *value = find_choice(list, text);
  return *value < 0 ? WRONG_TYPE : READ;
}

static verdict read_bool(const char *text, int64_t *value) {
  static const char *const spellings[] = {"0 | 1", "off | on", "false | true"};
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
    if (read_choice(spellings[i], text, value) == READ)
      return READ;
  return WRONG_TYPE;
}

/* Written so that NaN lies outside. */
static verdict check_bounds(const row *r, double value) {
  return value >= r->lowest && value <= r->highest ? READ : OUT_OF_BOUNDS;
}

/* Read a text for its row. TEXT is left to the caller, who decides who owns the copy. */
static verdict read_value(const row *r, const char *text, datum *value) {
  verdict v = READ;
  switch (r->type) {
  case INT:
    v = read_int(text, &value->i);
    return v == READ ? check_bounds(r, (double)value->i) : v;
  case REAL:
    v = read_real(text, &value->r);
    return v == READ ? check_bounds(r, value->r) : v;
  case BOOL:
    return read_bool(text, &value->i);
  case CHOICE:
    return read_choice(r->choices, text, &value->i);
  case SEED:
    return *text == '-' && read_digits(text + 1, &value->u) != WRONG_TYPE
               ? OUT_OF_BOUNDS
               : read_digits(text, &value->u);
  case TEXT:
  case TYPES:
    break;
  }
  return v;
}

/* ---- refusals ------------------------------------------------------------------------------- */

static bool is_opts(const enf_opts *opts) { return opts && opts->magic == ENF__MAGIC_OPTS; }

static const char *row_name(const void *list, size_t index) {
  const row *table = list;
  return index < ENF__OPT_COUNT ? table[index].name : NULL;
}

static enf_status refuse_name(enf_opts *opts, const char *name) {
  const char *near = enf__nearest(name, row_name, rows);
  enf__format(opts->errmsg, sizeof opts->errmsg, "there is no option \"%.100s\"%s%s%s", name,
              near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
  return ENF_ERR_OPTION;
}

static enf_status refuse_value(enf_opts *opts, const row *r, const char *text, verdict v) {
  if (v == WRONG_TYPE) {
    enf__format(opts->errmsg, sizeof opts->errmsg, "%s: \"%.100s\" is not %s%s", r->name, text,
                types[r->type].meaning, r->choices);
    return ENF_ERR_OPTION;
  }
  if (r->type == SEED)
    enf__format(opts->errmsg, sizeof opts->errmsg, "%s: %.100s is not between 0 and %llu", r->name,
                text, (unsigned long long)UINT64_MAX);
  else
    enf__format(opts->errmsg, sizeof opts->errmsg, "%s: %.100s is not between %.10g and %.10g",
                r->name, text, r->lowest, r->highest);
  return ENF_ERR_RANGE;
}

/* ---- setting -------------------------------------------------------------------------------- */

static enf_status check_text(enf_opts *opts, size_t id, const char *text) {
  char why[256];
  if (rows[id].check(text, why, sizeof why))
    return ENF_OK;
  enf__format(opts->errmsg, sizeof opts->errmsg, "%s: %s", rows[id].name, why);
  return ENF_ERR_OPTION;
}

static enf_status store_text(enf_opts *opts, size_t id, const char *text) {
  const size_t bytes = strlen(text) + 1;
  char *copy = enf__alloc(&opts->alloc, bytes);
  if (!copy) {
    enf__format(opts->errmsg, sizeof opts->errmsg, "%s: no memory for a text of %zu bytes",
                rows[id].name, bytes);
    return ENF_ERR_NOMEM;
  }
  memcpy(copy, text, bytes);
  enf__free(&opts->alloc, opts->values[id].text);
  opts->values[id].text = copy;
  opts->isset[id] = true;
  return ENF_OK;
}

static enf_status set_row(enf_opts *opts, size_t id, const char *text) {
  if (rows[id].type == TEXT) {
    const enf_status status = check_text(opts, id, text);
    return status == ENF_OK ? store_text(opts, id, text) : status;
  }
  datum value = {0};
  verdict v = read_value(&rows[id], text, &value);
  if (v != READ)
    return refuse_value(opts, &rows[id], text, v);
  opts->values[id] = value;
  opts->isset[id] = true;
  return ENF_OK;
}

/* Row of a name, or ENF__OPT_COUNT with the refusal in *status. */
static size_t find_row(enf_opts *opts, const char *name, enf_status *status) {
  for (size_t id = 0; id < ENF__OPT_COUNT; id++)
    if (!strcmp(name, rows[id].name))
      return id;
  *status = refuse_name(opts, name);
  return ENF__OPT_COUNT;
}

static enf_status check_set(enf_opts *opts, const void *name, const void *value) {
  if (!is_opts(opts))
    return ENF_ERR_ARG;
  if (name && value)
    return ENF_OK;
  enf__format(opts->errmsg, sizeof opts->errmsg, "%s is NULL", name ? "value" : "name");
  return ENF_ERR_ARG;
}

enf_status enf_opts_set(enf_opts *opts, const char *name, const char *value) {
  ENF__ENTRY;
  enf_status status = check_set(opts, name, value);
  if (status != ENF_OK)
    return status;
  size_t id = find_row(opts, name, &status);
  return id < ENF__OPT_COUNT ? set_row(opts, id, value) : status;
}

/* A number is set through its text, which every type reads back exactly; what a type does not take
   from numbers (a choice, a fraction for an int) its reader refuses. */
enf_status enf_opts_set_int(enf_opts *opts, const char *name, int64_t value) {
  ENF__ENTRY;
  char text[32];
  enf__format(text, sizeof text, "%lld", (long long)value);
  return enf_opts_set(opts, name, text);
}

enf_status enf_opts_set_real(enf_opts *opts, const char *name, double value) {
  ENF__ENTRY;
  enf_status status = check_set(opts, name, &value);
  if (status != ENF_OK)
    return status;
  size_t id = find_row(opts, name, &status);
  if (id == ENF__OPT_COUNT)
    return status;
  char text[32];
  enf__dtoa(value, text);
  const bool takes_reals = rows[id].type == REAL || rows[id].type == TEXT;
  return takes_reals ? set_row(opts, id, text) : refuse_value(opts, &rows[id], text, WRONG_TYPE);
}

const char *enf_opts_errmsg(const enf_opts *opts) {
  ENF__ENTRY;
  return is_opts(opts) ? opts->errmsg : "the bag of options is NULL or not one";
}

/* ---- making, copying, freeing --------------------------------------------------------------- */

enf_status enf__opts_copy(enf_ctx *ctx, const enf_alloc *alloc, enf_opts **out,
                          const enf_opts *in) {
  *out = NULL;
  enf_opts *opts = enf__alloc(alloc, sizeof *opts);
  if (!opts)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a bag of options");
  *opts = (enf_opts){.magic = ENF__MAGIC_OPTS, .alloc = *alloc};
  for (size_t id = 0; in && id < ENF__OPT_COUNT; id++) {
    if (!in->isset[id])
      continue;
    if (rows[id].type != TEXT) {
      opts->values[id] = in->values[id];
      opts->isset[id] = true;
    } else if (store_text(opts, id, in->values[id].text) != ENF_OK) {
      enf__fail(ctx, ENF_ERR_NOMEM, "%s", opts->errmsg);
      enf_opts_destroy(opts);
      return ENF_ERR_NOMEM;
    }
  }
  *out = opts;
  return ENF_OK;
}

enf_status enf_opts_create(enf_ctx *ctx, enf_opts **opts) {
  ENF__ENTRY;
  if (opts)
    *opts = NULL;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!opts)
    return enf__fail(ctx, ENF_ERR_ARG, "opts is NULL");
  return enf__opts_copy(ctx, &ctx->alloc, opts, NULL);
}

void enf_opts_destroy(enf_opts *opts) {
  ENF__ENTRY;
  if (!is_opts(opts))
    return;
  for (size_t id = 0; id < ENF__OPT_COUNT; id++)
    if (rows[id].type == TEXT)
      enf__free(&opts->alloc, opts->values[id].text);
  opts->magic = 0;
  const enf_alloc alloc = opts->alloc;
  enf__free(&alloc, opts);
}

enf_status enf_opts_info(size_t index, enf_opt_info *info) {
  ENF__ENTRY;
  if (!info || enf__struct_check(NULL, "info", info, ENF__SIZE_TO(enf_opt_info, highest),
                                 "ENF_OPT_INFO_INIT") != ENF_OK)
    return ENF_ERR_ARG;
  if (index >= ENF__OPT_COUNT)
    return ENF_ERR_RANGE;
  const row *r = &rows[index];
  const enf_opt_info all = {.name = r->name,
                            .type = types[r->type].name,
                            .fallback = r->fallback,
                            .choices = r->choices,
                            .help = r->help,
                            .lowest = r->lowest,
                            .highest = r->highest};
  enf__struct_give(info, &all, sizeof all);
  return ENF_OK;
}

/* ---- getting -------------------------------------------------------------------------------- */

enf_status enf__opts_check(enf_ctx *ctx, const enf_opts *opts) {
  if (!opts || is_opts(opts))
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_ARG, "opts is not a bag of options");
}

bool enf__opts_isset(const enf_opts *opts, enf__opt id) { return opts && opts->isset[id]; }

enf_status enf__opts_default(enf_ctx *ctx, enf_opts *opts, enf__opt id, const char *value) {
  if (opts->isset[id])
    return ENF_OK;
  const enf_status status = enf_opts_set(opts, rows[id].name, value);
  return status == ENF_OK ? ENF_OK : enf__fail(ctx, status, "%s", opts->errmsg);
}

static datum get(const enf_opts *opts, enf__opt id) {
  if (enf__opts_isset(opts, id))
    return opts->values[id];
  datum value = {0};
  read_value(&rows[id], rows[id].fallback, &value);
  return value;
}

int64_t enf__opts_int(const enf_opts *opts, enf__opt id) { return get(opts, id).i; }

uint64_t enf__opts_seed(const enf_opts *opts, enf__opt id) { return get(opts, id).u; }

double enf__opts_real(const enf_opts *opts, enf__opt id) { return get(opts, id).r; }

const char *enf__opts_text(const enf_opts *opts, enf__opt id) {
  return enf__opts_isset(opts, id) ? opts->values[id].text : rows[id].fallback;
}

const char *enf__opts_name(enf__opt id) { return rows[id].name; }

static void print_choice(const char *list, int64_t index, char buffer[32]) {
  for (; index > 0; index--)
    list += strcspn(list, " ") + strlen(" | ");
  enf__format(buffer, 32, "%.*s", (int)strcspn(list, " "), list);
}

const char *enf__opts_print(const enf_opts *opts, enf__opt id, char buffer[32]) {
  if (!enf__opts_isset(opts, id))
    return rows[id].fallback;
  const datum value = opts->values[id];
  switch (rows[id].type) {
  case INT:
  case BOOL:
    enf__format(buffer, 32, "%lld", (long long)value.i);
    break;
  case REAL:
    enf__dtoa(value.r, buffer);
    break;
  case CHOICE:
    print_choice(rows[id].choices, value.i, buffer);
    break;
  case SEED:
    enf__format(buffer, 32, "%llu", (unsigned long long)value.u);
    break;
  case TEXT:
    return value.text;
  case TYPES:
    break;
  }
  return buffer;
}
