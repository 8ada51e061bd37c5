/*
 * Serializers that several sinks share, by Flume's names (user guide, "Event
 * Serializers"): text, header_and_text.
 */
#ifndef PLUGIN_FORMAT_H
#define PLUGIN_FORMAT_H

#include "base/batch.h"
#include "base/str.h"

enum format { FORMAT_TEXT, FORMAT_HEADER_AND_TEXT };

extern const char *const format_names[];	/* for SETTING_ENUM */

/* Headers as Java prints a map: {k=v, k2=v2}. */
void	format_headers(struct sb *, const struct batch *,
	    const struct record *);
/* One record; a newline behind it when newline is true. */
void	format_record(struct sb *, enum format, bool newline,
	    const struct batch *, const struct record *);

#endif
