/* cli.c -- flags, library options and failure sentences of the `enf` tool.

   The flags of all subcommands are one table (flags.def); from it come the parser's tables, the
   help texts and the refusals. A flag that stands for a library option goes the same way as
   --set NAME=VALUE: the library checks the value and words the refusal. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cli.h"
#include "cores.h"
#include "ranks.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  const char *name;
  char letter;
  const char *value, *option;
  unsigned commands;
  const char *help;
} flag_row;

static const flag_row table[] = {
#define FLAG(id, name, letter, value, option, commands, help)                                      \
  {name, letter, value, option, commands, help},
#include "flags.def"
#undef FLAG
};

enum { LONG = 256 }; /* getopt_long returns LONG + flag for every flag */

/* ---- failure ------------------------------------------------------------------------------- */

static void print_sentence(const char *format, va_list args) {
  char sentence[2048];
  vsnprintf(sentence, sizeof sentence, format, args);
  fflush(stdout);
  fprintf(stderr, "enf: %s", sentence);
  ranks_remember(sentence);
}

int cli_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  print_sentence(format, args);
  va_end(args);
  fputc('\n', stderr);
  return FAILURE;
}

int cli_usage(const cli *c, const char *format, ...) {
  va_list args;
  va_start(args, format);
  print_sentence(format, args);
  va_end(args);
  if (c != NULL && c->command != NULL)
    fprintf(stderr, " (see 'enf help %s')\n", c->command->name);
  else
    fputs(" (see 'enf help')\n", stderr);
  return USAGE;
}

void cli_note(const char *format, ...) {
  va_list args;
  va_start(args, format);
  print_sentence(format, args);
  va_end(args);
  fputc('\n', stderr);
}

int cli_fail_status(const cli *c, enf_status status) {
  const char *text = enf_ctx_errmsg(c->ctx);
  if (status == ENF_ERR_CANCELLED)
    return cli_fail("interrupted; nothing was written");
  cli_fail("%s", text[0] != '\0' ? text : enf_strerror(status));
  return status == ENF_ERR_OPTION ? USAGE : FAILURE;
}

/* ---- flags --------------------------------------------------------------------------------- */

bool cli_has(const cli *c, flag f) { return c->value[f] != NULL; }

/* Digits, or as 1e5; false if it is neither, or too large. */
static bool read_whole(const char *text, uint64_t *value) {
  char *end = NULL;
  unsigned long exponent = 0;
  errno = 0;
  *value = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || errno != 0)
    return false;
  if (*end == 'e' && end[1] >= '0' && end[1] <= '9')
    exponent = strtoul(end + 1, &end, 10);
  for (; exponent > 0 && *value > 0 && *value <= UINT64_MAX / 10; exponent--)
    *value *= 10;
  return *end == '\0' && (exponent == 0 || *value == 0);
}

int cli_count(const cli *c, flag f, uint64_t least, uint64_t fallback, uint64_t *value) {
  const char *text = c->value[f];
  *value = fallback;
  if (text == NULL)
    return SUCCESS;
  if (!read_whole(text, value) || *value < least)
    return cli_usage(c, "--%s needs a whole number of at least %llu, not '%s'", table[f].name,
                     (unsigned long long)least, text);
  return SUCCESS;
}

int cli_real(const cli *c, flag f, double above, double fallback, double *value) {
  const char *text = c->value[f];
  char *end = NULL;
  *value = fallback;
  if (text == NULL)
    return SUCCESS;
  *value = strtod(text, &end);
  if (end == text || *end != '\0' || !isfinite(*value) || *value <= above)
    return cli_usage(c, "--%s needs a number%s, not '%s'", table[f].name,
                     above == 0 ? " above 0" : "", text);
  return SUCCESS;
}

int cli_require(const cli *c, flag f) {
  if (cli_has(c, f))
    return SUCCESS;
  if (table[f].letter != 0)
    return cli_usage(c, "%s needs -%c %s", c->command->name, table[f].letter, table[f].value);
  return cli_usage(c, "%s needs --%s %s", c->command->name, table[f].name, table[f].value);
}

int cli_refuse(const cli *c, size_t n, const flag *f, const char *with) {
  for (size_t i = 0; i < n; i++)
    if (cli_has(c, f[i]))
      return cli_usage(c, "--%s does not go with %s", table[f[i]].name, with);
  return SUCCESS;
}

/* ---- library options ----------------------------------------------------------------------- */

static size_t find_setting(const cli *c, const char *name) {
  size_t i = 0;
  while (i < c->settings && strcmp(c->setting[i].name, name) != 0)
    i++;
  return i;
}

int cli_set(cli *c, const char *name, const char *value) {
  const size_t i = find_setting(c, name);
  if (enf_opts_set(c->opts, name, value) != ENF_OK)
    return cli_usage(c, "%s", enf_opts_errmsg(c->opts));
  if (i == sizeof c->setting / sizeof c->setting[0])
    return cli_usage(c, "more than %zu options are set", i);
  snprintf(c->setting[i].name, sizeof c->setting[i].name, "%s", name);
  c->setting[i].value = value;
  c->settings += i == c->settings;
  return SUCCESS;
}

