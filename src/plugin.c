/* plugin.c -- an energy of the user's own in a shared object.

   A plugin is code of the user's: it runs with the rights of the tool and is trusted as a program
   is. What it exports is data (the shape) and one function, declared in <enf/plugin.h>; it needs
   nothing of libenf. */
#include "plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* Length of FILE in FILE.so or FILE.so:ARGUMENTS; 0: neither. */
static size_t file_length(const char *spec) {
  static const char *const endings[] = {".so", ".dylib"};
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    const size_t tail = strlen(endings[i]);
    for (const char *at = strstr(spec, endings[i]); at != NULL; at = strstr(at + 1, endings[i]))
      if (at > spec && (at[tail] == '\0' || at[tail] == ':'))
        return (size_t)(at - spec) + tail;
  }
  return 0;
}

bool plugin_named(const char *spec) { return file_length(spec) > 0; }

/* POSIX: the same representation; ISO C has no cast. */
static bool find_function(const plugin *p, const char *name, void *function) {
  void *symbol = dlsym(p->library, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
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
  if (!find_function(p, "enf_plugin_energy", &p->fn) &&
      !find_function(p, "enf_energy", &p->fn)) /* its name before there was <enf/plugin.h> */
    return cli_fail("%s exports no function enf_plugin_energy", path);
  const int result = read_size(p, path, "enf_energy_particles", 2, 4096, &p->N);
  return result == SUCCESS ? read_size(p, path, "enf_energy_dimensions", 2, 3, &p->D) : result;
}

/* `arguments` is NULL where there is no colon. */
static int hand_arguments(plugin *p, const char *path, const char *arguments) {
  int (*open)(const char *, void **, char *, size_t) = NULL;
  char message[256] = "";
  if (!find_function(p, "enf_plugin_open", &open))
    return arguments == NULL
               ? SUCCESS
               : cli_fail("%s takes no arguments: it exports no function enf_plugin_open", path);
  const int failed = open(arguments != NULL ? arguments : "", &p->user, message, sizeof message);
  message[sizeof message - 1] = '\0';
  if (failed != 0)
    return cli_fail("%s: %s", path, message[0] != '\0' ? message : "it could not be opened");
  find_function(p, "enf_plugin_close", &p->close);
  return SUCCESS;
}

int plugin_open(const char *spec, plugin *p) {
  char name[4096], path[4096];
  const size_t file = file_length(spec);
  *p = (plugin){0};
  if (file >= sizeof path)
    return cli_fail("the name of the plugin is too long");
  snprintf(path, sizeof path, "%.*s", (int)file, spec);
  /* a name without a slash would be looked for among the system's libraries */
  const int length = snprintf(name, sizeof name, "%s%s", strchr(path, '/') ? "" : "./", path);
  if (length < 0 || (size_t)length >= sizeof name)
    return cli_fail("the name of the plugin is too long");
  p->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (p->library == NULL)
    return cli_fail("the plugin cannot be loaded: %s", dlerror());
  int result = read_symbols(p, path);
  if (result == SUCCESS)
    result = hand_arguments(p, path, spec[file] == ':' ? spec + file + 1 : NULL);
  if (result != SUCCESS)
    plugin_close(p);
  return result;
}

void plugin_close(plugin *p) {
  if (p->close != NULL)
    p->close(p->user);
  if (p->library != NULL)
    dlclose(p->library);
  *p = (plugin){0};
}
