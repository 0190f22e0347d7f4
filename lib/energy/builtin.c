/* builtin.c -- the built-in systems: a table of names and numbers, and the objects made from it.

   A spec is a system's name, or name:number=value,number=value; a group is a number too, written
   u1, su2 ... su8. What a system is made of stands in
   two tables: `numbers` (name and bounds of every number there is) and `systems` (potential,
   default values, and which numbers a spec may change). The potentials are in potential.c. Text is
   read with
   '.' as decimal point in every locale.

   A new system of the two kinds is one row; a new kind is a function in potential.c and one row. */
#include "energy/energy.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BIT(number) (1u << ENF__ENERGY_##number)
#define LJ_NUMBERS (BIT(EPS) | BIT(RM) | BIT(SPRING))
#define DW_NUMBERS (BIT(QUARTIC) | BIT(QUADRATIC) | BIT(CENTRE))
#define GAS_NUMBERS (BIT(N) | BIT(DIM) | BIT(ALPHA))
#define TOY_NUMBERS (BIT(RADIUS) | BIT(WIDTH) | BIT(STD))
#define MODE_NUMBERS (BIT(MODES) | BIT(RADIUS) | BIT(STD))
#define GUMBEL_NUMBERS (BIT(THETA) | BIT(DF))
#define WILSON_NUMBERS (BIT(GAUGE) | BIT(L0) | BIT(L1) | BIT(BETA))
#define CLASS_NUMBERS (BIT(GROUP) | BIT(BETA) | BIT(C1) | BIT(C2) | BIT(C3))

static const struct {
  const char *name;
  double lowest, highest;
  bool whole;
} numbers[ENF__ENERGY_NUMBERS] = {
    [ENF__ENERGY_N] = {"n", 2, 4096, true},
    [ENF__ENERGY_DIM] = {"dim", 2, 3, true},
    [ENF__ENERGY_EPS] = {"eps", 0, 1e6, false},
    [ENF__ENERGY_RM] = {"rm", 1e-6, 1e6, false},
    [ENF__ENERGY_SPRING] = {"spring", 0, 1e6, false},
    [ENF__ENERGY_QUARTIC] = {"quartic", 0, 1e6, false},
    [ENF__ENERGY_QUADRATIC] = {"quadratic", -1e6, 1e6, false},
    [ENF__ENERGY_CENTRE] = {"centre", 0, 1e6, false},
    [ENF__ENERGY_MODES] = {"n", 1, 1024, true},
    [ENF__ENERGY_RADIUS] = {"radius", 0, 1e6, false},
    [ENF__ENERGY_STD] = {"std", 1e-6, 1e6, false},
    [ENF__ENERGY_ALPHA] = {"alpha", 0, 1e6, false},
    [ENF__ENERGY_WIDTH] = {"width", 1e-6, 1e6, false},
    [ENF__ENERGY_GAUGE] = {"group", 1, 8, true},
    [ENF__ENERGY_GROUP] = {"group", 2, 8, true},
    [ENF__ENERGY_L0] = {"l0", 2, 4096, true},
    [ENF__ENERGY_L1] = {"l1", 2, 4096, true},
    [ENF__ENERGY_BETA] = {"beta", 0, 1e6, false},
    [ENF__ENERGY_C1] = {"c1", -1e6, 1e6, false},
    [ENF__ENERGY_C2] = {"c2", -1e6, 1e6, false},
    [ENF__ENERGY_C3] = {"c3", -1e6, 1e6, false},
    [ENF__ENERGY_THETA] = {"theta", 1, 100, false},
    [ENF__ENERGY_DF] = {"df", 0.1, 1e6, false},
};

typedef struct {
  const char *name;
  enf__potential potential;
  unsigned settable, has;
  double value[ENF__ENERGY_NUMBERS];
  enf__exact_fn sample; /* NULL: none, only enf_simulate's chain */
} system_row;

