/* options.c -- `enf options`: the library's option table. */
#include "report.h"

#include <string.h>

static bool in_group(const char *name, const char *group) {
  const size_t length = group != NULL ? strlen(group) : 0;
  return group == NULL || strcmp(name, group) == 0 ||
         (strncmp(name, group, length) == 0 && name[length] == '.');
}

static void print_row(const enf_opt_info *row) {
  const char *fallback = row->fallback[0] != '\0' ? row->fallback : "(empty)";
  printf("%-20s %-7s %-14s %s", row->name, row->type, fallback, row->help);
  if (row->choices[0] != '\0')
    printf(" [%s]", row->choices);
  else if (row->lowest < row->highest && strcmp(row->type, "bool") != 0)
    printf(" [%g to %g]", row->lowest, row->highest);
  putchar('\n');
}

static void print_json_row(const enf_opt_info *row, bool first) {
  const char *const parts[][2] = {{"name", row->name},
                                  {"type", row->type},
                                  {"default", row->fallback},
                                  {"choices", row->choices},
                                  {"help", row->help}};
  fputs(first ? "{" : ", {", stdout);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    printf("\"%s\": ", parts[i][0]);
    json_string(stdout, parts[i][1]);
    fputs(", ", stdout);
  }
  fputs("\"lowest\": ", stdout);
  json_real(stdout, row->lowest);
  fputs(", \"highest\": ", stdout);
  json_real(stdout, row->highest);
  putchar('}');
}

/* Rows of the group are printed, or only counted. */
static size_t walk(const char *group, bool print, bool json) {
  enf_opt_info row = ENF_OPT_INFO_INIT;
  size_t found = 0;
  for (size_t i = 0; enf_opts_info(i, &row) == ENF_OK; i++) {
    if (!in_group(row.name, group))
      continue;
    if (print && json)
      print_json_row(&row, found == 0);
    else if (print)
      print_row(&row);
    found++;
  }
  return found;
}

int run_options(cli *c) {
  const bool json = cli_has(c, FLAG_JSON);
  const char *group = c->operands > 0 ? c->operand[0] : NULL;
  if (walk(group, false, false) == 0)
    return cli_usage(c, "there is no option and no group of options '%s'", group);
  fputs(json ? "{\"options\": [" : "", stdout);
  walk(group, true, json);
  fputs(json ? "]}\n" : "", stdout);
  return SUCCESS;
}
