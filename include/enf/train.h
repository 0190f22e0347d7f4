/* enf/train.h -- training a flow. */
#ifndef ENF_TRAIN_H
#define ENF_TRAIN_H

#include <enf/energy.h>
#include <enf/flow.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Optimiser state for one flow. Used by one thread at a time; the flow must outlive it. */
typedef struct enf_trainer enf_trainer;

/* What a step did. Grows at the end only. */
typedef struct {
  size_t struct_size;
  double loss;          /* of this step, train.kinetic and train.frobenius included; flow matching:
                           mean over samples and coordinates, units s^2 */
  double grad_norm;     /* before clipping */
  double lr;            /* learning rate of this step */
  double seconds;       /* wall time of this step */
  uint64_t step;        /* steps done, this one included */
  uint64_t evaluations; /* velocity evaluations of this step, summed over samples */
  uint64_t skipped;     /* steps skipped so far because loss or gradient was not finite */
  uint64_t capped;      /* samples of this step whose energy was capped or not finite, or whose
                           forces were clipped */
  uint64_t clipped;     /* steps so far whose gradient norm was clipped */
  uint64_t forces_clipped; /* forces on single particles that train.force_clip shortened */
  double temper;           /* energy-matching: power of the weights of the newest samples; 1: they
                              are those of the target */
  double pool_ess;         /* effective sample size of those weights, a fraction */
} enf_step_info;

#define ENF_STEP_INFO_INIT {sizeof(enf_step_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/**
 * enf_trainer_create: prepare to train `flow` with the train.* options.
 *
 * The trainer keeps its own working weights, starting from the flow's. Defaults of some options
 * depend on the flow: docs/options.md. For ode.* and logdet.probe
 * the objectives on the density (all but flow-matching) go by the context of the step.
 * In:   opts  NULL for the defaults
 * Out:  tr    NULL on failure; the caller destroys it.
 * Statuses: ARG, OPTION (train.kinetic or train.frobenius with flow-matching; train.frobenius with
 * train.trace exact), NOMEM. Since 0.1.
 */
enf_status enf_trainer_create(enf_ctx *ctx, enf_trainer **tr, enf_flow *flow, const enf_opts *opts);

/**
 * enf_trainer_set_energy: the reduced energy of the objectives energy, mixed, path-gradient, refine,
 * energy-matching (which asks for no gradient).
 *
 * In:   fn, user  the host's energy with gradient; NULL takes it away. Kept by the trainer, not in
 *                 its file: set it again after enf_trainer_load.
 * fn is called inside enf_train_step, on the thread that called it, never inside a parallel region;
 * it may not use that step's context, flow or trainer.
 * Threads: the trainer's own. Statuses: ARG, SHAPE (fn is enf_energy_eval, but user no built-in
 * energy, or one of another shape than the flow's), STATE (from a callback of its step). Since 0.1.
 */
enf_status enf_trainer_set_energy(enf_trainer *tr, enf_energy_fn fn, void *user);

/**
 * enf_train_step: one optimiser step on the batch x.
 *
 * After every step the flow holds the weights to use: the bias-corrected running average, or the
 * working weights where train.ema is 0. A step with a non-finite loss or gradient changes no weight
 * and is counted in info->skipped. The first step of a fresh flow fixes its data scale.
 * In:   n, x  the batch (n,N,D); need not be centred. The objectives energy, path-gradient,
 *             refine and energy-matching draw n samples of their own and do not read x: it may be NULL, and the data
 *             scale of a fresh flow is then 1
 * Out:  info  begins with its struct_size (ENF_STEP_INFO_INIT); may be NULL
 * Samples whose integration fails (enf_ctx_stat "failed"), or whose energy is not finite, are left
 * out of the mean. Callbacks of the step may not use the trainer: its calls are refused (STATE).
 * Bitwise reproducible for any run.threads. No other thread may read the flow meanwhile.
 * Statuses: ARG, STATE (the objective needs an energy and has none), NONFINITE (x is, or is too
 * large for a data scale), CALLBACK, CANCELLED (flow matching: between pieces of the batch; other
 * objectives: between passes of the batch along the flow), NOMEM; after each of them nothing is
 * changed. Since 0.1.
 */
