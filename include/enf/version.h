/* enf/version.h -- version of the headers a program is compiled with. */
#ifndef ENF_VERSION_H
#define ENF_VERSION_H

#define ENF_VERSION_MAJOR 0
#define ENF_VERSION_MINOR 1
#define ENF_VERSION_PATCH 0
#define ENF_VERSION "0.1.0"

/* 0xXXYYZZ: major, minor, patch. */
#define ENF_VERSION_NUMBER 0x000100

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * enf_version: version of the library that is running, e.g. "0.1.0".
 *
 * Returns static text. It may be newer than ENF_VERSION of the headers; within one major
 * version an old program runs on a newer library.
 *
 * Threads: any. Since 0.1.
 */
const char *enf_version(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
