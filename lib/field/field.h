/* field.h -- velocity fields v(t,x): the interface, and the model that says which field it is.

   A field works on groups of samples, each with its own time, in units of the data scale, on
   mean-free x. Public arrays are double; the arithmetic inside is run.precision. Every call takes
   its workspace from an arena that the caller sized with enf__field_workspace; nothing is
   allocated, and a sample's result does not depend on the other samples of the call.
   Parameters are one block of doubles with a table of named views; after a change
   enf__field_pack renews the packed copies that the kernels read. */
#ifndef ENF__FIELD_H
#define ENF__FIELD_H

#include "core/core.h"
#include "core/options.h"

/* The shapes: the model.* options that define the network. */
typedef struct {
  int kind; /* model.field */
  size_t particles, dimensions, hidden, layers;
  size_t edge_depth, node_depth; /* linear layers of the edge and node networks, 2 or more */
  bool attention, tanh, mean;
  size_t species_count;         /* largest species number + 1; 0: all alike, no one-hot */
  const int *species;           /* (N), or NULL */
  size_t kernels, kernel_times; /* pair kernel: functions of distance, of time */
  double kernel_range;          /* their first centers cover distances up to this */
} enf__model;

/* A named view of the parameter block. A bias has one column. */
typedef struct {
  char name[64]; /* "egnn.gcl_0.edge_mlp.0.weight" */
  size_t offset, rows, cols;
} enf__tensor;

typedef struct enf__field enf__field;

/* What a call computes, for sizing the workspace. */
typedef enum { ENF__VELOCITY, ENF__DIVERGENCE, ENF__JVP, ENF__VJP, ENF__VJP_TRACE } enf__work;

/* Make a field; parameters are zero. model->species is copied. */
enf_status enf__field_create(enf_ctx *ctx, enf__field **field, const enf__model *model);
void enf__field_destroy(enf__field *field);

const enf__model *enf__field_model(const enf__field *field);
size_t enf__field_tensors(const enf__field *field);
const enf__tensor *enf__field_tensor(const enf__field *field, size_t index);
size_t enf__field_params(const enf__field *field); /* P */
double *enf__field_param_block(enf__field *field); /* (P), then call enf__field_pack */
const double *enf__field_param_view(const enf__field *field);
void enf__field_init(enf__field *field, uint64_t seed); /* initial weights, packed */
void enf__field_pack(enf__field *field);

/* Bytes of arena one call needs; any number of samples per call. */
size_t enf__field_workspace(const enf__field *field, const enf__run *run, enf__work work);

/* Samples that make about a millisecond of this work: the pieces that parallel loops cut. A
   function of shapes only. */
size_t enf__field_chunk(const enf__field *field, enf__work work);
/* Pieces that n samples are cut into where each has a gradient buffer of its own, which bounds
   their number: of such chunks, and of at least `least` samples. By shapes only. */
size_t enf__field_pieces(const enf__field *field, enf__work work, size_t least, size_t n);

/* t (S), x (S,N,D) mean-free -> v (S,N,D), mean-free. */
void enf__field_velocity(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                         const double *t, const double *x, double *v);

/* The same and div (S), exact, on the mean-free subspace. v may be NULL. */
void enf__field_divergence(const enf__field *field, const enf__run *run, enf__arena *arena,
                           size_t S, const double *t, const double *x, double *v, double *div);

/* v and v_dot = J eps (S,N,D), either or both NULL, and form (S) = eps^T J eps for one direction
   eps (S,N,D): one forward tangent. */
void enf__field_jvp(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                    const double *t, const double *x, const double *eps, double *v, double *v_dot,
                    double *form);

/* Reverse pass of sum <a, v>. The cotangents a may depend on v: `cotangent` is called for samples
   first ... first+S-1 of the call with their v (S,N,D) and fills a (S,N,D).
   dx (S,N,D) = a^T dv/dx, or NULL; dparams (P) is accumulated with +=, or NULL. */
typedef void (*enf__cotangent_fn)(void *user, size_t first, size_t S, const double *v, double *a);
void enf__field_vjp(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                    const double *t, const double *x, enf__cotangent_fn cotangent, void *user,
                    double *dx, double *dparams);

/* Reverse pass of sum_s <a, v> + b eps^T J eps + c |v|^2 + d |J eps|^2, or, with eps NULL, of
   sum_s <a, v> + b div v + c |v|^2: a (S,N,D), b (S), c and d (S) or NULL, eps (S,N,D). dx and
   dparams as above. The exact divergence costs N D passes. value (S,3) or NULL: the trace and, as
   far as c and d are given, |v|^2 and |J eps|^2. */
enum { ENF__TRACE_VALUE, ENF__SPEED_VALUE, ENF__JACOBIAN_VALUE, ENF__VALUES };
void enf__field_vjp_trace(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                          const double *t, const double *x, const double *eps, const double *a,
                          const double *b, const double *c, const double *d, double *dx,
                          double *dparams, double *value);

/* ---- for the fields themselves ----------------------------------------------------------------
 */

/* What a field of its own file provides; one row of the table in field.c. */
typedef struct {
  enf_status (*create)(enf_ctx *ctx, enf__field **field, const enf__model *model);
  void (*destroy)(enf__field *field);
  double (*initial_range)(const enf__field *field, size_t tensor); /* uniform in +- range */
  double (*initial_value)(const enf__field *field, size_t tensor, size_t index); /* about this;
                                                                                    NULL: 0 */
  void (*pack)(enf__field *field);
  size_t (*workspace)(const enf__field *field, const enf__run *run, enf__work work);
  double (*cost)(const enf__field *field, enf__work work); /* multiply-adds per sample, roughly */
  void (*velocity)(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                   const double *t, const double *x, double *v);
  void (*divergence)(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                     const double *t, const double *x, double *v, double *div);
  void (*jvp)(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
              const double *t, const double *x, const double *eps, double *v, double *v_dot,
              double *form);
  void (*vjp)(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
              const double *t, const double *x, enf__cotangent_fn cotangent, void *user, double *dx,
              double *dparams);
  void (*vjp_trace)(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                    const double *t, const double *x, const double *eps, const double *a,
                    const double *b, const double *c, const double *d, double *dx, double *dparams,
                    double *value);
} enf__field_ops;

/* The common head of every field's struct. */
struct enf__field {
  const enf__field_ops *ops;
  enf_alloc alloc;
  enf__model model; /* species owned */
  size_t tensors, params;
  enf__tensor *tensor;
  double *param; /* (P) */
};

/* Fill the head: model and species copied; tensor table of `tensors` rows to come. NOMEM. */
enf_status enf__field_open(enf_ctx *ctx, enf__field *field, const enf__field_ops *ops,
                           const enf__model *model, size_t tensors);
/* Append a tensor, its name as by printf; returns its index. */
size_t enf__field_add(enf__field *field, size_t rows, size_t cols, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Allocate the parameter block once all tensors are there. NOMEM. */
enf_status enf__field_allocate(enf__field *field);
void enf__field_close(enf__field *field);

extern const enf__field_ops enf__egnn_ops, enf__pair_kernel_ops;

#endif