#define LJ_VALUES(n)                                                                               \
  {                                                                                                \
    [ENF__ENERGY_N] = n, [ENF__ENERGY_DIM] = 3, [ENF__ENERGY_EPS] = 2, [ENF__ENERGY_RM] = 1,       \
    [ENF__ENERGY_SPRING] = 1                                                                       \
  }
#define DW_VALUES(n, dim)                                                                          \
  {                                                                                                \
    [ENF__ENERGY_N] = n, [ENF__ENERGY_DIM] = dim, [ENF__ENERGY_QUARTIC] = 0.9,                     \
    [ENF__ENERGY_QUADRATIC] = 4, [ENF__ENERGY_CENTRE] = 4                                          \
  }
#define GAS_VALUES                                                                                 \
  { [ENF__ENERGY_N] = 4, [ENF__ENERGY_DIM] = 2, [ENF__ENERGY_ALPHA] = 0.75 }
#define TOY_VALUES(radius, width, std)                                                             \
  {                                                                                                \
    [ENF__ENERGY_N] = 1, [ENF__ENERGY_DIM] = 2, [ENF__ENERGY_RADIUS] = radius,                     \
    [ENF__ENERGY_WIDTH] = width, [ENF__ENERGY_STD] = std                                           \
  }
/* 4/sqrt 2 and 0.5/sqrt 2: the circle of 8 that generative models are shown on. */
#define MODE_VALUES                                                                                \
  {                                                                                                \
    [ENF__ENERGY_N] = 1, [ENF__ENERGY_DIM] = 2, [ENF__ENERGY_MODES] = 8,                           \
    [ENF__ENERGY_RADIUS] = 2.8284271247461903, [ENF__ENERGY_STD] = 0.35355339059327379             \
  }

#define GUMBEL_VALUES                                                                              \
  {                                                                                                \
    [ENF__ENERGY_N] = 1, [ENF__ENERGY_DIM] = 2, [ENF__ENERGY_THETA] = 2.5, [ENF__ENERGY_DF] = 2    \
  }
#define WILSON_VALUES                                                                              \
  {                                                                                                \
    [ENF__ENERGY_GAUGE] = 3, [ENF__ENERGY_L0] = 16, [ENF__ENERGY_L1] = 16, [ENF__ENERGY_BETA] = 6  \
  }
#define CLASS_VALUES                                                                               \
  {                                                                                                \
    [ENF__ENERGY_GROUP] = 3, [ENF__ENERGY_BETA] = 9, [ENF__ENERGY_C1] = 1                          \
  }

static const system_row systems[] = {
    {"dw4", ENF__DOUBLE_WELL, DW_NUMBERS, DW_NUMBERS, DW_VALUES(4, 2), NULL},
    {"lj13", ENF__LENNARD_JONES, LJ_NUMBERS, LJ_NUMBERS, LJ_VALUES(13), NULL},
    {"lj55", ENF__LENNARD_JONES, LJ_NUMBERS, LJ_NUMBERS, LJ_VALUES(55), NULL},
    {"lj", ENF__LENNARD_JONES, BIT(N) | LJ_NUMBERS, LJ_NUMBERS, LJ_VALUES(13), NULL},
    {"pair-dw", ENF__DOUBLE_WELL, BIT(DIM) | DW_NUMBERS, DW_NUMBERS, DW_VALUES(2, 3), NULL},
    {"gaussians", ENF__GAUSSIANS, MODE_NUMBERS, MODE_NUMBERS, MODE_VALUES, enf__gaussians_sample},
    {"loggas", ENF__LOG_GAS, GAS_NUMBERS, GAS_NUMBERS, GAS_VALUES, NULL},
    {"toy:u1", ENF__TOY, 0, TOY_NUMBERS, TOY_VALUES(2, 0.4, 0.6), enf__toy_sample},
    {"toy:u6", ENF__TOY, 0, TOY_NUMBERS, TOY_VALUES(1, 0.5, 0.2), enf__toy_sample},
    {"gumbel", ENF__GUMBEL, GUMBEL_NUMBERS, GUMBEL_NUMBERS, GUMBEL_VALUES, enf__gumbel_sample},
    {"wilson", ENF__WILSON, WILSON_NUMBERS, WILSON_NUMBERS, WILSON_VALUES, NULL},
    {"class", ENF__CLASS, CLASS_NUMBERS, CLASS_NUMBERS, CLASS_VALUES, NULL},
};
enum { SYSTEMS = sizeof systems / sizeof *systems };

