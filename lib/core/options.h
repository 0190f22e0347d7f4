/* options.h -- typed access to a bag of options, for the layers above. */
#ifndef ENF__OPTIONS_H
#define ENF__OPTIONS_H

#include "core/core.h"

typedef enum {
#define ENF__OPTION(id, ...) ENF__OPT_##id,
#include "core/options.def"
#undef ENF__OPTION
  ENF__OPT_COUNT
} enf__opt;

/* Checks the bag (NULL bag: all defaults; ARG with the sentence on ctx if it is not one). */
enf_status enf__opts_check(enf_ctx *ctx, const enf_opts *opts);
/* A copy that owns its memory, from `alloc`; an empty bag for in = NULL. *out is NULL on failure.
 */
enf_status enf__opts_copy(enf_ctx *ctx, const enf_alloc *alloc, enf_opts **out, const enf_opts *in);
bool enf__opts_isset(const enf_opts *opts, enf__opt id);
/* Set an option that is not set: a default that depends on others, said where it is looked up. */
enf_status enf__opts_default(enf_ctx *ctx, enf_opts *opts, enf__opt id, const char *value);
/* Value or fallback; opts may be NULL. Choices and booleans are ints (index of the choice). */
int64_t enf__opts_int(const enf_opts *opts, enf__opt id);
uint64_t enf__opts_seed(const enf_opts *opts, enf__opt id);
double enf__opts_real(const enf_opts *opts, enf__opt id);
const char *enf__opts_text(const enf_opts *opts, enf__opt id);
const char *enf__opts_name(enf__opt id);
/* The value (or fallback) as text that enf_opts_set takes back unchanged; for files. buffer of 32
   is used for numbers; TEXT options return the bag's own text. */
const char *enf__opts_print(const enf_opts *opts, enf__opt id, char buffer[32]);

#endif
