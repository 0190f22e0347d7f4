/* safetensors.h -- what reading and writing share: names of the format.

   A file is the header's length (u64, little-endian), the header (JSON, padded with spaces) and
   the tensors' bytes. The header maps every tensor's name to
     {"dtype": "F32", "shape": [2,3], "data_offsets": [begin,end]}
   with offsets into the bytes after the header, and "__metadata__" to strings. Format:
   https://github.com/huggingface/safetensors. */
#ifndef ENF__SAFETENSORS_H
#define ENF__SAFETENSORS_H

#include "io/io.h"

#define ENF__ST_METADATA "__metadata__"
extern const struct enf__st_dtype {
  const char *name;
  size_t bytes;
} enf__st_dtypes[ENF__DTYPES];

#endif
