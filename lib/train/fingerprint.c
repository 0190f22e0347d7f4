/* fingerprint.c -- which data set a training is of: 64 bits of its shape and values.

   h = (h rotated by 29 bits XOR word) m, over the numbers of configurations, particles and
   dimensions and the bits of every coordinate in order, m odd (the golden ratio times 2^64), with a
   last mixing (the finaliser of MurmurHash3, Appleby 2011). 0 stands for none. It tells a mistake,
   not an attack. */
#include "train/train.h"
#include <string.h>

static uint64_t stir(uint64_t h, uint64_t word) {
  return ((h << 29 | h >> 35) ^ word) * UINT64_C(0x9E3779B97F4A7C15);
}

static uint64_t finish(uint64_t h) {
  h = (h ^ h >> 33) * UINT64_C(0xFF51AFD7ED558CCD);
  h = (h ^ h >> 33) * UINT64_C(0xC4CEB9FE1A85EC53);
  h ^= h >> 33;
  return h != 0 ? h : 1;
}

static uint64_t fingerprint(const enf__space *space, size_t total, const double *x) {
  const size_t count = total * space->shape.particles * space->shape.dimensions;
  uint64_t h = stir(stir(stir(0, total), space->shape.particles), space->shape.dimensions);
  for (size_t i = 0; i < count; i++) {
    uint64_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    h = stir(h, bits);
  }
  return finish(h);
}

enf_status enf_trainer_data(enf_ctx *ctx, enf_trainer *tr, size_t total, const double *x) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(enf__trainer_check(ctx, tr));
  if (total == 0 || !x)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "%s", x ? "total is 0" : "x is NULL"));
  const uint64_t data = fingerprint(&tr->flow->space, total, x);
  if (tr->data != 0 && tr->data != data)
    TRY(enf__fail(ctx, ENF_ERR_STATE,
                  "this is another data set than the training began with: its fingerprint is "
                  "%016llx, not %016llx",
                  (unsigned long long)data, (unsigned long long)tr->data));
  tr->data = data;
out:
  return status;
}
