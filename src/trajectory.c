/* trajectory.c -- DATA from one file or several, and which of their configurations.

   Every file is taken for a run of its own, so --skip leaves out the beginning of each, in which it
   finds its equilibrium; --last N are the last N of what is left, --stride S every S-th of those.
 */
#include "trajectory.h"
#include "atoms.h"

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
  const size_t width = data->N * data->D, n = data->n;
  size_t from = rows->skip < n ? (size_t)rows->skip : n;
  if (n - from > rows->last)
    from = n - (size_t)rows->last;
  data->n = 0;
  for (size_t i = from; i < n; i += rows->stride < n ? (size_t)rows->stride : n)
    memmove(data->x + data->n++ * width, data->x + i * width, width * sizeof *data->x);
  return data->n > 0 ? SUCCESS
                     : cli_fail("%s: --skip %llu leaves none of its %zu configurations", path,
                                (unsigned long long)rows->skip, n);
}

/* Hand the rows of `more` to data, which has some already. */
static int append(dataset *data, const dataset *more) {
  const size_t width = data->N * data->D, row = width * sizeof *data->x;
  double *x = realloc(data->x, (data->n + more->n) * row);
  if (x == NULL)
    return cli_fail("no memory for %zu configurations", data->n + more->n);
  memcpy(x + data->n * width, more->x, more->n * row);
  data->x = x;
  data->n += more->n;
  return SUCCESS;
}

int trajectory_read(cli *c, int files, const char *const *path, size_t N, size_t D, dataset *data) {
  choice rows;
  *data = (dataset){0};
  int result = take_choice(c, &rows);
  for (int i = 0; i < files && result == SUCCESS; i++) {
    dataset more;
    result = data_read(c, path[i], i > 0 ? data->N : N, i > 0 ? data->D : D, &more);
    if (result == SUCCESS)
      result = choose(path[i], &rows, &more);
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
