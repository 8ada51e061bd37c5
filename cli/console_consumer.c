/*
 * leat console-consumer: prints the records of a topic, with the flags and
 * properties of kafka-console-consumer.sh.
 *
 * With --group it subscribes and commits, so that the next one goes on;
 * without, it reads partitions by itself and commits nothing.  Ends on Ctrl-C,
 * after --max-messages, or when nothing came for --timeout-ms.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/properties.h"

static struct property properties[] = {
	{ "print.key", "false" },
	{ "print.value", "true" },
	{ "print.offset", "false" },
	{ "print.partition", "false" },
	{ "print.headers", "false" },
	{ "print.timestamp", "false" },
	{ "key.separator", "\t" },
	{ "line.separator", "\n" },
	{ "headers.separator", "," },
	{ "null.literal", "null" },
	{ NULL, NULL }
};

struct consumer {
	struct client_flags	 client;
	const char		*topic, *group, *offset, *isolation;
	int64_t			 partition, max, timeout_ms;
	bool			 from_beginning;
	struct flag_list	 props;
	rd_kafka_t		*rk;
	int64_t			 n;
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* --- printing --- */

static void
put_bytes(const void *p, size_t n)
{
	if (p == NULL)
		fputs(property(properties, "null.literal"), stdout);
	else
		fwrite(p, 1, n, stdout);
}

static void
put_headers(const rd_kafka_message_t *m)
{
	rd_kafka_headers_t *h;
	const char *name, *sep = "";
	const void *value;
	size_t i, n;

	if (rd_kafka_message_headers(m, &h) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		fputs("NO_HEADERS", stdout);
		return;
	}
	for (i = 0; rd_kafka_header_get_all(h, i, &name, &value, &n) ==
	    RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
		printf("%s%s:", sep, name);
		put_bytes(value, n);
		sep = property(properties, "headers.separator");
	}
}

static void
put_timestamp(const rd_kafka_message_t *m)
{
	rd_kafka_timestamp_type_t type;
	int64_t ts = rd_kafka_message_timestamp(m, &type);

	if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) {
		fputs("NO_TIMESTAMP", stdout);
		return;
	}
	printf("%s:%lld", type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ?
	    "LogAppendTime" : "CreateTime", (long long)ts);
}

static void
print_people(const rd_kafka_message_t *m)
{
	const char *sep = property(properties, "key.separator");
	const char *between = "";

#define FIELD(key, print) do {						\
		if (property_true(properties, (key))) {			\
			fputs(between, stdout);				\
			print;						\
			between = sep;					\
		}							\
	} while (0)
	FIELD("print.timestamp", put_timestamp(m));
	FIELD("print.partition", printf("Partition:%d", m->partition));
	FIELD("print.offset", printf("Offset:%lld", (long long)m->offset));
	FIELD("print.headers", put_headers(m));
	FIELD("print.key", put_bytes(m->key, m->key_len));
	FIELD("print.value", put_bytes(m->payload, m->len));
#undef FIELD
	fputs(property(properties, "line.separator"), stdout);
}

static void
add_json_bytes(struct sb *out, const void *p, size_t n)
{
	if (p == NULL)
		sb_puts(out, "null");
	else
		sb_json(out, slice_of(p, n));
}

static void
add_json_headers(struct sb *out, const rd_kafka_message_t *m)
{
	rd_kafka_headers_t *h;
	const char *name;
	const void *value;
	size_t i, n;

	sb_puts(out, ", \"headers\": [");
	if (rd_kafka_message_headers(m, &h) != RD_KAFKA_RESP_ERR_NO_ERROR)
		h = NULL;
	for (i = 0; h != NULL && rd_kafka_header_get_all(h, i, &name, &value,
	    &n) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
		sb_puts(out, i == 0 ? "[" : ", [");
		sb_json(out, slice_str(name));
		sb_puts(out, ", ");
		add_json_bytes(out, value, n);
		sb_puts(out, "]");
	}
	sb_puts(out, "]");
}

static void
print_json(const rd_kafka_message_t *m)
{
	struct sb out = SB_INIT;

	sb_printf(&out, "{\"partition\": %d, \"offset\": %lld, "
	    "\"timestamp\": %lld, \"key\": ", m->partition,
	    (long long)m->offset,
	    (long long)rd_kafka_message_timestamp(m, NULL));
	add_json_bytes(&out, m->key, m->key_len);
	add_json_headers(&out, m);
	sb_puts(&out, ", \"value\": ");
	add_json_bytes(&out, m->payload, m->len);
	sb_puts(&out, "}\n");
	fwrite(out.ptr, 1, out.len, stdout);
	sb_fini(&out);
}

/* --- where to begin --- */

