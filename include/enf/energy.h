/* enf/energy.h -- reduced energies u = U/kT, and equilibrium samples from them. */
#ifndef ENF_ENERGY_H
#define ENF_ENERGY_H

#include <enf/context.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A batched reduced energy. x (n,N,D) is mean-free, in the host's units; u (n); grad (n,N,D) is
   du/dx, NULL if not wanted. Non-zero return stops the calling function with CALLBACK. Called on
   the thread that called libenf, one call at a time; must return and may not use the same ctx,
   flow or trainer. A non-finite u means "impossible". */
typedef int (*enf_energy_fn)(void *user, size_t n, const double *x, double *u, double *grad);

/* A built-in energy. Immutable: may be used from any number of threads. */
typedef struct enf_energy enf_energy;

/**
 * enf_energy_builtin: one of the built-in model systems.
 *
 * In:   spec  "dw4"      sum_{i<j} 0.9 (d-4)^4 - 4 (d-4)^2, 4 particles in 2-D; these numbers are
 *                        called quartic=0.9,quadratic=4,centre=4
 *             "lj13" "lj55" "lj:n=13,eps=2,rm=1,spring=1"
 *                        eps sum_{i<j} [(rm/d)^12 - 2 (rm/d)^6]
 *                        + spring/2 sum_i |x_i - mean|^2, 3-D
 *             "pair-dw:dim=3"  the DW4 pair term for two particles in 2-D or 3-D
 *             "gaussians:n=8,radius=2.8284,std=0.35355"  minus the log-density of n equal Gaussians
 *                        on a circle, one vector in 2-D (model.space vector)
 *             "loggas:n=4,dim=2,alpha=0.75"  alpha sum_{i<j} log(1 + d^2): heavy tails, a particle
 *                        may escape; the tail index of |x| is 2 alpha (n-1) - dim
 *             "toy:u1" "toy:u6"  two half moons in the plane, one vector in 2-D, not normalised
 *                        (Giaquinto, Banerjee 2020, arXiv:2002.11896); no numbers to give
 *             "gumbel:theta=2.5,df=2"  minus the log-density of two coordinates with Student-t
 *                        margins and a Gumbel copula, one vector in 2-D
 *             "wilson:group=su3,l0=16,l1=16,beta=6"  -beta/n sum_x Re tr P(x), gauge fields of group
 *                        u1 (-beta sum cos P), su2 ... su8 on a periodic lattice (model.space
 *                        lattice; P: enf_lattice_plaquettes)
 *             "class:group=su3,beta=9,c1=1,c2=0,c3=0"  -beta/n Re tr (c1 U + c2 U^2 + c3 U^3), one
 *                        matrix of su2 ... su8 (model.space group)
 *             Every number may be given after a colon, as name=value, separated by commas (n and
 *             dim only where they are shown); what is not given has the value shown.
 * Out:  energy  NULL on failure; the caller destroys it. It may outlive ctx.
 * Statuses: ARG, OPTION (unknown system or number, with the known ones), RANGE, NOMEM. Since 0.1.
 */
enf_status enf_energy_builtin(enf_ctx *ctx, enf_energy **energy, const char *spec);

/**
 * enf_energy_eval: itself an enf_energy_fn: pass the object as user.
 *
 * x need not be centred. Coincident Lennard-Jones particles, energies above 1e200 and non-finite
 * coordinates give u = +infinity and a gradient of 0, never NaN; coincident double-well particles
 * have a finite energy and exert no force on each other. Gradients of wilson and class are those
 * along the group, in the array's layout: sum_a T_a (d_a u) U for every matrix U, d_a the derivative
 * along exp(s T_a) U, -tr(T_a T_b) = delta_ab; U(1): the derivative.
 * Returns 0; non-zero only for NULL arguments. Threads: any. Cost: O(N^2). Since 0.1.
 */
int enf_energy_eval(void *energy, size_t n, const double *x, double *u, double *grad);

/**
 * enf_energy_get_int, enf_energy_get_real: numbers of the system.
 *
 * int: "particles" "dimensions", and "l0" "l1" "group" (n of SU(n), 1 for U(1)) of lattices and
 * matrices, as other whole numbers; real: "eps" "rm" "spring", or "quartic" "quadratic" "centre", or
 * "n" "radius" "std", "alpha", "width", or "beta" "c1" "c2" "c3", where the system has them. ARG
 * otherwise. Since 0.1.
 */
