/* comment.h -- what the comment line of an XYZ frame says: where the columns are, and the cell. */
#ifndef ENF__COMMENT_H
#define ENF__COMMENT_H

#include "io/io.h"
#include "io/span.h"

/* A line of a file, for the sentence. */
typedef struct {
  enf_ctx *ctx;
  const char *path;
  size_t number; /* from 1 */
} enf__line;

/* FORMAT, with "path: line 7: <sentence>". */
enf_status enf__line_refuse(const enf__line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What a label is: nothing, a word, an atomic number, or either of these (plain XYZ). */
enum { ENF__LABEL_NONE, ENF__LABEL_WORD, ENF__LABEL_NUMBER, ENF__LABEL_PLAIN };

typedef struct {
  int kind;          /* of label */
  size_t label, pos; /* columns, from 0, of the label and of x */
  size_t total;      /* columns of a line; 0: any number from the needed ones on */
} enf__columns;

/* Columns and cell as this comment has them. */
enf_status enf__comment_read(const enf__line *line, enf__span comment, enf__columns *columns,
                             enf__cell *cell);

/* The numbers that the comment has at these keys (names between commas), one behind the other, into
   value (most). FORMAT for a key that is not there, a word that is no finite number, or more than `most`. */
enf_status enf__comment_numbers(const enf__line *line, enf__span comment, const char *names,
                                size_t most, double *value, size_t *count);

#endif
