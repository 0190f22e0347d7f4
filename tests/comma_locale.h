/* comma_locale.h -- put the test program into a locale with a decimal comma.

   Tries the usual names, then has localedef compile one that is nothing but a decimal comma.
   Returns false, and says so, where neither works: the test is then skipped. */
#ifndef COMMA_LOCALE_H
#define COMMA_LOCALE_H

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline bool has_comma(const char *name) {
  return setlocale(LC_ALL, name) && !strcmp(localeconv()->decimal_point, ",");
}

static inline bool compile_comma_locale(void) {
  static const char script[] =
      "printf 'LC_NUMERIC\\ndecimal_point \"<U002C>\"\\nthousands_sep \"\"\\ngrouping -1\\n"
      "END LC_NUMERIC\\n' >%s/source; localedef -c -i %s/source -f UTF-8 %s/comma >%s/log 2>&1";
  char dir[] = "/tmp/enf-locale-XXXXXX", command[512];
  if (!mkdtemp(dir))
    return false;
  snprintf(command, sizeof command, script, dir, dir, dir, dir);
  const int ignored = system(command); /* localedef warns of all that is not defined */
  (void)ignored;
  const bool found = setenv("LOCPATH", dir, 1) == 0 && has_comma("comma");
  snprintf(command, sizeof command, "rm -rf %s", dir);
  return system(command) == 0 && found;
}

static inline bool use_comma_locale(void) {
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (has_comma(names[i]))
      return true;
  if (compile_comma_locale())
    return true;
  setlocale(LC_ALL, "C");
  printf("skipped: no locale with a decimal comma here\n");
  return false;
}

#endif
