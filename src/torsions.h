/* torsions.h -- torsions of a flow's samples: the free-energy difference of two states, and a
   picture of two of them. */
#ifndef TORSIONS_H
#define TORSIONS_H

#include "data.h"
#include "report.h"

enum { TORSIONS = 8, TORSION_NAME = 16 };

typedef struct {
  size_t count; /* 0: none was asked for */
  char name[TORSIONS][TORSION_NAME];
  int32_t atom[TORSIONS][4];
  size_t states;            /* which of them has two; count: none */
  double lowest, highest;   /* degrees: state 1 is between them, state 0 elsewhere */
  double difference, error; /* F_1 - F_0 in kT */
  double *value;            /* (n,count), radians */
  const char *picture;      /* NULL: none */
} torsions;

/* --cv, --states and --plot-2d. */
int torsions_flags(const cli *c, torsions *t);
/* Of samples with the log of their weights. */
int torsions_measure(const cli *c, const dataset *samples, const double *logw, torsions *t);
void torsions_report(report *r, const torsions *t);
void torsions_free(torsions *t);

#endif
