/* data.c -- configurations and numbers in files. */
#include "data.h"
#include "cell.h"
#include "ending.h"
#include "files.h"
#include "links.h"
#include "stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading configurations ---------------------------------------------------------------- */

static void cut_columns(size_t columns, size_t *N, size_t *D) {
  if (*D == 0 && *N > 0 && columns % *N == 0)
    *D = columns / *N;
  if (*D == 0)
    *D = columns % 3 == 0 ? 3 : 2;
  *N = columns / *D;
}

/* Six divides the columns, and nothing says which of the two it is. */
static void tell_guess(const char *path, size_t columns) {
  cli_note("%s: its %zu columns are taken for %zu particles in space; "
           "-d 2 takes them for %zu in the plane",
           path, columns, columns / 3, columns / 2);
}

static void array_shape(const enf_array *array, size_t N, size_t D, dataset *data) {
  data->n = enf_array_shape(array, 0);
  data->N = N;
  data->D = D;
  if (enf_array_ndim(array) == 2) {
    cut_columns(enf_array_shape(array, 1), &data->N, &data->D);
  } else {
    data->N = enf_array_shape(array, 1);
    data->D = enf_array_shape(array, 2);
  }
}

/* Planar configurations written as XYZ come back with z = 0. */
bool data_is_planar(const dataset *data) {
  bool planar = data->D == 3;
  for (size_t i = 2; planar && i < data->n * data->N * 3; i += 3)
    planar = data->x[i] == 0;
  return planar;
}

static void drop_z(dataset *data) {
  for (size_t i = 0; i < data->n * data->N; i++)
    memmove(data->x + 2 * i, data->x + 3 * i, 2 * sizeof(double));
  data->D = 2;
}

static int check_shape(const char *path, const enf_array *array, size_t N, size_t D,
                       dataset *data) {
  if (enf_array_ndim(array) == 2 && enf_array_shape(array, 1) != data->N * data->D)
    return cli_fail("%s: its %zu columns cannot be cut into particles of %zu coordinates", path,
                    enf_array_shape(array, 1), data->D);
  if (D == 2 && data_is_planar(data))
    drop_z(data);
  if (data->n == 0)
    return cli_fail("%s holds no configuration", path);
  if (D > 0 && data->D != D)
    return cli_fail("%s has %zu dimensions, not %zu", path, data->D, D);
  if (N > 0 && data->N != N)
    return cli_fail("%s has %zu particles in %zu dimensions, not %zu", path, data->N, data->D, N);
  return SUCCESS;
}

/* Number of the first particle with the label of particle i. */
static size_t first_alike(const enf_array *array, size_t i) {
  size_t first = 0;
  while (strcmp(enf_array_label(array, first), enf_array_label(array, i)) != 0)
    first++;
  return first;
}

/* The labels in a row, unless they say nothing: none, or X for every particle. */
static int take_labels(const enf_array *array, dataset *data) {
  size_t bytes = 0, unknown = 0, used = 0;
  for (size_t i = 0; i < data->N; i++) {
    const char *label = enf_array_label(array, i);
    bytes += strlen(label) + 1;
    unknown += strcmp(label, "X") == 0 || *label == '\0';
  }
  if (unknown == data->N)
    return SUCCESS;
  data->labels = cli_alloc(bytes, 1);
  for (size_t i = 0; i < data->N && data->labels != NULL; i++)
    used += (size_t)snprintf(data->labels + used, bytes - used, i > 0 ? " %s" : "%s",
                             enf_array_label(array, i));
  return data->labels != NULL ? SUCCESS : FAILURE;
}

/* Labels become species numbers in the order of their first appearance; all alike: none. */
static int take_species(const enf_array *array, dataset *data) {
  enum { DIGITS = 8 };
  size_t *number = cli_alloc(data->N, sizeof *number), kinds = 0, used = 0;
  data->species = cli_alloc(data->N, DIGITS);
  const bool usable = number != NULL && data->species != NULL;
  for (size_t i = 0; i < data->N && usable; i++) {
    const size_t first = first_alike(array, i);
    number[i] = first == i ? kinds++ : number[first];
    used += (size_t)snprintf(data->species + used, DIGITS, i > 0 ? " %zu" : "%zu", number[i]);
  }
  free(number);
  if (usable && kinds < 2) {
    free(data->species);
    data->species = NULL;
  }
  return usable ? SUCCESS : FAILURE;
}

