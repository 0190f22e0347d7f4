/* dcd.c -- DCD trajectories as CHARMM, NAMD, OpenMM, LAMMPS and MDAnalysis write them, read.

   A file of Fortran records: length (4 bytes), that many bytes, the length again.
     header   84 bytes: "CORD", then 20 whole numbers, of which count here: [8] atoms that are
   fixed, [10] frames have a cell, [11] frames have a fourth dimension, [19] the version of CHARMM,
   0: the format of X-PLOR, which has neither title    any length atoms    4 bytes: how many a frame
   the cell (6 doubles: A, gamma, B, beta, alpha, C; angles in degrees or as cosines), then a record
   of single-precision x of all atoms, one of y, one of z The order of bytes is that in which the
   first length is 84. How many frames there are is told by the file's length: the number in the
   header is wrong in files of runs that were stopped. */
#include "io/bytes.h"
#include "io/io.h"
#include <math.h>

enum { HEADER = 84, FIXED = 8, CELL = 10, FOURTH = 11, VERSION = 19, CELL_BYTES = 48 };

typedef struct {
  enf_ctx *ctx;
  const char *path;
  enf__bytes bytes;
  bool cell;
  size_t atoms;
} reader;

#define REFUSE(r, status, ...) enf__file_refuse((r)->ctx, status, (r)->path, __VA_ARGS__)

/* The next record; `expected` bytes of it, or any number where that is SIZE_MAX. */
static enf_status take_record(reader *r, size_t expected, const char **body) {
  enf__bytes *b = &r->bytes;
  const ptrdiff_t place = b->at - b->begin;
  const size_t length = (size_t)enf__bytes_whole(b, 4);
  *body = enf__bytes_take(b, length);
  const size_t again = (size_t)enf__bytes_whole(b, 4);
  if (b->ended)
    return REFUSE(r, ENF_ERR_FORMAT, "the record at byte %td goes beyond the end of the file",
                  place);
  if (length != again)
    return REFUSE(r, ENF_ERR_FORMAT, "the record at byte %td has %zu bytes, or %zu", place, length,
                  again);
  if (expected != SIZE_MAX && length != expected)
    return REFUSE(r, ENF_ERR_FORMAT, "the record at byte %td has %zu bytes, %zu were expected",
                  place, length, expected);
  return ENF_OK;
}

static enf_status find_order(reader *r) {
  enf__bytes *b = &r->bytes;
  const bool whole = enf__bytes_left(b) >= 8;
  b->big = whole && enf__whole_at(b->at, 4, true) == HEADER;
  if (whole && (b->big || enf__whole_at(b->at, 4, false) == HEADER))
    return ENF_OK;
  if (whole &&
      (enf__whole_at(b->at, 8, false) == HEADER || enf__whole_at(b->at, 8, true) == HEADER))
    return REFUSE(r, ENF_ERR_UNSUPPORTED, "a DCD file with record lengths of 8 bytes");
  return REFUSE(r, ENF_ERR_FORMAT, "not a DCD file: it does not begin with a record of 84 bytes");
}

static uint64_t number(const reader *r, const char *header, size_t index) {
  return enf__whole_at(header + 4 + 4 * index, 4, r->bytes.big);
}

static enf_status take_header(reader *r) {
  enf_status status = ENF_OK;
  const char *header, *title, *atoms;
  TRY(find_order(r));
  TRY(take_record(r, HEADER, &header));
  if (memcmp(header, "CORD", 4) != 0)
    return REFUSE(r, ENF_ERR_UNSUPPORTED, "a DCD file of '%.4s', not of coordinates (CORD)",
                  header);
  const bool charmm = number(r, header, VERSION) != 0;
  r->cell = charmm && number(r, header, CELL) != 0;
  if (number(r, header, FIXED) != 0)
    return REFUSE(r, ENF_ERR_UNSUPPORTED,
                  "%llu atoms are fixed: frames after the first have the other atoms only",
                  (unsigned long long)number(r, header, FIXED));
  if (charmm && number(r, header, FOURTH) != 0)
    return REFUSE(r, ENF_ERR_UNSUPPORTED, "frames have a fourth dimension");
  TRY(take_record(r, SIZE_MAX, &title));
  TRY(take_record(r, 4, &atoms));
  r->atoms = (size_t)enf__whole_at(atoms, 4, r->bytes.big);
  if (r->atoms == 0)
    return REFUSE(r, ENF_ERR_FORMAT, "the frames have no atoms");
out:
  return status;
}

/* How many frames the rest of the file has. */
static enf_status count_frames(const reader *r, size_t *frames) {
  const size_t left = enf__bytes_left(&r->bytes);
  if (left > 0 && r->atoms > left / 12)
    return REFUSE(r, ENF_ERR_FORMAT, "%zu bytes follow, fewer than a frame of %zu atoms has", left,
                  r->atoms);
  const size_t frame = (r->cell ? 8 + CELL_BYTES : 0) + 3 * (8 + 4 * r->atoms);
  *frames = left > 0 ? left / frame : 0;
  if (*frames * frame == left)
    return ENF_OK;
  return REFUSE(r, ENF_ERR_FORMAT, "frame %zu (from 0) is cut off: %zu of %zu bytes are there",
                *frames, left % frame, frame);
}

/* An angle in degrees of what is one, or its cosine. */
static double degrees(double angle) {
  return fabs(angle) <= 1 ? acos(angle) * (180 / 3.141592653589793) : angle;
}

static enf_status take_cell(reader *r, enf__cell *cell) {
  enf_status status = ENF_OK;
  const char *body;
  double v[6];
  TRY(take_record(r, CELL_BYTES, &body));
  for (size_t k = 0; k < 6; k++)
    v[k] = enf__real_at(body + 8 * k, 8, r->bytes.big);
  *cell = enf__cell_of((double[]){v[0], v[2], v[5]},
                       (double[]){degrees(v[4]), degrees(v[3]), degrees(v[1])});
out:
  return status;
}

static enf_status take_frame(reader *r, enf_array *array, size_t frame) {
  enf_status status = ENF_OK;
  double *x = array->data + 3 * r->atoms * frame;
  if (r->cell)
    TRY(take_cell(r, &array->cell[frame]));
  for (size_t k = 0; k < 3; k++) {
    const char *body;
    TRY(take_record(r, 4 * r->atoms, &body));
    for (size_t i = 0; i < r->atoms; i++)
      x[3 * i + k] = enf__real_at(body + 4 * i, 4, r->bytes.big);
  }
  TRY(enf__array_check_frame(r->ctx, array, r->path, frame));
out:
  return status;
}

enf_status enf__dcd_parse(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                          size_t bytes) {
  enf_status status = ENF_OK;
  reader r = {.ctx = ctx, .path = path, .bytes = {.begin = data, .at = data, .end = data + bytes}};
  size_t frames = 0;
  TRY(take_header(&r));
  TRY(count_frames(&r, &frames));
  array->ndim = 3;
  memcpy(array->shape, (size_t[]){frames, r.atoms, 3}, 3 * sizeof(size_t));
  TRY(enf__array_reserve(ctx, array));
  if (r.cell)
    TRY(enf__array_reserve_cells(ctx, array));
  for (size_t frame = 0; frame < frames; frame++)
    TRY(take_frame(&r, array, frame));
out:
  return status;
}
