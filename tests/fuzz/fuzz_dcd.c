/* fuzz_dcd.c -- any bytes as a .dcd file. */
#include "fuzz_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  return fuzz_array(enf__dcd_parse, data, bytes);
}
