/* params.h -- parameters: one block of doubles and a table of named views into it.

   What a flow is made of appends its views when it is made; then the block is allocated, and who
   owns the table owns all numbers. A field reads them when it packs its copies (enf__field_pack);
   gradients, moments and averages are blocks of the same layout. */
#ifndef ENF__PARAMS_H
#define ENF__PARAMS_H

#include "core/core.h"

/* A named view; a bias has one column. Initial values are uniform within +- spread about numbers
   that go evenly from first to last; diagonal is added where row and column are the same. */
typedef struct {
  char name[64]; /* "egnn.gcl_0.edge_mlp.0.weight" */
  size_t offset, rows, cols;
  double spread, first, last, diagonal;
  bool fixed; /* no training changes it */
  bool turns; /* a matrix between layers, for which SOAP's other axes pay */
} enf__tensor;

typedef struct {
  enf_alloc alloc;
  size_t count, room; /* views, and how many there is memory for */
  size_t size;        /* P, numbers of all views */
  size_t most;        /* views beyond it are left out, for a file that has fewer; 0: no bound */
  bool failed;        /* memory ran out while views were appended */
  enf__tensor *tensor;
  double *value; /* (P), or NULL before enf__params_allocate */
  size_t block;  /* numbers of the block that value is in, and gradients have: P, or more where it is
                    part of another table's (enf__params_lend) */
  bool lent;     /* value is another table's */
} enf__params;

/* An empty table. */
void enf__params_open(enf_ctx *ctx, enf__params *params);
void enf__params_close(enf__params *params); /* fine on a zeroed one */

/* Append a view like `tensor`, its name as by printf; returns its offset. Failure is kept for
   enf__params_allocate to tell. */
size_t enf__params_add(enf__params *params, enf__tensor tensor, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The block, all zero, once all views are there. NOMEM. */
enf_status enf__params_allocate(enf_ctx *ctx, enf__params *params);

/* Let `part` have its numbers, which are copied, at `offset` of this table's block. */
void enf__params_lend(enf__params *params, size_t offset, enf__params *part);

/* Initial values: a function of the seed and the views' places. */
void enf__params_init(enf__params *params, uint64_t seed);

#endif
