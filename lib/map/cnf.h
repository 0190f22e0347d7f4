/* cnf.h -- inside of the map "cnf": the flow of a velocity field, x' = v(t,x) from t = 0 to 1 (Chen
   et al. 2018, arXiv:1806.07366). */
#ifndef ENF__CNF_H
#define ENF__CNF_H

#include "field/field.h"
#include "map/map.h"

typedef struct {
  enf__map base;
  enf__field *field;
} enf__cnf;

static inline const enf__cnf *enf__cnf_of(const enf__map *map) { return (const enf__cnf *)map; }

/* cnf_carry.c */
size_t enf__cnf_carry_group(const enf__map *map, size_t probes);
size_t enf__cnf_carry_workspace(const enf__map *map, const enf__carry *carry);
void enf__cnf_carry(const enf__map *map, enf__arena *arena, enf__carry *carry);

/* cnf_passage.c */
size_t enf__cnf_pieces(const enf__map *map, size_t n);
void enf__cnf_take(enf__passage *passage, enf__arena *arena);
size_t enf__cnf_passage_workspace(const enf__passage *passage, const enf__run *run);
enf_status enf__cnf_forward(enf_ctx *ctx, enf__passage *passage);
enf_status enf__cnf_reverse(enf_ctx *ctx, enf__passage *passage, const enf__pulled *pulled);

#endif