enf_status enf_train_step(enf_ctx *ctx, enf_trainer *tr, size_t n, const double *x,
                          enf_step_info *info);

/**
 * enf_train_step_weighted: one optimiser step on rows with weights exp(logw), normalised within the
 * step: on samples of something else than the target, reweighted to it.
 *
 * Likelihood, and the data's half of mixed, take the weighted mean. Flow matching resamples the
 * rows, as many as there were, each about as often as its share of the weight says (systematic
 * resampling), as rows with weights could not be paired with prior draws of none; with weights that
 * are whole numbers and add up to n it is the step on rows repeated as often.
 * In:   n, x  as enf_train_step; rows of weight 0 may be anything
 *       logw  (n); -infinity leaves a row out (the mean of mixed's energy is then over fewer draws,
 *             too); NULL is enf_train_step, to the bit
 * Out:  info  as enf_train_step
 * Statuses: as enf_train_step; ARG too where the objective takes no rows, NONFINITE where all
 * weights are 0 or one is NaN or +infinity. Then nothing is changed.
 * Source: Kitagawa 1996, J. Comput. Graph. Stat. 5, 1. Since 0.1.
 */
enf_status enf_train_step_weighted(enf_ctx *ctx, enf_trainer *tr, size_t n, const double *x,
                                   const double *logw, enf_step_info *info);

/**
 * enf_train_step_tempered: one optimiser step on rows of many temperatures, for a flow with
 * model.temperatures (enf_at_temperature).
 *
 * What replica exchange makes at all its temperatures trains one flow. enf_train_step is this with
 * all rows at the flow's own temperature. The objectives energy, mixed, path-gradient and refine draw
 * their samples at train.rungs temperatures and count u over each.
 * In:   n, x, logw   as enf_train_step_weighted; logw may be NULL
 *       temperature  (n) of the rows, in units of that of the energies; NULL: all at the flow's
 * Statuses: as enf_train_step_weighted; RANGE (a temperature the flow is not for), UNSUPPORTED (the
 * flow has no model.temperatures, or is a mixture or to be a part of one). Then nothing is changed. Since 0.1.
 */
enf_status enf_train_step_tempered(enf_ctx *ctx, enf_trainer *tr, size_t n, const double *x,
                                   const double *temperature, const double *logw,
                                   enf_step_info *info);

/**
 * enf_trainer_rows: rows of a data set to use as the trainer's next batch.
 *
 * Without replacement within an epoch; a function of train.seed and the step number only, so a
 * resumed training sees the batches an uninterrupted one would have seen.
 * In:   total  rows in the data set (>= 1)
 * Out:  rows   (n), each below total
 * Statuses: ARG. Since 0.1.
 */
enf_status enf_trainer_rows(const enf_trainer *tr, size_t total, size_t n, size_t *rows);

/**
 * enf_trainer_data: tell the trainer which data set its batches are from, so that no other can take
 * its place unseen.
 *
 * The first call notes a fingerprint of the number of configurations and of all their values, which
 * travels in the trainer's file; later ones, after enf_trainer_load too, compare. A file without
 * one takes the first. Costs one reading of x.
 * In:   total, x  all configurations (total,N,D)
 * Statuses: ARG, STATE (it is another data set than before; the trainer is as it was). Since 0.1.
 */
enf_status enf_trainer_data(enf_ctx *ctx, enf_trainer *tr, size_t total, const double *x);

/**
 * enf_trainer_get_int: "step" (steps done), "steps" (planned), "batch" (train.batch, so that a
 * resumed training can go on with the same batches), "seed" (train.seed), "objective" (its place among
 * the choices of train.objective, from 0), "skipped", "clipped".
 *
 * Statuses: ARG. Since 0.1.
 */
enf_status enf_trainer_get_int(const enf_trainer *tr, const char *name, int64_t *value);

/**
 * enf_trainer_set_steps: change train.steps, the planned length of the schedule, on the way.
 *
 * The learning rate of the next step is that of the new schedule at this step. For trainings whose
 * length is a time: plan again from the measured rate, so that the schedule ends with the time.
 * Statuses: ARG, RANGE (steps is 0 or above 1e9). Since 0.1.
 */
enf_status enf_trainer_set_steps(enf_trainer *tr, uint64_t steps);

