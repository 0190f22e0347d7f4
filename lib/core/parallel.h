/* parallel.h -- the one parallel loop, on the context's worker threads. */
#ifndef ENF__PARALLEL_H
#define ENF__PARALLEL_H

#include "core/core.h"

/* One piece of the work. It may write only what belongs to `task` and its own arena, which is
   empty when it starts. A failure ends the loop (the lowest failed task's status is returned). */
typedef enf_status (*enf__task_fn)(void *user, size_t task, enf__arena *arena);

/* Run tasks 0 ... count-1 on the context's threads; which thread takes which is not determined,
   so results may not depend on it. Progress: units_per_task more of units_total after every task,
   to the context's callback from the calling thread; no reports if units_total is 0.
   Returns the tasks' status or CANCELLED. */
enf_status enf__parallel_for(enf_ctx *ctx, size_t count, enf__task_fn fn, void *user,
                             uint64_t units_per_task, uint64_t units_total);

/* Start and end the workers: enf_ctx_configure and enf_ctx_destroy only. */
enf_status enf__pool_resize(enf_ctx *ctx, size_t threads);

#endif
