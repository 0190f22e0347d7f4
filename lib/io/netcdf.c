/* netcdf.c -- AMBER's trajectories and restarts in NetCDF, read: the classic format and its two
   variants for large files, which is all that the convention allows. It is simple enough to need no
   library: numbers with the most significant byte first, names and values padded to 4 bytes.

     "CDF", version (1, or 2: places of 8 bytes, or 5: counts of 8 bytes too), number of records,
     dimensions: name, length (0: the records),
     attributes: name, type, count, values,
     variables:  name, dimensions, attributes, type, size, place
   A variable whose first dimension is the records has a piece in every record; a record is the
   pieces of all such variables in their order.

   AMBER: coordinates (frame, atom, spatial), or (atom, spatial) in a restart; cell_lengths and
   cell_angles (frame, 3) or (3), in degrees; an attribute scale_factor multiplies.
   https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html,
   https://ambermd.org/netcdf/nctraj.xhtml */
#include "io/bytes.h"
#include "io/io.h"
#include <math.h>

enum { DIMENSIONS = 32, DIMENSION = 10, VARIABLE = 11, ATTRIBUTE = 12, FLOAT = 5, DOUBLE = 6 };
enum { COORDINATES, LENGTHS, ANGLES, WANTED };

static const char *const wanted_names[WANTED] = {"coordinates", "cell_lengths", "cell_angles"};

typedef struct {
  bool found, by_record;
  size_t item;            /* bytes of a number */
  size_t axes, length[4]; /* without the records */
  uint64_t place;
  double scale;
} variable;

typedef struct {
  enf_ctx *ctx;
  const char *path;
  enf__bytes bytes;
  int version;
  uint64_t records; /* SIZE_MAX where they are to be counted */
  size_t dimensions;
  uint64_t length[DIMENSIONS];
  variable wanted[WANTED];
  uint64_t record, last_piece; /* bytes of a record, padded; of its last piece, unpadded */
  size_t pieces;
} reader;

#define REFUSE(r, status, ...) enf__file_refuse((r)->ctx, status, (r)->path, __VA_ARGS__)

static enf_status broken(const reader *r, const char *what) {
  return REFUSE(r, ENF_ERR_FORMAT, "%s", r->bytes.ended ? "the header goes beyond the end" : what);
}

static uint64_t padded(uint64_t bytes) { return bytes + (4 - bytes % 4) % 4; }

/* ---- the header ------------------------------------------------------------------------------ */

static uint64_t take_count(reader *r) {
  return enf__bytes_whole(&r->bytes, r->version == 5 ? 8 : 4);
}

static const char *take_padded(reader *r, uint64_t bytes) {
  return bytes < SIZE_MAX / 2 ? enf__bytes_take(&r->bytes, (size_t)padded(bytes))
                              : enf__bytes_take(&r->bytes, SIZE_MAX);
}

typedef struct {
  const char *at;
  size_t length;
} name;

static name take_name(reader *r) {
  const uint64_t length = take_count(r);
  const char *at = take_padded(r, length);
  return (name){at ? at : "", at ? (size_t)length : 0};
}

static bool name_is(name n, const char *word) {
  return n.length == strlen(word) && memcmp(n.at, word, n.length) == 0;
}

/* Bytes of a number of this type, 0 if there is none. */
static size_t item_of(uint64_t type) {
  static const unsigned char item[] = {0, 1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8};
  return type < sizeof item ? item[type] : 0;
}

/* How many entries a list has; lists of other things are none. */
static enf_status take_list(reader *r, uint64_t tag, uint64_t *count) {
  const uint64_t found = enf__bytes_whole(&r->bytes, 4);
  *count = take_count(r);
  return !r->bytes.ended && (found == tag || (found == 0 && *count == 0))
             ? ENF_OK
             : broken(r, "a list of the header is of something else");
}

/* Attributes; a scale_factor goes to *scale, where one is asked for. */
static enf_status take_attributes(reader *r, double *scale) {
  enf_status status = ENF_OK;
  uint64_t count;
  TRY(take_list(r, ATTRIBUTE, &count));
  for (uint64_t i = 0; i < count && !r->bytes.ended; i++) {
    const name n = take_name(r);
    const uint64_t type = enf__bytes_whole(&r->bytes, 4), values = take_count(r);
    const size_t item = item_of(type);
    if (item == 0 || values > SIZE_MAX / 16)
      return broken(r, "an attribute has a type that is not known");
    const char *value = take_padded(r, values * item);
    if (value && scale && name_is(n, "scale_factor") && values == 1 &&
        (type == FLOAT || type == DOUBLE))
      *scale = enf__real_at(value, item, true);
  }
  if (r->bytes.ended)
    status = broken(r, "");
out:
  return status;
}

