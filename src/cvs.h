/* cvs.h -- collective variables of a flow's samples: torsions, angles, distances, the radius of
   gyration; the free-energy difference of two states of one of them. */
#ifndef CVS_H
#define CVS_H

#include "data.h"
#include "report.h"

enum { CVS = 8, CV_NAME = 16, CV_ATOMS = 4 };

typedef enum { CV_TORSION, CV_ANGLE, CV_DISTANCE, CV_RG } cv_kind;

typedef struct {
  char name[CV_NAME];
  cv_kind kind;
  size_t atom[CV_ATOMS];
} cv;

typedef struct {
  size_t count; /* 0: none was asked for */
  cv of[CVS];
  size_t states;            /* which of them has two; count: none */
  double lowest, highest;   /* degrees, or lengths: state 1 is between them, state 0 elsewhere */
  double difference, error; /* F_1 - F_0 in kT */
  double *value;            /* (n,count), radians or lengths */
} cvs;

/* --cv and --states. */
int cvs_flags(const cli *c, cvs *v);
/* Which of them has this name, `length` letters; count: none. */
size_t cvs_find(const cvs *v, const char *name, size_t length);
/* Of samples with the log of their weights. */
int cvs_measure(const cli *c, const dataset *samples, const double *logw, cvs *v);
void cvs_report(report *r, const cvs *v);
/* Is there a free energy of two states to measure? */
bool cvs_have_states(const cvs *v);
void cvs_free(cvs *v);

#endif
