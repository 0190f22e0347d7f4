/* kept.c -- see kept.h. */
#include "kept.h"

#include <string.h>

int kept_check(const cli *c) {
  const bool resumes = cli_has(c, FLAG_RESUME);
  if (resumes && cli_has(c, FLAG_INIT))
    return cli_usage(c, "--init begins a training, --resume goes on with one: give one of them");
  if (resumes && (cli_has(c, FLAG_SEED) || cli_has(c, FLAG_OBJECTIVE)))
    return cli_usage(c, "--resume keeps the seed and the objective of the first run: leave --seed "
                        "and --objective out");
  if (!resumes && !cli_has(c, FLAG_INIT))
    return SUCCESS;
  for (size_t i = 0; i < c->settings; i++) {
    const char *name = c->setting[i].name;
    if (strcmp(name, "train.steps") == 0 || strcmp(name, "model.dimensions") == 0)
      continue;
    if (strncmp(name, "model.", 6) == 0 || (resumes && strncmp(name, "train.", 6) == 0))
      return cli_usage(c, "%s, so %s cannot be set",
                       resumes ? "--resume keeps the options of the first run"
                               : "--init keeps the model of its flow",
                       name);
  }
  return SUCCESS;
}