static enf_status take_dimensions(reader *r) {
  enf_status status = ENF_OK;
  uint64_t count;
  TRY(take_list(r, DIMENSION, &count));
  if (count > DIMENSIONS)
    return REFUSE(r, ENF_ERR_UNSUPPORTED, "it has more than %d dimensions: not AMBER's convention",
                  DIMENSIONS);
  for (r->dimensions = 0; r->dimensions < count; r->dimensions++) {
    take_name(r);
    r->length[r->dimensions] = take_count(r);
  }
out:
  return status;
}

/* Its axes; *values: numbers in it, or in its piece of a record. */
static enf_status take_axes(reader *r, variable *v, uint64_t *values) {
  const uint64_t axes = take_count(r);
  *values = 1;
  for (uint64_t k = 0; k < axes; k++) {
    const uint64_t d = take_count(r);
    if (r->bytes.ended || d >= r->dimensions || (k > 0 && r->length[d] == 0))
      return broken(r, "a variable has a dimension that is not there");
    if (k == 0 && r->length[d] == 0) {
      v->by_record = true;
      continue;
    }
    if (v->axes < 4)
      v->length[v->axes] = (size_t)r->length[d];
    v->axes++;
    if (__builtin_mul_overflow(*values, r->length[d], values) || *values > SIZE_MAX / 16)
      return broken(r, "the size of a variable overflows");
  }
  return ENF_OK;
}

static enf_status take_variable(reader *r) {
  enf_status status = ENF_OK;
  variable v = {.found = true, .scale = 1};
  uint64_t values;
  const name n = take_name(r);
  TRY(take_axes(r, &v, &values));
  TRY(take_attributes(r, &v.scale));
  const uint64_t type = enf__bytes_whole(&r->bytes, 4);
  v.item = item_of(type);
  take_count(r); /* the size, which follows from the rest */
  v.place = enf__bytes_whole(&r->bytes, r->version == 1 ? 4 : 8);
  if (r->bytes.ended || v.item == 0)
    return broken(r, "a variable has a type that is not known");
  if (v.by_record) {
    r->last_piece = values * v.item;
    r->pieces++;
    if (__builtin_add_overflow(r->record, padded(r->last_piece), &r->record))
      return broken(r, "the size of a record overflows");
  }
  for (size_t k = 0; k < WANTED; k++)
    if (name_is(n, wanted_names[k])) {
      if (type != FLOAT && type != DOUBLE)
        return REFUSE(r, ENF_ERR_UNSUPPORTED, "%s are not real numbers", wanted_names[k]);
      r->wanted[k] = v;
    }
out:
  return status;
}

static enf_status take_header(reader *r) {
  enf_status status = ENF_OK;
  uint64_t count;
  const char *magic = enf__bytes_take(&r->bytes, 4);
  if (magic && memcmp(magic, "\x89HDF", 4) == 0)
    return REFUSE(r, ENF_ERR_UNSUPPORTED,
                  "NetCDF-4, which is HDF5: `nccopy -k classic` makes the classic format of it");
  if (!magic || memcmp(magic, "CDF", 3) != 0 || !strchr("\1\2\5", magic[3]) || magic[3] == 0)
    return REFUSE(r, ENF_ERR_FORMAT, "not a NetCDF file");
  r->version = magic[3];
  r->records = take_count(r);
  TRY(take_dimensions(r));
  TRY(take_attributes(r, NULL));
  TRY(take_list(r, VARIABLE, &count));
  for (uint64_t i = 0; i < count; i++)
    TRY(take_variable(r));
  if (r->pieces == 1) /* then it is not padded */
    r->record = r->last_piece;
out:
  return status;
}

/* ---- the frames ------------------------------------------------------------------------------ */

