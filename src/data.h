/* data.h -- configurations and numbers in files. */
#ifndef DATA_H
#define DATA_H

#include "cli.h"

/* n configurations of N particles in D dimensions. */
typedef struct {
  size_t n, N, D;
  double *x;
  double *temperature; /* (n) reduced ones; NULL: none are said */
  char *labels;  /* of the particles, between blanks; NULL: none, or all X */
  char *species; /* as model.species, from the labels; NULL: all alike, or none */
} dataset;

/* Read .npy or .xyz. N and D are what they must be, 0 if that is open. An (n,N*D) array is cut by
   D, else N, else D = 3 where that divides the columns (with a note where 2 does too), else 2. Rows
   of three with z = 0 (.xyz) serve for D = 2. Periodic cells are refused without --unwrapped. */
int data_read(cli *c, const char *path, size_t N, size_t D, dataset *data);
void data_free(dataset *data);
/* All but what atoms it is of. */
void data_forget(dataset *data);
/* Three dimensions, and every z is 0. */
bool data_is_planar(const dataset *data);
/* Configuration `from` to the place of `to`, with what belongs to it. */
void data_move(dataset *data, size_t to, size_t from);
/* Keep `rows` evenly spaced rows (all, if there are fewer). */
void data_thin(dataset *data, uint64_t rows);

/* The data scale of enf_data_scale, with a note where configurations are left out; NULL: not
   wanted. Fails on a non-finite value. */
int data_scale(cli *c, const enf_flow *flow, const dataset *data, const char *path, double *scale);

/* To .npy or .xyz, with labels if there are any. `type` is the number type of .npy files unless
 * --type says otherwise. */
int data_write(cli *c, const char *path, const char *type, const dataset *data);

/* n numbers: (n) or (n,1); *n is 0 if it is open. The caller frees *values. */
int vector_read(cli *c, const char *path, size_t *n, double **values);
int vector_write(cli *c, const char *path, size_t n, const double *values);

/* The flow's shape. */
void flow_shape(const enf_flow *flow, size_t *N, size_t *D);
/* A text of the flow's options, or one kept in its file; "" where it has none. NULL with the sentence
   printed; the caller frees it. */
char *flow_text(const enf_flow *flow, const char *name);
char *flow_meta(const enf_flow *flow, const char *key);
int flow_keep_meta(const cli *c, enf_flow *flow, const char *key, const char *text);

/* Mean of the finite values and its standard error; returns how many are finite. */
size_t mean_of(size_t n, const double *values, double *mean, double *error);

#endif
