/* static: the same header on every record, as Flume's (user guide, "Static
 * Interceptor"). */
#include <stdlib.h>

#include "interceptors/interceptors.h"

struct fixed {
	struct interceptor	 interceptor;
	char			*key, *value;
	bool			 preserve;
};

static const struct setting settings[] = {
	SETTING_STR(struct fixed, key, "key", .def = "key",
	    .doc = "Name of the header."),
	SETTING_STR(struct fixed, value, "value", .def = "value",
	    .doc = "Its value."),
	SETTING_BOOL(struct fixed, preserve, "preserveExisting",
	    .def = "true", .doc = "Leaves a header of that name as it is."),
	SETTING_END
};

static void
static_apply(struct interceptor *i, struct batch *b)
{
	struct fixed *f = (struct fixed *)i;

	batch_set(b, NULL, slice_str(f->key), slice_str(f->value),
	    !f->preserve);
}

static void
static_free(struct interceptor *i)
{
	settings_fini(settings, i);
	free(i);
}

static const char *const aliases[] = {
	"org.apache.flume.interceptor.StaticInterceptor$Builder",
	"org.apache.flume.interceptor.StaticInterceptor", NULL
};

const struct interceptor_ops interceptor_static = {
	.plugin = {
		.name = "static",
		.aliases = aliases,
		.doc = "Adds a fixed header.",
		.size = sizeof (struct fixed),
		.settings = settings
	},
	.apply = static_apply,
	.free = static_free
};
