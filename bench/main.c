/* main.c -- the bench program: options, and what is measured in which order.

   For every system the jobs and the yardstick take turns, `runs` times; then errors, the batch
   table and couplings; at the end growth with particles. Peak memory is measured first, while this
   process is small. Speed only means something on a quiet machine. */
#include "bench.h"
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_JOBS = 32 };

/* ---- shared by all parts -------------------------------------------------------------------- */

bool bench_chosen(const char *list, const char *name) {
  const size_t length = strlen(name);
  for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',')
    if (strcspn(at, ",") == length && !strncmp(at, name, length))
      return true;
  return !list;
}

double bench_seconds(const bench_args *args) {
  struct timespec t;
  clock_gettime(args->cpu_clock ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_rate(double amount, double seconds) { return seconds > 0 ? amount / seconds : NAN; }

void bench_check(enf_status status, const char *sentence) {
  if (status == ENF_OK)
    return;
  fflush(stdout);
  fprintf(stderr, "enf-bench: %s\n", *sentence ? sentence : enf_strerror(status));
  exit(1);
}

void *bench_memory(size_t count, size_t size) {
  void *p = calloc(count ? count : 1, size);
  bench_check(p ? ENF_OK : ENF_ERR_NOMEM, "no memory");
  return p;
}

enf_opts *bench_options(const bench_args *args, enf_ctx *ctx, ...) {
  enf_opts *opts = NULL;
  char name[64];
  va_list pairs;
  bench_check(enf_opts_create(ctx, &opts), enf_ctx_errmsg(ctx));
  for (size_t i = 0; i < args->sets; i++) {
    const char *equals = strchr(args->set[i], '=');
    bench_check(equals ? ENF_OK : ENF_ERR_OPTION, "--set takes name=value");
    snprintf(name, sizeof name, "%.*s", (int)(equals - args->set[i]), args->set[i]);
    bench_check(enf_opts_set(opts, name, equals + 1), enf_opts_errmsg(opts));
  }
  va_start(pairs, ctx);
  for (const char *key; (key = va_arg(pairs, const char *));)
    bench_check(enf_opts_set(opts, key, va_arg(pairs, const char *)), enf_opts_errmsg(opts));
  va_end(pairs);
  return opts;
}

double bench_number(const bench_args *args, const char *name) {
  enf_opt_info option = ENF_OPT_INFO_INIT;
  const size_t length = strlen(name);
  for (size_t i = args->sets; i-- > 0;)
    if (!strncmp(args->set[i], name, length) && args->set[i][length] == '=')
      return strtod(args->set[i] + length + 1, NULL);
  for (size_t i = 0; enf_opts_info(i, &option) == ENF_OK; i++)
    if (!strcmp(option.name, name))
      return strtod(option.fallback, NULL);
  return NAN;
}

enf_ctx *bench_context(const bench_args *args, size_t threads) {
  enf_ctx *ctx = NULL;
  bench_check(enf_ctx_create(&ctx, NULL), "no memory for a context");
  enf_opts *opts = bench_options(args, ctx, NULL);
  bench_check(enf_opts_set_int(opts, "run.threads", (int64_t)threads), enf_opts_errmsg(opts));
  bench_check(enf_ctx_configure(ctx, opts), enf_ctx_errmsg(ctx));
  enf_opts_destroy(opts);
  return ctx;
}

/* ---- one system ----------------------------------------------------------------------------- */

/* Every chosen work on 1, 2, 4, ... threads, all with the samples and calls found for one. */
static size_t open_jobs(const bench_args *args, bench_system *s, bench_job *job) {
  size_t jobs = 0;
  const bench_work *work;
  for (size_t i = 0; (work = bench_work_at(i)); i++) {
    if (!bench_chosen(args->works, work->name) || jobs == MOST_JOBS ||
        !bench_job_open(args, work, s, 1, 0, 0, job + jobs))
      continue;
    const bench_job *one = job + jobs++;
    for (size_t threads = 2; threads <= args->threads && jobs < MOST_JOBS; threads *= 2)
      bench_job_open(args, work, s, threads, one->n, one->calls, job + jobs++);
  }
  return jobs;
}

static void bench_one(const bench_args *args, bench_system *s, FILE *json) {
  bench_job job[MOST_JOBS];
  bench_error errors[BENCH_ERRORS];
  bench_sgemm sgemm = {0};
  bench_report_system(s, json);
  const size_t jobs = open_jobs(args, s, job);
  for (size_t run = 0; jobs && run < args->runs; run++) {
    bench_sgemm_run(args, s->H, &sgemm);
    for (size_t i = 0; i < jobs; i++)
      bench_job_run(job + i);
  }
  if (jobs) {
    bench_report_rows(&sgemm, jobs, job, json);
    bench_report_published(jobs, job);
  }
  for (size_t i = 0; i < jobs; i++)
    bench_job_close(job + i);
  if (bench_chosen(args->works, "error")) {
    bench_errors(args, s, errors);
    bench_report_errors(errors, json);
  }
  if (s->trained && bench_chosen(args->works, "batch"))
    bench_growth_batch(args, s, json);
  if (s->trained && bench_chosen(args->works, "coupling"))
    bench_coupling(args, s, json);
  if (s->trained && bench_chosen(args->works, "memory"))
    bench_footprint(args, s, json);
  fflush(stdout);
}

static void bench_systems(const bench_args *args, enf_ctx *ctx, FILE *json) {
  const bench_spec *spec;
  bench_system s;
  bool first = true;
  if (json)
    fprintf(json, "\"systems\": [");
  for (size_t i = 0; (spec = bench_spec_at(i)); i++) {
    if (args->weights ? i > 0 : !bench_chosen(args->systems, spec->name))
      continue;
    if (args->weights)
      bench_system_from_file(args, ctx, args->weights, &s);
    else
      bench_system_open(args, ctx, spec, &s);
    if (json)
      fprintf(json, "%s\n    {", first ? "" : ",");
    bench_one(args, &s, json);
    if (json)
      fprintf(json, "}");
    bench_system_close(&s);
    first = false;
  }
  if (json)
    fprintf(json, "]");
}

/* Whether any work is chosen that needs a system at hand. */
static bool needs_systems(const bench_args *args) {
  const bench_work *work;
  for (size_t i = 0; (work = bench_work_at(i)); i++)
    if (bench_chosen(args->works, work->name))
      return true;
  return bench_chosen(args->works, "error") || bench_chosen(args->works, "batch") ||
         bench_chosen(args->works, "coupling") || bench_chosen(args->works, "memory");
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void report_memory(double one, double all, size_t threads, FILE *json) {
  printf("\npeak resident memory of a process computing log_prob of lj55, 7 layers of 64:\n"
         "  %.0f MB on 1 thread, %.0f MB on %zu\n",
         one / 1e6, all / 1e6, threads);
  if (json)
    fprintf(json, ",\n  \"memory\": {");
  bench_json_number(json, "lj55_bytes", one, ", ");
  bench_json_number(json, "threads", (double)threads, ", ");
  bench_json_number(json, "lj55_bytes_threads", all, "}");
}

static void bench_all(const bench_args *args) {
  const bool memory =
      !args->weights && bench_chosen(args->works, "memory") && bench_chosen(args->systems, "lj55");
  const double one = memory ? bench_memory_peak(args, "lj55", 1) : 0;
  const double all = memory ? bench_memory_peak(args, "lj55", args->threads) : 0;
  enf_ctx *ctx = bench_context(args, args->threads);
  FILE *json = args->json ? fopen(args->json, "w") : NULL;
  bench_check(args->json && !json ? ENF_ERR_IO : ENF_OK, "cannot write the JSON file");
  bench_report_begin(args, ctx, json);
  if (needs_systems(args))
    bench_systems(args, ctx, json);
  else if (json)
    fprintf(json, "\"systems\": []");
  if (!args->weights && bench_chosen(args->works, "growth"))
    bench_growth_particles(args, ctx, json);
  if (!args->weights && bench_chosen(args->works, "splines"))
    bench_splines(args, ctx, json);
  if (!args->weights && bench_chosen(args->works, "lattice"))
    bench_lattices(args, json);
  if (!args->weights && bench_chosen(args->works, "molecules"))
    bench_molecules(args, json);
  if (memory)
    report_memory(one, all, args->threads, json);
  if (json)
    fprintf(json, "\n}\n");
  bench_check(json && fclose(json) ? ENF_ERR_IO : ENF_OK, "cannot write the JSON file");
  enf_ctx_destroy(ctx);
}

static void convert(const bench_args *args) {
  bench_system s;
  enf_ctx *ctx = bench_context(args, 1);
  bench_system_from_file(args, ctx, args->convert, &s);
  bench_system_write(ctx, &s, args->out);
  bench_system_close(&s);
  enf_ctx_destroy(ctx);
}

static int help(FILE *to) {
  fprintf(to, "enf-bench: the speed of libenf beside that of the machine; see bench/README.md\n"
              "  --systems LIST    of:");
  for (size_t i = 0; bench_spec_at(i); i++)
    fprintf(to, " %s", bench_spec_at(i)->name);
  fprintf(to, "\n  --works LIST      of:");
  for (size_t i = 0; bench_work_at(i); i++)
    fprintf(to, " %s", bench_work_at(i)->name);
  fprintf(to,
          " error batch coupling growth splines lattice molecules memory\n"
          "  --weights FILE    a flow and samples of your own: FILE.safetensors with FILE.npy,\n"
          "                    or a file of the PyTorch peer, instead of the systems above\n"
          "  --threads N       1, 2, 4 ... up to N (2)\n"
          "  --runs N          runs of every work, best counts (7)\n"
          "  --references N    samples whose error is measured (by system)\n"
          "  --set NAME=VALUE  an option of libenf; may be repeated\n"
          "  --json FILE       the numbers as JSON too\n"
          "  --quick           short runs: is everything there?\n"
          "  --cpu-clock       processor time instead of wall time; one thread\n"
          "  --data DIR        where trained flows and samples are (bench/data)\n"
          "  --convert FILE --out DIR   a peer's file to a flow and its samples, no timing\n");
  return to == stderr;
}

/* Numbers of the options; those with a text come first. */
enum {
  SYSTEMS = 1,
  WORKS,
  WEIGHTS,
  JSON,
  DATA,
  CONVERT,
  OUT,
  CHILD,
  THREADS,
  RUNS,
  REFERENCES,
  SET,
  QUICK,
  CPU,
  HELP
};

static const struct option options[] = {
    {"systems", required_argument, NULL, SYSTEMS},
    {"works", required_argument, NULL, WORKS},
    {"weights", required_argument, NULL, WEIGHTS},
    {"threads", required_argument, NULL, THREADS},
    {"runs", required_argument, NULL, RUNS},
    {"references", required_argument, NULL, REFERENCES},
    {"set", required_argument, NULL, SET},
    {"json", required_argument, NULL, JSON},
    {"quick", no_argument, NULL, QUICK},
    {"cpu-clock", no_argument, NULL, CPU},
    {"data", required_argument, NULL, DATA},
    {"convert", required_argument, NULL, CONVERT},
    {"out", required_argument, NULL, OUT},
    {"memory-child", required_argument, NULL, CHILD},
    {"help", no_argument, NULL, HELP},
    {0},
};

static size_t count_of(const char *text, size_t most) {
  char *end;
  const unsigned long value = strtoul(text, &end, 10);
  bench_check(*end || end == text || value < 1 || value > most ? ENF_ERR_OPTION : ENF_OK,
              "a count is not a number of 1 or more, or too large");
  return value;
}

static void add_setting(bench_args *args, const char *text) {
  const size_t most = sizeof args->set / sizeof *args->set;
  bench_check(args->sets < most ? ENF_OK : ENF_ERR_RANGE, "too many --set");
  args->set[args->sets++] = text;
}

static bool take_option(bench_args *args, int option) {
  const char **const text[] = {
      [SYSTEMS] = &args->systems, [WORKS] = &args->works, [WEIGHTS] = &args->weights,
      [JSON] = &args->json,       [DATA] = &args->data,   [CONVERT] = &args->convert,
      [OUT] = &args->out,         [CHILD] = &args->child};
  if (option == THREADS)
    args->threads = count_of(optarg, 64);
  else if (option == RUNS)
    args->runs = count_of(optarg, 1000);
  else if (option == REFERENCES)
    args->references = count_of(optarg, 100000);
  else if (option == SET)
    add_setting(args, optarg);
  else if (option == QUICK)
    args->quick = true;
  else if (option == CPU)
    args->cpu_clock = true;
  else if (option >= SYSTEMS && option <= CHILD)
    *text[option] = optarg;
  else
    return false;
  return true;
}

/* A name in a list that stands for nothing. */
static void check_list(const char *list, const char *known) {
  char name[64];
  for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',') {
    snprintf(name, sizeof name, "%.*s", (int)strcspn(at, ","), at);
    bench_check(bench_chosen(known, name) ? ENF_OK : ENF_ERR_OPTION,
                "a name in --systems or --works is not known; see --help");
  }
}

static void check_names(const bench_args *args) {
  char systems[256] = "",
       works[256] = "error,batch,coupling,growth,splines,lattice,molecules,memory";
  for (size_t i = 0; bench_spec_at(i); i++)
    snprintf(systems + strlen(systems), sizeof systems - strlen(systems), ",%s",
             bench_spec_at(i)->name);
  for (size_t i = 0; bench_work_at(i); i++)
    snprintf(works + strlen(works), sizeof works - strlen(works), ",%s", bench_work_at(i)->name);
  check_list(args->systems, systems);
  check_list(args->works, works);
}

int main(int argc, char **argv) {
  bench_args args = {.data = "bench/data", .out = ".", .threads = 2, .program = argv[0]};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option == HELP)
      return help(stdout);
    else if (!take_option(&args, option))
      return help(stderr);
  }
  if (optind < argc)
    return help(stderr);
  if (!args.runs)
    args.runs = args.quick ? 3 : 7;
  if (args.cpu_clock)
    args.threads = 1;
  check_names(&args);
  if (args.child)
    return bench_memory_child(&args, args.child);
  if (args.convert)
    convert(&args);
  else
    bench_all(&args);
  return 0;
}
