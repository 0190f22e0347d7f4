/* plugin.c -- an energy of the user's own in a shared object.

   A plugin is code of the user's: it runs with the rights of the tool and is trusted as a program
   is. What it exports is data (the shape) and one function, declared in <enf/plugin.h>; it needs
   nothing of libenf. */
#include "plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

bool plugin_named(const char *spec) {
  static const char *const endings[] = {".so", ".dylib"};
  const size_t length = strlen(spec);
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    const size_t tail = strlen(endings[i]);
    if (length > tail && strcmp(spec + length - tail, endings[i]) == 0)
      return true;
  }
  return false;
}

static int read_size(const plugin *p, const char *path, const char *name, int least, int most,
                     size_t *size) {
  const int *value = dlsym(p->library, name);
  *size = value != NULL ? (size_t)*value : 0;
  if (value == NULL || (*value >= least && *value <= most))
    return SUCCESS;
  return cli_fail("%s: %s is %d, not between %d and %d", path, name, *value, least, most);
}

static int read_symbols(plugin *p, const char *path) {
  void *symbol = dlsym(p->library, "enf_plugin_energy");
  if (symbol == NULL)
    symbol = dlsym(p->library, "enf_energy"); /* its name before there was <enf/plugin.h> */
  if (symbol == NULL)
    return cli_fail("%s exports no function enf_plugin_energy", path);
  memcpy(&p->fn, &symbol, sizeof p->fn); /* POSIX: the same representation; ISO C has no cast */
  const int result = read_size(p, path, "enf_energy_particles", 2, 4096, &p->N);
  return result == SUCCESS ? read_size(p, path, "enf_energy_dimensions", 2, 3, &p->D) : result;
}

int plugin_open(const char *path, plugin *p) {
  char name[4096];
  *p = (plugin){0};
  /* a name without a slash would be looked for among the system's libraries */
  const int length = snprintf(name, sizeof name, "%s%s", strchr(path, '/') ? "" : "./", path);
  if (length < 0 || (size_t)length >= sizeof name)
    return cli_fail("the name of the plugin is too long");
  p->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (p->library == NULL)
    return cli_fail("the plugin cannot be loaded: %s", dlerror());
  const int result = read_symbols(p, path);
  if (result != SUCCESS)
    plugin_close(p);
  return result;
}

void plugin_close(plugin *p) {
  if (p->library != NULL)
    dlclose(p->library);
  *p = (plugin){0};
}
