/* fuzz_xyz.c -- any bytes as an extended XYZ file. */
#include "fuzz_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  return fuzz_array(enf__xyz_parse, data, bytes);
}
