/* cli.h -- what all subcommands of `enf` share: flags, options, failure, exit codes.

   A subcommand is a row of the table in main.c and a file with its run function. Results go to
   standard output, progress and the one sentence of a failure to standard error. The tool never
   calls setlocale, so numbers are read and written with a point everywhere. */
#ifndef CLI_H
#define CLI_H

#include "layout.h"

#include <enf/enf.h>
#include <stdbool.h>

enum { SUCCESS = 0, FAILURE = 1, USAGE = 2 }; /* exit codes */
enum { OPERANDS = 33 };                       /* at most */

/* Bits of the subcommands, for the table of flags. */
enum {
  SIMULATE = 1,
  TRAIN = 2,
  SAMPLE = 4,
  LOGPROB = 8,
  REWEIGHT = 16,
  INFO = 32,
  OPTIONS = 64,
  IMPORT = 128,
  CHECK = 256,
  MIX = 512,
  JUMP = 1024,
  ANNEAL = 2048,
  LADDER = 4096,
  RUNS = SIMULATE | TRAIN | SAMPLE | LOGPROB | REWEIGHT | IMPORT | MIX | JUMP | ANNEAL | LADDER,
  ALL = RUNS | INFO | OPTIONS | CHECK
};

typedef enum {
#define FLAG(id, ...) FLAG_##id,
#include "flags.def"
#undef FLAG
  FLAGS
} flag;

typedef struct cli cli;

typedef struct {
  unsigned bit;
  const char *name, *operands; /* operands as in help texts */
  int least, most;             /* how many of them */
  const char *summary, *details;
  int (*run)(cli *c);
} command;

struct cli {
  const command *command;
  enf_ctx *ctx;
  enf_opts *opts;
  const char *value[FLAGS]; /* NULL: not given; "" for a switch */
  const char *operand[OPERANDS];
  int operands;
  int output;      /* standard output, where it takes an array; else -1 */
  char input[256]; /* the file with what was read from standard input; "": nothing yet */
  layout links;    /* of a lattice, whose rows --layout orders in files */
  size_t settings; /* the library options that were set; values live as long as argv */
  struct {
    char name[40];
    const char *value;
  } setting[64];
};

/* Print "enf: <sentence>" and return the exit code. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int cli_usage(const cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The library's sentence; contradictory options are a usage error, all else a failure. */
int cli_fail_status(const cli *c, enf_status status);
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

int cli_start(cli *c, const command *row);
/* SUCCESS to go on; *done is set when help was printed. */
int cli_parse(cli *c, int argc, char **argv, bool *done);
void cli_end(cli *c);
void cli_help(const command *row);

bool cli_has(const cli *c, flag f);
/* The value of a flag as a number, or the fallback. Text that is no such number is a usage error.
 */
int cli_count(const cli *c, flag f, uint64_t least, uint64_t fallback, uint64_t *value);
int cli_real(const cli *c, flag f, double above, double fallback, double *value);
int cli_require(const cli *c, flag f);
/* A usage error where one of n flags is given: "--patience does not go with --features". */
int cli_refuse(const cli *c, size_t n, const flag *f, const char *with);

/* Set a library option; it counts as set by the user. value must live as long as argv. */
int cli_set(cli *c, const char *name, const char *value);
/* The text that the user gave for a library option, NULL if none. */
const char *cli_setting(const cli *c, const char *name);
/* The same as a whole number. */
size_t cli_setting_or(const cli *c, const char *name, size_t fallback);
/* Hand the options to the context: run.threads defaults to the cores that the process may use. */
int cli_configure(cli *c);

double cli_seconds(void); /* monotonic clock */
/* count * size bytes, zeroed, or NULL with the sentence printed. */
void *cli_alloc(size_t count, size_t size);
/* Of doubles, for qsort. */
int ascending(const void *a, const void *b);

int run_simulate(cli *c);
int run_train(cli *c);
int run_sample(cli *c);
int run_logprob(cli *c);
int run_reweight(cli *c);
int run_info(cli *c);
int run_import(cli *c);
int run_mix(cli *c);
int run_jump(cli *c);
int run_anneal(cli *c);
int run_ladder(cli *c);
int run_check(cli *c);
int run_options(cli *c);

#endif
