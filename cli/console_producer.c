/*
 * leat console-producer: lines of standard input into a topic, with the flags
 * and properties of kafka-console-producer.sh.  Exit status 0 means that every
 * line was acknowledged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/properties.h"

static struct property properties[] = {
	{ "parse.key", "false" },
	{ "key.separator", "\t" },
	{ "parse.headers", "false" },
	{ "headers.delimiter", "\t" },
	{ "headers.separator", "," },
	{ "headers.key.separator", ":" },
	{ "null.marker", NULL },
	{ "ignore.error", "false" },
	{ NULL, NULL }
};

struct producer {
	struct client_flags	 client;
	const char		*topic, *codec, *acks;
	int64_t			 batch, partition;
	bool			 sync;
	struct flag_list	 props;
	rd_kafka_t		*rk;
	uint64_t		 line;
	bool			 tty;
	/* counted by the delivery reports */
	uint64_t		 failed;
	char			 why[256];
};

static void
reported(rd_kafka_t *rk, const rd_kafka_message_t *m, void *ctx)
{
	struct producer *p = ctx;

	(void)rk;
	if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	if (p->failed++ == 0)
		snprintf(p->why, sizeof p->why, "%s",
		    rd_kafka_err2str(m->err));
}

static void
prepare(rd_kafka_conf_t *rc)
{
	rd_kafka_conf_set_dr_msg_cb(rc, reported);
}

/* Cuts line at the separator: what stands before it, or a message. */
static int
cut(struct producer *p, struct slice *line, const char *separator,
    const char *what, struct slice *part)
{
	size_t n = strlen(separator);
	uint8_t *at = memmem(line->p, line->len, separator, n);

	if (at == NULL) {
		if (property_true(properties, "ignore.error"))
			return (0);
		fprintf(stderr, "leat console-producer: line %llu: no %s: "
		    "there is no '%s' in it\n", (unsigned long long)p->line,
		    what, separator);
		return (-1);
	}
	*at = '\0';
	*part = slice_of(line->p, (size_t)(at - line->p));
	line->len -= part->len + n;
	line->p = at + n;
	return (0);
}

/* What null.marker stands for is null. */
static struct slice
unmarked(struct slice s)
{
	const char *marker = property(properties, "null.marker");

	return (marker != NULL && slice_eq_str(s, marker) ? SLICE_NULL : s);
}

/* One "key:value"; the value may be the null marker, the key not. */
static int
add_header(struct producer *p, rd_kafka_headers_t *h, char *text)
{
	const char *key_sep = property(properties, "headers.key.separator");
	char *at = strstr(text, key_sep);
	struct slice value = SLICE_NULL;

	if (at != NULL) {
		*at = '\0';
		value = unmarked(slice_str(at + strlen(key_sep)));
	} else if (!property_true(properties, "ignore.error")) {
		fprintf(stderr, "leat console-producer: line %llu: header "
		    "'%s': there is no '%s' in it\n",
		    (unsigned long long)p->line, text, key_sep);
		return (-1);
	}
	if (unmarked(slice_str(text)).p == NULL) {
		fprintf(stderr, "leat console-producer: line %llu: the key "
		    "of a header cannot be null\n",
		    (unsigned long long)p->line);
		return (-1);
	}
	rd_kafka_header_add(h, text, -1, value.p, (ssize_t)value.len);
	return (0);
}

static int
add_headers(struct producer *p, rd_kafka_headers_t *h, char *text)
{
	const char *sep = property(properties, "headers.separator");
	char *next;

	for (; text != NULL && text[0] != '\0'; text = next) {
		next = strstr(text, sep);
		if (next != NULL) {
			*next = '\0';
			next += strlen(sep);
		}
		if (add_header(p, h, text) == -1)
			return (-1);
	}
	return (0);
}

/* Waits while librdkafka's queue is full; backpressure, not an error. */
static rd_kafka_resp_err_t
produce(struct producer *p, struct slice key, struct slice value,
    rd_kafka_headers_t *h)
{
	rd_kafka_resp_err_t rc;

	do {
		rc = rd_kafka_producev(p->rk, RD_KAFKA_V_TOPIC(p->topic),
		    RD_KAFKA_V_PARTITION((int32_t)p->partition),
		    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		    RD_KAFKA_V_KEY(key.p, key.len),
		    RD_KAFKA_V_VALUE((void *)(uintptr_t)value.p, value.len),
		    RD_KAFKA_V_HEADERS(h), RD_KAFKA_V_END);
		rd_kafka_poll(p->rk, rc == RD_KAFKA_RESP_ERR__QUEUE_FULL ?
		    100 : 0);
	} while (rc == RD_KAFKA_RESP_ERR__QUEUE_FULL);
	if (p->sync)
		rd_kafka_flush(p->rk, -1);
	return (rc);
}

/* line is written to; a NUL stands behind it. */
static int
send_line(struct producer *p, struct slice line)
{
	struct slice key = SLICE_NULL, headers = SLICE_NULL;
	rd_kafka_headers_t *h = NULL;
	rd_kafka_resp_err_t rc;

	if (property_true(properties, "parse.headers") && cut(p, &line,
	    property(properties, "headers.delimiter"), "headers",
	    &headers) == -1)
		return (-1);
	if (property_true(properties, "parse.key") && cut(p, &line,
	    property(properties, "key.separator"), "key", &key) == -1)
		return (-1);
	headers = unmarked(headers);
	if (headers.p != NULL) {
		h = rd_kafka_headers_new(8);
		if (add_headers(p, h, (char *)(uintptr_t)headers.p) == -1) {
			rd_kafka_headers_destroy(h);
			return (-1);
		}
	}
	rc = produce(p, unmarked(key), unmarked(line), h);
	if (rc == RD_KAFKA_RESP_ERR_NO_ERROR)
		return (0);
	if (h != NULL)
		rd_kafka_headers_destroy(h);
	fprintf(stderr, "leat console-producer: line %llu: topic %s: %s\n",
	    (unsigned long long)p->line, p->topic, rd_kafka_err2str(rc));
	return (-1);
}

