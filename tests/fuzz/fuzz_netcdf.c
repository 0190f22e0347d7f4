/* fuzz_netcdf.c -- any bytes as a NetCDF file. */
#include "fuzz_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  return fuzz_array(enf__netcdf_parse, data, bytes);
}
