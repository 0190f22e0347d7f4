/* replay.c -- a main for a fuzz entry without a fuzzer: runs it over the files given as arguments,
   each from memory of exactly its length. Fails only for files that cannot be read, or by crashing
   (run it under sanitizers). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int replay(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0)
    return perror(path), 1;
  const size_t bytes = (size_t)ftell(file);
  rewind(file);
  uint8_t *data = malloc(bytes ? bytes : 1);
  const int failed = !data || fread(data, 1, bytes, file) != bytes;
  if (failed)
    perror(path);
  else
    LLVMFuzzerTestOneInput(data, bytes);
  free(data);
  fclose(file);
  return failed;
}

int main(int count, char **paths) {
  int failed = 0;
  for (int i = 1; i < count; i++)
    failed |= replay(paths[i]);
  printf("%d files\n", count - 1);
  return failed;
}
