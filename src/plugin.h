/* plugin.h -- an energy of the user's own in a shared object (examples/plugin/energy.c).

   It exports what <enf/plugin.h> declares: enf_plugin_energy, and perhaps its sizes and what takes arguments. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include "cli.h"

typedef struct {
  void *library;
  enf_energy_fn fn;
  void *user; /* of fn: what enf_plugin_open made */
  void (*close)(void *user);
  size_t N, D; /* 0: it does not say */
} plugin;

/* By its ending: .so or .dylib, perhaps with a colon and arguments behind it. */
bool plugin_named(const char *spec);
/* On failure nothing is left open. */
int plugin_open(const char *spec, plugin *p);
void plugin_close(plugin *p);

#endif