static int copy_array(const char *path, const enf_array *array, size_t N, size_t D, dataset *data) {
  const size_t ndim = enf_array_ndim(array);
  size_t count = 1;
  if (ndim != 2 && ndim != 3)
    return cli_fail("%s has %zu axes; configurations are (n,N,D) or (n,N*D)", path, ndim);
  array_shape(array, N, D, data);
  if (ndim == 2 && N == 0 && D == 0 && enf_array_shape(array, 1) % 6 == 0)
    tell_guess(path, enf_array_shape(array, 1));
  for (size_t axis = 0; axis < ndim; axis++)
    count *= enf_array_shape(array, axis);
  data->x = cli_alloc(count, sizeof(double));
  if (data->x == NULL)
    return FAILURE;
  if (count > 0)
    memcpy(data->x, enf_array_data(array), count * sizeof(double));
  int result = check_shape(path, array, N, D, data);
  if (result == SUCCESS)
    result = take_labels(array, data);
  return result == SUCCESS ? take_species(array, data) : result;
}

int data_read(cli *c, const char *path, size_t N, size_t D, dataset *data) {
  enf_array *array = NULL;
  *data = (dataset){0};
  int result = stream_read(c, path, &array);
  if (result != SUCCESS)
    return result;
  result = cell_check(c, path, array);
  if (result == SUCCESS)
    result = links_known(c) ? links_take(c, path, array, data) : copy_array(path, array, N, D, data);
  enf_array_destroy(array);
  if (result != SUCCESS)
    data_free(data);
  return result;
}

void data_free(dataset *data) {
  free(data->x);
  free(data->temperature);
  free(data->labels);
  free(data->species);
  *data = (dataset){0};
}

void data_forget(dataset *data) {
  free(data->x);
  free(data->temperature);
  data->x = data->temperature = NULL;
  data->n = 0;
}

void data_move(dataset *data, size_t to, size_t from) {
  const size_t width = data->N * data->D;
  memmove(data->x + to * width, data->x + from * width, width * sizeof *data->x);
  if (data->temperature != NULL)
    data->temperature[to] = data->temperature[from];
}

void data_thin(dataset *data, uint64_t rows) {
  if (rows >= data->n)
    return;
  for (size_t i = 0; i < rows; i++)
    data_move(data, i, (size_t)((double)i * ((double)data->n / (double)rows)));
  data->n = (size_t)rows;
}

/* ---- scale --------------------------------------------------------------------------------- */

int data_scale(cli *c, const enf_flow *flow, const dataset *data, const char *path, double *scale) {
  size_t left_out = 0;
  double found;
  const enf_status status = enf_data_scale(c->ctx, flow, data->n, data->x, &found, &left_out);
  if (status == ENF_ERR_NONFINITE || status == ENF_ERR_RANGE)
    return cli_fail("%s: %s", path, enf_ctx_errmsg(c->ctx));
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  if (scale == NULL)
    return SUCCESS;
  *scale = found;
  if (left_out > 0)
    cli_note("%s: %zu of %zu configurations are more than 8 times as large as their median; the "
             "data scale is that of the others",
             path, left_out, data->n);
  return SUCCESS;
}

/* ---- writing and vectors ------------------------------------------------------------------- */

/* Each of them a text of its own, in `text`. */
static int split_labels(const dataset *data, char **text, const char ***labels) {
  const size_t bytes = strlen(data->labels) + 1;
  *text = cli_alloc(bytes, 1);
  *labels = cli_alloc(data->N, sizeof **labels);
  if (*text == NULL || *labels == NULL) {
    free(*text);
    free(*labels);
    return FAILURE;
  }
  memcpy(*text, data->labels, bytes);
  char *at = *text;
  for (size_t i = 0; i < data->N; i++) {
    (*labels)[i] = at;
    at += strcspn(at, " ");
    if (*at != '\0')
      *at++ = '\0';
  }
  return SUCCESS;
}

