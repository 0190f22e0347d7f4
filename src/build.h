/* build.h -- `enf info --build`: how this tool was made. */
#ifndef BUILD_H
#define BUILD_H

#include "cli.h"

int build_report(const cli *c);

#endif
