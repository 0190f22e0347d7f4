/* temperatures.h -- flows of many temperatures: which one a command is about. */
#ifndef TEMPERATURES_H
#define TEMPERATURES_H

#include "cli.h"

enum { TEMPERATURES = 64 };

/* The numbers of --temperatures; 0 of them: it was not given. */
int temperatures_read(const cli *c, size_t *count, double values[TEMPERATURES]);
/* A flow's file, and of its temperatures that of --temperature, where it was given. */
int flow_open(const cli *c, const char *path, enf_flow **flow);
double flow_temperature(const enf_flow *flow);
/* For a new flow: model.temperatures from those of DATA, where the user did not set it. */
int temperatures_of_data(cli *c);
/* Of a training: into the flow's file, and on --resume the same again, or hot rows would count as cold
   ones. */
int temperatures_settle(const cli *c, enf_flow *flow);

#endif
