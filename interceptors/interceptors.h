/* The built-in interceptors; for the registry. */
#ifndef INTERCEPTORS_INTERCEPTORS_H
#define INTERCEPTORS_INTERCEPTORS_H

#include "plugin/interceptor.h"

extern const struct interceptor_ops interceptor_timestamp;
extern const struct interceptor_ops interceptor_host;
extern const struct interceptor_ops interceptor_static;
extern const struct interceptor_ops interceptor_regex_filter;

#endif
