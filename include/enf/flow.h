/* enf/flow.h -- a flow: prior, velocity field, parameters; its density and its samples. */
#ifndef ENF_FLOW_H
#define ENF_FLOW_H

#include <enf/context.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A flow. A const flow may be used from any number of threads, each with its own context. */
typedef struct enf_flow enf_flow;

/**
 * enf_create: a new flow from the model.* options, near the identity.
 *
 * model.particles must be set. Weights are drawn from model.seed.
 * Out:  flow  NULL on failure; the caller destroys it. It may outlive ctx.
 * Statuses: ARG, OPTION (missing or contradictory options), NOMEM. Since 0.1.
 */
enf_status enf_create(enf_ctx *ctx, enf_flow **flow, const enf_opts *opts);

/**
 * enf_load: read a flow that enf_save wrote.
 *
 * The file is a safetensors file with the published tensor names and the model options in its
 * metadata. Nothing in it is trusted.
 * Statuses: ARG, IO, FORMAT (truncated, not ours, sizes that do not agree), VERSION (written by a
 * newer libenf), NONFINITE (a parameter is), NOMEM. Since 0.1.
 */
enf_status enf_load(enf_ctx *ctx, enf_flow **flow, const char *path);

/**
 * enf_save: write the flow, atomically: the old file stays whole until the new one is complete.
 *
 * A symbolic link stays, and the file that it leads to is replaced.
 * Statuses: ARG, IO, NOMEM. Since 0.1.
 */
enf_status enf_save(enf_ctx *ctx, const enf_flow *flow, const char *path);

/**
 * enf_save_memory, enf_load_memory: the bytes that enf_save would write, to keep or send elsewhere.
 *
 * Out:  data   from ctx's allocator; enf_free_memory(ctx, data) frees it, NULL is fine
 *       bytes  how many
 * enf_load_memory trusts nothing, as enf_load. Statuses: as theirs. Since 0.1.
 */
enf_status enf_save_memory(enf_ctx *ctx, const enf_flow *flow, void **data, size_t *bytes);
enf_status enf_load_memory(enf_ctx *ctx, enf_flow **flow, const void *data, size_t bytes);
void enf_free_memory(enf_ctx *ctx, void *data);

/**
 * enf_import: a flow from the weights of a published EGNN, a state dict in a safetensors file.
 *
 * Tensors "egnn.embedding.weight", "egnn.gcl_0.edge_mlp.0.weight" ..., behind any prefix. Names and
 * shapes give model.hidden, layers, edge_depth, node_depth, attention; the rest is taken from opts
 * or, where the file has them, from metadata N, dim, species, tanh, aggregation. model.data_scale is
 * 1 unless opts say otherwise.
 * In:   opts  model.*; may be NULL
 * Statuses: ARG, IO, FORMAT (no such network, a tensor that is missing or of another shape), OPTION
 * (model.particles, or model.species of weights for kinds, not given), NONFINITE, NOMEM. Since 0.1.
 */
enf_status enf_import(enf_ctx *ctx, enf_flow **flow, const char *path, const enf_opts *opts);

/**
 * enf_import_parts: enf_import with a dequantiser in a file of its own.
 *
 * Flows of molecules with features (E(n) Equivariant Normalizing Flows of QM9, arXiv:2105.09016):
 * "transformations.0.x_log_s" ... become actnorm, "transformations.1...egnn.*" the field, which has
 * the data at t = 0 (model.reversed), "net_fn.egnn.*" the variational dequantiser. model.elements,
 * model.sizes, model.kind_scale and model.charge_scale come from opts; elements and sizes also from
 * metadata "species" and tensors tab.n_nodes, tab.n_nodes_count.
 * In:   path         flow, or flow and dequantiser
 *       dequantiser  its file; NULL: it is in path, or there is none
 * Statuses: those of enf_import; OPTION (elements that the weights are not for). Since 0.1.
 */
enf_status enf_import_parts(enf_ctx *ctx, enf_flow **flow, const char *path,
                            const char *dequantiser, const enf_opts *opts);

/**
 * enf_copy: another flow with the same options, weights, data scale and free text.
 *
 * Out:  copy  NULL on failure; the caller destroys it. Statuses: ARG, NOMEM. Since 0.1.
 */
