/* null: discards, and counts, as Flume's (user guide, "Null Sink"). */
#include <stdlib.h>

#include "base/log.h"
#include "sinks/sinks.h"

struct null {
	struct sink	 sink;
	int64_t		 batch_size, every;
	int64_t		 seen, next;
};

static const struct setting settings[] = {
	SETTING_INT(struct null, batch_size, "batchSize", .def = "0",
	    .min = "0", .doc = "Most records of one lease; 0: as they come."),
	SETTING_INT(struct null, every, "logEveryNEvents", .def = "10000",
	    .min = "0", .doc = "Logs the count each time so many more were "
	    "discarded; 0: never."),
	SETTING_END
};

static int
null_start(struct sink *k, struct err *e)
{
	struct null *n = (struct null *)k;

	(void)e;
	k->batch_records = (uint32_t)n->batch_size;
	n->next = n->every;
	return (0);
}

static void
null_deliver(struct sink *k, struct lease *l, struct completion *done)
{
	struct null *n = (struct null *)k;

	n->seen += l->n;
	if (n->every > 0 && n->seen >= n->next) {
		log_info(k->who, "%lld records discarded",
		    (long long)n->seen);
		n->next = (n->seen / n->every + 1) * n->every;
	}
	completion_done(done, NULL);
}

static void
null_stop(struct sink *k)
{
	(void)k;
}

static void
null_free(struct sink *k)
{
	settings_fini(settings, k);
	free(k);
}

static const char *const aliases[] = { "org.apache.flume.sink.NullSink", NULL };

const struct sink_ops sink_null = {
	.plugin = {
		.name = "null",
		.aliases = aliases,
		.doc = "Discards records.",
		.size = sizeof (struct null),
		.settings = settings
	},
	.start = null_start,
	.deliver = null_deliver,
	.stop = null_stop,
	.free = null_free
};
