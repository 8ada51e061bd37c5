/*
 * timestamp: the time as a header, milliseconds since 1970, as Flume's (user
 * guide, "Timestamp Interceptor").  One reading of the clock per batch.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "interceptors/interceptors.h"

struct timestamp {
	struct interceptor	 interceptor;
	char			*header;
	bool			 preserve;
};

static const struct setting settings[] = {
	SETTING_STR(struct timestamp, header, "headerName",
	    .def = "timestamp", .doc = "Header that gets the time."),
	SETTING_BOOL(struct timestamp, preserve, "preserveExisting",
	    .def = "false", .doc = "Leaves a header of that name as it is."),
	SETTING_END
};

static void
timestamp_apply(struct interceptor *i, struct batch *b)
{
	struct timestamp *t = (struct timestamp *)i;
	char text[24];
	int n;

	n = snprintf(text, sizeof text, "%lld", (long long)clock_wall_ms());
	batch_set(b, NULL, slice_str(t->header), slice_of(text, (size_t)n),
	    !t->preserve);
}

static void
timestamp_free(struct interceptor *i)
{
	settings_fini(settings, i);
	free(i);
}

static const char *const aliases[] = {
	"org.apache.flume.interceptor.TimestampInterceptor$Builder",
	"org.apache.flume.interceptor.TimestampInterceptor", NULL
};

const struct interceptor_ops interceptor_timestamp = {
	.plugin = {
		.name = "timestamp",
		.aliases = aliases,
		.doc = "Adds the time in milliseconds as a header.",
		.size = sizeof (struct timestamp),
		.settings = settings
	},
	.apply = timestamp_apply,
	.free = timestamp_free
};