/* A number says nothing where a program wrote as long as it ran; then it is the file's length. */
static uint64_t count_records(const reader *r) {
  const uint64_t unknown = r->version == 5 ? UINT64_MAX : UINT32_MAX;
  const variable *x = &r->wanted[COORDINATES];
  const uint64_t all = (uint64_t)(r->bytes.end - r->bytes.begin);
  if (r->records != unknown || r->record == 0)
    return r->records;
  return all > x->place ? (all - x->place) / r->record : 0;
}

/* Where the numbers of a frame are; NULL: behind the end. */
static const char *piece(const reader *r, const variable *v, size_t frame, uint64_t values) {
  const uint64_t all = (uint64_t)(r->bytes.end - r->bytes.begin), bytes = values * v->item;
  uint64_t place;
  if (__builtin_mul_overflow(r->record, (uint64_t)frame, &place) ||
      __builtin_add_overflow(place, v->place, &place) || place > all || bytes > all - place)
    return NULL;
  return r->bytes.begin + place;
}

static enf_status take_values(const reader *r, int which, size_t frame, size_t values,
                              double *out) {
  const variable *v = &r->wanted[which];
  const char *p = piece(r, v, frame, values);
  if (!p)
    return REFUSE(r, ENF_ERR_FORMAT, "%s of frame %zu (from 0) are cut off", wanted_names[which],
                  frame);
  for (size_t i = 0; i < values; i++)
    out[i] = enf__real_at(p + v->item * i, v->item, true) * v->scale;
  return ENF_OK;
}

/* Its shape is (atom, spatial) in every record, or once in a restart; cells are (3) likewise. */
static enf_status check_shapes(const reader *r) {
  const variable *x = &r->wanted[COORDINATES];
  if (!x->found)
    return REFUSE(r, ENF_ERR_FORMAT, "it has no coordinates: not AMBER's convention");
  if (x->axes != 2 || x->length[1] != 3 || x->length[0] == 0)
    return REFUSE(r, ENF_ERR_FORMAT, "coordinates are not (frame, atom, 3)");
  for (int k = LENGTHS; k <= ANGLES; k++)
    if (r->wanted[k].found && (r->wanted[k].axes != 1 || r->wanted[k].length[0] != 3 ||
                               r->wanted[k].by_record != x->by_record))
      return REFUSE(r, ENF_ERR_FORMAT, "%s are not (frame, 3)", wanted_names[k]);
  return ENF_OK;
}

static enf_status take_frames(const reader *r, enf_array *array, bool cells) {
  enf_status status = ENF_OK;
  const size_t width = 3 * array->shape[1];
  for (size_t frame = 0; frame < array->shape[0]; frame++) {
    double lengths[3], angles[3];
    TRY(take_values(r, COORDINATES, frame, width, array->data + width * frame));
    TRY(enf__array_check_frame(r->ctx, array, r->path, frame));
    if (!cells)
      continue;
    TRY(take_values(r, LENGTHS, frame, 3, lengths));
    TRY(take_values(r, ANGLES, frame, 3, angles));
    array->cell[frame] = enf__cell_of(lengths, angles);
  }
out:
  return status;
}

enf_status enf__netcdf_parse(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                             size_t bytes) {
  enf_status status = ENF_OK;
  reader r = {.ctx = ctx,
              .path = path,
              .bytes = {.begin = data, .at = data, .end = data + bytes, .big = true}};
  TRY(take_header(&r));
  TRY(check_shapes(&r));
  const variable *x = &r.wanted[COORDINATES];
  const bool cells = r.wanted[LENGTHS].found && r.wanted[ANGLES].found;
  const uint64_t frames = x->by_record ? count_records(&r) : 1;
  /* the last frame first: so the memory that is asked for is bounded by the file's size */
  if (frames > 0 && (frames > bytes || !piece(&r, x, (size_t)frames - 1, 3 * x->length[0])))
    TRY(REFUSE(&r, ENF_ERR_FORMAT, "the file ends before its %llu frames of %zu atoms",
               (unsigned long long)frames, x->length[0]));
  array->ndim = 3;
  memcpy(array->shape, (size_t[]){(size_t)frames, x->length[0], 3}, 3 * sizeof(size_t));
  TRY(enf__array_reserve(ctx, array));
  if (cells)
    TRY(enf__array_reserve_cells(ctx, array));
  TRY(take_frames(&r, array, cells));
out:
  return status;
}