const char *cli_setting(const cli *c, const char *name) {
  const size_t i = find_setting(c, name);
  return i < c->settings ? c->setting[i].value : NULL;
}

size_t cli_setting_or(const cli *c, const char *name, size_t fallback) {
  const char *text = cli_setting(c, name);
  uint64_t value = 0;
  return text != NULL && read_whole(text, &value) ? (size_t)value : fallback;
}

static int set_pair(cli *c, const char *pair) {
  char name[64];
  const char *equals = strchr(pair, '=');
  if (equals == NULL || equals == pair || (size_t)(equals - pair) >= sizeof name)
    return cli_usage(c, "--set needs NAME=VALUE, not '%s'", pair);
  snprintf(name, sizeof name, "%.*s", (int)(equals - pair), pair);
  return cli_set(c, name, equals + 1);
}

int cli_configure(cli *c) {
  if (cli_setting(c, "run.threads") == NULL) /* of ranks every one has a thread */
    enf_opts_set_int(c->opts, "run.threads", ranks_shared() ? 1 : cores_allowed());
  const enf_status status = enf_ctx_configure(c->ctx, c->opts);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

/* ---- parsing ------------------------------------------------------------------------------- */

/* getopt_long's two tables, for the flags of one subcommand. */
static void fill_tables(unsigned bit, struct option *longs, char *letters) {
  *letters++ = ':';
  for (int f = 0; f < FLAGS; f++) {
    if ((table[f].commands & bit) == 0)
      continue;
    longs->name = table[f].name;
    longs->has_arg = table[f].value != NULL ? required_argument : no_argument;
    longs++->val = LONG + f;
    if (table[f].letter == 0)
      continue;
    *letters++ = table[f].letter;
    if (table[f].value != NULL)
      *letters++ = ':';
  }
}

static flag flag_of(int code) {
  int f = 0;
  if (code >= LONG)
    return (flag)(code - LONG);
  while (table[f].letter != code)
    f++;
  return (flag)f;
}

static int take_flag(cli *c, flag f, const char *value) {
  c->value[f] = value != NULL ? value : "";
  if (f == FLAG_SET)
    return set_pair(c, value);
  return table[f].option != NULL ? cli_set(c, table[f].option, value) : SUCCESS;
}

int cli_parse(cli *c, int argc, char **argv, bool *done) {
  struct option longs[FLAGS + 1] = {{NULL, 0, NULL, 0}};
  char letters[2 * FLAGS + 2] = "";
  int code = 0, result = SUCCESS;
  fill_tables(c->command->bit, longs, letters);
  opterr = 0;
  while (result == SUCCESS && (code = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
    if (code == '?' && optopt > 0 && optopt < LONG)
      return cli_usage(c, "%s has no flag '-%c'", c->command->name, optopt);
    if (code == '?')
      return cli_usage(c, "%s has no flag '%s', or it is not complete", c->command->name,
                       argv[optind - 1]);
    if (code == ':')
      return cli_usage(c, "%s needs a value", argv[optind - 1]);
    result = take_flag(c, flag_of(code), optarg);
  }
  if (result != SUCCESS)
    return result;
  *done = cli_has(c, FLAG_HELP);
  if (*done)
    return cli_help(c->command), SUCCESS;
  c->operands = argc - optind;
  if (c->operands < c->command->least || c->operands > c->command->most)
    return cli_usage(c, "%s takes %s, not %d operands", c->command->name,
                     c->command->operands[0] != '\0' ? c->command->operands : "no operand",
                     c->operands);
  for (int i = 0; i < c->operands; i++)
    c->operand[i] = argv[optind + i];
  return SUCCESS;
}

int cli_start(cli *c, const command *row) {
  *c = (cli){.command = row, .output = -1};
  enf_status status = enf_ctx_create(&c->ctx, NULL);
  if (status == ENF_OK)
    status = enf_opts_create(c->ctx, &c->opts);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

void cli_end(cli *c) {
  enf_opts_destroy(c->opts);
  enf_ctx_destroy(c->ctx);
}

void cli_help(const command *row) {
  printf("usage: enf %s %s [flags]\n\n%s.\n\n", row->name, row->operands, row->summary);
  if (row->details[0] != '\0')
    printf("%s\n", row->details);
  puts("flags:");
  for (int f = 0; f < FLAGS; f++) {
    char left[48];
    if ((table[f].commands & row->bit) == 0)
      continue;
    snprintf(left, sizeof left, "--%s %s", table[f].name,
             table[f].value != NULL ? table[f].value : "");
    printf("  %c%c%c %-20s %s\n", table[f].letter != 0 ? '-' : ' ',
           table[f].letter != 0 ? table[f].letter : ' ', table[f].letter != 0 ? ',' : ' ', left,
           table[f].help);
  }
}

/* ---- small things -------------------------------------------------------------------------- */

double cli_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void *cli_alloc(size_t count, size_t size) {
  void *p = calloc(count > 0 ? count : 1, size);
  if (p == NULL)
    cli_fail("no memory for %zu values of %zu bytes", count, size);
  return p;
}

int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}
