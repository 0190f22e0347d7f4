/* choices.h -- what the options that offer a choice offer: every list once, as the number that the
   code knows and the word that a host sets, so that one cannot move without the other.

   options.def names a list by its last part. Tables of a choice have a row for each of its numbers,
   written as [NUMBER] = row, and say so with ENF__ROW_FOR_EVERY. A new word is one entry here, at
   the end of its list, and the row. */
#ifndef ENF__CHOICES_H
#define ENF__CHOICES_H

#define ENF__CHOICES_SPACE(X) X(ENF__PARTICLES, "particles") X(ENF__VECTOR, "vector") X(ENF__MOLECULE, "molecule") X(ENF__GROUP, "group") X(ENF__LATTICE, "lattice")
/* U(1), then SU(n): number n - 1. */
#define ENF__CHOICES_GROUP(X) X(ENF__U1, "u1") X(ENF__SU2, "su2") X(ENF__SU3, "su3") X(ENF__SU4, "su4") X(ENF__SU5, "su5") X(ENF__SU6, "su6") X(ENF__SU7, "su7") X(ENF__SU8, "su8")
/* Words of model.map. */
#define ENF__CHOICES_MAP(X) X(ENF__MAP_CNF, "cnf") X(ENF__MAP_LINEAR, "linear") X(ENF__MAP_SPLINE, "spline") X(ENF__MAP_RESIDUAL, "residual") X(ENF__MAP_ACTNORM, "actnorm") X(ENF__MAP_AUTOREGRESSIVE, "autoregressive") X(ENF__MAP_COUPLING, "coupling")
#define ENF__CHOICES_RESIDUAL(X) X(ENF__RESIDUAL_MONOTONE, "monotone") X(ENF__RESIDUAL_KERNEL, "kernel") X(ENF__RESIDUAL_MLP, "mlp") X(ENF__RESIDUAL_EGNN, "egnn")
#define ENF__CHOICES_RESIDUAL_GRADIENT(X) X(ENF__RESIDUAL_EXACT, "exact") X(ENF__RESIDUAL_SERIES, "series")
#define ENF__CHOICES_LINEAR_GRADIENT(X) X(ENF__LINEAR_EXACT, "exact") X(ENF__LINEAR_SELF_NORMALIZING, "self-normalizing")
/* The side that a residual map leads to by a formula. */
#define ENF__CHOICES_EXPLICIT(X) X(ENF__TO_PRIOR, "to-prior") X(ENF__TO_DATA, "to-data")
#define ENF__CHOICES_FIELD(X) X(ENF__FIELD_EGNN, "egnn") X(ENF__FIELD_PAIR_KERNEL, "pair-kernel") X(ENF__FIELD_MLP, "mlp") X(ENF__FIELD_CLASS, "class") X(ENF__FIELD_DRAIN, "drain") X(ENF__FIELD_LOCAL, "local")
#define ENF__CHOICES_AGGREGATION(X) X(ENF__SUM, "sum") X(ENF__MEAN, "mean")
#define ENF__CHOICES_PRIOR(X) X(ENF__GAUSSIAN_PRIOR, "gaussian") X(ENF__STUDENT_PRIOR, "student-t") X(ENF__INTERNAL_PRIOR, "internal") X(ENF__HAAR_PRIOR, "haar") X(ENF__COPULA_PRIOR, "copula")
#define ENF__CHOICES_COPULA(X) X(ENF__INDEPENDENT_COPULA, "independent") X(ENF__GAUSSIAN_COPULA, "gaussian") X(ENF__STUDENT_COPULA, "student-t")
/* Words of model.margins. */
#define ENF__CHOICES_LAW(X) X(ENF__NORMAL_LAW, "normal") X(ENF__STUDENT_LAW, "student-t") X(ENF__LAPLACE_LAW, "laplace") X(ENF__LOGISTIC_LAW, "logistic")
#define ENF__CHOICES_COVARIANCE(X) X(ENF__COVARIANCE_ISOTROPIC, "isotropic") X(ENF__COVARIANCE_DATA, "data")
#define ENF__CHOICES_PRECISION(X) X(ENF__FLOAT32, "float32") X(ENF__FLOAT64, "float64")
/* Rows of the kernel tables in lib/math; AUTO is resolved by enf_ctx_configure. */
#define ENF__CHOICES_KERNEL(X)                                                                     \
  X(ENF__KERNEL_AUTO, "auto")                                                                      \
  X(ENF__KERNEL_BASELINE, "baseline")                                                              \
  X(ENF__KERNEL_AVX2, "avx2")                                                                      \
  X(ENF__KERNEL_AVX512, "avx512")                                                                  \
  X(ENF__KERNEL_BLAS, "blas")                                                                      \
  X(ENF__KERNEL_AMX, "amx")
