/* divergence.h -- what divergence.c does for the other files of the EGNN. */
#ifndef ENF__EGNN_DIVERGENCE_H
#define ENF__EGNN_DIVERGENCE_H

#include "field/egnn/tangents.h"

#define egnn_list_dense_rows SUFFIX(enf__egnn_list_dense_rows)
void egnn_list_dense_rows(const tangents *d);
#define egnn_edge_tangents SUFFIX(enf__egnn_edge_tangents)
void egnn_edge_tangents(const group *g, const layer *y, tangents *d, size_t e, size_t i, size_t j);
#define egnn_move_tangents SUFFIX(enf__egnn_move_tangents)
void egnn_move_tangents(const group *g, const layer *y, tangents *d, size_t e, size_t i);
#define egnn_list_contracted_rows SUFFIX(enf__egnn_list_contracted_rows)
void egnn_list_contracted_rows(tangents *d, size_t i);
#define egnn_contract_scalars SUFFIX(enf__egnn_contract_scalars)
void egnn_contract_scalars(tangents *d, size_t i);
#define egnn_list_pair_q SUFFIX(enf__egnn_list_pair_q)
void egnn_list_pair_q(tangents *d, size_t i, size_t j);
#define egnn_list_dense_q SUFFIX(enf__egnn_list_dense_q)
void egnn_list_dense_q(tangents *d, size_t i, size_t j);
#define egnn_convert_rows SUFFIX(enf__egnn_convert_rows)
void egnn_convert_rows(tangents *d, bool contract, size_t rows);
#define egnn_middle_layer SUFFIX(enf__egnn_middle_layer)
void egnn_middle_layer(group *g, size_t l, tangents *d);
#define egnn_last_products SUFFIX(enf__egnn_last_products)
void egnn_last_products(group *g, const layer *y, tangents *d);
#define egnn_divergence SUFFIX(enf__egnn_divergence)
void egnn_divergence(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
                     double *v, double *div);

#endif
