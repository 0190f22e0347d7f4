/* space.h -- what the points of a flow are: their coordinates outside (the host's) and inside (the
   state that prior, maps and integrators see), the dimension that densities refer to, and the way
   between the two.

   A density is with respect to the host's coordinates. With y the state of x and k the degrees of
   freedom,

     log q(x) = log q_state(y) - log_unit + log_volume(x),

   log_unit = k log s for lengths in units of the data scale s, log_volume what else |dy/dx| is made
   of: 0 where the state is x in other units.

   A state may have noise b beside x, standard normal numbers, its last ones: then q_state is that of
   both, and log_volume has -log N(b), so that q is an estimate, exp(-log q) of mean 1/q(x).

   Everything works on one sample and writes nothing but its outputs. A new space is one file and
   one row of the table in space.c. */
#ifndef ENF__SPACE_H
#define ENF__SPACE_H

#include "core/options.h"
#include "core/params.h"
#include "space/internal.h"
#include "space/ladder.h"
#include "space/links.h"
#include "space/shape.h"

typedef struct enf__space enf__space;
typedef struct enf__molecule enf__molecule; /* molecule.c */

/* Why a sample failed; numbers as far as they apply. */
typedef struct {
  enf_status status;
  const char *what; /* "x", "the velocity", ... for NONFINITE and RANGE */
  double t, h;
  enf__fault fault; /* of a molecule's coordinates */
  size_t n, place;  /* not in SU(n): matrix `place`, by so much */
  double off;
} enf__failure;

/* A place in a stream of random numbers, for points that a state does not say all of. */
typedef struct {
  uint64_t seed, index;
} enf__place;

typedef struct {
  size_t particles; /* N where none is asked for; 0: one must be */
  bool unitless;    /* its states have no length: the data scale is 1 */
  /* Where shape and links follow from other options than model.particles and model.dimensions,
     which are completed; else NULL. */
  enf_status (*derive)(enf_ctx *ctx, enf__space *space, enf_opts *options);
  /* OPTION, with the sentence, for numbers of particles or dimensions that it cannot have. */
  enf_status (*check)(enf_ctx *ctx, const enf__space *space);

  /* For spaces with tensors of their own, which no training changes; all NULL without. create
     completes the options and appends them, pack takes them over from a block, admit refuses values
     for the one at `offset`, fit finds them, in the block and the space, from x (n,N,D). */
  enf_status (*create)(enf_ctx *ctx, enf__space *space, enf_opts *options, enf__params *params);
  void (*destroy)(const enf_alloc *alloc, enf__space *space);
  void (*pack)(enf__space *space, const double *params);
  enf_status (*admit)(enf_ctx *ctx, const enf__space *space, size_t offset, const double *data);
  enf_status (*fit)(enf_ctx *ctx, enf__space *space, double *params, size_t n, const double *x);

  size_t (*state)(const enf__space *space);   /* doubles of a state */
  size_t (*freedom)(const enf__space *space); /* k */
  /* Where not all numbers have the data scale, else NULL: log_unit, and out = x (state) as a
     tangent in the host's units. */
  double (*log_unit)(const enf__space *space);
  void (*to_host)(const enf__space *space, const double *x, double *out);
  /* Host's x -> state y. origin (3) gets the mean of particles, for leave to put back. Both it and
     log_volume may be NULL. */
  enf__failure (*enter)(const enf__space *space, const double *x, double *y, double *origin,
                        double *log_volume);
  /* State y -> x, with this origin or none; log_volume is that of enter. What y leaves open is
     drawn at `place`, or left as it comes. */
  enf__failure (*leave)(const enf__space *space, const enf__place *place, const double *y,
                        const double *origin, double *x, double *log_volume);
  /* Other noise beside x, that of the place, into y; log_volume is as from enter, whose own is a
     function of x. NULL: there is none. */
  void (*redraw)(const enf__space *space, enf__place place, double *y, double *log_volume);
  /* Cotangents dy of the state and dvolume of log_volume -> dx (host), projected. */
  void (*enter_pull)(const enf__space *space, const double *x, const double *dy, double dvolume,
                     double *dx);
  /* Cotangents dx (host), which is written over, of the point x that leave gave for y, and dvolume
     of log_volume -> dy of the state. */
  void (*leave_pull)(const enf__space *space, const double *y, const double *x, double *dx,
                     double dvolume, double *dy);
  /* Off a tangent or a point, outside or inside, what is not the space's: the mean of particles. */
  void (*project)(const enf__space *space, double *x);
  /* For states on a surface, which a step of an integrator leaves by its own error: y near it put
     back, in place, at a kernel level; cotangents dy of what comes out -> of y. NULL: none. */
  void (*restore)(const enf__space *space, int kernel, double *y);
  void (*restore_pull)(const enf__space *space, const double *y, double *dy);
  /* Is coordinate k of a state one of a circle (-pi,pi]? NULL: none is. */
  bool (*is_circle)(const enf__space *space, size_t k);
} enf__space_ops;

