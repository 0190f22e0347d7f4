/* train.h -- a training of the tool: what train_begin.c sets up, train.c runs and train_end.c
   reports.

   FLOW.safetensors is the flow, FLOW.trainer what --resume needs, FLOW.train.csv and FLOW.train.svg
   the curve: the files of enf_fit, and a picture. */
#ifndef TRAIN_H
#define TRAIN_H

#include "hands.h"
#include "progress.h"
#include "target.h"
#include "watch.h"

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
  topology topology; /* of a molecule; N = 0: none is known */
  hands hands;       /* of a flow of particles */
  dataset start;     /* --start */
  double angstrom;   /* the unit of the rows; 0: not known */
  enf_flow *flow;
  enf_flow *beside; /* of --boost, or NULL */
  enf_trainer *trainer;
  size_t batch;
  double budget; /* seconds of this session; infinite: none */
  bool timed;    /* the schedule is to end with the budget */
  watch watch;
  progress progress;
  double saved_at; /* by ranks, whose clocks the training does not go by, */
  bool time_up;    /* and why they have stopped */
  enf_fit_report report;
  uint64_t capped, forces_clipped; /* samples, forces on particles; in this session */
  char trainer_path[4096], csv_path[4096], svg_path[4096];
  bool drawn;
} training;

/* Flags, data, flow, trainer and validation; those of before with --resume or --init. */
int training_begin(training *t);
void training_free(training *t);
/* A whole number that the trainer tells. */
uint64_t trainer_number(const training *t, const char *name);

/* Why the training failed; NULL: it did not. */
const char *training_fault(const training *t);
/* Picture, NLL of the validation, report. */
int training_end(training *t);

#endif