enf_status enf_energy_get_int(const enf_energy *energy, const char *name, int64_t *value);
enf_status enf_energy_get_real(const enf_energy *energy, const char *name, double *value);

/**
 * enf_energy_sample: independent samples of exp(-u), of systems that can be drawn from ("gaussians", "toy:u1",
 * "toy:u6", "gumbel").
 *
 * In:   seed, first  sample i is a function of (seed, first + i) alone
 * Out:  x  (n,N,D)
 * Statuses: ARG, UNSUPPORTED (the system has no exact samples). Threads: any. Cost: O(n). Since 0.1.
 */
enf_status enf_energy_sample(enf_ctx *ctx, const enf_energy *energy, uint64_t seed, uint64_t first,
                             size_t n, double *x);

/** enf_energy_destroy: NULL is fine. Since 0.1. */
void enf_energy_destroy(enf_energy *energy);

/* What a simulation did. Grows at the end only. Error bars are one standard error of the mean,
   from the independent walkers; NaN for one walker. */
typedef struct {
  size_t struct_size;
  double acceptance;       /* of moves at temperature 1 */
  double swap_acceptance;  /* of exchanges between temperatures; NaN without tempering */
  double autocorrelation;  /* integrated autocorrelation time of u, in stored samples; 1 if they
                              are independent */
  double mean_u, mean_u_err;
  double virial, virial_err; /* <x . grad u>, which is (N-1)D in equilibrium */
  double step;             /* leapfrog step in use at temperature 1, for unit masses */
  double seconds;
  uint64_t evaluations;    /* energies, summed over walkers and temperatures */
  uint64_t walkers, rungs;
} enf_sim_info;

#define ENF_SIM_INFO_INIT {sizeof(enf_sim_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/**
 * enf_simulate: n equilibrium samples of exp(-u) on the mean-free subspace by Hamiltonian Monte
 * Carlo with parallel tempering, for training sets and checks.
 *
 * sim.walkers walkers (at most n), each with sim.rungs temperatures from 1 to sim.hottest, start
 * from relaxed random configurations, make sim.burn_in moves, in which the step sizes are adapted,
 * and then store a sample every sim.stride moves with fixed steps. A move is sim.leapfrog
 * gradients. Look at the virial, the autocorrelation time and the error bars before trusting a new
 * system.
 * In:   fn, user  the energy; gradients are asked for
 *       opts      model.particles, model.dimensions (not needed for built-in energies) and sim.*;
 *                 NULL for the defaults
 * Out:  x         (n,N,D), mean-free, in random order of walkers and times
 *       info      begins with its struct_size (ENF_SIM_INFO_INIT); may be NULL
 * In model.space group and lattice (of model.group, model.lattice; energies wilson and class have
 * their own) momenta are of the algebra, matrices move along exp(h P) U, and of a host's gradient the
 * part along the group is used. There is one walker at one temperature, if sim.walkers and sim.rungs
 * are not set, and rows are in the order of the chain: walker by walker at every time. The virial is
 * NaN.
 * An energy that enf_energy_sample knows is drawn from, sample i being number i of sim.seed:
 * acceptance and autocorrelation are then 1, and no other sim.* option is used.
 * Built-in energies (fn = enf_energy_eval) run on all run.threads; a host's fn on the caller's
 * thread, for all walkers and temperatures at once. Both give the same bits, for any number of
 * threads, from sim.seed. Cost: walkers * rungs * leapfrog * (burn_in + stride * n / walkers)
 * energies: by default about 10^6, and 300 per sample.
 * Statuses: ARG, OPTION, CALLBACK, NONFINITE (no finite starting point found), CANCELLED, NOMEM.
 * Source: Duane et al. 1987, Phys. Lett. B 195, 216; Swendsen and Wang 1986, Phys. Rev. Lett. 57,
 * 2607. Since 0.1.
 */
enf_status enf_simulate(enf_ctx *ctx, enf_energy_fn fn, void *user, const enf_opts *opts, size_t n,
                        double *x, enf_sim_info *info);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
