#include "cli/partitions.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/plan.h"

/* --- what the user names --- */

bool
partitions_parse(rd_kafka_topic_partition_list_t *l, const char *text)
{
	char *copy = xstrdup(text), *rest = copy, *word, *topic;
	int64_t n;
	bool ok;

	topic = strsep(&rest, ":");
	ok = plan_is_topic(topic);
	if (ok && rest == NULL)
		rd_kafka_topic_partition_list_add(l, topic,
		    RD_KAFKA_PARTITION_UA);
	while (ok && rest != NULL) {
		word = strsep(&rest, ",");
		ok = str_int64(word, &n) && n >= 0 && n <= INT32_MAX;
		if (ok)
			rd_kafka_topic_partition_list_add(l, topic,
			    (int32_t)n);
	}
	free(copy);
	return (ok);
}

const struct rd_kafka_metadata_topic *
topic_in(const struct rd_kafka_metadata *md, const char *name)
{
	int i;

	for (i = 0; i < md->topic_cnt; i++)
		if (strcmp(md->topics[i].topic, name) == 0 &&
		    md->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
			return (&md->topics[i]);
	return (NULL);
}

int
no_topic(const struct rd_kafka_metadata *md, const char *topic, struct err *e)
{
	const char **names = xcalloc((size_t)md->topic_cnt + 1, sizeof *names);
	const char *near;
	int i;

	for (i = 0; i < md->topic_cnt; i++)
		names[i] = md->topics[i].topic;
	near = str_nearest(topic, names, (size_t)md->topic_cnt);
	err_set(e, ERR_NOT_FOUND, "topic %s does not exist%s%s%s", topic,
	    near != NULL ? "; did you mean " : "", near != NULL ? near : "",
	    near != NULL ? "?" : "");
	free(names);
	return (-1);
}

static int
add_there(rd_kafka_topic_partition_list_t *out,
    const rd_kafka_topic_partition_t *p, const struct rd_kafka_metadata *md,
    struct err *e)
{
	const struct rd_kafka_metadata_topic *t = topic_in(md, p->topic);
	int i;

	if (t == NULL)
		return (no_topic(md, p->topic, e));
	if (p->partition >= t->partition_cnt)
		return (err_set(e, ERR_NOT_FOUND, "topic %s has %d "
		    "partition%s: there is no partition %d", p->topic,
		    t->partition_cnt, t->partition_cnt == 1 ? "" : "s",
		    p->partition));
	if (p->partition != RD_KAFKA_PARTITION_UA)
		rd_kafka_topic_partition_list_add(out, p->topic,
		    p->partition)->offset = p->offset;
	else
		for (i = 0; i < t->partition_cnt; i++)
			rd_kafka_topic_partition_list_add(out, p->topic,
			    t->partitions[i].id)->offset = p->offset;
	return (0);
}

/* Of a sorted list, without what stands there twice. */
static rd_kafka_topic_partition_list_t *
unique(const rd_kafka_topic_partition_list_t *l)
{
	rd_kafka_topic_partition_list_t *out;
	const rd_kafka_topic_partition_t *p, *before = NULL;
	int i;

	out = rd_kafka_topic_partition_list_new(l->cnt);
	for (i = 0; i < l->cnt; i++, before = p) {
		p = &l->elems[i];
		if (before == NULL || p->partition != before->partition ||
		    strcmp(p->topic, before->topic) != 0)
			rd_kafka_topic_partition_list_add(out, p->topic,
			    p->partition)->offset = p->offset;
	}
	return (out);
}

rd_kafka_topic_partition_list_t *
partitions_there(const rd_kafka_topic_partition_list_t *l,
    const struct rd_kafka_metadata *md, struct err *e)
{
	rd_kafka_topic_partition_list_t *all, *out = NULL;
	int i, rc = 0;

	all = rd_kafka_topic_partition_list_new(l->cnt);
	for (i = 0; i < l->cnt && rc == 0; i++)
		rc = add_there(all, &l->elems[i], md, e);
	if (rc == 0) {
		rd_kafka_topic_partition_list_sort(all, NULL, NULL);
		out = unique(all);
	}
	rd_kafka_topic_partition_list_destroy(all);
	return (out);
}

/* --- offsets --- */

int
partitions_error(const rd_kafka_topic_partition_list_t *l, struct err *e)
{
	int i;

	for (i = 0; i < l->cnt; i++)
		if (l->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
			return (err_set(e, ERR_REFUSED, "topic %s partition "
			    "%d: %s", l->elems[i].topic, l->elems[i].partition,
			    rd_kafka_err2str(l->elems[i].err)));
	return (0);
}

static int
ask(rd_kafka_t *rk, const struct client_flags *f,
    rd_kafka_topic_partition_list_t *l, int64_t when, struct err *e)
{
	rd_kafka_resp_err_t rc;
	int i;

	for (i = 0; i < l->cnt; i++)
		l->elems[i].offset = when;
	rc = rd_kafka_offsets_for_times(rk, l, 3 * CLIENT_TIMEOUT_MS);
	if (partitions_error(l, e) == -1)
		return (-1);
	return (rc == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : err_set(e,
	    rc == RD_KAFKA_RESP_ERR__TIMED_OUT ? ERR_TIMEOUT : ERR_REFUSED,
	    "offsets of %s: %s", client_servers(f), rd_kafka_err2str(rc)));
}

int
partitions_offsets(rd_kafka_t *rk, const struct client_flags *f,
    rd_kafka_topic_partition_list_t *l, int64_t when, struct err *e)
{
	rd_kafka_topic_partition_list_t *ends;
	int i, rc = 0, without = 0;

	if (l->cnt == 0)
		return (0);
	if (ask(rk, f, l, when, e) == -1)
		return (-1);
	for (i = 0; i < l->cnt; i++)
		without += l->elems[i].offset < 0;
	if (without == 0)
		return (0);
	ends = rd_kafka_topic_partition_list_copy(l);
	rc = ask(rk, f, ends, OFFSETS_LATEST, e);
	for (i = 0; i < l->cnt && rc == 0; i++)
		if (l->elems[i].offset < 0)
			l->elems[i].offset = ends->elems[i].offset;
	rd_kafka_topic_partition_list_destroy(ends);
	return (rc);
}