static int write_links(cli *c, const char *path, const char *type, const dataset *data) {
  double *x = NULL;
  size_t ndim, shape[5];
  int result = links_give(c, data, &x, &ndim, shape);
  if (result == SUCCESS)
    result = stream_write(c, path, type, ndim, shape, NULL, x);
  free(x);
  return result;
}

int data_write(cli *c, const char *path, const char *type, const dataset *data) {
  const size_t shape[3] = {data->n, data->N, data->D};
  if (cli_has(c, FLAG_TYPE))
    type = c->value[FLAG_TYPE];
  const bool is_npy = is_stream(path) ? strcmp(type, "xyz") != 0 : ends_with(path, ".npy");
  if (links_known(c) && cli_has(c, FLAG_LAYOUT))
    return write_links(c, path, is_npy ? type : NULL, data);
  char *text = NULL;
  const char **labels = NULL;
  if (data->labels != NULL && split_labels(data, &text, &labels) != SUCCESS)
    return FAILURE;
  const int result = stream_write(c, path, is_npy ? type : NULL, 3, shape, labels, data->x);
  free(labels);
  free(text);
  return result;
}

static int copy_vector(const char *path, const enf_array *array, size_t *n, double **values) {
  const size_t ndim = enf_array_ndim(array), found = enf_array_shape(array, 0);
  if (ndim != 1 && !(ndim == 2 && enf_array_shape(array, 1) == 1))
    return cli_fail("%s has %zu axes; one number per sample is expected", path, ndim);
  if (*n > 0 && found != *n)
    return cli_fail("%s holds %zu numbers for %zu samples", path, found, *n);
  *n = found;
  *values = cli_alloc(found, sizeof(double));
  if (*values == NULL)
    return FAILURE;
  if (found > 0)
    memcpy(*values, enf_array_data(array), found * sizeof(double));
  return SUCCESS;
}

int vector_read(cli *c, const char *path, size_t *n, double **values) {
  enf_array *array = NULL;
  int result = stream_read(c, path, &array);
  if (result != SUCCESS)
    return result;
  result = copy_vector(path, array, n, values);
  enf_array_destroy(array);
  return result;
}

int vector_write(cli *c, const char *path, size_t n, const double *values) {
  return stream_write(c, path, "f8", 1, &n, NULL, values);
}

void flow_shape(const enf_flow *flow, size_t *N, size_t *D) {
  int64_t particles = 0, dimensions = 0;
  enf_get_int(flow, "particles", &particles);
  enf_get_int(flow, "dimensions", &dimensions);
  *N = (size_t)particles;
  *D = (size_t)dimensions;
}

static char *
text_of(const enf_flow *flow, const char *name,
        enf_status get(const enf_flow *, const char *, char *, size_t, size_t *)) {
  size_t bytes = 1;
  get(flow, name, NULL, 0, &bytes);
  char *text = cli_alloc(bytes, 1);
  if (text != NULL)
    get(flow, name, text, bytes, NULL);
  return text;
}

char *flow_text(const enf_flow *flow, const char *name) {
  return text_of(flow, name, enf_get_text);
}

char *flow_meta(const enf_flow *flow, const char *key) { return text_of(flow, key, enf_meta_get); }

int flow_keep_meta(const cli *c, enf_flow *flow, const char *key, const char *text) {
  const enf_status status = enf_meta_set(c->ctx, flow, key, text);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

size_t mean_of(size_t n, const double *values, double *mean, double *error) {
  size_t used = 0;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(values[i])) {
      sum += values[i];
      used++;
    }
  *mean = used > 0 ? sum / (double)used : (double)NAN;
  for (size_t i = 0; i < n; i++)
    if (isfinite(values[i]))
      squares += (values[i] - *mean) * (values[i] - *mean);
  *error = used > 1 ? sqrt(squares / (double)(used - 1) / (double)used) : (double)NAN;
  return used;
}