/**
 * enf_trainer_save, enf_trainer_load: keep a training and go on with it, bit for bit.
 *
 * The file holds options, the data set's fingerprint (enf_trainer_data), moments (those of SOAP
 * with their bases), working weights, running average and counters; flow is the one to go on with
 * (same model options), and gets the weights to use and the data scale.
 * Statuses: ARG, IO, FORMAT, VERSION, SHAPE (the file is of another network, prior or data scale),
 * NONFINITE (a number in it is), NOMEM. Since 0.1.
 */
enf_status enf_trainer_save(enf_ctx *ctx, const enf_trainer *tr, const char *path);
enf_status enf_trainer_load(enf_ctx *ctx, enf_trainer **tr, enf_flow *flow, const char *path);

/** enf_trainer_destroy: free the trainer; the flow stays. NULL is fine. Since 0.1. */
void enf_trainer_destroy(enf_trainer *tr);

/**
 * enf_trainer_set_mixture: train the trainer's flow as the next part of a mixture (boosting).
 *
 * train.objective likelihood: for the first third of train.steps rows count as 1/G, at most
 * train.boost_cap times the mean; then the loss is -log of (1-rho) G + rho g, rho by expectation and
 * maximisation. energy: mean over samples of g of u + max(log G, -train.boost_clip) +
 * train.boost_lambda log g; begin wide (model.prior_std 2 to 3). Afterwards join both by
 * enf_mixture_create and find the weights with enf_mixture_fit; train every part again beside the
 * others, then the mixture itself. Log-determinants are exact, whatever train.trace says.
 * In:   mix  any flow of the same shape; borrowed: it must outlive the trainer's steps and may not
 *            change meanwhile. NULL takes it away. It is not in the trainer's file.
 * Statuses: ARG, STATE (inside a step), SHAPE, UNSUPPORTED (another objective; the trainer's flow is
 * a mixture). Source: Giaquinto, Banerjee 2020, arXiv:2002.11896. Since 0.1.
 */
enf_status enf_trainer_set_mixture(enf_trainer *tr, const enf_flow *mix);

/**
 * enf_reduce_fn: add sum (n) over the ranks, in place, in any order (MPI_Allreduce with MPI_SUM).
 *
 * 0, or anything else for failure. Since 0.1.
 */
typedef int (*enf_reduce_fn)(void *user, size_t n, double *sum);

/**
 * enf_trainer_set_reduce: spread every batch of the trainer over ranks.
 *
 * Every rank has a trainer of the same flow and options, with the same run.kernel and
 * run.precision, and gives enf_train_step its part of the global batch: rows rank*n ... of
 * ranks*n, all the same n (enf_trainer_rows of the global batch, of which a rank takes its own).
 * Counts, loss and gradient are reduced together; then every rank makes the same update. Sums go
 * along a fixed binary tree over 64 leaves of the global batch, each rank's in a slot of its own:
 * 1, 2, 4 ... 64 ranks have the same weights, to the bit, whatever order fn adds in, and enf_step_info
 * is of the global batch. Training without a reduce function adds in another order.
 * In:   fn, user     called once a step, on its thread, with ranks (10 + parameters) doubles; NULL takes
 *                    it away. Kept by the trainer, not in its file. It may not use the step's context,
 *                    flow or trainer.
 *       rank, ranks  0 <= rank < ranks; ranks is a power of two up to 64
 * Steps answer UNSUPPORTED, with the sentence: objectives whose mean is not that of the parts of a
 * batch (refine and energy-matching, which level weights over all of it, least-squares),
 * mixtures, rows with weights, batches of many sizes, an open data scale
 * (set model.data_scale), and optimal transport whose blocks (train.ot_block) ranks would cut.
 * CALLBACK if fn fails, has not added, another rank's step has failed or is another one. A step
 * refused for its arguments (rows that are not finite among them) does not call fn: end all ranks.
 * A failure that one rank alone has can leave the others a step ahead: go on from a file.
 * Statuses: ARG, STATE (inside a step). Since 0.1.
 */
enf_status enf_trainer_set_reduce(enf_trainer *tr, enf_reduce_fn fn, void *user, int rank,
                                  int ranks);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
