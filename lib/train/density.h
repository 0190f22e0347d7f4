/* density.h -- the objectives on the density of the flow, as pieces that the mixed one joins. */
#ifndef ENF__TRAIN_DENSITY_H
#define ENF__TRAIN_DENSITY_H

#include "train/leg.h"

/* The highest value of train.rungs. */
enum { ENF__MOST_RUNGS = 64 };

/* slope += weight times the mean of -log q over the batch (host units), and its gradient. */
enf_status enf__add_likelihood(enf_ctx *ctx, const enf__batch *batch, enf__leg *leg, double weight,
                               enf__slope *slope);

/* What an energy objective needs beside its leg. */
typedef struct {
  double *x, *u, *grad; /* (n,N,D), (n), (n,N,D) in the host's units; u = +inf: left out */
  double *volume;       /* (n) log-volumes of x */
  double *dy;           /* (state) of one sample */
} enf__energies;

enf__energies enf__energies_take(const enf__batch *batch, enf__arena *arena);

/* A reduced energy, or cap + log(1 + u - cap) beyond the cap. */
double enf__capped_energy(double u, double cap);
/* The share `cut` of the largest of log w (n) becomes the least of them. One w is above 0. */
void enf__weights_cut(size_t n, double cut, double *logw);
/* log w (n), to a constant, -> w of mean 1 over those above 0, if any is. */
void enf__weights_level(size_t n, double *w);

/* The reduced temperature that drawn sample i is at: 1 of a flow without a ladder. Consecutive
   samples are at one temperature, their rung. */
size_t enf__batch_rung(const enf__batch *batch, size_t i);
double enf__batch_temperature(const enf__batch *batch, size_t i);

/* Prior draws into leg->start. */
void enf__draw_starts(const enf__batch *batch, enf__leg *leg);

/* Energies and gradients of the arrived samples by the host's callback, capped and clipped as the
   options say; slope->capped counts. Samples that did not arrive, or are impossible, have u = inf.
   CALLBACK if the host's function fails. */
enf_status enf__ask_energies(enf_ctx *ctx, const enf__batch *batch, const enf__leg *leg,
                             enf__energies *e, enf__slope *slope);

/* slope += weight times the mean of u - logdet + log p0 (host units), and its gradient. */
enf_status enf__add_energy(enf_ctx *ctx, const enf__batch *batch, enf__leg *leg, enf__energies *e,
                           double weight, enf__slope *slope);

#endif
