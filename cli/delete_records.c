/* leat delete-records: the records of a partition before an offset, as
 * kafka-delete-records.sh does it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/partitions.h"
#include "cli/plan.h"
#include "cli/rows.h"

#define NONE	INT64_MIN

typedef rd_kafka_topic_partition_list_t parts;

struct deletion {
	struct client_flags	 client;
	const char		*file, *topic;
	int64_t			 partition, before;	/* or NONE */
	rd_kafka_t		*rk;
};

/* --- what to delete --- */

static int
read_file(const struct deletion *d, parts *l, struct err *e)
{
	struct sb text = SB_INIT;
	struct plan p = { 0 };
	size_t i;
	int rc;

	rc = file_read(d->file, PLAN_MAX_FILE, &text, e);
	if (rc == 0 && plan_json(&p, text.ptr, text.len, e) == -1)
		rc = err_ctx(e, "%s", d->file);
	if (rc == 0 && p.n == 0)
		rc = err_set(e, ERR_CONFIG, "%s names no partition", d->file);
	for (i = 0; rc == 0 && i < p.n; i++)
		rd_kafka_topic_partition_list_add(l, p.v[i].topic,
		    p.v[i].partition)->offset = p.v[i].offset;
	plan_fini(&p);
	sb_fini(&text);
	return (rc);
}

static int
wanted(const struct deletion *d, parts *l, struct err *e)
{
	if (d->file != NULL)
		return (read_file(d, l, e));
	rd_kafka_topic_partition_list_add(l, d->topic,
	    (int32_t)d->partition)->offset = d->before;
	return (0);
}

/* --- deleting --- */

static void
show(const struct deletion *d, const parts *l)
{
	const rd_kafka_topic_partition_t *p;
	struct rows out = ROWS_INIT;
	int i;

	for (i = 0; i < l->cnt; i++) {
		p = &l->elems[i];
		if (client_json(&d->client)) {
			rows_begin(&out);
			rows_str(&out, "topic", p->topic);
			rows_int(&out, "partition", p->partition);
			rows_int(&out, "low_watermark", p->err == 0 ?
			    p->offset : -1);
			rows_str(&out, "error", p->err == 0 ? NULL :
			    rd_kafka_err2name(p->err));
			rows_end(&out);
		} else if (p->err == 0)
			printf("partition: %s-%d\tlow_watermark: %lld\n",
			    p->topic, p->partition, (long long)p->offset);
		else
			printf("partition: %s-%d\terror: %s\n", p->topic,
			    p->partition, rd_kafka_err2str(p->err));
	}
	if (client_json(&d->client))
		rows_fini(&out);
}

static int
delete(struct deletion *d, const parts *l, struct err *e)
{
	rd_kafka_queue_t *q = rd_kafka_queue_new(d->rk);
	rd_kafka_DeleteRecords_t *req = rd_kafka_DeleteRecords_new(l);
	rd_kafka_event_t *ev;
	const parts *done;
	int rc;

	rd_kafka_DeleteRecords(d->rk, &req, 1, NULL, q);
	ev = client_wait(q, &d->client, e);
	rd_kafka_DeleteRecords_destroy(req);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (-1);
	done = rd_kafka_DeleteRecords_result_offsets(
	    rd_kafka_event_DeleteRecords_result(ev));
	show(d, done);
	rc = partitions_error(done, e);
	rd_kafka_event_destroy(ev);
	return (rc);
}

/* --- the command --- */

static int
act(struct deletion *d, parts *l, struct err *e)
{
	const struct rd_kafka_metadata *md;
	parts *there;
	int rc = -1;

	if (wanted(d, l, e) == -1 ||
	    client_metadata(d->rk, &d->client, NULL, &md, e) == -1)
		return (-1);
	there = partitions_there(l, md, e);
	rd_kafka_metadata_destroy(md);
	if (there != NULL) {
		rc = delete(d, there, e);
		rd_kafka_topic_partition_list_destroy(there);
	}
	return (rc);
}

static int
run(struct deletion *d)
{
	struct err e = ERR_INIT;
	parts *l;
	int rc;

	d->rk = client_new(RD_KAFKA_PRODUCER, &d->client, NULL, &e);
	if (d->rk == NULL)
		return (client_failed("delete-records", &e));
	l = rd_kafka_topic_partition_list_new(1);
	rc = act(d, l, &e);
	rd_kafka_topic_partition_list_destroy(l);
	rd_kafka_destroy(d->rk);
	return (rc == 0 ? CLI_OK : client_failed("delete-records", &e));
}

static int
check_flags(const struct deletion *d)
{
	bool some = d->topic != NULL || d->partition != NONE ||
	    d->before != NONE;
	bool whole = d->topic != NULL && d->partition != NONE &&
	    d->before != NONE;
	const char *why = NULL;

	if (some ? !whole || d->file != NULL : d->file == NULL)
		why = "what? Give --offset-json-file FILE, or --topic NAME, "
		    "--partition N and --before-offset N";
	else if (some && !plan_is_topic(d->topic))
		why = "--topic: that cannot be a topic";
	else if (some && (d->partition < 0 || d->partition > INT32_MAX))
		why = "--partition: a partition is not below 0";
	else if (some && d->before < -1)
		why = "--before-offset: give an offset, or -1 for the end";
	if (why == NULL)
		return (0);
	fprintf(stderr, "leat delete-records: %s\n", why);
	return (CLI_USAGE);
}

int
delete_records_command(int argc, char **argv)
{
	struct deletion d = { .partition = NONE, .before = NONE };
	const struct flag flags[] = {
		FLAG_STR_ROW("offset-json-file", &d.file, "FILE",
		    "{\"partitions\": [{\"topic\": \"t\", \"partition\": 0, "
		    "\"offset\": 5}], \"version\": 1}"),
		FLAG_STR_ROW("topic", &d.topic, "NAME", "Or one topic's,"),
		FLAG_INT_ROW("partition", &d.partition, "N",
		    "one partition's records"),
		FLAG_INT_ROW("before-offset", &d.before, "N",
		    "before this offset; -1 for all there are."),
		CLIENT_FLAGS(&d.client),
		FLAG_LAST
	};
	int rc;

	rc = flags_parse(flags, "leat delete-records", "Deletes the records "
	    "of partitions before an offset.", argc, argv, NULL);
	if (rc == 0)
		rc = check_flags(&d);
	if (rc == 0)
		rc = run(&d);
	return (rc == FLAGS_HELP ? CLI_OK : rc);
}