#define ENF__CHOICES_ODE_METHOD(X)                                                                 \
  X(ENF__DOPRI5, "dopri5") X(ENF__RK4, "rk4") X(ENF__RK4_38, "rk4-38")
#define ENF__CHOICES_LOGDET_METHOD(X)                                                              \
  X(ENF__LOGDET_QUADRATURE, "quadrature")                                                          \
  X(ENF__LOGDET_COUPLED, "coupled")                                                                \
  X(ENF__LOGDET_HUTCHINSON, "hutchinson")
#define ENF__CHOICES_PROBE(X) X(ENF__RADEMACHER, "rademacher") X(ENF__GAUSSIAN, "gaussian")
#define ENF__CHOICES_ROTATION(X) X(ENF__ROTATION_RANDOM, "random") X(ENF__ROTATION_FIXED, "fixed")
#define ENF__CHOICES_OBJECTIVE(X)                                                                  \
  X(ENF__OBJECTIVE_FLOW_MATCHING, "flow-matching")                                                 \
  X(ENF__OBJECTIVE_LIKELIHOOD, "likelihood")                                                       \
  X(ENF__OBJECTIVE_ENERGY, "energy")                                                               \
  X(ENF__OBJECTIVE_MIXED, "mixed")                                                                 \
  X(ENF__OBJECTIVE_PATH_GRADIENT, "path-gradient")                                                 \
  X(ENF__OBJECTIVE_REFINE, "refine")                                                               \
  X(ENF__OBJECTIVE_LEAST_SQUARES, "least-squares")                                                 \
  X(ENF__OBJECTIVE_ENERGY_MATCHING, "energy-matching")
#define ENF__CHOICES_COUPLING(X)                                                                   \
  X(ENF__INDEPENDENT, "independent") X(ENF__OT, "ot") X(ENF__EQUIVARIANT_OT, "equivariant-ot")
#define ENF__CHOICES_SCHEDULE(X)                                                                   \
  X(ENF__CONSTANT, "constant")                                                                     \
  X(ENF__COSINE, "cosine") X(ENF__ONE_CYCLE, "one-cycle") X(ENF__STEPWISE, "step")
#define ENF__CHOICES_OPTIMIZER(X)                                                                  \
  X(ENF__OPTIMIZER_AUTO, "auto") X(ENF__SOAP, "soap") X(ENF__ADAMW, "adamw")
/* Of the steps taken, or the adjoint equation solved backward with the same tolerances. */
#define ENF__CHOICES_ADJOINT(X) X(ENF__DISCRETE, "discrete") X(ENF__CONTINUOUS, "continuous")
#define ENF__CHOICES_DEQUANTISER(X) X(ENF__DEQUANTISER_NONE, "none") X(ENF__DEQUANTISER_UNIFORM, "uniform") X(ENF__DEQUANTISER_VARIATIONAL, "variational")
/* Whether kinds are part of the sample. */
#define ENF__CHOICES_KINDS(X) X(ENF__KINDS_GENERATED, "generated") X(ENF__KINDS_GIVEN, "given")
#define ENF__CHOICES_TRACE(X) X(ENF__HUTCHINSON, "hutchinson") X(ENF__EXACT, "exact")

