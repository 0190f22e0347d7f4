/* given.c -- see given.h. */
#include "given.h"
#include "data.h"
#include "scramble.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 64, ATOMS = 255 };

static uint64_t count_of(const enf_flow *flow, const char *option) {
  char *text = flow_text(flow, option);
  const uint64_t count = text != NULL ? strtoull(text, NULL, 10) : 0;
  free(text);
  return count;
}

bool flow_has_given_kinds(const enf_flow *flow) {
  char *text = flow_text(flow, "model.kinds");
  const bool given = text != NULL && strcmp(text, "given") == 0;
  free(text);
  return given;
}

bool flow_is_given(const enf_flow *flow) {
  return flow_has_given_kinds(flow) || count_of(flow, "model.context") > 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

enf_status given_keys(const cli *c, enf_batch_reader *reader) {
  return cli_has(c, FLAG_CONTEXT)
             ? enf_batch_reader_context(c->ctx, reader, c->value[FLAG_CONTEXT])
             : ENF_OK;
}

enf_status given_read(const cli *c, const char *path, enf_batch **batch) {
  enf_batch_reader *reader = NULL;
  if (!cli_has(c, FLAG_CONTEXT))
    return enf_batch_read(c->ctx, batch, NULL, path);
  enf_status status = enf_batch_reader_open(c->ctx, &reader, NULL, path);
  if (status == ENF_OK)
    status = given_keys(c, reader);
  if (status == ENF_OK)
    status = enf_batch_create(c->ctx, batch, 3);
  if (status == ENF_OK)
    status = enf_batch_reader_next(c->ctx, reader, SIZE_MAX, *batch);
  enf_batch_reader_close(reader);
  return status;
}

enf_status given_copy(const cli *c, const enf_batch *from, size_t index, enf_batch *to) {
  size_t G;
  const double *context;
  enf_batch_context(from, index, &G, &context);
  return G > 0 ? enf_batch_set_context(c->ctx, to, enf_batch_count(to) - 1, 1, G, context) : ENF_OK;
}

/* ---- samples --------------------------------------------------------------------------------- */

static int read_context(const cli *c, double value[NUMBERS], size_t *count) {
  const char *at = c->value[FLAG_CONTEXT];
  *count = 0;
  while (at != NULL) {
    char *end;
    const double number = strtod(at, &end);
    if (end == at || (*end != ',' && *end != '\0') || !isfinite(number) || *count == NUMBERS)
      return cli_usage(c, "--context of samples takes numbers between commas, not %s",
                       c->value[FLAG_CONTEXT]);
    value[(*count)++] = number;
    at = *end == ',' ? end + 1 : NULL;
  }
  return SUCCESS;
}

/* The kinds of the formula's atoms; how many, 0 if the flow lacks one. */
static size_t kinds_of(const enf_flow *flow, const formula *wanted, int32_t kind[ATOMS]) {
  int32_t number[ATOMIC_NUMBERS];
  const int elements = element_numbers(flow, number);
  size_t atoms = 0;
  for (int k = 0; k < elements; k++)
    for (uint64_t i = 0; number[k] > 0 && i < wanted->count[number[k]]; i++)
      kind[atoms++] = k;
  return atoms == wanted->atoms ? atoms : 0;
}

/* A size by model.sizes, "5:1 9:83", for u in [0,1); 0 where there are none. */
static size_t size_at(const char *sizes, double u) {
  double total = 0, sum = 0;
  size_t size = 0;
  for (int pass = 0; pass < 2; pass++)
    for (const char *at = strchr(sizes, ':'); at != NULL; at = strchr(at + 1, ':')) {
      const char *begin = at;
      while (begin > sizes && begin[-1] != ' ')
        begin--;
      const double count = strtod(at + 1, NULL);
      total += pass == 0 ? count : 0;
      sum += pass == 1 ? count : 0;
      if (pass == 1 && (size == 0 || sum - count <= u * total))
        size = strtoull(begin, NULL, 10);
    }
  return size;
}

/* In [0,1), of sample `number` of a stream. */
static double uniform(uint64_t seed, uint64_t number) {
  return (double)(scramble(0x9e3779b97f4a7c15u * number + seed) >> 11) / 9007199254740992.0;
}

static enf_status append(cli *c, const given_samples *of, const char *sizes, const int32_t *kind,
                         size_t atoms, enf_batch *batch) {
  static const double nowhere[3 * ATOMS];
  enf_status status = ENF_OK;
  for (uint64_t i = 0; i < of->n && status == ENF_OK; i++) {
    const size_t drawn = size_at(sizes, uniform(of->seed, of->first + i));
    const size_t N = atoms ? atoms : of->particles ? of->particles : drawn;
    status = enf_batch_append(c->ctx, batch, N <= ATOMS ? N : 0, kind, 0, NULL, nowhere);
  }
  return status;
}

/* The same numbers for all. */
static enf_status set_contexts(cli *c, size_t n, size_t count, const double *value,
                               enf_batch *batch) {
  enf_status status = ENF_OK;
  for (size_t i = 0; i < n && count > 0 && status == ENF_OK; i++)
    status = enf_batch_set_context(c->ctx, batch, i, 1, count, value);
  return status;
}

int given_make(cli *c, const enf_flow *flow, const given_samples *of, enf_batch **batch) {
  double value[NUMBERS];
  int32_t kind[ATOMS];
  size_t count, atoms = 0;
  const bool kinds = flow_has_given_kinds(flow);
  *batch = NULL;
  if (read_context(c, value, &count) != SUCCESS)
    return USAGE;
  if (kinds && of->wanted->atoms == 0)
    return cli_usage(c, "the flow is given kinds: --formula says them");
  if (kinds && (atoms = kinds_of(flow, of->wanted, kind)) == 0)
    return cli_usage(c, "--formula has an element that the flow does not have");
  char *sizes = flow_text(flow, "model.sizes");
  enf_status status = enf_batch_create(c->ctx, batch, 3);
  if (status == ENF_OK)
    status = append(c, of, sizes != NULL ? sizes : "", kinds ? kind : NULL, atoms, *batch);
  if (status == ENF_OK)
    status = set_contexts(c, of->n, count, value, *batch);
  free(sizes);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}