enf_status enf_copy(enf_ctx *ctx, enf_flow **copy, const enf_flow *flow);

/**
 * enf_meta_set, enf_meta_get: free text that travels in the flow's file, by a key.
 *
 * Keys of libenf and its tool: "labels" (of the particles, with blanks between), "unit" (of
 * lengths), "kT" (in the unit of the energies), "centres" (of handedness). Your own may have up to
 * 63 letters, digits, dots, dashes and underscores.
 * In:   text  UTF-8, at most 16 MB; NULL takes the key away
 * Out:  text  (size) with its end; needed, unless NULL, the bytes it takes
 * Threads: enf_meta_set needs the flow for itself.
 * Statuses: ARG (a key that is none, or that the flow does not have; text that is not UTF-8), RANGE
 * (text is longer than allowed, or than size), NOMEM. Since 0.1.
 */
enf_status enf_meta_set(enf_ctx *ctx, enf_flow *flow, const char *key, const char *text);
enf_status enf_meta_get(const enf_flow *flow, const char *key, char *text, size_t size,
                        size_t *needed);

/** enf_destroy: free the flow; NULL is fine. Since 0.1. */
void enf_destroy(enf_flow *flow);

/**
 * enf_get_int, enf_get_real: a number about the flow.
 *
 * int:  "particles" "dimensions" "degrees_of_freedom" "state" (numbers of a state) "parameters" "tensors" "parts" (of a mixture; else 0) "hidden" "layers"
 *       "edge_depth" "node_depth" "species" (kinds of particles) "data_scale_fixed"
 * real: "data_scale" "prior_std" (in units of the data scale) "prior_df"
 *       "temperature" (enf_at_temperature) "coldest" "hottest" (1 for a flow of one temperature)
 * Statuses: ARG (NULL or unknown name). Since 0.1.
 */
enf_status enf_get_int(const enf_flow *flow, const char *name, int64_t *value);
enf_status enf_get_real(const enf_flow *flow, const char *name, double *value);

/**
 * enf_get_text: a model.* option of the flow as text: "model.species", "model.field", ...
 *
 * It is the text that was set, or that enf_opts_set takes back unchanged; of model.data_scale the
 * number in use.
 * In:   size    bytes that text has room for, with the NUL at its end; 0, and text NULL, to ask
 * Out:  text    complete, or as it was
 *       needed  bytes of the whole text with its NUL; NULL if not wanted
 * Statuses: ARG (NULL, or no option of a flow), RANGE (size is below needed). Since 0.1.
 */
enf_status enf_get_text(const enf_flow *flow, const char *name, char *text, size_t size,
                        size_t *needed);

/**
 * enf_params_info: name and shape of parameter tensor `index`, from 0; walk it until RANGE.
 *
 * Names are those of the published networks ("egnn.gcl_0.edge_mlp.0.weight") or begin with
 * "pair_kernel."; docs/file-format.md lists them. A bias has 1 column. name is owned by the flow.
 * name, rows, cols may be NULL. Statuses: ARG, RANGE. Since 0.1.
 */
enf_status enf_params_info(const enf_flow *flow, size_t index, const char **name, size_t *rows,
                           size_t *cols);

/**
 * enf_params_get, enf_params_set: copy one tensor out of or into the flow, row-major (rows, cols).
 *
 * In:   n  number of values in data; must be rows*cols.
 * enf_params_set also fixes the data scale (1 if it was still to be found).
 * Threads: enf_params_set needs the flow for itself.
 * Statuses: ARG (unknown tensor, with the nearest name), SHAPE, NONFINITE (nothing is set).
 * Since 0.1.
 */
enf_status enf_params_get(enf_ctx *ctx, const enf_flow *flow, const char *tensor, double *data,
                          size_t n);
enf_status enf_params_set(enf_ctx *ctx, enf_flow *flow, const char *tensor, const double *data,
                          size_t n);