#define ENF__CHOICE_NUMBER(number, word) number,
#define ENF__CHOICE_BAR(number, word) " | " word
/* The words as "a | b | c", a constant. */
#define ENF__CHOICE_WORDS(list) (&(list(ENF__CHOICE_BAR))[3])

enum { ENF__CHOICES_SPACE(ENF__CHOICE_NUMBER) ENF__SPACES };
enum { ENF__CHOICES_GROUP(ENF__CHOICE_NUMBER) ENF__GROUPS };
enum { ENF__CHOICES_MAP(ENF__CHOICE_NUMBER) ENF__MAPS };
enum { ENF__CHOICES_RESIDUAL(ENF__CHOICE_NUMBER) ENF__RESIDUALS };
enum { ENF__CHOICES_RESIDUAL_GRADIENT(ENF__CHOICE_NUMBER) ENF__RESIDUAL_GRADIENTS };
enum { ENF__CHOICES_LINEAR_GRADIENT(ENF__CHOICE_NUMBER) ENF__LINEAR_GRADIENTS };
enum { ENF__CHOICES_EXPLICIT(ENF__CHOICE_NUMBER) ENF__EXPLICITS };
enum { ENF__CHOICES_FIELD(ENF__CHOICE_NUMBER) ENF__FIELDS };
enum { ENF__CHOICES_AGGREGATION(ENF__CHOICE_NUMBER) ENF__AGGREGATIONS };
enum { ENF__CHOICES_PRIOR(ENF__CHOICE_NUMBER) ENF__PRIORS };
enum { ENF__CHOICES_COPULA(ENF__CHOICE_NUMBER) ENF__COPULAS };
enum { ENF__CHOICES_LAW(ENF__CHOICE_NUMBER) ENF__LAWS };
enum { ENF__CHOICES_COVARIANCE(ENF__CHOICE_NUMBER) ENF__COVARIANCES };
enum { ENF__CHOICES_PRECISION(ENF__CHOICE_NUMBER) ENF__PRECISIONS };
enum { ENF__CHOICES_KERNEL(ENF__CHOICE_NUMBER) ENF__KERNELS };
enum { ENF__CHOICES_ODE_METHOD(ENF__CHOICE_NUMBER) ENF__ODE_METHODS };
enum { ENF__CHOICES_LOGDET_METHOD(ENF__CHOICE_NUMBER) ENF__LOGDET_METHODS };
enum { ENF__CHOICES_PROBE(ENF__CHOICE_NUMBER) ENF__PROBES };
enum { ENF__CHOICES_ROTATION(ENF__CHOICE_NUMBER) ENF__ROTATIONS };
enum { ENF__CHOICES_OBJECTIVE(ENF__CHOICE_NUMBER) ENF__OBJECTIVES };
enum { ENF__CHOICES_COUPLING(ENF__CHOICE_NUMBER) ENF__COUPLINGS };
enum { ENF__CHOICES_SCHEDULE(ENF__CHOICE_NUMBER) ENF__SCHEDULES };
enum { ENF__CHOICES_OPTIMIZER(ENF__CHOICE_NUMBER) ENF__OPTIMIZERS };
enum { ENF__CHOICES_ADJOINT(ENF__CHOICE_NUMBER) ENF__ADJOINTS };
enum { ENF__CHOICES_DEQUANTISER(ENF__CHOICE_NUMBER) ENF__DEQUANTISERS };
enum { ENF__CHOICES_KINDS(ENF__CHOICE_NUMBER) ENF__KINDS_CHOICES };
enum { ENF__CHOICES_TRACE(ENF__CHOICE_NUMBER) ENF__TRACES };

#define ENF__ROW_FOR_EVERY(count, table)                                                           \
  _Static_assert(sizeof(table) / sizeof *(table) == (count), "a row for every choice")

#endif
