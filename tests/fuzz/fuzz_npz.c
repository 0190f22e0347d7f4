/* fuzz_npz.c -- any bytes as a .npz file. */
#include "fuzz_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  return fuzz_array(enf__npz_parse, data, bytes);
}
