/* pair.h -- velocity and one tangent, J eps, of a group; and the reverse pass of the pair, for
   the gradient of <a,v> + b eps^T J eps + c |v|^2 + d |J eps|^2. docs/math.md, "Gradients of the
   trace".

   Every quantity of forward.c is carried with its tangent foo_dot for the displacement eps.
   In the reverse pass foo_bar is the derivative of the loss by foo and foo_hat that by foo_dot;
   second derivatives of silu, sigmoid, tanh and distances enter foo_bar. Products work on values
   and tangents together: rows of a tile, then rows of their tangents. For the exact
   divergence see trace_reverse.c. */
#ifndef ENF__EGNN_PAIR_H
#define ENF__EGNN_PAIR_H

#include "field/egnn/reverse.h"

/* What is kept of one layer beside `layer`; per-edge rows are tile-blocked: values, tangents. */
typedef struct {
  REAL *h_dot, *pqu_dot;         /* (rows,Hp), (rows,3Hp) */
  REAL *agg_dot;                 /* (n,Hp) */
  REAL *z5_dot[ENF__EGNN_DEPTH]; /* (n,Hp) of z5[k] */
  REAL *z[ENF__EGNN_DEPTH], *u3; /* (2e,Hp) edge network: k = 1 ... depth-1; coordinate network */
  REAL *gate_dot, *s_dot;        /* (e) */
  REAL *r_dot, *q_dot, *c_dot;   /* (D,e), (e), (e) */
  REAL *c_ss, *c_sq, *c_qq;      /* (e) second derivatives of c */
} pair_layer;

typedef struct {
  bool keep; /* all that a reverse pass needs; else arrays of the layers share memory */
  pair_layer layer[ENF__EGNN_LAYERS];
  REAL *eps, *x_dot, *v_dot; /* (n,D) */
  REAL *a, *m;               /* (2 tile,Hp) */
  REAL *a5, *slope5;         /* (2n,Hp) values and tangents; silu' and silu'' z5_dot */
  /* reverse */
  REAL *v_bar, *v_hat, *x_bar, *x_hat, *x_bar_new, *x_hat_new; /* (n,D) */
  REAL *h_bar, *h_hat, *h_class;                               /* (n,Hp) */
  REAL *pqu_bar, *pqu_hat;                                     /* (rows,3Hp) */
  REAL *z5_bar, *z5_hat, *agg_bar, *agg_hat;                   /* (n,Hp) */
  REAL *s_bar, *s_hat, *q_bar, *q_hat, *q0_bar, *q0_hat;       /* (e) */
  REAL *net_q, *net_q0;                                        /* (2 tile) */
  REAL *logit_bar, *logit_hat;                                 /* (tile) */
  REAL *u3_bar, *z_bar, *slope1; /* (2 tile,Hp) values and tangents; silu', silu'' z1_dot */
  REAL *grad, *scratch;
  /* features: of the tangent, and the reverse */
  REAL *in_dot, *h_last_dot, *rate_dot; /* (n,I), (n,Hp), (n,Fp) */
  REAL *rate_bar, *rate_hat, *in_bar;   /* (n,Fp), (n,Fp), (n,I) */
} pair;

#define egnn_layout_pair SUFFIX(enf__egnn_layout_pair)
void egnn_layout_pair(const group *g, pair *p, bool keep, enf__arena *arena);
#define egnn_coefficient_curves SUFFIX(enf__egnn_coefficient_curves)
void egnn_coefficient_curves(const group *g, const layer *y, pair_layer *d);
#define egnn_forward_pair SUFFIX(enf__egnn_forward_pair)
void egnn_forward_pair(group *g, pair *p);
#define egnn_reverse_pair SUFFIX(enf__egnn_reverse_pair)
void egnn_reverse_pair(group *g, pair *p);
#define egnn_centred SUFFIX(enf__egnn_centred)
void egnn_centred(const group *g, const double *in, const double *f, REAL *out);
#define egnn_scaled_features SUFFIX(enf__egnn_scaled_features)
void egnn_scaled_features(const group *g, const double *in, const double *f, size_t ld, REAL *out);
/* Memory that a penalty of fields with features takes behind the pair; behind it comes that of a
   reverse pass. */
#define egnn_layout_transposed SUFFIX(enf__egnn_layout_transposed)
void egnn_layout_transposed(const group *g, enf__arena *arena);
#define egnn_square_of SUFFIX(enf__egnn_square_of)
double egnn_square_of(const group *g, const REAL *in, size_t s);
#define egnn_add_square_grad SUFFIX(enf__egnn_add_square_grad)
void egnn_add_square_grad(const group *g, const REAL *in, const double *f, REAL *bar);
#define egnn_jvp SUFFIX(enf__egnn_jvp)
void egnn_jvp(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
              const double *eps, double *v, double *v_dot, double *form);
/* vjp_trace with eps. */
#define egnn_probe_grad SUFFIX(enf__egnn_probe_grad)
void egnn_probe_grad(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
                     const enf__cotangent *of, const enf__gradient *out);

#endif
