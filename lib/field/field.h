/* field.h -- velocity fields v(t,x): the interface, and the model that says which field it is.

   A field works on points, samples of one shape each with its own time, in units of the data
   scale, on mean-free x. Where samples have features, what is said of (S,N,D) below is of
   (S, N D + N F), positions and then features; where they have a context, of (S, N D + N F + G):
   rates, tangents and cotangents are 0 there, and a direction has no effect there. Public arrays
   are double; the arithmetic inside is run.precision. Every call takes its workspace from an arena that the caller sized with
   enf__field_workspace; nothing is allocated, and a sample's result does not depend on the other
   samples of the call.
   The weights do not depend on the shape: one field serves samples of any number of particles.
   Parameters belong to the flow (core/params.h): a field appends its views when it is made and
   holds the packed copies that the kernels read, which enf__field_pack renews. */
#ifndef ENF__FIELD_H
#define ENF__FIELD_H

#include "core/options.h"
#include "core/params.h"
#include "field/chiral.h"
#include "space/links.h"
#include "space/shape.h"

/* The model.* options that define the network. */
typedef struct {
  int kind;          /* model.field */
  size_t dimensions; /* mlp: of its vectors */
  size_t hidden, layers;
  size_t edge_depth, node_depth; /* linear layers of the edge and node networks, 2 or more */
  bool attention, tanh, mean;
  size_t species_count;         /* kinds, columns of the one-hot; 0: all alike, no one-hot */
  size_t features;              /* F of the state, in place of kinds; 0: none */
  size_t inputs, outputs;       /* of the embeddings of features; the first F outputs are h' */
  size_t context;               /* G numbers of a sample, inputs of every particle */
  bool reversed;                /* with features: v(t,y) = -f(1-t,y), f the network */
  bool plain;                   /* with features: no time, no distances of the input */
  bool hand;                    /* it tells left from right: egnn, in three dimensions */
  const char *prefix;           /* of the tensors' names, NULL: none */
  size_t kernels, kernel_times; /* pair kernel: functions of distance, of time */
  double kernel_range;          /* their first centers cover distances up to this */
  enf__links links;             /* matrices */
  size_t degree, times, pairs;
} enf__model;

typedef struct enf__field enf__field;

/* What a call computes, for sizing the workspace. */
typedef enum {
  ENF__VELOCITY,
  ENF__DIVERGENCE,
  ENF__JVP,
  ENF__VJP,
  ENF__VJP_TRACE, /* exact */
  ENF__VJP_PROBE  /* with eps */
} enf__work;

/* A field without the copies of its weights, whose views it appends to the table: nothing of their
   size is allocated; then the copies. NOMEM. */
enf_status enf__field_plan(enf_ctx *ctx, enf__field **field, const enf__model *model,
                           enf__params *params);
enf_status enf__field_allocate(enf_ctx *ctx, enf__field *field);
/* Both in one; *field is NULL on failure. */
enf_status enf__field_create(enf_ctx *ctx, enf__field **field, const enf__model *model,
                             enf__params *params);
void enf__field_destroy(enf__field *field);

/* The model.space that a model.field is for. */
int enf__field_space(int kind);

const enf__model *enf__field_model(const enf__field *field);
/* Renew the packed copies from a block of the table's layout. */
void enf__field_pack(enf__field *field, const double *params);

/* Bytes of arena one call needs; any number of samples per call. */
size_t enf__field_workspace(const enf__field *field, const enf__run *run, const enf__shape *shape,
                            enf__work work);

/* Is the exact divergence had for next to nothing? Then it is always taken, and integrated with the
   path; probes (jvp, eps) the field has not. */
bool enf__field_closed(const enf__field *field);
/* The number of samples, or a few more, that the field works on without loss: for `size` of one task.
 */
size_t enf__field_whole(const enf__field *field, size_t size);

/* Samples that make about a millisecond of this work: the pieces that parallel loops cut. A
   function of shapes only. */
size_t enf__field_chunk(const enf__field *field, const enf__shape *shape, enf__work work);
/* Pieces that n samples are cut into where each has a gradient buffer of its own, which bounds
   their number: of such chunks, and of at least `least` samples. By shapes only. */
size_t enf__field_pieces(const enf__field *field, const enf__shape *shape, enf__work work,
                         size_t least, size_t n);

/* at: S points (t,x), x mean-free -> v (S,N,D), mean-free. */
void enf__field_velocity(const enf__field *field, const enf__run *run, enf__arena *arena,
                         const enf__points *at, double *v);

/* The same and div (S), exact, on the mean-free subspace. v may be NULL. */
void enf__field_divergence(const enf__field *field, const enf__run *run, enf__arena *arena,
                           const enf__points *at, double *v, double *div);

