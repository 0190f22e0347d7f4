/* status.c -- texts of the statuses, and the version.

   The table is status.def; it is checked against the macros of the public header when this file
   is compiled, so a number cannot drift. Sentences about one failure, with its numbers, are made
   by enf__fail (context.c), not here. */
#include "core/core.h"
#include <enf/version.h>

#define ENF__STATUS(name, number, text, advice) _Static_assert(name == (number), #name);
#include "core/status.def"
#undef ENF__STATUS

const char *enf_strerror(enf_status status) {
  ENF__ENTRY;
  switch (status) {
#define ENF__STATUS(name, number, text, advice)                                                    \
  case number:                                                                                     \
    return text;
#include "core/status.def"
#undef ENF__STATUS
  default:
    return "unknown status";
  }
}

const char *enf_version(void) {
  ENF__ENTRY;
  return ENF_VERSION;
}
