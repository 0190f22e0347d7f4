/* enf/plugin.h -- what a plugin exports: an energy of your own for the `enf` tool.

   A plugin is a shared object that defines enf_plugin_energy, and, if its shape is fixed, the two
   sizes. It needs nothing of libenf, and may include this header or <enf/enf.h> beside it: with
   them the compiler sees to it that the names have the right types, are exported, and in C++ have C
   linkage. Plugins are loaded by name: `enf train --energy ./mine.so` (enf(1)). */
#ifndef ENF_PLUGIN_H
#define ENF_PLUGIN_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * enf_plugin_energy: the reduced energies u = U/kT of n configurations.
 *
 * The plugin defines it; it is an enf_energy_fn.
 * In:   user  what enf_plugin_open made; NULL without one
 *       x     (n,N,D), finite, without their means
 * Out:  u     (n); a value that is not finite means that the configuration is impossible
 *       grad  (n,N,D) du/dx; NULL if not wanted
 * Returns 0; anything else stops the tool. Called by one thread at a time. Since 0.1.
 */
int enf_plugin_energy(void *user, size_t n, const double *x, double *u, double *grad);

/**
 * enf_plugin_open, enf_plugin_close: what a plugin with arguments, or with something to make ready,
 * defines beside its energy: `--energy ./mine.so:ARGUMENTS`.
 *
 * In:   arguments  what follows the colon; "" where there is none
 *       size       bytes of message
 * Out:  user       handed to enf_plugin_energy, and to enf_plugin_close at the end
 *       message    a sentence for the user where it fails, if not 0
 * Returns 0, or anything else where it cannot be opened; enf_plugin_close is not called then. A
 * plugin may define neither, or only the first. Since 0.1.
 */
int enf_plugin_open(const char *arguments, void **user, char *message, size_t size);
void enf_plugin_close(void *user);

/* Particles (2 to 4096) and dimensions (2 or 3). Either may be missing: the shape is then that of
   the data, the flow or --set model.*. */
extern const int enf_energy_particles, enf_energy_dimensions;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