/**
 * enf_data_scale: the data scale of configurations, which model.data_scale auto would find for
 * them.
 *
 * The root mean square of all coordinates, less their mean for particles, to two significant
 * digits. Configurations far outside are left out: those whose own root mean square is above 8
 * times the median over all. So a frame of a simulation that blew up does not set the length unit.
 * Training on all of a file in the unit of all of it: make a flow, ask, and make it again with
 * model.data_scale; a flow that is trained without finds the scale of its first batch. In:   flow
 * tells the space; its own scale is of no matter x         (n,N,D), in the host's units Out:  scale
 * in the unit of x left_out  how many configurations are far outside; NULL if not wanted Cost: O(n
 * N D) time, 16 n bytes of the context's memory. Threads: flow may be shared; ctx not. Statuses:
 * ARG (n = 0 too), NONFINITE (a coordinate is, or squares overflow), RANGE (every configuration has
 * all particles in one place), NOMEM. Since 0.1.
 */
enf_status enf_data_scale(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                          double *scale, size_t *left_out);

/**
 * enf_prior_fit: what a flow takes from data before it is trained, from all of them at once.
 *
 * The data scale (enf_data_scale) where model.data_scale is auto, or the centres and widths of a
 * molecule's internal coordinates;
 * a single row of a molecule gives centres, with widths of a molecule at room temperature. With
 * model.prior_covariance data the covariance of the prior, of greatest likelihood among those that
 * are the same for like particles. Of a student-t prior the degrees of freedom and, if it is
 * isotropic, the width, by likelihood; a number that model.prior_df or model.prior_std has set
 * stays, unless model.prior_train trains it. Of a copula the numbers of the margins, by likelihood,
 * under the same rule, and the correlation of their normal scores. Without this call the first step of a training takes
 * scale and covariance, or correlation, from its batch, or the centres.
 * In:   x  (n,N,D), n >= 1
 * Threads: needs the flow for itself. Cost: O(n N); with a covariance O(n N^2 D), of student-t some
 * dozens of times.
 * Statuses: ARG, NONFINITE, RANGE (a molecule without a frame that has coordinates; rows whose
 * covariance is singular), NOMEM; then nothing is changed. Since 0.1.
 */
enf_status enf_prior_fit(enf_ctx *ctx, enf_flow *flow, size_t n, const double *x);

/*
 * The calls below share these rules.
 *
 * x is (n,N,D), row-major, in the host's units. When a sample fails (its integration, a
 * non-finite input) its outputs are NaN, all others are right, the status is that of the failed
 * sample with the lowest index, enf_ctx_stat "failed" counts them and enf_ctx_errmsg says why.
 * A sample's result does not depend on the number of threads or on the other samples of the call.
 * n = 0 does nothing. Outputs may not overlap inputs.
 */

/**
 * enf_log_prob: natural logarithm of the normalised density on the mean-free subspace, dimension
 * (N-1)D, normalising constant included.
 *
 * Invariant under rotations, reflections, translations and permutations of like particles (so both
 * hands of a chiral molecule share the probability: enf_sample; with model.reflections off not under
 * reflections); x need not be centred. Units: log of (length unit)^-(N-1)D. The error is controlled by ode.rtol,
 * ode.atol and logdet.tol. Cost: one transport and some dozens of divergences per sample.
 * With logdet.method hutchinson, here and in enf_sample and enf_transport, the log-determinant is
 * an estimate: that of enf_log_prob_estimate with seed 0 (enf_sample: its own seed). Of matrices (model.space group, lattice) densities are with respect to normalised Haar measure (U(1): dtheta/2pi), logarithm 0 before the flow; the way is there and back by ode.rtol, ode.atol alone.
 * With model.map coupling log q is an integral over copies of x, and what is returned is the estimate
 * of logdet.probes draws of them, a function of x and nothing else: exp(logp) has mean q(x), logp is
 * below log q on average. enf_sample gives the logp of the copies that it drew with x, for which
 * weights exp(-u - logp) are exact.
 * In:   x     (n,N,D)
 * Out:  logp  (n)
 * Threads: flow may be shared; ctx not.
 * Statuses: ARG, NONFINITE, RANGE (a matrix not in its group, by more than 1e-6), UNSUPPORTED (probes, float32 of matrices), ODE_STEPS, ODE_STEPSIZE, CANCELLED, NOMEM.
 * Source: Satorras et al. 2021, arXiv:2105.09016, eq. 4. Since 0.1.
 */
