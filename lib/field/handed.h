/* handed.h -- calls of a field with the part that tells left from right beside it (chiral.h): the
   two are added, and what depends on the velocity of both sees both. */
#ifndef ENF__HANDED_H
#define ENF__HANDED_H

#include "field/field.h"

size_t enf__handed_workspace(const enf__field_passes *passes, const enf__field *field, int kernel,
                             const enf__shape *shape, enf__work work);
void enf__handed_vjp(const enf__field_passes *passes, const enf__field *field, int kernel,
                     enf__arena *arena, const enf__points *at, enf__cotangent_fn cotangent,
                     void *user, double *dx, double *dparams);
void enf__handed_vjp_trace(const enf__field_passes *passes, const enf__field *field, int kernel,
                           enf__arena *arena, const enf__points *at, const enf__cotangent *of,
                           const enf__gradient *out);

#endif
