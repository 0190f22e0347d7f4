/* chiral.h -- the part of a velocity that tells left from right (`model.reflections off`): a sum of
   cross products, added to a field of particles in three dimensions that is blind to mirror images.
   docs/math.md, "Left and right". In units of the data scale, for each of four heads h, c = 0, 1, 2

     p_ci = (N-1)^-1/2 sum_j r_ij f_cj(|r_ij|^2),  f_cj(q) = sum_k A_jkc exp(-q/2 w_k^2)/w_k
     w_0 = p_1 x p_2,  w_1 = p_2 x p_0,  w_2 = p_0 x p_1,  s = p_0.w_0,  o = s/sqrt(1 + s^2)
     v_i = sum_hc g_c(t,o) w_c less its mean,  g_c = sum_mb G_imbc o^m T_b(2t-1)

   with w_k = 1/2, 1, 2, 4, T_b Chebyshev's polynomials, A and G numbers of the kinds of j and i.
   S_ci = dp_ci/dx_i is symmetric, so that w_c has no divergence for any A, and

     div v = sum_hi W.z,  W = sum_c dg_c/ds w_c,  z = ds/dx_i = sum_c S_c w_c.

   All of it in float64, whatever the precision of the field: it costs little beside a network. */
#ifndef ENF__CHIRAL_H
#define ENF__CHIRAL_H

#include "core/params.h"
#include "space/shape.h"

/* Heads h, widths w_k, powers m of o, polynomials b of time. */
enum { ENF__CHIRAL_HEADS = 4, ENF__CHIRAL_WIDTHS = 4, ENF__CHIRAL_POWERS = 3, ENF__CHIRAL_TIMES = 6 };

typedef struct {
  enf_alloc alloc;
  size_t kinds;        /* 1 where all particles are alike */
  size_t charge, gain; /* where A (kinds,widths,3,heads) and G (kinds,powers,times,3,heads) are */
  double *A, *G;       /* copies */
} enf__chiral;

/* The part without its copies, whose views it appends; the copies: both NOMEM. */
enf_status enf__chiral_plan(enf_ctx *ctx, enf__chiral **chiral, size_t kinds, const char *prefix,
                            enf__params *params);
enf_status enf__chiral_allocate(enf__chiral *chiral);
void enf__chiral_destroy(enf__chiral *chiral); /* accepts NULL */
void enf__chiral_pack(enf__chiral *chiral, const double *params);

/* Bytes of arena that a call needs. */
size_t enf__chiral_workspace(const enf__shape *shape);

/* Added to what there is: velocities v; with eps also v_dot = J eps and form = eps.J eps, without
   it form, if wanted, is the divergence. Each may be NULL. */
void enf__chiral_forward(const enf__chiral *chiral, enf__arena *arena, const enf__points *at,
                         const double *eps, double *v, double *v_dot, double *form);

/* Gradient of sum <a,v> and, if wanted, of b div v (eps NULL, b given) or <hat, J eps>; added to dx
   and dparams, each may be NULL, and to `form`, or NULL, its values of enf__chiral_forward. */
typedef struct {
  const double *a;         /* (S,N,3) */
  const double *b;         /* (S), or NULL */
  const double *eps, *hat; /* (S,N,3), or both NULL */
} enf__chiral_cotangent;
void enf__chiral_grad(const enf__chiral *chiral, enf__arena *arena, const enf__points *at,
                      const enf__chiral_cotangent *of, double *dx, double *dparams, double *form);

#endif
