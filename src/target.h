/* target.h -- the energy that a flow is trained with or compared with, built-in or a plugin, and
   what is known exactly about it. */
#ifndef TARGET_H
#define TARGET_H

#include "hands.h"
#include "plugin.h"

typedef struct {
  const char *spec;
  enf_energy_fn fn; /* NULL: no --energy */
  void *user;
  double kT;                /* of --kT */
  enf_energy_fn unreduced;  /* the energy in that unit; NULL: fn is it */
  void *unreduced_user;
  size_t N, D; /* 0: the plugin does not say */
  bool whole;  /* rows are matrices or angles, of which no mean is taken */
  /* Exact values with their uncertainty (0: all digits shown); NaN where unknown. */
  double log_z, log_z_err, mean_u, mean_u_err;
  bool log_z_told; /* by --log-z: it is that of the flow's temperature */
  hands hands; /* others are impossible; count = 0: none are */
  enf_energy_fn of_both;
  void *of_both_user;
  enf_ctx *ctx; /* to tell hands with: callbacks may not use the command's */
  size_t given; /* of --u: how many energies, */
  double *u;    /* (given), or NULL */
  enf_energy *builtin;
  plugin plugin;
} target;

/* From a spec or the name of a plugin, or of the energies in the file of --u; --log-z, if given,
   replaces the table's log Z; --kT divides them. t must stay where it is. With neither an empty target. */
int target_make(cli *c, const char *spec, target *t);
void target_free(target *t);
/* Refuse another shape; `what` has it: "the configurations". A plugin that does not say its own has
   it from now on. */
int target_check(target *t, const char *what, size_t N, size_t D);
/* Note a plugin whose gradient at the mean-free configuration x is not that of its energy, by
   central differences over `step`; one that fails there is left to fail where it is needed. */
int target_check_gradient(const target *t, size_t N, size_t D, const double *x, double step);
/* Make configurations of another hand than the flow's impossible, for moves that would take them. */
int target_keep_hand(const cli *c, const enf_flow *flow, target *t);
/* Note a --kT, or none, that is not that of the flow's training, whose file is called `name`; before target_heat. */
void target_check_kT(const target *t, const enf_flow *flow, const char *name);
/* The flow's file says --kT from now on, where it was given. */
int target_keep_kT(const cli *c, const target *t, enf_flow *flow);
/* Energies over the reduced temperature, which is that of a flow; before target_keep_hand. */
void target_heat(target *t, double temperature);
/* u (n): energies of the mean-free configurations, +infinity where they or it are not finite. Those
   of --u are those of the n configurations it is asked for, as they are. */
int target_eval(const target *t, const dataset *data, double *u);
/* Note energies that rise much faster or slower than -log q of the samples on which they otherwise
   depend: they are in another unit than kT. */
void target_check_unit(size_t n, const double *u, const double *logp);

#endif