typedef char name_list[160];

static void append(name_list list, const char *name) {
  size_t used = strlen(list);
  snprintf(list + used, sizeof(name_list) - used, "%s%s", used ? ", " : "", name);
}

static const system_row *find_system(const char *name, size_t length) {
  for (size_t s = 0; s < SYSTEMS; s++)
    if (strlen(systems[s].name) == length && !memcmp(systems[s].name, name, length))
      return &systems[s];
  return NULL;
}

/* The number of that name among those the mask allows, or ENF__ENERGY_NUMBERS. */
static size_t find_number(unsigned allowed, const char *name, size_t length) {
  size_t k = 0;
  while (k < ENF__ENERGY_NUMBERS && !(allowed >> k & 1 && strlen(numbers[k].name) == length &&
                                      !memcmp(numbers[k].name, name, length)))
    k++;
  return k;
}

static enf_status refuse_system(enf_ctx *ctx, const char *spec, size_t length) {
  name_list known = "";
  for (size_t s = 0; s < SYSTEMS; s++)
    append(known, systems[s].name);
  return enf__fail(ctx, ENF_ERR_OPTION, "\"%.*s\" is not a built-in system; known are %s",
                   (int)(length < 40 ? length : 40), spec, known);
}

static enf_status refuse_number(enf_ctx *ctx, const system_row *row, const char *item) {
  name_list known = "";
  for (size_t k = 0; k < ENF__ENERGY_NUMBERS; k++)
    if (row->settable >> k & 1)
      append(known, numbers[k].name);
  return enf__fail(ctx, ENF_ERR_OPTION,
                   "\"%.40s\": %s takes name=value, separated by commas, with the names %s", item,
                   row->name, known);
}

/* A number, or a group: u1, su2 ... su8 as 1, 2 ... 8. */
static double read_value(size_t k, const char *text, char **end) {
  if (k != ENF__ENERGY_GAUGE && k != ENF__ENERGY_GROUP)
    return enf__strtod(text, end);
  const bool circle = !strncmp(text, "u1", 2), matrices = !strncmp(text, "su", 2);
  const char digit = matrices ? text[2] : '1';
  const bool is_group = circle || (matrices && digit >= '2' && digit <= '8');
  *end = (char *)text + (is_group ? (circle ? 2 : 3) : 0);
  return digit - '0';
}

/* Reads "name=value" into value; *end is where it stops, at ',' or the end of the text. */
static enf_status read_number(enf_ctx *ctx, const system_row *row, const char *item, double *value,
                              char **end) {
  size_t length = strcspn(item, "=,");
  size_t k = find_number(row->settable, item, length);
  if (k == ENF__ENERGY_NUMBERS || item[length] != '=')
    return refuse_number(ctx, row, item);
  const char *text = item + length + 1;
  double number = read_value(k, text, end);
  if (*end == text || (**end != ',' && **end != '\0'))
    return refuse_number(ctx, row, item);
  if (!(number >= numbers[k].lowest && number <= numbers[k].highest))
    return enf__fail(ctx, ENF_ERR_RANGE, "%s of %s is %g, must be between %g and %g",
                     numbers[k].name, row->name, number, numbers[k].lowest, numbers[k].highest);
  if (numbers[k].whole && number != floor(number))
    return enf__fail(ctx, ENF_ERR_RANGE, "%s of %s is %g, must be a whole number", numbers[k].name,
                     row->name, number);
  value[k] = number;
  return ENF_OK;
}