/* -1: --offset is none. */
static int
start_offset(const struct consumer *c, int64_t *offset)
{
	if (c->offset == NULL) {
		*offset = c->from_beginning ? RD_KAFKA_OFFSET_BEGINNING :
		    RD_KAFKA_OFFSET_END;
		return (0);
	}
	if (strcmp(c->offset, "earliest") == 0)
		*offset = RD_KAFKA_OFFSET_BEGINNING;
	else if (strcmp(c->offset, "latest") == 0)
		*offset = RD_KAFKA_OFFSET_END;
	else if (!str_int64(c->offset, offset) || *offset < 0)
		return (-1);
	return (0);
}

/* Reads partitions of its own choice, without a group. */
static int
assign(struct consumer *c, const struct rd_kafka_metadata *md, struct err *e)
{
	const struct rd_kafka_metadata_topic *t = &md->topics[0];
	rd_kafka_topic_partition_list_t *l;
	rd_kafka_resp_err_t rc;
	int64_t offset;
	int i;

	start_offset(c, &offset);	/* check_flags has seen to it */
	if (c->partition >= t->partition_cnt)
		return (err_set(e, ERR_NOT_FOUND, "topic %s has %d "
		    "partitions: there is no partition %lld", c->topic,
		    t->partition_cnt, (long long)c->partition));
	l = rd_kafka_topic_partition_list_new(t->partition_cnt);
	for (i = 0; i < t->partition_cnt; i++)
		if (c->partition == -1 || c->partition == i)
			rd_kafka_topic_partition_list_add(l, c->topic,
			    i)->offset = offset;
	rc = rd_kafka_assign(c->rk, l);
	rd_kafka_topic_partition_list_destroy(l);
	return (rc == 0 ? 0 : err_set(e, ERR_REFUSED, "%s",
	    rd_kafka_err2str(rc)));
}

static int
subscribe(struct consumer *c, struct err *e)
{
	rd_kafka_topic_partition_list_t *l;
	rd_kafka_resp_err_t rc;

	l = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(l, c->topic,
	    RD_KAFKA_PARTITION_UA);
	rc = rd_kafka_subscribe(c->rk, l);
	rd_kafka_topic_partition_list_destroy(l);
	return (rc == 0 ? 0 : err_set(e, ERR_REFUSED, "%s",
	    rd_kafka_err2str(rc)));
}

/* A reader of a topic that is not there waits for it, or makes it: a slip of
 * the finger is then worth a word. */
static int
say_missing(struct consumer *c, struct err *e)
{
	const struct rd_kafka_metadata *md;
	const char **names, *near;
	bool there = false;
	int i;

	if (client_metadata(c->rk, &c->client, NULL, &md, e) == -1)
		return (-1);
	names = xcalloc((size_t)md->topic_cnt + 1, sizeof *names);
	for (i = 0; i < md->topic_cnt; i++) {
		names[i] = md->topics[i].topic;
		there = there || strcmp(names[i], c->topic) == 0;
	}
	near = str_nearest(c->topic, names, (size_t)md->topic_cnt);
	if (!there)
		fprintf(stderr, "leat console-consumer: topic %s does not "
		    "exist yet%s%s%s\n", c->topic, near == NULL ? "" :
		    "; did you mean ", near == NULL ? "" : near,
		    near == NULL ? "" : "?");
	free(names);
	rd_kafka_metadata_destroy(md);
	return (0);
}

static int
begin(struct consumer *c, struct err *e)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t terr;
	int rc;

	if (say_missing(c, e) == -1 || client_metadata(c->rk, &c->client,
	    c->topic, &md, e) == -1)
		return (-1);
	terr = md->topics[0].err;
	if (terr != RD_KAFKA_RESP_ERR_NO_ERROR)
		rc = err_set(e, ERR_NOT_FOUND, "topic %s: %s", c->topic,
		    rd_kafka_err2str(terr));
	else if (c->group != NULL)
		rc = subscribe(c, e);
	else
		rc = assign(c, md, e);
	rd_kafka_metadata_destroy(md);
	return (rc);
}

/* --- the loop --- */

/* False to end. */
static bool
show(struct consumer *c, const rd_kafka_message_t *m)
{
	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		return (true);
	if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		fprintf(stderr, "leat console-consumer: %s\n",
		    rd_kafka_message_errstr(m));
		return (m->err != RD_KAFKA_RESP_ERR__FATAL);
	}
	if (client_json(&c->client))
		print_json(m);
	else
		print_people(m);
	c->n++;
	return (!ferror(stdout) && (c->max < 0 || c->n < c->max));
}

