/* report.h -- results on standard output: a table for people or one JSON object for machines.

   Every row has a key (JSON) and a label (table). Numbers with an error bar are printed to two
   digits of the error; JSON has all digits. NaN is null in JSON, infinities are strings. */
#ifndef REPORT_H
#define REPORT_H

#include "cli.h"
#include <stdio.h>

typedef struct {
  bool json, empty;
} report;

report report_begin(const cli *c);
void report_text(report *r, const char *key, const char *label, const char *text);
void report_count(report *r, const char *key, const char *label, uint64_t value);
void report_real(report *r, const char *key, const char *label, double value);
/* value +- error, and what it should be: exact NaN if that is not known, exact_error 0 if it is
   known to all digits. JSON keys: key, key_err, key_exact. */
void report_measured(report *r, const char *key, const char *label, double value, double error,
                     double exact, double exact_error);
/* For machines only: an array in JSON, nothing in a table. */
void report_numbers(report *r, const char *key, size_t n, const double *values);
void report_end(report *r);

/* Parts of JSON, for tables inside the object. */
void json_string(FILE *file, const char *text);
void json_real(FILE *file, double value);

#endif
