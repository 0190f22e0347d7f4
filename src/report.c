/* report.c -- results on standard output: a table for people or one JSON object for machines. */
#include "report.h"

#include <math.h>
#include <string.h>

/* Bytes of the UTF-8 character at p; 0 if it is none (RFC 3629: nor too long, nor a surrogate). */
static int utf8_length(const unsigned char *p) {
  const int length = p[0] < 0x80   ? 1
                     : p[0] < 0xc2 ? 0
                     : p[0] < 0xe0 ? 2
                     : p[0] < 0xf0 ? 3
                     : p[0] < 0xf5 ? 4
                                   : 0;
  for (int i = 1; i < length; i++)
    if ((p[i] & 0xc0) != 0x80)
      return 0;
  const bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
                   (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
  return bad ? 0 : length;
}

/* File names may hold any bytes: those that are no text become the replacement character. */
void json_string(FILE *file, const char *text) {
  fputc('"', file);
  for (const unsigned char *p = (const unsigned char *)text; *p != '\0';) {
    const int length = utf8_length(p);
    if (*p == '"' || *p == '\\')
      fprintf(file, "\\%c", *p);
    else if (*p < 0x20 || length == 0)
      fprintf(file, "\\u%04x", length == 0 ? 0xfffdU : (unsigned)*p);
    else
      fwrite(p, 1, (size_t)length, file);
    p += length > 0 ? length : 1;
  }
  fputc('"', file);
}

void json_real(FILE *file, double value) {
  if (isnan(value))
    fputs("null", file);
  else if (isinf(value))
    fputs(value > 0 ? "\"inf\"" : "\"-inf\"", file);
  else
    fprintf(file, "%.17g", value);
}

report report_begin(const cli *c) {
  report r = {.json = cli_has(c, FLAG_JSON), .empty = true};
  if (r.json)
    putchar('{');
  return r;
}

static void put_key(report *r, const char *key, const char *suffix) {
  printf("%s\"%s%s\": ", r->empty ? "" : ", ", key, suffix);
  r->empty = false;
}

static void put_label(const char *label) { printf("%-28s ", label); }

void report_text(report *r, const char *key, const char *label, const char *text) {
  if (!r->json) {
    put_label(label);
    puts(text);
    return;
  }
  put_key(r, key, "");
  json_string(stdout, text);
}

void report_count(report *r, const char *key, const char *label, uint64_t value) {
  if (r->json)
    put_key(r, key, "");
  else
    put_label(label);
  printf("%llu%s", (unsigned long long)value, r->json ? "" : "\n");
}

void report_real(report *r, const char *key, const char *label, double value) {
  if (!r->json) {
    put_label(label);
    printf("%.6g\n", value);
    return;
  }
  put_key(r, key, "");
  json_real(stdout, value);
}

/* Decimals that show two digits of an error bar. */
static int decimals(double error) {
  const int d = 1 - (int)floor(log10(error));
  return d < 0 ? 0 : d > 12 ? 12 : d;
}

static void put_measured(double value, double error, int width) {
  char text[64];
  if (error > 0 && isfinite(error))
    snprintf(text, sizeof text, "%.*f +- %.*f", decimals(error), value, decimals(error), error);
  else
    snprintf(text, sizeof text, "%.8g", value);
  printf("%-*s", width, text);
}

void report_measured(report *r, const char *key, const char *label, double value, double error,
                     double exact, double exact_error) {
  if (!r->json) {
    put_label(label);
    put_measured(value, error, isnan(exact) ? 0 : 24);
    if (!isnan(exact)) {
      fputs("exact ", stdout);
      put_measured(exact, exact_error, 0);
    }
    putchar('\n');
    return;
  }
  put_key(r, key, "");
  json_real(stdout, value);
  put_key(r, key, "_err");
  json_real(stdout, error);
  if (isnan(exact))
    return;
  put_key(r, key, "_exact");
  json_real(stdout, exact);
}

void report_numbers(report *r, const char *key, size_t n, const double *values) {
  if (!r->json)
    return;
  put_key(r, key, "");
  for (size_t i = 0; i < n; i++) {
    fputs(i == 0 ? "[" : ", ", stdout);
    json_real(stdout, values[i]);
  }
  fputs("]", stdout);
}

void report_end(report *r) {
  if (r->json)
    puts("}");
}
