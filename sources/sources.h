/* The sources built in: what agent/registry.c puts into its table. */
#ifndef SOURCES_SOURCES_H
#define SOURCES_SOURCES_H

#include "plugin/source.h"

extern const struct source_ops source_tail;
extern const struct source_ops source_seq;
extern const struct source_ops source_syslogtcp;
extern const struct source_ops source_syslogudp;
extern const struct source_ops source_multiport_syslogtcp;
extern const struct source_ops source_http;

#endif
