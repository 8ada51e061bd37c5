#include "cli/metrics.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define QUOTE_(x)	#x
#define QUOTE(x)	QUOTE_(x)

const char *
metrics_interval(const struct metrics *m)
{
	return (m->on ? QUOTE(METRICS_INTERVAL_MS) : "0");
}

int
metrics_keep(struct metrics *m, char *json)
{
	free(m->json);
	m->json = json;
	return (1);		/* it is ours now */
}

static void
print_below(const char *prefix, const json_t *object)
{
	const char *key;
	json_t *v;
	char *name;

	json_object_foreach((json_t *)(uintptr_t)object, key, v) {
		name = xasprintf("%s%s%s", prefix, prefix[0] == '\0' ? "" :
		    ".", key);
		if (json_is_object(v))
			print_below(name, v);
		else if (json_is_integer(v))
			printf("%s: %lld\n", name,
			    (long long)json_integer_value(v));
		else if (json_is_real(v))
			printf("%s: %.3f\n", name, json_real_value(v));
		free(name);
	}
}

void
perf_metrics_print(struct metrics *m, rd_kafka_t *rk)
{
	int64_t until = clock_mono_ns() +
	    4 * METRICS_INTERVAL_MS * INT64_C(1000000);
	json_t *root;

	if (!m->on)
		return;
	metrics_keep(m, NULL);
	while (m->json == NULL && clock_mono_ns() < until)
		rd_kafka_poll(rk, METRICS_INTERVAL_MS);
	root = m->json == NULL ? NULL : json_loads(m->json, 0, NULL);
	if (root != NULL)
		print_below("", root);
	json_decref(root);
}

void
metrics_fini(struct metrics *m)
{
	free(m->json);
}
