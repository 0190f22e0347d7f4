/* enf/status.h -- what a call returns. */
#ifndef ENF_STATUS_H
#define ENF_STATUS_H

#include <stdint.h>

/* 0 is success, every failure is negative. Numbers are pinned: never renumbered, never reused. */
typedef int32_t enf_status;

#define ENF_OK 0

/* misuse: mend the program */
#define ENF_ERR_ARG (-1)
#define ENF_ERR_RANGE (-2)
#define ENF_ERR_SHAPE (-3)
#define ENF_ERR_OPTION (-4)
#define ENF_ERR_STATE (-5)
#define ENF_ERR_VERSION (-6)
#define ENF_ERR_UNSUPPORTED (-7)

/* the environment: memory, files, threads */
#define ENF_ERR_NOMEM (-20)
#define ENF_ERR_IO (-21)
#define ENF_ERR_FORMAT (-22)
#define ENF_ERR_THREAD (-23)

/* the numbers */
#define ENF_ERR_NONFINITE (-40)
#define ENF_ERR_ODE_STEPS (-41)
#define ENF_ERR_ODE_STEPSIZE (-42)
#define ENF_ERR_ADJOINT (-43)
#define ENF_ERR_INVERSE (-44)

/* the caller's own doing, or ours */
#define ENF_ERR_CANCELLED (-60)
#define ENF_ERR_CALLBACK (-61)
#define ENF_ERR_INTERNAL (-100)

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * enf_strerror: what a status means, in a few words.
 *
 * Returns static text, never NULL; unknown numbers give "unknown status". For the sentence about
 * one failure, with its numbers, see enf_ctx_errmsg.
 *
 * Threads: any. Since 0.1.
 */
const char *enf_strerror(enf_status status);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
