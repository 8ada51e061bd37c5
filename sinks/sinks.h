/* The built-in sinks; for the registry. */
#ifndef SINKS_SINKS_H
#define SINKS_SINKS_H

#include "plugin/sink.h"

extern const struct sink_ops sink_kafka;
extern const struct sink_ops sink_logger;
extern const struct sink_ops sink_null;
extern const struct sink_ops sink_file_roll;

#endif
