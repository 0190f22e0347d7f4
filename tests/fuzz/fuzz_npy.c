/* fuzz_npy.c -- any bytes as a .npy file. */
#include "fuzz_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  return fuzz_array(enf__npy_parse, data, bytes);
}
