/* formula.h -- maps that are formulas, layer upon layer: what they provide, and the functions of
   the map table that all of them share.

   From data to prior a sample passes the layers 0 ... M-1. */
#ifndef ENF__FORMULA_H
#define ENF__FORMULA_H

#include "map/map.h"

/* The layers first ... end-1, towards the prior in this order, towards the data backwards. */
typedef struct {
  bool to_data;
  size_t first, end;
  const enf__carry *estimate; /* its log-determinants may be estimated by probes; or NULL */
  const enf__way *way;        /* of a passage with probes, which may be used for the same; or NULL */
  size_t row;                 /* of the way's samples, the first one here */
} enf__stretch;

typedef struct {
  size_t together; /* least samples of a group: those that share the cost of reading weights */
  /* Numbers that a sample leaves behind on its way through all layers for the way back. Zeros are a
     point like any other. */
  size_t (*record)(const enf__map *map);
  /* NULL, or numbers beside the record that a sample may leave behind, in any order among those of a
     call, which spare the way back some work; with many samples, or failed ones, they are not used. */
  size_t (*aside)(const enf__map *map);
  double (*cost)(const enf__map *map); /* multiply-adds per sample, roughly */
  /* Bytes of arena that apply and pull take for S samples. */
  size_t (*workspace)(const enf__map *map, const enf__run *run, size_t S);
  /* x (S,state) in place, logdet (S) += log |dy/dx| unless NULL, record (S,record) and aside
     (S,aside) unless NULL. A sample that cannot go on gets its failure in why (S) and anything for
     x. */
  void (*apply)(const enf__map *map, const enf__run *run, enf__arena *arena,
                const enf__stretch *stretch, size_t S, double *x, double *logdet, double *record,
                double *aside, enf__failure *why);
  /* Back through all layers: cotangents a (S,state) of y become those of x, given dlogdet (S);
     dparams (P) += or NULL. */
  void (*pull)(const enf__map *map, const enf__run *run, enf__arena *arena, bool to_data, size_t S,
               const double *record, const double *aside, const double *dlogdet, double *a,
               double *dparams);
  /* The same, of a stretch with a way; NULL: the log-determinants of apply are exact anyway. */
  void (*pull_estimate)(const enf__map *map, const enf__run *run, enf__arena *arena,
                        const enf__stretch *stretch, size_t S, const double *record,
                        const double *dlogdet, double *a, double *dparams);

  /* Or, in the place of pull, one layer after another, so that gradients of all pieces are summed
     while they are in a cache. sums: doubles that hold a piece's gradient of a layer, packed as the
     map likes. */
  size_t (*sums)(const enf__map *map);
  /* Layer l alone; its packed gradient += in sum, from 0 if it is fresh, or NULL. */
  void (*pull_layer)(const enf__map *map, const enf__run *run, enf__arena *arena, bool to_data,
                     size_t l, size_t S, const double *record, const double *aside,
                     const double *dlogdet, double *a, bool fresh, double *sum);
  /* Number `share` of so many shares of a layer: dparams (P) += the sums of all pieces, in order. */
  void (*add_layer)(const enf__map *map, const enf__run *run, size_t l, size_t share, size_t shares,
                    size_t pieces, const double *sums, double *dparams);
} enf__formula_ops;

/* The head of a formula's struct. */
typedef struct {
  enf__map base;
  const enf__formula_ops *formula;
} enf__formula;

size_t enf__formula_carry_group(const enf__map *map, size_t probes);
size_t enf__formula_carry_workspace(const enf__map *map, const enf__carry *carry);
void enf__formula_carry(const enf__map *map, enf__arena *arena, enf__carry *carry);
size_t enf__formula_pieces(const enf__map *map, size_t n);
void enf__formula_take(enf__passage *passage, enf__arena *arena);
size_t enf__formula_passage_workspace(const enf__passage *passage, const enf__run *run);
enf_status enf__formula_forward(enf_ctx *ctx, enf__passage *passage);
enf_status enf__formula_reverse(enf_ctx *ctx, enf__passage *passage, const enf__pulled *pulled);

/* The rows of a map table behind name, create, destroy and pack. */
#define ENF__FORMULA_ROWS                                                                          \
  .carry_group = enf__formula_carry_group, .carry_workspace = enf__formula_carry_workspace,        \
  .carry = enf__formula_carry, .pieces = enf__formula_pieces, .take = enf__formula_take,           \
  .passage_workspace = enf__formula_passage_workspace, .forward = enf__formula_forward,            \
  .reverse = enf__formula_reverse

#endif
