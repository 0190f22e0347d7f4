/* laws.h -- laws on the line that are symmetric about 0, in their standard form: the normal,
   Student's t, Laplace's and the logistic one. Probabilities are logarithms of the smaller tail, for
   which nothing is lost however far out it is. */
#ifndef ENF__LAWS_H
#define ENF__LAWS_H

#include "core/choices.h"

typedef struct {
  int kind;  /* of the choices LAW */
  double df; /* Student's alone */
} enf__law;

double enf__law_log_density(enf__law law, double t);
/* Derivatives of it by t and, 0 but for Student's, by df. */
double enf__law_score(enf__law law, double t);
double enf__law_by_df(enf__law law, double t);
/* log P(T > t), t >= 0 */
double enf__law_log_tail(enf__law law, double t);
/* The t >= 0 with log P(T > t) = log_tail; 0 where that is above log 1/2. */
double enf__law_quantile(enf__law law, double log_tail);

#endif
