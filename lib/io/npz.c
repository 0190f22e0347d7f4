/* npz.c -- NumPy's .npz files, read: zip archives of .npy files (np.savez, np.savez_compressed).

   One array of the archive is read: FILE.npz:NAME names it; without a name it is the only one, or
   the one that is called x, positions, coordinates or R. A zip archive is read from its end, where
   a directory lists the files: only that is believed, together with the check sum of what it leads
   to. Archives beyond 4 GB, encrypted ones and other ways to pack than Deflate are refused. */
#include "io/bytes.h"
#include "io/inflate.h"
#include "io/io.h"
#include <stdio.h>

enum { END = 22, ENTRY = 46, LOCAL = 30, COMMENT = 65535, STORED = 0, DEFLATED = 8 };
static const uint32_t end_mark = 0x06054b50, entry_mark = 0x02014b50, local_mark = 0x04034b50;

typedef struct {
  enf_ctx *ctx;
  const char *path;
  const char *data;
  size_t bytes;
} archive;

/* An array of it. */
typedef struct {
  const char *name; /* without .npy */
  size_t length, flags, method, packed, size, local;
  uint32_t crc;
} member;

#define REFUSE(a, status, ...) enf__file_refuse((a)->ctx, status, (a)->path, __VA_ARGS__)

static size_t whole(const char *p, size_t size) { return (size_t)enf__whole_at(p, size, false); }

const char *enf__npz_member(const char *path) {
  const char *colon = strrchr(path, ':');
  return colon && colon - path > 4 && strncmp(colon - 4, ".npz", 4) == 0 ? colon + 1 : NULL;
}

/* ---- the directory --------------------------------------------------------------------------- */

/* Where it begins and how many files it lists. */
static enf_status find_directory(const archive *a, size_t *place, size_t *count) {
  if (a->bytes < END)
    return REFUSE(a, ENF_ERR_FORMAT, "not a zip archive: it has %zu bytes", a->bytes);
  const size_t first = a->bytes - END > COMMENT ? a->bytes - END - COMMENT : 0;
  for (size_t at = a->bytes - END + 1; at-- > first;) {
    const char *end = a->data + at;
    if (whole(end, 4) != end_mark)
      continue;
    *count = whole(end + 10, 2);
    *place = whole(end + 16, 4);
    if (*count == 0xffff || *place == 0xffffffff)
      return REFUSE(a, ENF_ERR_UNSUPPORTED, "a zip archive with more than 4 GB or 65534 files");
    return *place <= at ? ENF_OK
                        : REFUSE(a, ENF_ERR_FORMAT, "the zip archive's directory is not there");
  }
  return REFUSE(a, ENF_ERR_FORMAT, "not a zip archive, or cut off: its end is missing");
}

/* The file that the directory lists at *place, which moves on; its length is 0 if it is no array.
 */
static enf_status take_entry(const archive *a, size_t *place, member *m) {
  const char *entry = a->data + *place;
  if (*place > a->bytes || a->bytes - *place < ENTRY || whole(entry, 4) != entry_mark)
    return REFUSE(a, ENF_ERR_FORMAT, "the zip archive's directory is broken at byte %zu", *place);
  const size_t name = whole(entry + 28, 2);
  const size_t next = *place + ENTRY + name + whole(entry + 30, 2) + whole(entry + 32, 2);
  if (next > a->bytes)
    return REFUSE(a, ENF_ERR_FORMAT, "the zip archive's directory goes beyond the end");
  *m = (member){.name = entry + ENTRY,
                .flags = whole(entry + 8, 2),
                .method = whole(entry + 10, 2),
                .crc = (uint32_t)whole(entry + 16, 4),
                .packed = whole(entry + 20, 4),
                .size = whole(entry + 24, 4),
                .local = whole(entry + 42, 4)};
  m->length = name > 4 && memcmp(m->name + name - 4, ".npy", 4) == 0 ? name - 4 : 0;
  *place = next;
  return ENF_OK;
}

static bool is_called(const member *m, const char *name) {
  return m->length == strlen(name) && memcmp(m->name, name, m->length) == 0;
}

/* How early a name comes among those that an array of configurations usually has. */
static size_t rank_of(const member *m) {
  static const char *const usual[] = {"x", "positions", "coordinates", "R"};
  size_t rank = 0;
  while (rank < sizeof usual / sizeof *usual && !is_called(m, usual[rank]))
    rank++;
  return rank;
}

