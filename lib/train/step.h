/* step.h -- what a step does when loss and gradient are there, whatever its rows were. */
#ifndef ENF__STEP_H
#define ENF__STEP_H

#include "train/train.h"

/* ARG for what is no trainer, or an info without its struct_size. */
enf_status enf__step_check(enf_ctx *ctx, const enf_trainer *tr, const enf_step_info *info);
/* The update of n samples by slope, whose gradient is summed and has this norm; counts the step. In
   arenas with room for enf__optimiser_worker_bytes. */
enf_status enf__step_end(enf_ctx *ctx, enf_trainer *tr, const enf__slope *slope, double norm,
                         size_t n, double started, enf_step_info *info);

#endif