/* "system" or "system:name=value,..." into a row with the numbers of the spec. */
static enf_status read_spec(enf_ctx *ctx, const char *spec, system_row *result) {
  const system_row *whole = find_system(spec, strlen(spec));
  size_t length = whole ? strlen(spec) : strcspn(spec, ":");
  const system_row *row = find_system(spec, length);
  if (!row)
    return refuse_system(ctx, spec, length);
  *result = *row;
  if (spec[length] == '\0')
    return ENF_OK;
  const char *item = spec + length + 1;
  for (;;) {
    char *end;
    enf_status status = read_number(ctx, row, item, result->value, &end);
    if (status != ENF_OK)
      return status;
    if (*end == '\0')
      return ENF_OK;
    item = end + 1;
  }
}

enf_status enf__energy_read(enf_ctx *ctx, const char *spec, enf_energy *energy) {
  system_row row;
  const enf_status status = read_spec(ctx, spec, &row);
  if (status != ENF_OK)
    return status;
  *energy = (enf_energy){.magic = ENF__MAGIC_ENERGY,
                         .alloc = ctx->alloc,
                         .system = row.name,
                         .has = row.has,
                         .potential = row.potential,
                         .sample = row.sample,
                         .particles = (size_t)row.value[ENF__ENERGY_N],
                         .dimensions = (size_t)row.value[ENF__ENERGY_DIM]};
  memcpy(energy->value, row.value, sizeof energy->value);
  enf__gauge_take_shape(energy);
  return ENF_OK;
}

enf_status enf_energy_builtin(enf_ctx *ctx, enf_energy **energy, const char *spec) {
  ENF__ENTRY;
  if (energy)
    *energy = NULL;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!energy || !spec)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", energy ? "spec" : "energy");
  enf_energy read;
  status = enf__energy_read(ctx, spec, &read);
  if (status != ENF_OK)
    return status;
  enf_energy *made = enf__alloc(&ctx->alloc, sizeof *made);
  if (!made)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for an energy");
  *made = read;
  *energy = made;
  return ENF_OK;
}

int enf_energy_eval(void *energy, size_t n, const double *x, double *u, double *grad) {
  ENF__ENTRY;
  const enf_energy *e = energy;
  if (!e || e->magic != ENF__MAGIC_ENERGY || (n && (!x || !u)))
    return 1;
  enf__potential_eval(e, n, x, u, grad);
  return 0;
}

/* One of the system's own numbers that are whole. */
static enf_status whole_number(const enf_energy *energy, const char *name, int64_t *value) {
  const size_t k = find_number(energy->has, name, strlen(name));
  if (k == ENF__ENERGY_NUMBERS || !numbers[k].whole)
    return ENF_ERR_ARG;
  *value = (int64_t)energy->value[k];
  return ENF_OK;
}

enf_status enf_energy_get_int(const enf_energy *energy, const char *name, int64_t *value) {
  ENF__ENTRY;
  if (!energy || energy->magic != ENF__MAGIC_ENERGY || !name || !value)
    return ENF_ERR_ARG;
  if (!strcmp(name, "particles"))
    *value = (int64_t)energy->particles;
  else if (!strcmp(name, "dimensions"))
    *value = (int64_t)energy->dimensions;
  else
    return whole_number(energy, name, value);
  return ENF_OK;
}

enf_status enf_energy_get_real(const enf_energy *energy, const char *name, double *value) {
  ENF__ENTRY;
  if (!energy || energy->magic != ENF__MAGIC_ENERGY || !name || !value)
    return ENF_ERR_ARG;
  size_t k = find_number(energy->has, name, strlen(name));
  if (k == ENF__ENERGY_NUMBERS)
    return ENF_ERR_ARG;
  *value = energy->value[k];
  return ENF_OK;
}

void enf_energy_destroy(enf_energy *energy) {
  ENF__ENTRY;
  if (!energy || energy->magic != ENF__MAGIC_ENERGY)
    return;
  energy->magic = 0;
  enf_alloc alloc = energy->alloc;
  enf__free(&alloc, energy);
}