/* All names, cut off to fit. */
static void add_name(char list[160], const member *m) {
  const size_t used = strlen(list);
  snprintf(list + used, 160 - used, "%s%.*s", used ? " " : "",
           (int)(m->length < 60 ? m->length : 60), m->name);
}

static enf_status find_array(const archive *a, member *found) {
  enf_status status = ENF_OK;
  const char *asked = enf__npz_member(a->path);
  size_t place = 0, count = 0, arrays = 0, best = SIZE_MAX;
  char list[160] = "";
  TRY(find_directory(a, &place, &count));
  for (size_t i = 0; i < count; i++) {
    member m = {.length = 0};
    TRY(take_entry(a, &place, &m));
    if (m.length == 0)
      continue;
    add_name(list, &m);
    arrays++;
    const size_t rank = asked ? (is_called(&m, asked) ? 0 : SIZE_MAX) : rank_of(&m);
    if (rank < best)
      *found = m, best = rank;
  }
  if (arrays == 0)
    return REFUSE(a, ENF_ERR_FORMAT, "there is no .npy file in the archive");
  if (best == SIZE_MAX)
    return REFUSE(a, ENF_ERR_FORMAT, "no array has this name; there are: %s", list);
  member none = {.name = "", .length = 0};
  if (arrays > 1 && !asked && best == rank_of(&none))
    return REFUSE(a, ENF_ERR_FORMAT, "%zu arrays: name one, FILE.npz:NAME; there are: %s", arrays,
                  list);
out:
  return status;
}

/* ---- the array ------------------------------------------------------------------------------- */

/* Where its bytes begin: behind a header of their own, whose name may have another length. */
static enf_status find_bytes(const archive *a, const member *m, const char **packed) {
  const char *local = a->data + m->local;
  if (m->packed == 0xffffffff || m->size == 0xffffffff || m->local == 0xffffffff)
    return REFUSE(a, ENF_ERR_UNSUPPORTED, "an array of more than 4 GB");
  if (m->flags & 1)
    return REFUSE(a, ENF_ERR_UNSUPPORTED, "the archive is encrypted");
  if (m->method != STORED && m->method != DEFLATED)
    return REFUSE(a, ENF_ERR_UNSUPPORTED, "the array is packed in a way (%zu) that is not Deflate",
                  m->method);
  if (m->local > a->bytes || a->bytes - m->local < LOCAL || whole(local, 4) != local_mark)
    return REFUSE(a, ENF_ERR_FORMAT, "the array is not where the directory says");
  const size_t begin = m->local + LOCAL + whole(local + 26, 2) + whole(local + 28, 2);
  if (begin > a->bytes || m->packed > a->bytes - begin)
    return REFUSE(a, ENF_ERR_FORMAT, "the array goes beyond the end of the file");
  if (m->method == STORED ? m->size != m->packed : m->size / 1040 > m->packed)
    return REFUSE(a, ENF_ERR_FORMAT, "%zu bytes cannot be packed in %zu", m->size, m->packed);
  *packed = a->data + begin;
  return ENF_OK;
}

enf_status enf__npz_parse(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                          size_t bytes) {
  enf_status status = ENF_OK;
  const archive a = {ctx, path, data, bytes};
  const char *packed = NULL;
  char *unpacked = NULL;
  member m = {.length = 0};
  TRY(find_array(&a, &m));
  TRY(find_bytes(&a, &m, &packed));
  if (m.method == DEFLATED) {
    unpacked = enf__alloc(&ctx->alloc, m.size + 1);
    if (!unpacked)
      TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for an array of %zu bytes", m.size));
    if (!enf__inflate(packed, m.packed, unpacked, m.size))
      TRY(REFUSE(&a, ENF_ERR_FORMAT, "the packed array is damaged"));
    packed = unpacked;
  }
  if (enf__crc32(packed, m.size) != m.crc)
    TRY(REFUSE(&a, ENF_ERR_FORMAT, "the array's check sum is wrong"));
  TRY(enf__npy_parse(ctx, array, path, packed, m.size));
out:
  enf__free(&ctx->alloc, unpacked);
  return status;
}
