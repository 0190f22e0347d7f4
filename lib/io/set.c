/* set.c -- configurations in three .npy files of one beginning, read one after the other
   (ragged.h): PATH_n_atoms.npy (M), PATH_numbers.npy (sum N), PATH_positions.npy (sum N, D).

   Little-endian, in C order. Every count is checked against the files' shapes before memory is
   asked for, so a hostile count asks for no more than the files' own size. */
#include "io/ragged.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COUNTS, NUMBERS, POSITIONS, CONTEXTS, PARTS = CONTEXTS, WHOLE = 1 << 16 };
static const struct {
  const char *ending;
  size_t ndim;
  bool floats;
} part[] = {{"_n_atoms.npy", 1, false},
            {"_numbers.npy", 1, false},
            {"_positions.npy", 2, true},
            {".npy", 2, true}};

/* ---- opening --------------------------------------------------------------------------------- */

static enf_status check_head(enf_ctx *ctx, const char *path, const enf__npy_head *head, int which) {
  if ((head->kind == 'f') != part[which].floats)
    return enf__file_refuse(ctx, ENF_ERR_FORMAT, path, "dtype '%s' where %s are expected",
                            head->type, part[which].floats ? "floats" : "whole numbers");
  if (head->big_endian || (head->fortran && head->ndim > 1))
    return enf__file_refuse(ctx, ENF_ERR_UNSUPPORTED, path,
                            "a set is read little-endian and in C order only");
  if (head->ndim != part[which].ndim && !(which == CONTEXTS && head->ndim == 1))
    return enf__file_refuse(ctx, ENF_ERR_FORMAT, path, "%zu dimensions, not %zu", head->ndim,
                            part[which].ndim);
  return ENF_OK;
}

static enf_status open_part(enf_ctx *ctx, enf_batch_reader *r, const char *path, int which) {
  enf_status status;
  char name[4096];
  enf__source *source = &r->source[which];
  enf__npy_head *head = &r->head[which];
  const char *data;
  size_t start;
  if ((size_t)snprintf(name, sizeof name, "%s%s", path, part[which].ending) >= sizeof name)
    return enf__fail(ctx, ENF_ERR_ARG, "the path has more than %zu bytes", sizeof name);
  TRY(enf__source_open(ctx, source, name));
  const uint64_t rest = enf__source_rest(source);
  const size_t seen = rest < WHOLE ? (size_t)rest : WHOLE;
  TRY(enf__source_take(ctx, source, seen, &data));
  TRY(enf__npy_read_head(ctx, source->path, data, seen, head, &start));
  source->at -= seen - start;
  TRY(check_head(ctx, source->path, head, which));
  r->left[which] = head->shape[0];
  const size_t columns = head->ndim == 2 ? head->shape[1] : 1;
  const size_t most = which == CONTEXTS ? ENF__CONTEXT_MOST : 3;
  if (columns == 0 || columns > most || head->shape[0] > SIZE_MAX / 8 / most ||
      enf__source_rest(source) != (uint64_t)head->shape[0] * columns * head->item)
    return enf__file_refuse(ctx, ENF_ERR_FORMAT, source->path,
                            "%zu x %zu numbers of %zu bytes, %llu bytes are there", head->shape[0],
                            columns, head->item, (unsigned long long)enf__source_rest(source));
out:
  return status;
}

enf_status enf__set_open(enf_ctx *ctx, enf_batch_reader *r, const char *path) {
  enf_status status;
  for (int which = 0; which < PARTS; which++)
    TRY(open_part(ctx, r, path, which));
  const char *name = r->source[POSITIONS].path;
  const size_t columns = r->head[POSITIONS].shape[1];
  if (columns != r->D)
    return enf__file_refuse(ctx, ENF_ERR_SHAPE, name, "positions have %zu columns, not %zu",
                            columns, r->D);
  if (r->left[NUMBERS] != r->left[POSITIONS])
    return enf__file_refuse(ctx, ENF_ERR_FORMAT, name, "%llu positions, and %llu atomic numbers",
                            (unsigned long long)r->left[POSITIONS],
                            (unsigned long long)r->left[NUMBERS]);
out:
  return status;
}

