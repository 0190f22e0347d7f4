/* host.h -- what the parts of bench/families/host.c share: a context, a bag of options, random
   numbers. Nothing of the library but its public calls. */
#ifndef HOST_H
#define HOST_H

#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern enf_ctx *ctx;
extern enf_opts *opts;
extern uint64_t state; /* of the random numbers */

#define TRY(call)                                                                                  \
  do {                                                                                             \
    if ((call) != ENF_OK) {                                                                        \
      fprintf(stderr, "%s: %s\n", #call, enf_ctx_errmsg(ctx));                                     \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

double uniform(void); /* in (0,1) */
double normal(void);

/* opts becomes a bag of these, pairs of texts up to a NULL, with the seed of the training. */
void open_options(const char *const (*set)[2], const char *seed);

int run_ten(char **path, const char *seed);
int run_moons(const char *seed);
int run_walks(char **path, const char *seed);

#endif