static int
send_all(struct producer *p)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = 0;

	for (;;) {
		if (p->tty) {
			fputs(">", stdout);
			fflush(stdout);
		}
		if ((n = getline(&line, &cap, stdin)) == -1)
			break;
		p->line++;
		if (n > 0 && line[n - 1] == '\n')
			line[--n] = '\0';
		if (send_line(p, slice_of(line, (size_t)n)) == -1) {
			rc = CLI_FAILED;
			break;
		}
	}
	free(line);
	return (rc);
}

static int
finish(struct producer *p, int rc)
{
	while (rd_kafka_flush(p->rk, 30000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		if (p->failed > 0)
			break;
		fprintf(stderr, "leat console-producer: %d lines wait for "
		    "%s%s%s\n", rd_kafka_outq_len(p->rk),
		    client_servers(&p->client), client_last_error()[0] ==
		    '\0' ? "" : ": ", client_last_error());
	}
	if (p->failed == 0)
		return (rc);
	fprintf(stderr, "leat console-producer: %llu of %llu lines were not "
	    "delivered: %s\n", (unsigned long long)p->failed,
	    (unsigned long long)p->line, p->why);
	return (CLI_FAILED);
}

static int
run(struct producer *p)
{
	char batch[24];
	const char *extra[] = {
		"acks", p->acks, "linger.ms", "5",
		"compression.type", p->codec, "batch.num.messages", batch,
		"partitioner", "murmur2_random", NULL, NULL
	};
	const struct rd_kafka_metadata *md;
	struct err e = ERR_INIT;
	int rc;

	snprintf(batch, sizeof batch, "%lld", (long long)p->batch);
	p->client.props = p->props;
	p->client.prepare = prepare;
	p->client.opaque = p;
	p->rk = client_new(RD_KAFKA_PRODUCER, &p->client, extra, &e);
	if (p->rk == NULL)
		return (client_failed("console-producer", &e));
	p->tty = isatty(STDIN_FILENO) == 1;
	if (client_metadata(p->rk, &p->client, p->topic, &md, &e) == -1) {
		rd_kafka_destroy(p->rk);
		return (client_failed("console-producer", &e));
	}
	/* Any other error may pass: the topic is being created. */
	if (md->topics[0].err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
		err_set(&e, ERR_REFUSED, "'%s' cannot be a topic: give "
		    "letters, digits, dots, dashes and underscores", p->topic);
		rc = client_failed("console-producer", &e);
	} else
		rc = finish(p, send_all(p));
	rd_kafka_metadata_destroy(md);
	rd_kafka_destroy(p->rk);
	return (rc);
}

int
console_producer_command(int argc, char **argv)
{
	struct producer p = {
		.codec = "none", .acks = "all", .batch = 10000, .partition = -1
	};
	struct flag_list given = { NULL, 0 };
	const struct flag flags[] = {
		FLAG_STR_ROW("topic", &p.topic, "NAME", "The topic."),
		FLAG_LIST_ROW("property", &given, "KEY=VALUE", "parse.key, "
		    "key.separator, parse.headers, headers.delimiter, "
		    "null.marker, ..."),
		FLAG_WORD_ROW("compression-codec", &p.codec,
		    "none|gzip|snappy|lz4|zstd", "How batches are "
		    "compressed."),
		FLAG_STR_ROW("request-required-acks", &p.acks, "ACKS",
		    "all (the default), 1 or 0."),
		FLAG_INT_ROW("batch-size", &p.batch, "N",
		    "Most lines of one batch."),
		FLAG_INT_ROW("partition", &p.partition, "N",
		    "One partition; otherwise by key."),
		FLAG_BOOL_ROW("sync", &p.sync, "Wait for each line."),
		FLAG_LIST_ROW("reader-property", &given, "KEY=VALUE", NULL),
		FLAG_LIST_ROW("producer-property", &p.props, "KEY=VALUE",
		    "A setting of the client."),
		FLAG_LIST_ROW("command-property", &p.props, "KEY=VALUE",
		    NULL),
		FLAG_STR_ROW("producer.config", &p.client.config, "FILE",
		    NULL),
		CLIENT_FLAGS(&p.client),
		FLAG_LAST
	};
	int rc;

	rc = flags_parse(flags, "leat console-producer", "Sends each line of "
	    "standard input to a topic.", argc, argv, NULL);
	if (rc == 0)
		rc = properties_parse(properties, &given,
		    "leat console-producer");
	if (rc == 0 && p.topic == NULL) {
		fprintf(stderr, "leat console-producer: which topic? Give "
		    "--topic NAME\n");
		rc = CLI_USAGE;
	}
	if (rc == 0)
		rc = run(&p);
	flag_list_fini(&given);
	flag_list_fini(&p.props);
	return (rc == FLAGS_HELP ? CLI_OK : rc);
}
