/* train_molecules.c -- `enf train --features`: a flow of molecules of any size. Elements and sizes
   are those of the data, if --set does not say others.

   Rows of a step are drawn at random, by train.seed and the step's number alone, so a training that
   is resumed goes on as one that was not stopped. Flow and trainer are saved every minute. With
   --validate-every, or --validation, it looks at samples and held-out molecules on the way. */
#include "files.h"
#include "given.h"
#include "kept.h"
#include "molecule_looks.h"
#include "molecules.h"
#include "progress.h"
#include "ranks.h"
#include "report.h"
#include "scramble.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 256, TEXT = 4096 };
#define MINUTE 60.0

typedef struct {
  enf_batch *data; /* kinds are atomic numbers */
  int32_t place[ATOMIC_NUMBERS];
  char elements[TEXT], sizes[TEXT], trainer_path[TEXT];
  enf_flow *flow;
  enf_trainer *trainer;
  uint64_t rows, seed, step, steps;
  double seconds, started, saved, loss;
  molecule_looks looks;
} training;

/* ---- data ------------------------------------------------------------------------------------ */

static int describe_data(training *t) {
  uint64_t atoms[ATOMIC_NUMBERS] = {0}, size[SIZES] = {0};
  size_t used = 0, filled = 0;
  for (size_t i = 0; i < enf_batch_count(t->data); i++) {
    size_t N;
    const int32_t *kind;
    enf_batch_get(t->data, i, &N, &kind, NULL, NULL, NULL);
    if (kind == NULL || N < 2 || N >= SIZES)
      return cli_fail("molecule %zu has %s", i,
                      kind == NULL ? "no elements" : "fewer than 2 or more than 255 atoms");
    size[N]++;
    for (size_t a = 0; a < N; a++)
      atoms[kind[a]]++;
  }
  for (int z = 0; z < ATOMIC_NUMBERS; z++)
    if (atoms[z] > 0)
      used += (size_t)snprintf(t->elements + used, TEXT - used, used > 0 ? " %d" : "%d", z);
  for (size_t N = 0; N < SIZES && filled < TEXT - 40; N++)
    if (size[N] > 0)
      filled +=
          (size_t)snprintf(t->sizes + filled, TEXT - filled, filled > 0 ? " %zu:%llu" : "%zu:%llu",
                           N, (unsigned long long)size[N]);
  return SUCCESS;
}