enf_status enf__set_context(enf_ctx *ctx, enf_batch_reader *r, const char *word) {
  const char *beside = r->source[NUMBERS].path;
  const size_t length = strlen(beside) - strlen(part[NUMBERS].ending);
  char name[4096];
  if ((size_t)snprintf(name, sizeof name, "%.*s_%s", (int)length, beside, word) >= sizeof name)
    return enf__fail(ctx, ENF_ERR_ARG, "the path has more than %zu bytes", sizeof name);
  const enf_status status = open_part(ctx, r, name, CONTEXTS);
  if (status != ENF_OK || r->left[CONTEXTS] == r->left[COUNTS])
    return status;
  return enf__file_refuse(ctx, ENF_ERR_FORMAT, r->source[CONTEXTS].path,
                          "%llu contexts, and %llu molecules",
                          (unsigned long long)r->left[CONTEXTS],
                          (unsigned long long)r->left[COUNTS]);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A little-endian whole number of `item` bytes. */
static int64_t whole(const char *data, size_t item, bool has_sign) {
  uint64_t value = 0;
  for (size_t i = item; i-- > 0;)
    value = value << 8 | (unsigned char)data[i];
  const size_t unused = 64 - 8 * item;
  if (!has_sign)
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
  return (int64_t)(value << unused) >> unused;
}

static enf_status take_whole(enf_ctx *ctx, enf_batch_reader *r, int which, int64_t *value) {
  const enf__npy_head *head = &r->head[which];
  const char *data;
  const enf_status status = enf__source_take(ctx, &r->source[which], head->item, &data);
  if (status == ENF_OK)
    *value = whole(data, head->item, head->kind == 'i');
  r->left[which]--;
  return status;
}

static enf_status take_kinds(enf_ctx *ctx, enf_batch_reader *r, size_t N, int32_t *kind) {
  enf_status status = ENF_OK;
  char where[280];
  int64_t number;
  enf__format(where, sizeof where, "%s: molecule %llu", enf__file_name(r->source[NUMBERS].path),
              (unsigned long long)r->done);
  for (size_t i = 0; i < N; i++) {
    TRY(take_whole(ctx, r, NUMBERS, &number));
    if (number < 0 || number >= ENF__SPECIES)
      number = -1;
    TRY(enf__kind_find(ctx, &r->kinds, where, (int)number, &kind[i]));
  }
out:
  return status;
}

static enf_status take_positions(enf_ctx *ctx, enf_batch_reader *r, size_t N, double *x) {
  enf_status status = ENF_OK;
  const size_t item = r->head[POSITIONS].item, D = r->D;
  const char *data;
  for (size_t i = 0; i < N; i++) {
    TRY(enf__source_take(ctx, &r->source[POSITIONS], D * item, &data));
    enf__file_doubles(data, item, D, x + D * i);
    for (size_t d = 0; d < D; d++)
      if (!isfinite(x[D * i + d]))
        return enf__file_refuse(ctx, ENF_ERR_FORMAT, r->source[POSITIONS].path,
                                "molecule %llu: a coordinate of atom %zu is not finite",
                                (unsigned long long)r->done, i);
  }
  r->left[POSITIONS] -= N;
out:
  return status;
}

static enf_status take_context(enf_ctx *ctx, enf_batch_reader *r, enf_batch *batch) {
  enf_status status;
  const enf__npy_head *head = &r->head[CONTEXTS];
  const size_t G = head->ndim == 2 ? head->shape[1] : 1;
  double values[ENF__CONTEXT_MOST];
  const char *data;
  TRY(enf__source_take(ctx, &r->source[CONTEXTS], G * head->item, &data));
  enf__file_doubles(data, head->item, G, values);
  r->left[CONTEXTS]--;
  TRY(enf__batch_context_last(ctx, batch, G, values));
out:
  return status;
}

enf_status enf__set_next(enf_ctx *ctx, enf_batch_reader *r, enf_batch *batch, bool *ended) {
  enf_status status = ENF_OK;
  int64_t N;
  *ended = r->left[COUNTS] == 0;
  if (*ended && r->left[NUMBERS] == 0)
    return ENF_OK;
  if (*ended)
    return enf__file_refuse(ctx, ENF_ERR_FORMAT, r->source[COUNTS].path,
                            "%llu atoms are behind the last molecule",
                            (unsigned long long)r->left[NUMBERS]);
  TRY(take_whole(ctx, r, COUNTS, &N));
  if (N <= 0 || (uint64_t)N > r->left[NUMBERS])
    return enf__file_refuse(
        ctx, ENF_ERR_FORMAT, r->source[COUNTS].path, "molecule %llu has %lld atoms, %llu are left",
        (unsigned long long)r->done, (long long)N, (unsigned long long)r->left[NUMBERS]);
  TRY(enf__batch_room(ctx, batch, 1, (size_t)N, 0));
  TRY(take_kinds(ctx, r, (size_t)N, batch->kind + batch->atoms));
  TRY(take_positions(ctx, r, (size_t)N, batch->x + batch->D * batch->atoms));
  enf__batch_add(batch, (size_t)N, r->kinds.rule != ENF__KINDS_NONE, 0);
  if (r->keys)
    TRY(take_context(ctx, r, batch));
out:
  return status;
}
