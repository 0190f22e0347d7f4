/* watch.c -- the validation set that a training looks at: a few hundred rows, always the same. */
#include "watch.h"

#include <math.h>
#include <stdio.h>

enum { ROWS = 256, EVERY = 4000 };

static int read_flags(cli *c, watch *w) {
  const bool asked = cli_has(c, FLAG_PATIENCE) || cli_has(c, FLAG_VALIDATE_EVERY);
  int result = cli_count(c, FLAG_PATIENCE, 1, 0, &w->patience);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_VALIDATE_EVERY, 0, EVERY, &w->every);
  if (result == SUCCESS && asked && !cli_has(c, FLAG_VALIDATION))
    result = cli_usage(c, "--patience and --validate-every need --validation FILE");
  if (result == SUCCESS && w->patience > 0 && w->every == 0)
    result = cli_usage(c, "--patience needs looks at the validation, --validate-every is 0");
  return result;
}

int watch_open(cli *c, size_t N, size_t D, watch *w) {
  uint64_t rows = 0;
  int result = read_flags(c, w);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_ROWS, 1, ROWS, &rows);
  if (!cli_has(c, FLAG_VALIDATION))
    w->every = 0;
  if (result != SUCCESS || !cli_has(c, FLAG_VALIDATION))
    return result;
  /* without looks too: a file that cannot be read is told of before the training */
  result = data_read(c, c->value[FLAG_VALIDATION], N, D, &w->data);
  if (w->every == 0)
    data_forget(&w->data);
  if (result != SUCCESS || w->every == 0)
    return result;
  data_thin(&w->data, rows < ROWS ? rows : ROWS);
  return SUCCESS;
}

void watch_free(watch *w) { data_free(&w->data); }

void watch_tell(const cli *c, const enf_fit_event *look) {
  if (cli_has(c, FLAG_QUIET))
    return;
  fprintf(stderr, "step %llu: validation NLL %.3f +- %.3f", (unsigned long long)look->step->step,
          look->nll, look->nll_err);
  if (!isnan(look->gain))
    fprintf(stderr, ", gain %.3f +- %.3f%s", look->gain, look->gain_err,
            look->kept ? "" : ": not kept");
  fputc('\n', stderr);
}