/* Places of the atomic numbers in the flow's list. */
static int find_places(cli *c, training *t) {
  int32_t number[ATOMIC_NUMBERS];
  const int elements = element_numbers(t->flow, number);
  if (elements < 0)
    return cli_fail("model.elements is too long");
  for (int z = 0; z < ATOMIC_NUMBERS; z++)
    t->place[z] = -1;
  for (int k = 0; k < elements; k++)
    if (number[k] > 0 && number[k] < ATOMIC_NUMBERS)
      t->place[number[k]] = k;
  for (size_t i = 0; i < enf_batch_count(t->data); i++) {
    size_t N;
    const int32_t *kind;
    enf_batch_get(t->data, i, &N, &kind, NULL, NULL, NULL);
    for (size_t a = 0; a < N; a++)
      if (t->place[kind[a]] < 0)
        return cli_usage(c, "molecule %zu has element %d, which model.elements has not", i,
                         kind[a]);
  }
  return SUCCESS;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static enf_status append_row(cli *c, const training *t, enf_batch *rows, uint64_t number) {
  const size_t index = scramble(scramble(t->seed) + number) % enf_batch_count(t->data);
  size_t N;
  const int32_t *number_of;
  const double *x;
  int32_t kind[SIZES];
  enf_batch_get(t->data, index, &N, &number_of, NULL, NULL, &x);
  for (size_t a = 0; a < N; a++)
    kind[a] = t->place[number_of[a]];
  const enf_status status = enf_batch_append(c->ctx, rows, N, kind, 0, NULL, x);
  return status == ENF_OK ? given_copy(c, t->data, index, rows) : status;
}

static enf_status make_step(cli *c, training *t) {
  enf_batch *rows = NULL;
  enf_step_info info = ENF_STEP_INFO_INIT;
  enf_status status = enf_batch_create(c->ctx, &rows, 3);
  for (uint64_t i = 0; i < t->rows && status == ENF_OK; i++)
    status = append_row(c, t, rows, t->step * t->rows + i);
  if (status == ENF_OK)
    status = enf_train_step_batch(c->ctx, t->trainer, rows, &info);
  enf_batch_destroy(rows);
  if (status == ENF_OK) {
    t->step = info.step;
    t->loss = t->loss > 0 ? 0.99 * t->loss + 0.01 * info.loss : info.loss;
  }
  return status;
}

static enf_status save(cli *c, training *t) {
  enf_status status = enf_save(c->ctx, t->flow, c->value[FLAG_OUTPUT]);
  if (status == ENF_OK)
    status = enf_trainer_save(c->ctx, t->trainer, t->trainer_path);
  t->saved = cli_seconds();
  return status;
}

static int run_steps(cli *c, training *t) {
  enf_status status = ENF_OK;
  progress p = progress_begin(c, "training", "steps", t->step);
  t->started = t->saved = cli_seconds();
  while (status == ENF_OK && t->step < t->steps && !interrupted() &&
         cli_seconds() - t->started < t->seconds) {
    status = make_step(c, t);
    progress_show(&p, t->step, t->steps, 1, t->loss, -1);
    if (status == ENF_OK && molecule_look(c, t->flow, &t->looks, t->step, t->loss) != SUCCESS)
      return FAILURE;
    if (status == ENF_OK && cli_seconds() - t->saved > MINUTE)
      status = save(c, t);
  }
  progress_end(&p);
  if (status == ENF_OK)
    status = save(c, t);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Elements and sizes of the data where options have no others. */
static int begin_flow(cli *c, training *t) {
  if ((cli_setting(c, "model.elements") == NULL && cli_set(c, "model.elements", t->elements)) ||
      (cli_setting(c, "model.sizes") == NULL && cli_set(c, "model.sizes", t->sizes)))
    return USAGE;
  const enf_status status = enf_create(c->ctx, &t->flow, c->opts);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

static int find_flow(cli *c, training *t) {
  const bool resumes = cli_has(c, FLAG_RESUME);
  if (!resumes && !cli_has(c, FLAG_INIT))
    return begin_flow(c, t);
  const enf_status status =
      enf_load(c->ctx, &t->flow, c->value[resumes ? FLAG_OUTPUT : FLAG_INIT]);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  int64_t particles = -1;
  enf_get_int(t->flow, "particles", &particles);
  return particles == 0 ? SUCCESS
                        : cli_usage(c, "%s is no flow of molecules of any size",
                                    c->value[resumes ? FLAG_OUTPUT : FLAG_INIT]);
}

static int begin(cli *c, training *t) {
  const int found = find_flow(c, t);
  if (found != SUCCESS)
    return found;
  const enf_status status =
      cli_has(c, FLAG_RESUME) ? enf_trainer_load(c->ctx, &t->trainer, t->flow, t->trainer_path)
                              : enf_trainer_create(c->ctx, &t->trainer, t->flow, c->opts);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  int64_t done = 0, batch = 0, seed = 0;
  enf_trainer_get_int(t->trainer, "step", &done);
  enf_trainer_get_int(t->trainer, "batch", &batch);
  enf_trainer_get_int(t->trainer, "seed", &seed);
  t->step = (uint64_t)done;
  t->seed = (uint64_t)seed;
  t->rows = (uint64_t)batch;
  const int result = find_places(c, t);
  return result == SUCCESS ? molecule_looks_open(c, t->flow, &t->looks) : result;
}

static int read_flags(cli *c, training *t) {
  if (ranks_shared())
    return cli_usage(c, "train --features is for one process, not for %zu ranks", ranks_count());
  static const flag others[] = {FLAG_ENERGY,   FLAG_KT,   FLAG_LOG_Z, FLAG_LAYOUT, FLAG_PATIENCE,
                                FLAG_SKIP,     FLAG_LAST, FLAG_STRIDE, FLAG_KINDS, FLAG_CHIRAL,
                                FLAG_TOPOLOGY, FLAG_KEEP, FLAG_UNIT,  FLAG_START, FLAG_BOOST,
                                FLAG_LIFT};
  double minutes = 0;
  if (c->operands != 1)
    return cli_usage(c, "--features takes one file of molecules");
  if (cli_refuse(c, sizeof others / sizeof *others, others, "--features") != SUCCESS ||
      cli_require(c, FLAG_OUTPUT) != SUCCESS || kept_check(c) != SUCCESS ||
      cli_count(c, FLAG_STEPS, 1, 0, &t->steps) != SUCCESS ||
      cli_real(c, FLAG_SECONDS, 0, INFINITY, &t->seconds) != SUCCESS ||
      cli_real(c, FLAG_MINUTES, 0, 0, &minutes) != SUCCESS)
    return USAGE;
  if (cli_has(c, FLAG_SEED) && cli_set(c, "train.seed", c->value[FLAG_SEED]) != SUCCESS)
    return USAGE;
  if (minutes > 0)
    t->seconds = 60 * minutes;
  if (t->steps == 0)
    return cli_usage(c, "--features needs --steps, the length of the schedule");
  if (!files_beside(c->value[FLAG_OUTPUT], "trainer", sizeof t->trainer_path, t->trainer_path))
    return cli_fail("the name of the flow is too long");
  return SUCCESS;
}

static void print_training(const cli *c, const training *t) {
  report r = report_begin(c);
  report_text(&r, "flow", "flow", c->value[FLAG_OUTPUT]);
  report_text(&r, "training", "training", t->step < t->steps ? "not finished" : "finished");
  report_count(&r, "molecules", "molecules", enf_batch_count(t->data));
  report_count(&r, "step", "steps done", t->step);
  report_count(&r, "steps", "steps planned", t->steps);
  report_real(&r, "loss", "loss, running mean", t->loss);
  if (!isnan(t->looks.atoms)) {
    report_real(&r, "atom_stability", "stable atoms, last look", t->looks.atoms);
    report_real(&r, "molecule_stability", "stable molecules, last look", t->looks.molecules);
    report_text(&r, "curve", "training curve", t->looks.path);
  }
  report_real(&r, "seconds", "seconds", cli_seconds() - t->started);
  report_end(&r);
}

int train_molecules(cli *c) {
  training t = {0};
  int result = read_flags(c, &t);
  if (result == SUCCESS)
    result = cli_configure(c);
  if (result == SUCCESS) {
    const enf_status status = given_read(c, c->operand[0], &t.data);
    result = status == ENF_OK ? describe_data(&t) : cli_fail_status(c, status);
  }
  interrupts_catch();
  if (result == SUCCESS)
    result = begin(c, &t);
  if (result == SUCCESS)
    result = run_steps(c, &t);
  if (result == SUCCESS)
    print_training(c, &t);
  molecule_looks_free(&t.looks);
  enf_trainer_destroy(t.trainer);
  enf_destroy(t.flow);
  enf_batch_destroy(t.data);
  return result;
}