enf_status enf_log_prob(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                        double *logp);

/**
 * enf_log_prob_grad: log-density and its gradient with respect to x: the force of the potential
 * -log q, for Hamiltonian Monte Carlo on q, biases and checks.
 *
 * The gradient is exact for the numbers returned: that of the integration's own steps, through the
 * exact divergence, whatever logdet.method is. It is mean-free, equivariant under rotations and
 * reflections (unless model.reflections is off). logp is the number that enf_log_prob gives, to the tolerance. Units: grad in
 * 1/(length unit). The error is controlled by ode.rtol and ode.atol.
 * Cost: an exact divergence for each evaluation on the way there, its gradient, of some four, for
 * those on the way back: some five to nine times an enf_log_prob.
 * In:   x     (n,N,D)
 * Out:  logp  (n)
 *       grad  (n,N,D); of matrices (densities by Haar measure) sum_a T_a (d_a log q) U of each
 * Threads: flow may be shared; ctx not.
 * Statuses: ARG, NONFINITE, ODE_STEPS, ODE_STEPSIZE, ADJOINT (a gradient is not finite), CANCELLED,
 * NOMEM, UNSUPPORTED (model.map coupling). Since 0.1.
 */
enf_status enf_log_prob_grad(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                             double *logp, double *grad);

/**
 * enf_log_prob_estimate: log-density with an unbiased estimate of the log-determinant.
 *
 * The divergence is estimated by Hutchinson's eps^T J eps with logdet.probes random probes per
 * sample (logdet.probe: rademacher or gaussian), each the same along the whole path. Probes are a
 * function of (seed, the sample's own coordinates): the result for a configuration does not depend
 * on its place in the batch. exp(logp) is not unbiased: for importance weights add var/2 to logp,
 * which corrects it to second order and needs two probes or more. With model.map coupling probes are
 * draws of the copies (enf_log_prob), exp(logp) is unbiased, and var that of their mean over its
 * square. Cost: one transport and, per
 * probe, some dozens of evaluations of two velocities each.
 * In:   x     (n,N,D)
 * Out:  logp  (n), mean over the probes
 *       var   (n), variance of that mean, s^2/m over m probes; NaN for a single probe
 * Threads: flow may be shared; ctx not.
 * Statuses: ARG, NONFINITE, ODE_STEPS, ODE_STEPSIZE, CANCELLED, NOMEM.
 * Source: Grathwohl et al. 2019, arXiv:1810.01367. Since 0.1.
 */
enf_status enf_log_prob_estimate(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                                 uint64_t seed, double *logp, double *var);

/**
 * enf_sample: samples number first ... first+n-1 of the infinite stream `seed`.
 *
 * Any way of cutting a stream into calls, threads or ranks gives the same samples, bit for bit.
 * Mirror images are as likely as what they are images of: samples of a chiral molecule come in both
 * hands, whichever the flow was trained on (with model.reflections off: in that of the rows). For one hand take the sign of a triple product at the
 * stereocentre, (a - c) . ((b - c) x (d - c)) of three atoms a, b, d bonded to c, and reflect samples
 * with the other one (x -> -x): u stays the same, and log q of the chosen hand is logp + log 2. With
 * several stereocentres reflecting mends samples with all of them wrong; others are of no use.
 * enf_reflect (enf/molecule.h) does it.
 * Out:  x     (n,N,D), mean-free; matrices: U(1) angles unwrapped
 *       logp  (n), the number enf_log_prob gives, to the tolerance (of matrices by Haar measure); NULL if not wanted (cheaper)
 * Threads: flow may be shared; ctx not.
 * Statuses: ARG, RANGE (first+n overflows), NONFINITE, ODE_STEPS, ODE_STEPSIZE, CANCELLED, NOMEM.
 * Since 0.1.
 */
enf_status enf_sample(enf_ctx *ctx, const enf_flow *flow, uint64_t seed, uint64_t first, size_t n,
                      double *x, double *logp);

