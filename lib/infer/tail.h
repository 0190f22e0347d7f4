/* tail.h -- the tail of a set of importance weights as a generalised Pareto distribution. */
#ifndef ENF__INFER_TAIL_H
#define ENF__INFER_TAIL_H

#include "core/core.h"

/* One of the largest weights. */
typedef struct {
  double log_w;
  size_t sample;
} enf__tail_member;

typedef struct {
  size_t count;
  enf__tail_member *member; /* (count), ascending */
  double *excess;           /* (count) what they have beyond the cut, in units of the largest */
  double cut;               /* the largest weight that is not in the tail, likewise */
  double top;               /* logarithm of the largest */
  double k, sigma;          /* k as enf_weights has khat */
} enf__tail;

/* Memory for the tail of n weights. */
void enf__tail_take(enf__tail *tail, size_t n, enf__arena *arena);
/* Of the weights log_w (n), none NaN or +infinity, one above -infinity; scratch (n). */
void enf__tail_find(enf__tail *tail, size_t n, const double *log_w, double *scratch);
/* Smooth the tail's weights in log_w (n). */
void enf__tail_smooth(const enf__tail *tail, double *log_w);

/* Element `rank` (from 0) of w in descending order; w (n) is rearranged. */
double enf__select_largest(size_t n, double *w, size_t rank);

#endif