/* Features of particles and a sample's context (featured.c). */
enum { ENF__FEATURES = 64, ENF__CONTEXT = 64 };
typedef struct {
  size_t elements;           /* kinds that are one-hot features */
  int number[ENF__FEATURES]; /* (elements) their atomic numbers, or numbers of model.elements */
  bool charges;              /* the atomic number behind them */
  double kind_scale, charge_scale;
  bool given;                 /* kinds are the shape's, not features */
  size_t shift_at, width_at;  /* offsets of the context's tensors */
  const double *shift, *width; /* (G) of the flow's parameters; width 0: not known yet, 1 so far */
} enf__featured;

struct enf__space {
  const enf__space_ops *ops;
  enf__shape shape;        /* of the samples outside, x (N,D) */
  size_t kinds;            /* largest number of shape.kind + 1; 0: all alike */
  double scale;            /* s: host units per unit inside */
  enf__molecule *molecule; /* or NULL */
  enf__links links;        /* of group and lattice */
  enf__featured featured;
  enf__ladder ladder; /* of molecule */
  size_t noise; /* numbers of a state beside x (augmented.c) */
};

/* N where model.particles is not set; 0: it must be. */
size_t enf__space_particles(int kind);
/* A space of scale 1. */
enf__space enf__space_make(int kind, size_t particles, size_t dimensions);

static inline size_t enf__space_host(const enf__space *space) {
  return enf__shape_size(&space->shape);
}
static inline size_t enf__space_state(const enf__space *space) { return space->ops->state(space); }
static inline size_t enf__space_freedom(const enf__space *space) {
  return space->ops->freedom(space);
}
/* Those of a state that maps move and densities are of: all but the last, a temperature or a
   context. */
static inline size_t enf__space_moved(const enf__space *space) {
  return enf__space_state(space) - enf__ladder_on(&space->ladder) - space->shape.fixed;
}
/* Put n states (n,state) at temperatures (n); NULL: at the space's. */
void enf__space_set_temperatures(const enf__space *space, size_t n, const double *temperature,
                                 double *y);
/* Numbers of a state that the prior's own are of: all but noise and context. */
static inline size_t enf__space_said(const enf__space *space) {
  return enf__space_state(space) - space->noise - space->shape.fixed;
}
double enf__space_log_unit(const enf__space *space);
/* The same space without noise. */
enf__space enf__space_bare(const enf__space *space);
/* log N of the noise in y. */
double enf__space_noise_density(const enf__space *space, const double *y);

/* Independent normals of standard deviation std: draw number `index` of (seed, stream), projected; 0
   for a context. */
void enf__space_normal(const enf__space *space, double std, uint64_t seed, uint32_t stream,
                       uint64_t index, double *z);

/* Are the samples of these options of any size, with features, context or given kinds? Units of a
   feature per unit inside. */
bool enf__space_is_featured(const enf_opts *options);
double enf__space_feature_scale(const enf__space *space, size_t feature);

/* Of a context: is its normalisation not known yet? Its mean and spread over samples x of the host,
   one by one; then into a block of the parameters' layout. */
typedef struct {
  size_t count;
  double mean[ENF__CONTEXT], square[ENF__CONTEXT];
} enf__context_sums;
/* context (G) of the host into a state. */
void enf__space_set_context(const enf__space *space, const double *context, double *y);
bool enf__space_context_is_open(const enf__space *space);
void enf__space_context_add(const enf__space *space, const double *x, enf__context_sums *sums);
void enf__space_context_fit(const enf__space *space, const enf__context_sums *sums, double *params);

/* x (count) becomes s x: a tangent, or a point without its origin, to the host's units. */
static inline void enf__space_to_host(const enf__space *space, size_t count, const double *x,
                                      double *out) {
  for (size_t i = 0; i < count; i++)
    out[i] = x[i] * space->scale;
}

static inline bool enf__space_is_circle(const enf__space *space, size_t k) {
  return space->ops->is_circle && space->ops->is_circle(space, k);
}

/* Do its states lie on a surface that steps have to be brought back to? */
static inline bool enf__space_is_surface(const enf__space *space) {
  return space && space->ops->restore && space->links.n > 1;
}

extern const enf__space_ops enf__particles_ops, enf__augmented_ops, enf__featured_ops, enf__vector_ops,
    enf__molecule_ops, enf__group_ops, enf__lattice_ops;

#endif
