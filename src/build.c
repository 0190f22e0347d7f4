/* build.c -- `enf info --build`: how this tool was made, and what it finds on this machine. */
#include "build.h"
#include "cores.h"
#include "ranks.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

#ifndef ENF_BLAS
#define ENF_BLAS "unknown"
#endif

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#elif defined __GNUC__
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

static const char *kernel_choices(void) {
  enf_opt_info row = ENF_OPT_INFO_INIT;
  for (size_t i = 0; enf_opts_info(i, &row) == ENF_OK; i++)
    if (strcmp(row.name, "run.kernel") == 0)
      return row.choices;
  return "";
}

/* Those of the option's choices that a context takes, which are built in and run here. */
static void list_kernels(const cli *c, size_t size, char *list) {
  const char *choice = kernel_choices();
  size_t used = 0;
  list[0] = '\0';
  while (*choice != '\0') {
    char name[32];
    const int length = (int)strcspn(choice, " |");
    snprintf(name, sizeof name, "%.*s", length, choice);
    choice += length;
    choice += strspn(choice, " |");
    const bool runs = strcmp(name, "auto") != 0 &&
                      enf_opts_set(c->opts, "run.kernel", name) == ENF_OK &&
                      enf_ctx_configure(c->ctx, c->opts) == ENF_OK;
    if (runs && used + strlen(name) + 2 < size)
      used += (size_t)snprintf(list + used, size - used, "%s%s", used > 0 ? " " : "", name);
  }
}

int build_report(const cli *c) {
  char kernels[256];
  list_kernels(c, sizeof kernels, kernels);
  report r = report_begin(c);
  report_text(&r, "version", "version", enf_version());
  report_text(&r, "compiler", "compiler", COMPILER);
  report_text(&r, "kernels", "kernels that run here", kernels);
  report_text(&r, "blas", "BLAS", ENF_BLAS);
  report_text(&r, "mpi", "MPI", ranks_library());
  report_count(&r, "threads", "threads by default", (uint64_t)cores_allowed());
  report_end(&r);
  return SUCCESS;
}
