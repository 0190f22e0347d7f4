/* files.c -- the files that a command reads and writes: what may not be, told before any work.

   One table says which flags and operands of a command are files; some have others
   beside the output. A training that is resumed reads its own outputs: that is what they are for. */
#include "files.h"
#include "ending.h"
#include "place.h"
#include "plot.h"
#include "plugin.h"

#include <stdio.h>
#include <string.h>

typedef enum { CONFIGURATIONS, NUMBERS, FLOW, PICTURE, SYSTEM, TOPOLOGY, MOLECULES, TEXT } kind;

static const struct {
  flag name;
  unsigned reads, writes; /* the commands that do */
  kind holds;
} of_flags[] = {
    {FLAG_OUTPUT, 0, SIMULATE | SAMPLE | REWEIGHT | JUMP | ANNEAL, CONFIGURATIONS},
    {FLAG_OUTPUT, 0, LOGPROB, NUMBERS},
    {FLAG_OUTPUT, 0, TRAIN | IMPORT | MIX, FLOW},
    {FLAG_LOGP, REWEIGHT, SAMPLE, NUMBERS},
    {FLAG_LOGW, 0, REWEIGHT | ANNEAL, NUMBERS},
    {FLAG_PLOT, 0, REWEIGHT | INFO | CHECK, PICTURE},
    {FLAG_PLOT_DISTANCES, 0, REWEIGHT, PICTURE},
    {FLAG_PLOT_2D, 0, REWEIGHT, PICTURE},
    {FLAG_COLVAR, 0, REWEIGHT, TEXT},
    {FLAG_FES_FILE, 0, REWEIGHT, TEXT},
    {FLAG_X, REWEIGHT, 0, CONFIGURATIONS},
    {FLAG_U, LOGPROB | REWEIGHT, 0, NUMBERS},
    {FLAG_DATA, REWEIGHT | MIX, 0, CONFIGURATIONS},
    {FLAG_REFERENCE, REWEIGHT, 0, CONFIGURATIONS},
    {FLAG_VALIDATION, TRAIN, 0, CONFIGURATIONS},
    {FLAG_INIT, TRAIN, 0, FLOW},
    {FLAG_BOOST, TRAIN, 0, FLOW},
    {FLAG_TOPOLOGY, TRAIN, 0, TOPOLOGY},
    {FLAG_TRAIN, CHECK, 0, MOLECULES},
    {FLAG_START, TRAIN, 0, CONFIGURATIONS},
    {FLAG_ENERGY, TRAIN | LOGPROB | REWEIGHT | MIX | JUMP | ANNEAL, 0, SYSTEM},
};

/* Operands are read, all of them. */
static const struct {
  unsigned commands;
  int first, end;
  kind holds;
} of_operands[] = {
    {SIMULATE, 0, 1, SYSTEM},
    {TRAIN, 0, OPERANDS, CONFIGURATIONS},
    {SAMPLE | LOGPROB | REWEIGHT | INFO | IMPORT | JUMP | ANNEAL, 0, 1, FLOW},
    {JUMP, 1, 2, CONFIGURATIONS},
    {LOGPROB, 1, OPERANDS, CONFIGURATIONS},
    {MIX, 0, OPERANDS, FLOW},
    {CHECK, 0, 1, MOLECULES},
};

/* Beside the output, under its name with another end. */
static const struct {
  unsigned commands;
  const char *ending;
} beside_output[] = {
    {TRAIN, "trainer"}, {TRAIN, "train.csv"}, {TRAIN, "train.svg"}, {JUMP | ANNEAL, "state.npy"}};

enum {
  BY_FLAG = sizeof of_flags / sizeof of_flags[0],
  BY_OPERAND = sizeof of_operands / sizeof of_operands[0],
  BESIDE = sizeof beside_output / sizeof beside_output[0]
};

typedef struct {
  const char *path;
  kind holds;
  bool written;
  place place;
} file;

typedef struct {
  size_t n;
  file of[BY_FLAG + OPERANDS + BESIDE];
  char beside[BESIDE][PLACE_NAME];
} files;

