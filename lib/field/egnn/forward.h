/* forward.h -- what forward.c does for the other files of the EGNN. */
#ifndef ENF__EGNN_FORWARD_H
#define ENF__EGNN_FORWARD_H

#include "field/egnn/group.h"

#define egnn_embed SUFFIX(enf__egnn_embed)
void egnn_embed(group *g, layer *y);
#define egnn_pair_vectors SUFFIX(enf__egnn_pair_vectors)
void egnn_pair_vectors(const group *g, layer *y);
#define egnn_coefficients SUFFIX(enf__egnn_coefficients)
void egnn_coefficients(const group *g, layer *y);
#define egnn_move_particles SUFFIX(enf__egnn_move_particles)
void egnn_move_particles(group *g, const layer *y);
#define egnn_node_network SUFFIX(enf__egnn_node_network)
void egnn_node_network(group *g, size_t l, REAL *h_next);
#define egnn_forward SUFFIX(enf__egnn_forward)
void egnn_forward(group *g);
#define egnn_mean_free_out SUFFIX(enf__egnn_mean_free_out)
void egnn_mean_free_out(const group *g, double factor, const REAL *x, double *state);
#define egnn_velocity_out SUFFIX(enf__egnn_velocity_out)
void egnn_velocity_out(const group *g, double *v);
#define egnn_velocity SUFFIX(enf__egnn_velocity)
void egnn_velocity(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
                   double *v);

#endif
