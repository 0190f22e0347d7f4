/* chain.c -- configurations of weight 1 from weighted samples, by independence Metropolis. */
#include "chain.h"

#include <stdlib.h>
#include <string.h>

/* Sample state[i] to row i. */
static void gather(const draws *d, const size_t *state, dataset *chain) {
  const size_t row = chain->N * chain->D;
  for (size_t i = 0; i < chain->n; i++)
    memcpy(chain->x + i * row, d->data.x + state[i] * row, row * sizeof *chain->x);
}

static int run_chain(cli *c, const draws *d, const double *u, size_t *state, double *acceptance) {
  const size_t n = d->data.n;
  uint64_t accepted;
  const enf_status status =
      enf_metropolis(c->ctx, d->seed, d->first, n, d->logp, u, state, &accepted);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  *acceptance = n > 1 ? (double)accepted / (double)(n - 1) : 1;
  return SUCCESS;
}

int chain_write(cli *c, const draws *d, const double *u, double *acceptance) {
  dataset chain = {.n = d->data.n, .N = d->data.N, .D = d->data.D, .labels = d->data.labels};
  size_t *state = cli_alloc(chain.n, sizeof *state);
  chain.x = cli_alloc(chain.n, chain.N * chain.D * sizeof *chain.x);
  int result = state != NULL && chain.x != NULL ? run_chain(c, d, u, state, acceptance) : FAILURE;
  if (result == SUCCESS) {
    gather(d, state, &chain);
    result = data_write(c, c->value[FLAG_OUTPUT], "f8", &chain);
  }
  free(state);
  data_forget(&chain); /* the labels are those of the samples */
  return result;
}