/* ---- names --------------------------------------------------------------------------------- */

bool is_stream(const char *path) { return strcmp(path, "-") == 0; }

static bool is_xyz(const char *path) {
  return ends_with(path, ".xyz") || ends_with(path, ".extxyz");
}

bool files_beside(const char *path, const char *ending, size_t size, char *name) {
  static const char own[] = ".safetensors";
  const size_t length = strlen(path), stem = length - (ends_with(path, own) ? sizeof own - 1 : 0);
  if (stem + 1 + strlen(ending) >= size)
    return false;
  snprintf(name, size, "%.*s.%s", (int)stem, path, ending);
  return true;
}

/* ---- the files of a command ------------------------------------------------------------------ */

static void enter(files *f, const char *path, kind holds, bool written) {
  const bool builtin = path != NULL && holds == SYSTEM && !plugin_named(path);
  if (path != NULL && !builtin)
    f->of[f->n++] = (file){path, holds, written, place_of(path)};
}

static int enter_beside(const cli *c, files *f) {
  const char *output = c->value[FLAG_OUTPUT];
  for (size_t i = 0; i < BESIDE && output != NULL && !is_stream(output); i++) {
    if ((beside_output[i].commands & c->command->bit) == 0)
      continue;
    if (!files_beside(output, beside_output[i].ending, sizeof f->beside[i], f->beside[i]))
      return cli_fail("the name of the output is too long");
    enter(f, f->beside[i], TEXT, true);
  }
  return SUCCESS;
}

static int list(const cli *c, files *f) {
  const unsigned bit = c->command->bit;
  f->n = 0;
  for (size_t i = 0; i < BY_FLAG; i++)
    if (((of_flags[i].reads | of_flags[i].writes) & bit) != 0)
      enter(f, c->value[of_flags[i].name], of_flags[i].holds, (of_flags[i].writes & bit) != 0);
  for (size_t i = 0; i < BY_OPERAND; i++)
    for (int k = of_operands[i].first; k < of_operands[i].end && k < c->operands; k++)
      if ((of_operands[i].commands & bit) != 0)
        enter(f, c->operand[k], of_operands[i].holds, false);
  return enter_beside(c, f);
}

/* ---- what may not be ------------------------------------------------------------------------- */

static int check_type(const cli *c, const file *f) {
  const char *type = c->value[FLAG_TYPE];
  if (type == NULL || f->holds != CONFIGURATIONS)
    return SUCCESS;
  if (strcmp(type, "xyz") == 0)
    return is_stream(f->path) ? SUCCESS
                              : cli_usage(c, "--type xyz is for standard output; the name of a "
                                             "file says what it is");
  if (strcmp(type, "f4") != 0 && strcmp(type, "f8") != 0)
    return cli_usage(c, "--type is f4 or f8, not '%s'", type);
  return is_xyz(f->path) ? cli_usage(c, "--type is for .npy files, not for '%s'", f->path)
                         : SUCCESS;
}

static int check_kind(const cli *c, const file *f) {
  const bool configurations = f->holds == CONFIGURATIONS;
  if (is_stream(f->path))
    return configurations || f->holds == NUMBERS
               ? check_type(c, f)
               : cli_usage(c, "'-' is for configurations and numbers, not for a %s",
                           f->holds == PICTURE ? "picture"
                           : f->holds == TEXT  ? "text"
                                               : "flow");
  if (!f->written || f->holds == FLOW || f->holds == TEXT)
    return SUCCESS;
  if (f->holds == PICTURE)
    return plot_can(f->path) ? SUCCESS
                             : cli_usage(c, "%s needs a name in .svg or .png, not '%s'",
                                         f->path == c->value[FLAG_PLOT]      ? "--plot"
                                         : f->path == c->value[FLAG_PLOT_2D] ? "--plot-2d"
                                                                             : "--plot-distances",
                                         f->path);
  if (!ends_with(f->path, ".npy") && !(configurations && is_xyz(f->path)))
    return cli_usage(c, "'%s' does not end in .npy%s", f->path,
                     configurations ? ", .xyz or .extxyz" : "");
  return check_type(c, f);
}

