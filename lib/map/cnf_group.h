/* cnf_group.h -- a group of a passage's samples, integrated together along a velocity field and
   back: what integrator and adjoint ask of it. */
#ifndef ENF__CNF_GROUP_H
#define ENF__CNF_GROUP_H

#include "map/cnf.h"
#include "map/rate.h"
#include "ode/adjoint.h"

/* State of one chunk's task: the sample to go on with, the steps that a record must have room for,
   if it had not, and evaluations of the field. */
typedef struct {
  size_t next, need;
  uint64_t evaluations;
} enf__cnf_task;

/* What a passage keeps between there and back. */
typedef struct {
  const enf__run *run;
  size_t chunks, capacity;
  enf__ode_path *path; /* (n) */
  enf__cnf_task *task; /* (chunks) */
} enf__cnf_record;

typedef struct {
  const enf__passage *p;
  const enf__way *way;
  const enf__pulled *r; /* reverse only */
  enf__cnf_record *record;
  enf__arena *arena;
  size_t first, S, dim, width;       /* its samples; numbers of x and of a state */
  double *state, *end;               /* (S,width): state, later cotangents; state at t1 */
  double *late;                      /* (S,2) logdet and penalty as far as summed */
  enf__ode_result *result;           /* (S), of the way back */
  enf__rate rate;                    /* of states */
  double *x, *eps, *a, *dx, *v_dot;  /* (rows,dim): parts for the field */
  double *b, *c, *d, *form, *square; /* (rows) */
  double *value;                     /* (rows,ENF__VALUES) */
  double *gradient, *sum;            /* (P), the group's; the chunk's, or NULL */
  uint64_t evaluations;
} enf__cnf_group;

bool enf__cnf_has_penalty(const enf__way *way);
/* Are logdet and penalty summed on the way back? */
bool enf__cnf_is_late(const enf__way *way);
/* Numbers of a state: x and, unless they are late, logdet and the penalty, if there is one. */
size_t enf__cnf_width(const enf__passage *p);

/* A group of S samples with its memory, from the arena or counted. */
void enf__cnf_group_take(enf__cnf_group *g, const enf__passage *p, const enf__run *run, size_t S,
                         enf__arena *arena);

/* The rate of states is to be that of x alone, the others staying, or that of all. */
void enf__cnf_rate_of_points(enf__cnf_group *g);
void enf__cnf_rate_of_states(enf__cnf_group *g);
/* An enf__ode_pull; user is the group. */
void enf__cnf_pull(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                   const double *a, const double *weight, double *da, bool params);

/* Cotangents of a sample of the passage, scaled. */
double enf__cnf_dlogdet(const enf__cnf_group *g, size_t of);
double enf__cnf_dpenalty(const enf__cnf_group *g, size_t of);

#endif
