/* checkpoint.c -- walkers and where they are, in a file beside what a command writes. */
#include "checkpoint.h"
#include "data.h"
#include "files.h"
#include "place.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PER_WALKER = 4 /* u, log q, log w, family */ };

static size_t count_of(const checkpoint *p) {
  return CHECKPOINT_NUMBERS + p->n * (p->size + PER_WALKER);
}

int checkpoint_make(checkpoint *p, size_t n, size_t size) {
  *p = (checkpoint){.n = n, .size = size};
  p->number = cli_alloc(count_of(p), sizeof *p->number);
  if (p->number == NULL)
    return FAILURE;
  p->x = p->number + CHECKPOINT_NUMBERS;
  p->u = p->x + n * size;
  p->logq = p->u + n;
  p->logw = p->logq + n;
  p->families = p->logw + n;
  return SUCCESS;
}

void checkpoint_free(checkpoint *p) {
  free(p->number);
  *p = (checkpoint){0};
}

void checkpoint_put_seed(double *number, uint64_t seed) {
  number[0] = (double)(seed >> 32);
  number[1] = (double)(seed & UINT32_MAX);
}

static int name_of(const cli *c, char name[PLACE_NAME]) {
  return files_beside(c->value[FLAG_OUTPUT], "state.npy", PLACE_NAME, name)
             ? SUCCESS
             : cli_fail("the name of the output is too long");
}

int checkpoint_write(cli *c, const checkpoint *p) {
  char name[PLACE_NAME];
  if (is_stream(c->value[FLAG_OUTPUT]))
    return SUCCESS;
  const int result = name_of(c, name);
  return result == SUCCESS ? vector_write(c, name, count_of(p), p->number) : result;
}

int checkpoint_read(cli *c, checkpoint *p, bool *found) {
  char name[PLACE_NAME];
  double *numbers = NULL;
  size_t count = count_of(p);
  *found = false;
  if (is_stream(c->value[FLAG_OUTPUT]))
    return cli_usage(c, "--resume needs the files of before, '-' has none");
  int result = name_of(c, name);
  if (result != SUCCESS || access(name, F_OK) != 0)
    return result; /* it was interrupted before the first, or has not begun */
  result = vector_read(c, name, &count, &numbers);
  if (result == SUCCESS)
    memcpy(p->number, numbers, count * sizeof *numbers);
  *found = result == SUCCESS;
  free(numbers);
  return result;
}

int checkpoint_check(cli *c, const checkpoint *p, const enf_flow *flow, enf_energy_fn fn, void *user,
                     size_t wanted, const double *number) {
  double logq = 0, u = 0;
  if (memcmp(p->number, number, wanted * sizeof *number) != 0)
    return cli_usage(c, "%s was begun with other flags: --resume goes on with the same",
                     c->value[FLAG_OUTPUT]);
  const enf_status status = enf_log_prob(c->ctx, flow, 1, p->x, &logq);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  if (fn(user, 1, p->x, &u, NULL) != 0)
    return cli_fail("the energy has failed for the first walker of %s", c->value[FLAG_OUTPUT]);
  /* log q of a sample and of a configuration differ by the error of the density */
  const bool same_flow = fabs(logq - p->logq[0]) < 1;
  if (same_flow && fabs(u - p->u[0]) <= 1e-6 * (1 + fabs(u)))
    return SUCCESS;
  return cli_fail("%s was begun with another %s: its first walker has %s %.8g, now %.8g",
                  c->value[FLAG_OUTPUT], same_flow ? "energy" : "flow", same_flow ? "u" : "log q",
                  same_flow ? p->u[0] : p->logq[0], same_flow ? u : logq);
}
