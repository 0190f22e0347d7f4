/* equivariant.h -- optimal transport up to the symmetries of the flow. */
#ifndef ENF__EQUIVARIANT_H
#define ENF__EQUIVARIANT_H

#include "train/coupling.h"

/* Bytes of the call's arena and of a worker's that enf__equivariant_draw needs. */
size_t enf__equivariant_call_bytes(const enf__coupling *coupling);
size_t enf__equivariant_worker_bytes(const enf__coupling *coupling, const enf__run *run);

/* enf__coupling_draw for ENF__EQUIVARIANT_OT. */
enf_status enf__equivariant_draw(enf_ctx *ctx, const enf__coupling *coupling);

#endif
