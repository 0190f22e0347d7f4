/* gen_options.c -- docs/options.md from the option table, through the public interface (make docs).
 */
#include <enf/enf.h>
#include <stdio.h>
#include <string.h>

static const char *const GROUPS[][2] = {
    {"model.", "The network. These belong to a flow and are stored in its file."},
    {"run.", "How a context computes. Taken by `enf_ctx_configure`."},
    {"ode.", "Integration of trajectories. Taken by `enf_ctx_configure`."},
    {"density.", "The accuracy of log q as a whole. Taken by `enf_ctx_configure`."},
    {"logdet.", "The log-determinant. Taken by `enf_ctx_configure`."},
    {"inverse.", "Inverses of maps that have no formula. Taken by `enf_ctx_configure`."},
    {"sample.", "Samples. Taken by `enf_ctx_configure`."},
    {"dequant.", "Densities of kinds. Taken by `enf_ctx_configure`."},
    {"train.",
     "Training. Taken by `enf_trainer_create`. The objectives on the density (all but\n"
     "flow-matching) integrate by the context's ode.* options and draw its logdet.probe."},
    {"sim.", "Monte Carlo simulation. Taken by `enf_simulate`."},
};

static void print_values(const enf_opt_info *info) {
  if (info->choices[0]) {
    for (const char *c = info->choices; *c; ++c)
      printf(*c == '|' ? "\\|" : "%c", *c);
  } else if (strcmp(info->type, "int") == 0 || strcmp(info->type, "real") == 0) {
    printf("%s, %.10g to %.10g", info->type, info->lowest, info->highest);
  } else {
    printf("%s", info->type);
  }
}

static void print_group(const char *prefix, const char *title) {
  printf("\n## %.*s\n\n%s\n\n| option | values | default | meaning |\n|---|---|---|---|\n",
         (int)strlen(prefix) - 1, prefix, title);
  enf_opt_info info = ENF_OPT_INFO_INIT;
  for (size_t i = 0; enf_opts_info(i, &info) == ENF_OK; ++i) {
    if (strncmp(info.name, prefix, strlen(prefix)) != 0)
      continue;
    printf("| `%s` | ", info.name);
    print_values(&info);
    printf(" | %s | %s |\n", info.fallback, info.help);
  }
}

int main(void) {
  puts(
      "# Options\n\nMade from the option table by `make docs`; `enf options` prints the same.\n"
      "Set them by name in an option bag (`enf_opts_set`, as text) or on the tool's command line.\n"
      "One bag may hold all groups: each call reads its own and ignores the rest. Booleans are\n"
      "0/1, off/on or false/true; numbers use a point in every locale.");
  for (size_t g = 0; g < sizeof GROUPS / sizeof GROUPS[0]; ++g)
    print_group(GROUPS[g][0], GROUPS[g][1]);
  return 0;
}
