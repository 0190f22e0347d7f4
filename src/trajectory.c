/* trajectory.c -- DATA from one file or several, and which of their configurations.

   Every file is taken for a run of its own, so --skip leaves out the beginning of each, in which it
   finds its equilibrium; --last N are the last N of what is left, --stride S every S-th of those.
 */
#include "trajectory.h"
#include "atoms.h"
#include "temperatures.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  uint64_t skip, last, stride;
} choice;

static int take_choice(cli *c, choice *rows) {
  int result = cli_count(c, FLAG_SKIP, 0, 0, &rows->skip);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_LAST, 1, UINT64_MAX, &rows->last);
  return result == SUCCESS ? cli_count(c, FLAG_STRIDE, 1, 1, &rows->stride) : result;
}

static int choose(const char *path, const choice *rows, dataset *data) {
  const size_t n = data->n;
  size_t from = rows->skip < n ? (size_t)rows->skip : n;
  if (n - from > rows->last)
    from = n - (size_t)rows->last;
  data->n = 0;
  for (size_t i = from; i < n; i += rows->stride < n ? (size_t)rows->stride : n)
    data_move(data, data->n++, i);
  return data->n > 0 ? SUCCESS
                     : cli_fail("%s: --skip %llu leaves none of its %zu configurations", path,
                                (unsigned long long)rows->skip, n);
}

/* n numbers behind the `used` ones of *list; nothing to do where there are none. */
static bool extend(double **list, size_t used, const double *more, size_t n) {
  double *larger = more != NULL ? realloc(*list, (used + n) * sizeof **list) : NULL;
  if (larger == NULL)
    return more == NULL;
  memcpy(larger + used, more, n * sizeof *more);
  *list = larger;
  return true;
}

/* Hand the rows of `more` to data, which has some already. */
static int append(dataset *data, const dataset *more) {
  const size_t width = data->N * data->D;
  if (!extend(&data->x, data->n * width, more->x, more->n * width) ||
      !extend(&data->temperature, data->n, more->temperature, more->n))
    return cli_fail("no memory for %zu configurations", data->n + more->n);
  data->n += more->n;
  return SUCCESS;
}

/* All rows of a file are of one temperature, if any was told. */
static int set_temperature(dataset *data, size_t count, double temperature) {
  if (count == 0)
    return SUCCESS;
  data->temperature = cli_alloc(data->n, sizeof *data->temperature);
  for (size_t i = 0; data->temperature != NULL && i < data->n; i++)
    data->temperature[i] = temperature;
  return data->temperature != NULL ? SUCCESS : FAILURE;
}

int trajectory_read(cli *c, int files, const char *const *path, size_t N, size_t D, dataset *data) {
  choice rows;
  size_t heats = 0;
  double heat[TEMPERATURES];
  *data = (dataset){0};
  int result = take_choice(c, &rows);
  if (result == SUCCESS)
    result = temperatures_read(c, &heats, heat);
  if (result == SUCCESS && heats > 0 && heats != (size_t)files)
    result = cli_usage(c, "--temperatures has %zu numbers for %d files of DATA", heats, files);
  for (int i = 0; i < files && result == SUCCESS; i++) {
    dataset more;
    result = data_read(c, path[i], i > 0 ? data->N : N, i > 0 ? data->D : D, &more);
    if (result == SUCCESS)
      result = choose(path[i], &rows, &more);
    if (result == SUCCESS)
      result = set_temperature(&more, heats, heat[i]);
    if (i == 0) {
      *data = more;
      continue;
    }
    if (result == SUCCESS)
      result = atoms_fit_file(data, path[0], &more, path[i]);
    if (result == SUCCESS)
      result = append(data, &more);
    data_free(&more);
  }
  if (result != SUCCESS)
    data_free(data);
  return result;
}