static int
consume(struct consumer *c)
{
	int64_t last = clock_mono_ns();
	rd_kafka_message_t *m;
	bool go = c->max != 0;

	while (go && !interrupted) {
		m = rd_kafka_consumer_poll(c->rk, 0);
		if (m == NULL) {	/* nothing ready: show what is there */
			if (fflush(stdout) == EOF)
				break;
			m = rd_kafka_consumer_poll(c->rk, 100);
		}
		if (m != NULL) {
			go = show(c, m);
			last = clock_mono_ns();
			rd_kafka_message_destroy(m);
		} else if (c->timeout_ms >= 0 && clock_mono_ns() - last >=
		    c->timeout_ms * 1000000)
			break;
	}
	fflush(stdout);
	fprintf(stderr, "Processed a total of %lld messages\n",
	    (long long)c->n);
	return (ferror(stdout) && errno != EPIPE ? CLI_FAILED : CLI_OK);
}

static int
run(struct consumer *c)
{
	const char *reset = c->from_beginning ? "earliest" : "latest";
	const char *extra[] = {
		"group.id", c->group != NULL ? c->group : "leat-console",
		"enable.auto.commit", c->group != NULL ? "true" : "false",
		"auto.offset.reset", reset, "isolation.level", c->isolation,
		"fetch.wait.max.ms", "500", "allow.auto.create.topics",
		"true", NULL, NULL
	};
	struct err e = ERR_INIT;
	int rc;

	c->client.props = c->props;
	c->rk = client_new(RD_KAFKA_CONSUMER, &c->client, extra, &e);
	if (c->rk == NULL)
		return (client_failed("console-consumer", &e));
	rd_kafka_poll_set_consumer(c->rk);
	if (begin(c, &e) == 0)
		rc = consume(c);
	else
		rc = client_failed("console-consumer", &e);
	rd_kafka_consumer_close(c->rk);
	rd_kafka_destroy(c->rk);
	return (rc);
}

static int
check_flags(const struct consumer *c)
{
	const char *why = NULL;
	int64_t offset;

	if (c->topic == NULL)
		why = "which topic? Give --topic NAME";
	else if (c->group != NULL && c->partition != -1)
		why = "--partition and --group exclude each other";
	else if (c->offset != NULL && c->partition == -1)
		why = "--offset needs --partition";
	else if (c->offset != NULL && c->from_beginning)
		why = "--offset and --from-beginning exclude each other";
	else if (start_offset(c, &offset) == -1)
		why = "--offset: give earliest, latest or a number";
	if (why == NULL)
		return (0);
	fprintf(stderr, "leat console-consumer: %s\n", why);
	return (CLI_USAGE);
}

int
console_consumer_command(int argc, char **argv)
{
	struct consumer c = {
		.partition = -1, .max = -1, .timeout_ms = -1,
		.isolation = "read_committed"
	};
	struct flag_list given = { NULL, 0 };
	const struct flag flags[] = {
		FLAG_STR_ROW("topic", &c.topic, "NAME", "The topic."),
		FLAG_BOOL_ROW("from-beginning", &c.from_beginning,
		    "From the oldest record on, not only new ones."),
		FLAG_STR_ROW("group", &c.group, "NAME",
		    "Read as this group and commit."),
		FLAG_INT_ROW("partition", &c.partition, "N",
		    "Only this partition."),
		FLAG_STR_ROW("offset", &c.offset, "OFFSET",
		    "With --partition: a number, earliest or latest."),
		FLAG_INT_ROW("max-messages", &c.max, "N",
		    "End after so many."),
		FLAG_INT_ROW("timeout-ms", &c.timeout_ms, "MS",
		    "End when nothing came for so long."),
		FLAG_LIST_ROW("property", &given, "KEY=VALUE", "print.key, "
		    "print.offset, print.partition, print.headers, "
		    "print.timestamp, key.separator, ..."),
		FLAG_WORD_ROW("isolation-level", &c.isolation,
		    "read_committed|read_uncommitted", "The first unless "
		    "given (Kafka's tool: the other)."),
		FLAG_LIST_ROW("formatter-property", &given, "KEY=VALUE",
		    NULL),
		FLAG_LIST_ROW("consumer-property", &c.props, "KEY=VALUE",
		    "A setting of the client."),
		FLAG_LIST_ROW("command-property", &c.props, "KEY=VALUE",
		    NULL),
		FLAG_STR_ROW("consumer.config", &c.client.config, "FILE",
		    NULL),
		CLIENT_FLAGS(&c.client),
		FLAG_LAST
	};
	int rc;

	rc = flags_parse(flags, "leat console-consumer", "Prints the records "
	    "of a topic until Ctrl-C.", argc, argv, NULL);
	if (rc == 0)
		rc = properties_parse(properties, &given,
		    "leat console-consumer");
	if (rc == 0)
		rc = check_flags(&c);
	if (rc == 0) {
		signal(SIGINT, on_signal);
		signal(SIGTERM, on_signal);
		signal(SIGPIPE, SIG_IGN);
		rc = run(&c);
	}
	flag_list_fini(&given);
	flag_list_fini(&c.props);
	return (rc == FLAGS_HELP ? CLI_OK : rc);
}
