/* enf/enf.h -- libenf: equivariant normalizing flows for simulation codes.

   Include this one header. All floating-point data is double, row-major, contiguous; a set of
   configurations x is (n,N,D): n samples, N particles, D dimensions, in the host's units.

   Every call that can fail returns an enf_status; enf_ctx_errmsg gives the sentence. Argument
   order is context, subject, inputs, outputs. A const object may be shared by threads; a
   non-const one belongs to one thread at a time. The library never prints, exits, installs
   handlers, reads the environment or changes locale, floating-point state or BLAS threads. */
#ifndef ENF_ENF_H
#define ENF_ENF_H

#include <enf/array.h>
#include <enf/batch.h>
#include <enf/context.h>
#include <enf/energy.h>
#include <enf/fit.h>
#include <enf/flow.h>
#include <enf/infer.h>
#include <enf/lattice.h>
#include <enf/lines.h>
#include <enf/mixture.h>
#include <enf/molecule.h>
#include <enf/status.h>
#include <enf/train.h>
#include <enf/version.h>
#include <enf/walkers.h>

#endif
