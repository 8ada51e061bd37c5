/* The built-in channels; for the registry. */
#ifndef CHANNELS_CHANNELS_H
#define CHANNELS_CHANNELS_H

#include "plugin/channel.h"

extern const struct channel_ops channel_memory;
extern const struct channel_ops channel_file;

#endif
