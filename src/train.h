/* train.h -- a training of the tool: what train_begin.c sets up, train.c runs and train_end.c
   reports.

   FLOW.safetensors is the flow, FLOW.trainer what --resume needs, FLOW.train.csv and FLOW.train.svg
   the curve. Without looks at a validation the flow is that of the last step; with them that of the
   last look it was kept at. The state of the training is all in the other two files, and in the
   kept flow. A flow that can score nothing is never saved, nor is its trainer. */
#ifndef TRAIN_H
#define TRAIN_H

#include "curve.h"
#include "guard.h"
#include "target.h"
#include "topology.h"

typedef struct {
  const char *name, *loss;
  bool needs_data, needs_energy, above_0; /* the loss is */
} objective;

typedef struct {
  cli *c;
  const objective *objective;
  size_t N, D;
  dataset data; /* n = 0: none */
  target target;
  topology topology; /* of a molecule */
  dataset start;     /* --start */
  double angstrom;   /* the unit of the rows; 0: not known */
  enf_flow *flow;
  enf_trainer *trainer;
  size_t batch, *rows;
  double *x;            /* the batch; NULL if the objective takes none */
  double budget;        /* seconds of this session; infinite: none */
  double before, spent; /* training seconds of earlier sessions, of this one */
  bool timed;           /* the schedule is to end with the budget */
  double planned_at;    /* `spent` at the last planning */
  uint64_t first, goal; /* steps when this session began, and to be reached */
  enf_step_info info;
  uint64_t capped, forces_clipped; /* samples, forces on particles; in this session */
  curve curve;
  watch watch;
  guard guard;
  bool stopped;      /* by the validation, before the goal */
  const char *fault; /* why the training failed; NULL: it did not */
  bool saved;        /* there are files of this training */
  char trainer_path[4096], csv_path[4096], svg_path[4096];
  bool drawn;
} training;

/* Flags, data, flow, trainer and watch; those of before with --resume or --init. */
int training_begin(training *t);
void training_free(training *t);
/* A whole number that the trainer tells. */
uint64_t trainer_number(const training *t, const char *name);

bool training_finished(const training *t);
/* Picture, NLL of the validation, report. */
int training_end(training *t);

#endif