/**
 * enf_prior_sample: draws of the flow's prior, those that enf_sample begins with: numbers first ...
 * first+n-1 of the stream `seed`.
 *
 * A state is what prior and maps see of a configuration: for particles its coordinates, mean-free,
 * in units of the data scale (so that data_scale times z is where enf_transport begins); for
 * vectors the same; for a molecule its internal coordinates, each less its centre and in units of
 * its width; for matrices the sample itself. enf_get_int "state" tells how many numbers it has.
 * Out:  z  (n,state)
 * Threads: flow may be shared; ctx not.
 * Statuses: ARG, RANGE (first+n overflows). Since 0.1.
 */
enf_status enf_prior_sample(enf_ctx *ctx, const enf_flow *flow, uint64_t seed, uint64_t first,
                            size_t n, double *z);

/**
 * enf_prior_log_prob: natural logarithm of the prior's normalised density at states, in units of
 * the data scale: the density of the state itself, k log s (k degrees of freedom, s the data scale)
 * above that in the host's units.
 *
 * In:   z     (n,state), as enf_prior_sample gives them
 * Out:  logp  (n); 0 of the haar prior, whose measure is that of densities
 * Threads: flow may be shared; ctx not.
 * Statuses: ARG, NONFINITE, NOMEM. Since 0.1.
 */
enf_status enf_prior_log_prob(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *z,
                              double *logp);

/**
 * enf_path_lengths: how far the flow moves its samples from prior to data, and how straight.
 *
 * For samples number first ... first+n-1 of the stream `seed`, those of enf_sample: the arc length
 * int_0^1 |v(t,x(t))| dt of the path in all N*D coordinates, and the distance |x(1) - x(0)| of its
 * ends. distance / length, in (0,1], is the path's straightness: 1 for a straight line. Published
 * path lengths are means over samples of flows with model.data_scale 1 and model.prior_std 1; they
 * cannot be compared with those of a flow whose prior has another width.
 * Out:  length    (n), in the unit of x
 *       distance  (n), in the unit of x, at most length up to the tolerance
 * The relative error of both is about that of the path: ode.rtol and ode.atol. Cost: enf_sample
 * without density; the stat "velocities" counts evaluations of v as they are with the length in
 * hand, a few more than enf_sample's.
 * Threads: flow may be shared; ctx not.
 * Statuses: ARG, RANGE (first+n overflows), NONFINITE, ODE_STEPS, ODE_STEPSIZE, CANCELLED, NOMEM.
 * Source: Klein, Kraemer, Noe 2023, arXiv:2306.15030, Table 1. Since 0.1.
 */
enf_status enf_path_lengths(enf_ctx *ctx, const enf_flow *flow, uint64_t seed, uint64_t first,
                            size_t n, double *length, double *distance);

/**
 * enf_transport: carry x from time t0 to t1 along the flow (prior at 0, data at 1).
 *
 * Of a flow with model.map coupling x and y are (n,2,N,D): positions and the copies that the map
 * moves with them.
 * Out:  y       (n,N,D), with the mean of x; U(1) angles are not wrapped
 *       logdet  (n), log |dy/dx| on the mean-free subspace, of matrices by Haar measure; NULL if not wanted (cheaper)
 * Statuses: ARG, RANGE (t outside [0,1], a matrix not in its group), NONFINITE, ODE_STEPS, ODE_STEPSIZE, CANCELLED, NOMEM.
 * Since 0.1.
 */
enf_status enf_transport(enf_ctx *ctx, const enf_flow *flow, size_t n, double t0, double t1,
                         const double *x, double *y, double *logdet);

/**
 * enf_velocity: v(t,x) = dx/dt, mean-free, and its divergence on the mean-free subspace.
 *
 * In:   t    (n), each in [0,1]; a sample outside fails with RANGE
 *       x    (n,N,D)
 * Out:  v    (n,N,D), host units per unit of flow time
 *       div  (n), exact; NULL if not wanted (cheaper). Of matrices v is A U with dU/dt = A U (U(1): a number), div by Haar measure
 * Cost: O(N^2 H^2 L) for v, about 6 to 20 velocities for div; of a lattice O(N) for both.
 * Statuses: ARG, RANGE (t, a matrix not in its group), NONFINITE, CANCELLED, NOMEM. Since 0.1.
 */
enf_status enf_velocity(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *t,
                        const double *x, double *v, double *div);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
