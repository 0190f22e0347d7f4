/* place.h -- where the name of a file leads. */
#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PLACE_NAME = 4096 };

typedef struct {
  bool exists;
  int error;             /* an errno: why it cannot be looked at; 0: it can */
  dev_t dev;             /* of the file; of its folder, if it is not there */
  ino_t inode;           /* likewise */
  char path[PLACE_NAME]; /* what symbolic links lead to */
} place;

place place_of(const char *path);
bool place_same(const place *a, const place *b);
/* Why no file can be written there, as the end of a sentence; NULL if one can. */
const char *place_refusal(const place *p);
/* Bytes that are free there, and that this process may write to one file; infinite if unknown. */
double place_room(const place *p);
double place_limit(void);

#endif
