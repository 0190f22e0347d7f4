/* given.h -- what a conditional flow is given: the context of configurations in files and of samples
   (--context), and the kinds of samples (--formula). */
#ifndef GIVEN_H
#define GIVEN_H

#include "cli.h"
#include "formula.h"

/* Is it given a context, or kinds? */
bool flow_is_given(const enf_flow *flow);
bool flow_has_given_kinds(const enf_flow *flow);
/* The context of configuration `index`, if it has one, for the last of another batch. */
enf_status given_copy(const cli *c, const enf_batch *from, size_t index, enf_batch *to);
/* --context KEYS of a file that is read in pieces. */
enf_status given_keys(const cli *c, enf_batch_reader *reader);
/* All configurations of a file with their contexts, kinds as atomic numbers. */
enf_status given_read(const cli *c, const char *path, enf_batch **batch);

/* Samples first ... first+n-1 of a stream. */
typedef struct {
  uint64_t n, seed, first, particles; /* 0: as in the data */
  const formula *wanted;              /* of given kinds */
} given_samples;
/* What they are given, one configuration for each: its size, kinds of the formula, --context V1,V2.
   The caller destroys the batch. */
int given_make(cli *c, const enf_flow *flow, const given_samples *of, enf_batch **batch);

#endif
