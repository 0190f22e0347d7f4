/* structs.c -- public structs that grow: what a program gets was compiled long before.

   Such a struct begins with size_t struct_size, set by the program to the size it knows, and grows
   at the end only. The library makes its own whole struct and gives as much of it as both sides
   know: an older program's memory is not overrun, and what a newer program has beyond stays as its
   ENF_*_INIT made it. Below the first version's size no program was ever compiled: that is a struct
   nobody initialised. */
#include "core/core.h"
#include <string.h>

enf_status enf__struct_check(enf_ctx *ctx, const char *name, const void *out, size_t least,
                             const char *init) {
  size_t size;
  memcpy(&size, out, sizeof size);
  if (size >= least)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_ARG, "%s has struct_size %zu: begin with %s", name, size, init);
}

void enf__struct_give(void *out, const void *all, size_t size) {
  size_t known;
  memcpy(&known, out, sizeof known);
  memcpy((char *)out + sizeof known, (const char *)all + sizeof known,
         (known < size ? known : size) - sizeof known);
}

void enf__struct_take(void *all, const void *given, size_t size) {
  size_t known;
  memcpy(&known, given, sizeof known);
  memcpy((char *)all + sizeof known, (const char *)given + sizeof known,
         (known < size ? known : size) - sizeof known);
}
