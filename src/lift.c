/* lift.c -- `enf train --lift`: the flow of a lattice from one matrix. A flow of one matrix is trained
   by least squares for the density of a plaquette by itself, at the same beta, degree and times; its
   coefficients are those of the lattice (docs/math.md). */
#include "lattice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 20000 };

typedef struct {
  cli *c;
  target target;
  enf_flow *lattice, *matrix;
  enf_step_info info;
} lift;

static int check(const lift *l) {
  int64_t group = 0, side = 0;
  if (l->target.builtin != NULL) {
    enf_energy_get_int(l->target.builtin, "group", &group);
    enf_energy_get_int(l->target.builtin, "l0", &side);
  }
  if (side == 0)
    return cli_usage(l->c, "--lift needs --energy wilson:...");
  if (group == 1)
    return cli_usage(l->c, "--lift is for SU(n): train a lattice of U(1) itself, which takes as "
                           "long");
  if (l->c->operands > 0)
    return cli_usage(l->c, "--lift trains from the energy alone, not from %s", l->c->operand[0]);
  return SUCCESS;
}

static int create(cli *c, enf_opts *opts, enf_flow **flow) {
  const enf_status status = enf_create(c->ctx, flow, opts);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

/* A flow of one matrix with the lattice's group, degree and times. */
static int create_matrix(lift *l) {
  static const char *const same[][2] = {{"model.group", "su3"}, {"model.degree", "4"},
                                        {"model.times", "11"}};
  enf_opts *opts = NULL;
  if (enf_opts_create(l->c->ctx, &opts) != ENF_OK)
    return cli_fail("no memory for options");
  enf_opts_set(opts, "model.space", "group");
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    const char *value = cli_setting(l->c, same[i][0]);
    enf_opts_set(opts, same[i][0], value != NULL ? value : same[i][1]);
  }
  const int result = create(l->c, opts, &l->matrix);
  enf_opts_destroy(opts);
  return result;
}

/* One step of least squares for the plaquette's density. */
static int train_matrix(lift *l) {
  enf_energy *energy = NULL;
  enf_trainer *trainer = NULL;
  int64_t group = 0;
  double beta = 0;
  char spec[80];
  enf_ctx *ctx = l->c->ctx;
  enf_energy_get_int(l->target.builtin, "group", &group);
  enf_energy_get_real(l->target.builtin, "beta", &beta);
  snprintf(spec, sizeof spec, "class:group=su%d,beta=%.17g,c1=1", (int)group, beta);
  enf_opts_set(l->c->opts, "train.objective", "least-squares");
  enf_status status = enf_energy_builtin(ctx, &energy, spec);
  if (status == ENF_OK)
    status = enf_trainer_create(ctx, &trainer, l->matrix, l->c->opts);
  if (status == ENF_OK)
    status = enf_trainer_set_energy(trainer, enf_energy_eval, energy);
  if (status == ENF_OK)
    status = enf_train_step(ctx, trainer, cli_setting_or(l->c, "train.batch", DRAWS), NULL,
                            &l->info);
  enf_trainer_destroy(trainer);
  enf_energy_destroy(energy);
  return status == ENF_OK ? SUCCESS : cli_fail_status(l->c, status);
}

static int give_lattice(lift *l) {
  size_t rows = 0, columns = 0;
  const char *name = NULL, *path = l->c->value[FLAG_OUTPUT];
  enf_params_info(l->matrix, 0, &name, &rows, &columns);
  double *weights = cli_alloc(rows * columns, sizeof *weights);
  if (weights == NULL)
    return FAILURE;
  enf_status status = enf_params_get(l->c->ctx, l->matrix, "class", weights, rows * columns);
  if (status == ENF_OK)
    status = enf_params_set(l->c->ctx, l->lattice, "class", weights, rows * columns);
  if (status == ENF_OK)
    status = enf_save(l->c->ctx, l->lattice, path);
  free(weights);
  return status == ENF_OK ? SUCCESS : cli_fail_status(l->c, status);
}

static int print(lift *l) {
  report r = report_begin(l->c);
  report_text(&r, "energy", "energy", l->target.spec);
  report_real(&r, "loss", "loss of one matrix", l->info.loss);
  report_real(&r, "seconds", "seconds of training", l->info.seconds);
  const int result = lattice_report(&r, l->c, l->lattice, &l->target);
  report_text(&r, "output", "flow", l->c->value[FLAG_OUTPUT]);
  report_end(&r);
  return result;
}

int lattice_lift(cli *c) {
  lift l = {.c = c, .info = ENF_STEP_INFO_INIT};
  int result = cli_require(c, FLAG_OUTPUT);
  if (result == SUCCESS && cli_has(c, FLAG_SEED))
    result = cli_set(c, "train.seed", c->value[FLAG_SEED]);
  if (result == SUCCESS)
    result = target_make(c, c->value[FLAG_ENERGY], &l.target);
  if (result == SUCCESS)
    result = check(&l);
  if (result == SUCCESS)
    result = lattice_options(c, &l.target);
  if (result == SUCCESS)
    result = cli_configure(c);
  if (result == SUCCESS)
    result = create(c, c->opts, &l.lattice);
  if (result == SUCCESS)
    result = create_matrix(&l);
  if (result == SUCCESS)
    result = train_matrix(&l);
  if (result == SUCCESS)
    result = give_lattice(&l);
  if (result == SUCCESS)
    result = print(&l);
  enf_destroy(l.matrix);
  enf_destroy(l.lattice);
  target_free(&l.target);
  return result;
}
