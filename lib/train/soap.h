/* soap.h -- the gradient's direction in the eigenbases of its second moments. */
#ifndef ENF__TRAIN_SOAP_H
#define ENF__TRAIN_SOAP_H

#include "core/core.h"
#include "core/params.h"

/* One side of a parameter tensor: its rows (left) or columns (right). */
typedef struct {
  size_t n;       /* 1: there is nothing to turn, second and basis are NULL */
  double *second; /* (n,n) running average of G G^T or of G^T G */
  double *basis;  /* (n,n) rows: its approximate eigenvectors */
} enf__side;

typedef struct {
  size_t offset; /* of its parameters */
  enf__side side[2];
} enf__factor;

typedef struct {
  enf_alloc alloc;
  size_t count; /* of tensors; 0: an empty one */
  enf__factor *factor;
  double *block; /* of all sides */
} enf__soap;

/* For a table of parameters: second moments zero, bases the identity. */
enf_status enf__soap_create(enf_ctx *ctx, enf__soap *soap, const enf__params *params);
void enf__soap_free(enf__soap *soap); /* fine on a zeroed one */

/* Bytes of a worker's arena that enf__soap_direction takes. */
size_t enf__soap_worker_bytes(const enf__soap *soap);

/* Number of this update (from 1) and the moments, all of them (P). */
typedef struct {
  uint64_t number;
  double *moment1; /* of the gradient */
  double *moment2; /* of its square, in the bases */
} enf__moments;

/* gradient (P) becomes the direction to go against. */
enf_status enf__soap_direction(enf_ctx *ctx, enf__soap *soap, const enf__moments *moments,
                               double *gradient);

#endif
