/* ragged.h -- inside of enf_batch: configurations of any size, one after the other; and files of
   them, read in pieces. */
#ifndef ENF__RAGGED_H
#define ENF__RAGGED_H

#include "core/option_text.h"
#include "io/source.h"
#include <enf/batch.h>
#include <math.h>

enum { ENF__CONTEXT_MOST = 64 }; /* numbers of a context in files */

/* Beside those of core.h. */
enum { ENF__MAGIC_BATCH = 0x4a786665, ENF__MAGIC_BATCH_READER = 0x4b786665 };

/* One configuration: where its numbers begin. */
typedef struct {
  size_t N, F;
  size_t atom, feature; /* before it: particles, numbers of features */
  bool kinds;
} enf__member;

struct enf_batch {
  uint32_t magic;
  enf_alloc alloc;
  size_t D;
  size_t count, atoms, features; /* in use */
  size_t G;               /* numbers of a context, 0 before the first is set */
  size_t most, most_atoms, most_features, most_context;
  enf__member *member; /* (most) */
  int32_t *kind;       /* (most_atoms) */
  double *x;           /* (most_atoms,D) */
  double *feature;     /* (most_features) */
  double *context;     /* (count,G), NaN where it is not set; room most_context */
};

/* ARG unless it is one. */
enf_status enf__batch_is(enf_ctx *ctx, const enf_batch *batch);
/* Room behind the last for so many configurations, particles and numbers of features. NOMEM. */
enf_status enf__batch_room(enf_ctx *ctx, enf_batch *batch, size_t count, size_t atoms,
                           size_t features);
/* The next configuration, in room that there is: its kinds, x and features are written by the
   caller behind those that there are, before or after. */
void enf__batch_add(enf_batch *batch, size_t N, bool kinds, size_t F);

static inline const double *enf__member_x(const enf_batch *batch, const enf__member *m) {
  return batch->x + batch->D * m->atom;
}
static inline const int32_t *enf__member_kind(const enf_batch *batch, const enf__member *m) {
  return m->kinds ? batch->kind + m->atom : NULL;
}

static inline bool enf__member_has_context(const enf_batch *batch, size_t index) {
  return batch->G > 0 && !isnan(batch->context[index * batch->G]);
}
/* Into context (G), G the batch's or 0. */
static inline void enf__member_context(const enf_batch *batch, size_t index, size_t G,
                                       double *context) {
  for (size_t c = 0; c < G; c++)
    context[c] = batch->context[index * G + c];
}
/* All configurations, and G, are forgotten. */
void enf__batch_clear(enf_batch *batch);
/* The context of the last configuration, which the batch's others agree with. NOMEM; SHAPE. */
enf_status enf__batch_context_last(enf_ctx *ctx, enf_batch *batch, size_t G, const double *values);
/* Contexts of G numbers from now on: room for those that there are, which have none. NOMEM. */
enf_status enf__batch_context_open(enf_ctx *ctx, enf_batch *batch, size_t G);

/* ---- files ---------------------------------------------------------------------------------- */

/* From atomic numbers to kinds. */
typedef struct {
  enum { ENF__KINDS_NUMBERS, ENF__KINDS_NONE, ENF__KINDS_LISTED } rule;
  size_t listed;
  int32_t number[ENF__SPECIES]; /* of kind k; LISTED */
} enf__kind_rule;

/* FORMAT for what is no element (number < 0), RANGE for one that is not listed. */
enf_status enf__kind_find(enf_ctx *ctx, const enf__kind_rule *kinds, const char *where, int number,
                          int32_t *kind);

struct enf_batch_reader {
  uint32_t magic;
  enf_alloc alloc;
  size_t D;
  enf__kind_rule kinds;
  bool failed;
  uint64_t done;         /* configurations */
  size_t line;           /* of a text */
  char *keys;            /* of contexts, or NULL */
  enf__source source[4]; /* the text; or n_atoms, numbers, positions, contexts */
  enf__npy_head head[4]; /* of these */
  uint64_t left[4];      /* items of these */
};

/* The next configuration into the batch; *ended where there is none. */
enf_status enf__frames_open(enf_ctx *ctx, enf_batch_reader *reader, const char *path);
enf_status enf__frames_next(enf_ctx *ctx, enf_batch_reader *reader, enf_batch *batch, bool *ended);
/* Contexts, from the set's file of this word. */
enf_status enf__set_context(enf_ctx *ctx, enf_batch_reader *reader, const char *word);
enf_status enf__set_open(enf_ctx *ctx, enf_batch_reader *reader, const char *path);
enf_status enf__set_next(enf_ctx *ctx, enf_batch_reader *reader, enf_batch *batch, bool *ended);

#endif