/* `a` is written. */
static int refuse_pair(const cli *c, const file *a, const file *b) {
  const bool alike = strcmp(a->path, b->path) == 0;
  if (is_stream(a->path))
    return cli_usage(c, "'-' is given for two outputs");
  return cli_usage(c,
                   b->written ? "'%s' is given for two files%s%s%s"
                              : "'%s' is to be read and to be written%s%s%s",
                   a->path, alike ? "" : ": it is '", alike ? "" : b->path, alike ? "" : "'");
}

static bool clash(const file *a, const file *b) {
  const int streams = is_stream(a->path) + is_stream(b->path);
  if (streams > 0)
    return streams == 2 && a->written == b->written;
  return (a->written || b->written) && place_same(&a->place, &b->place);
}

static int check_clashes(const cli *c, const files *f) {
  for (size_t i = 0; i < f->n; i++)
    for (size_t j = 0; j < i; j++) {
      const file *a = &f->of[i], *b = &f->of[j];
      if (!clash(a, b))
        continue;
      if (!a->written && !b->written)
        return cli_usage(c, "'-' is given for two inputs");
      return a->written ? refuse_pair(c, a, b) : refuse_pair(c, b, a);
    }
  return SUCCESS;
}

static int check_writable(const files *f) {
  for (size_t i = 0; i < f->n; i++) {
    const file *output = &f->of[i];
    const bool written = output->written && !is_stream(output->path);
    const char *reason = written ? place_refusal(&output->place) : NULL;
    if (reason != NULL)
      return cli_fail("cannot write %s: %s", output->path, reason);
  }
  return SUCCESS;
}

int files_check(cli *c) {
  files f;
  int result = list(c, &f);
  for (size_t i = 0; i < f.n && result == SUCCESS; i++)
    result = check_kind(c, &f.of[i]);
  if (result == SUCCESS)
    result = check_clashes(c, &f);
  return result == SUCCESS ? check_writable(&f) : result;
}

bool files_output_is_stream(const cli *c) {
  files f;
  bool found = false;
  list(c, &f);
  for (size_t i = 0; i < f.n; i++)
    found = found || (f.of[i].written && is_stream(f.of[i].path));
  return found;
}

/* ---- room ------------------------------------------------------------------------------------ */

double files_bytes(const cli *c, const char *path, const char *type, size_t n, size_t columns) {
  const char *asked = c->value[FLAG_TYPE] != NULL ? c->value[FLAG_TYPE] : type;
  const bool single = ends_with(path, ".npy") && strcmp(asked, "f4") == 0;
  /* "X 0 0 0" and its end are eight bytes for two or three numbers */
  const size_t each = c->links.pairs ? 2 : 1; /* numbers for one */
  return (double)n * (double)(each * columns) * (single ? 4 : is_xyz(path) ? 8.0 / 3 : 8);
}

/* Bytes of the outputs up to number i that go where it does. */
static double need_up_to(const cli *c, size_t i, const file_need *need, const place *here) {
  double bytes = 0;
  for (size_t j = 0; j <= i; j++) {
    const char *path = c->value[need[j].output];
    if (path != NULL && !is_stream(path) && place_of(path).dev == here->dev)
      bytes += need[j].bytes;
  }
  return bytes;
}

int files_room(const cli *c, size_t n, const file_need *need) {
  for (size_t i = 0; i < n; i++) {
    const char *path = c->value[need[i].output];
    if (path == NULL || is_stream(path))
      continue;
    const place here = place_of(path);
    const double bytes = need_up_to(c, i, need, &here), room = place_room(&here);
    const double most = place_limit();
    if (bytes > room)
      return cli_fail("cannot write %s: %.4g bytes are needed, there is room for %.4g", path, bytes,
                      room);
    if (need[i].bytes > most)
      return cli_fail("cannot write %s: its %.4g bytes are more than the %.4g that a file may have",
                      path, need[i].bytes, most);
  }
  return SUCCESS;
}