/* The same of a field whose divergence is closed, where x and v of a sample are `stride` numbers
   behind those of the sample before. */
void enf__field_divergence_apart(const enf__field *field, const enf__run *run, enf__arena *arena,
                                 const enf__points *at, size_t stride, double *v, double *div);

/* v and v_dot = J eps (S,N,D), either or both NULL, and form (S) = eps^T J eps for one direction
   eps (S,N,D): one forward tangent. */
void enf__field_jvp(const enf__field *field, const enf__run *run, enf__arena *arena,
                    const enf__points *at, const double *eps, double *v, double *v_dot,
                    double *form);

/* Reverse pass of sum <a, v>. The cotangents a may depend on v: `cotangent` is called for samples
   first ... first+S-1 of the call with their v (S,N,D) and fills a (S,N,D).
   dx (S,N,D) = a^T dv/dx, or NULL; dparams (P) is accumulated with +=, or NULL. */
typedef void (*enf__cotangent_fn)(void *user, size_t first, size_t S, const double *v, double *a);
void enf__field_vjp(const enf__field *field, const enf__run *run, enf__arena *arena,
                    const enf__points *at, enf__cotangent_fn cotangent, void *user, double *dx,
                    double *dparams);

/* The function whose gradient is wanted: sum_s <a, v> + b eps^T J eps + c |v|^2 + d |J eps|^2, or,
   with eps NULL, sum_s <a, v> + b div v + c |v|^2. Where samples have features, |J^T eps|^2 stands
   for |J eps|^2. Of the egnn without features hat, if given, is in the place of b eps. */
typedef struct {
  const double *eps; /* (S,N,D), or NULL */
  const double *a;   /* (S,N,D) */
  const double *b;   /* (S) */
  const double *c;   /* (S), or NULL: 0 */
  const double *d;   /* (S), or NULL: 0; needs eps */
  const double *hat; /* (S,N,D), or NULL: the cotangent of J eps */
} enf__cotangent;

/* What comes of it; each may be NULL. */
enum { ENF__TRACE_VALUE, ENF__SPEED_VALUE, ENF__JACOBIAN_VALUE, ENF__VALUES };
typedef struct {
  double *dx;      /* (S,N,D) */
  double *dparams; /* (P), accumulated with += */
  double *value;   /* (S,3) the trace and, as far as c and d are given, |v|^2 and |J eps|^2 */
} enf__gradient;

/* Its reverse pass; with the exact divergence, of a few divergences' cost. */
void enf__field_vjp_trace(const enf__field *field, const enf__run *run, enf__arena *arena,
                          const enf__points *at, const enf__cotangent *of,
                          const enf__gradient *out);

/* ---- for the fields themselves ----------------------------------------------------------------
 */

/* The work itself in one precision, with the kernels of a level (core/choices.h). */
typedef struct {
  size_t (*workspace)(const enf__field *field, int kernel, const enf__shape *shape, enf__work work);
  /* The three calls above in one: velocity (eps and form NULL), divergence (eps NULL) and jvp. */
  void (*forward)(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                  const double *eps, double *v, double *v_dot, double *form);
  void (*vjp)(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
              enf__cotangent_fn cotangent, void *user, double *dx, double *dparams);
  void (*vjp_trace)(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                    const enf__cotangent *of, const enf__gradient *out);
} enf__field_passes;

/* What a field of its own file provides; one row of the table in field.c. */
typedef struct {
  int space;    /* model.space of its points */
  size_t group; /* samples that it works on together; 0: any */
  bool closed;  /* enf__field_closed; forward has no eps */
  enf_status (*plan)(enf_ctx *ctx, enf__field **field, const enf__model *model,
                     enf__params *params);
  enf_status (*allocate)(enf__field *field); /* NOMEM */
  void (*destroy)(enf__field *field);
  void (*pack)(enf__field *field, const double *params);
  /* multiply-adds per sample, roughly */
  double (*cost)(const enf__field *field, const enf__shape *shape, enf__work work);
  const enf__field_passes *float32, *float64; /* the same, where all is computed in float64 */
  /* enf__field_divergence_apart; NULL unless closed */
  void (*apart)(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                size_t stride, double *v, double *div);
} enf__field_ops;

/* The common head of every field's struct. */
struct enf__field {
  const enf__field_ops *ops;
  enf_alloc alloc;
  enf__model model;
  enf__chiral *chiral; /* NULL: blind to mirror images; its calls are those of handed.h */
};

extern const enf__field_ops enf__egnn_ops, enf__pair_kernel_ops, enf__mlp_ops, enf__class_field_ops,
    enf__drain_field_ops, enf__local_field_ops;

#endif
