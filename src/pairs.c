/* pairs.c -- interatomic distances of configurations, for histograms.

   Two million distances show a histogram as well as all of them would; a row is row k n/rows. */
#include "pairs.h"

#include <stdlib.h>

enum { MOST_DISTANCES = 2000000 };

static size_t row_of(const dataset *data, size_t rows, size_t k) {
  return (size_t)((double)k * ((double)data->n / (double)rows));
}

int pairs_take(const cli *c, const dataset *data, const double *logw, values *set, double **value,
               double **chosen_logw) {
  if (data->N < 2)
    return cli_fail("there are no distances in configurations of %zu particles", data->N);
  const size_t per = data->N * (data->N - 1) / 2, most = MOST_DISTANCES / per;
  const size_t rows = data->n < most ? data->n : most > 0 ? most : 1;
  *value = cli_alloc(rows, per * sizeof(double));
  if (*value == NULL || (logw != NULL && (*chosen_logw = cli_alloc(rows, sizeof(double))) == NULL))
    return FAILURE;
  for (size_t k = 0; k < rows; k++) {
    const size_t row = row_of(data, rows, k);
    const double *x = data->x + row * data->N * data->D;
    const enf_status status = enf_pair_distances(c->ctx, 1, data->N, data->D, x, *value + k * per);
    if (status != ENF_OK)
      return cli_fail_status(c, status);
    if (logw != NULL)
      (*chosen_logw)[k] = logw[row];
  }
  *set = (values){.n = rows, .per = per, .value = *value, .tail = 1e-3};
  return SUCCESS;
}
