/*
 * What the commands read from files and flags: each parser of cli/ gets the
 * same bytes.  A plan that CSV can hold is read back as it was written.
 */
#include "test/fuzz/fuzz.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/pairs.h"
#include "cli/partitions.h"
#include "cli/plan.h"
#include "cli/when.h"

static void
write_csv(struct sb *out, const struct plan *p)
{
	size_t i;

	sb_puts(out, "");
	for (i = 0; i < p->n; i++) {
		if (p->v[i].group != NULL) {
			plan_csv_field(out, p->v[i].group);
			sb_puts(out, ",");
		}
		sb_printf(out, "%s,%d,%lld\n", p->v[i].topic,
		    p->v[i].partition, (long long)p->v[i].offset);
	}
}

static void
try_csv(const char *text, size_t len)
{
	struct plan p = { 0 }, again = { 0 };
	struct sb first = SB_INIT, second = SB_INIT;
	struct err e = ERR_INIT;

	if (plan_csv(&p, text, len, &e) == 0) {
		write_csv(&first, &p);
		CHECK(plan_csv(&again, first.ptr, first.len, &e) == 0);
		write_csv(&second, &again);
		CHECK(strcmp(first.ptr, second.ptr) == 0);
	} else
		CHECK(e.code == ERR_CONFIG && e.msg[0] != '\0');
	sb_fini(&first);
	sb_fini(&second);
	plan_fini(&p);
	plan_fini(&again);
}

static void
try_json(const char *text, size_t len)
{
	struct plan p = { 0 };
	struct err e = ERR_INIT;
	size_t i;

	if (plan_json(&p, text, len, &e) == 0)
		for (i = 0; i < p.n; i++)
			CHECK(plan_is_topic(p.v[i].topic) &&
			    p.v[i].partition >= 0 && p.v[i].offset >= -1);
	else
		CHECK(e.code == ERR_CONFIG && e.msg[0] != '\0');
	plan_fini(&p);
}

static void
try_words(const char *text)
{
	rd_kafka_topic_partition_list_t *l;
	struct pairs p = { 0 }, keys = { 0 };
	struct err e = ERR_INIT;
	int64_t ms;
	int i;

	when_parse(text, &ms);
	when_duration(text, &ms);
	pairs_parse(&p, text, &e);
	pairs_parse_keys(&keys, text, &e);
	pairs_fini(&p);
	pairs_fini(&keys);
	l = rd_kafka_topic_partition_list_new(1);
	partitions_parse(l, text);
	for (i = 0; i < l->cnt; i++)
		CHECK(l->elems[i].partition >= RD_KAFKA_PARTITION_UA);
	rd_kafka_topic_partition_list_destroy(l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup(data, size);

	try_csv((const char *)data, size);
	try_json((const char *)data, size);
	try_words(text);
	free(text);
	return (0);
}
