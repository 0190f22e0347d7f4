/* boost.h -- the next part of a mixture: the rules of the objectives in boost.c. */
#ifndef ENF__BOOST_H
#define ENF__BOOST_H

#include <stddef.h>

/* w_i = 1/G_i over their sum, cut to [floor, cap] and normalised again; w may not be logG. */
void enf__boost_weights(size_t n, const double *logG, double floor, double cap, double *w);
/* u + max(log G, -clip) + lambda log g */
double enf__boost_loss(double u, double logG, double logg, double lambda, double clip);

#endif
