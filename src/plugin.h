/* plugin.h -- an energy of the user's own in a shared object (examples/plugin/energy.c).

   It exports what <enf/plugin.h> declares: enf_plugin_energy, and perhaps its sizes. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include "cli.h"

typedef struct {
  void *library;
  enf_energy_fn fn;
  size_t N, D; /* 0: it does not say */
} plugin;

/* By its ending: .so or .dylib. */
bool plugin_named(const char *spec);
/* On failure nothing is left open. */
int plugin_open(const char *path, plugin *p);
void plugin_close(plugin *p);

#endif
