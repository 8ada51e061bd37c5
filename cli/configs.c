/* leat configs: show and change settings of topics and brokers, with the flags
 * of kafka-configs.sh. */
#include "cli/configs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/partitions.h"
#include "cli/rows.h"

struct configs {
	struct client_flags	 client;
	bool			 describe, alter, all;
	const char		*type, *name, *topic, *broker;
	struct flag_list	 add, delete;
	struct pairs		 set, unset;
	rd_kafka_t		*rk;
	const struct rd_kafka_metadata *md;
	struct rows		 out;
};

static bool
is_topic(const struct configs *c)
{
	return (strcmp(c->type, "topics") == 0);
}

static const char *
word(const struct configs *c)
{
	return (is_topic(c) ? "topic" : "broker");
}

/* --- which --- */

static int
no_broker(const struct configs *c, const char *name, struct err *e)
{
	struct sb ids = SB_INIT;
	int i;

	sb_puts(&ids, "");
	for (i = 0; i < c->md->broker_cnt; i++)
		sb_printf(&ids, "%s%d", i == 0 ? "" : ", ",
		    c->md->brokers[i].id);
	err_set(e, ERR_NOT_FOUND, "there is no broker %s; the cluster has %s",
	    name, ids.ptr);
	sb_fini(&ids);
	return (-1);
}

static int
check_name(const struct configs *c, const char *name, struct err *e)
{
	int64_t id;
	int i;

	if (is_topic(c))
		return (topic_in(c->md, name) != NULL ? 0 : no_topic(c->md,
		    name, e));
	for (i = 0; i < c->md->broker_cnt; i++)
		if (str_int64(name, &id) && id == c->md->brokers[i].id)
			return (0);
	return (no_broker(c, name, e));
}

static int
by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return (strcmp(*x, *y));
}

/* All topics or brokers there are. */
static char **
all_names(const struct configs *c, size_t *n)
{
	size_t cnt = (size_t)(is_topic(c) ? c->md->topic_cnt :
	    c->md->broker_cnt), i;
	char **v = xcalloc(cnt + 1, sizeof *v);

	for (*n = i = 0; i < cnt; i++) {
		if (!is_topic(c))
			v[(*n)++] = xasprintf("%d", c->md->brokers[i].id);
		else if (c->md->topics[i].err == 0)
			v[(*n)++] = xstrdup(c->md->topics[i].topic);
	}
	if (is_topic(c))
		qsort(v, *n, sizeof *v, by_text);
	return (v);
}

/* --- asking --- */

int
configs_result(const rd_kafka_ConfigResource_t *const *v, size_t n,
    struct err *e)
{
	if (n != 1)
		return (err_set(e, ERR_PROTO, "no answer about it"));
	if (rd_kafka_ConfigResource_error(v[0]) == RD_KAFKA_RESP_ERR_NO_ERROR)
		return (0);
	return (err_set(e, ERR_REFUSED, "%s",
	    rd_kafka_ConfigResource_error_string(v[0])));
}

/* Is it set for this topic or broker alone? */
static bool
is_own(const struct configs *c, const rd_kafka_ConfigEntry_t *ce)
{
	return (rd_kafka_ConfigEntry_source(ce) == (is_topic(c) ?
	    RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG :
	    RD_KAFKA_CONFIG_SOURCE_DYNAMIC_BROKER_CONFIG));
}

static int
by_key(const void *a, const void *b)
{
	const rd_kafka_ConfigEntry_t *const *x = a, *const *y = b;

	return (strcmp(rd_kafka_ConfigEntry_name(*x),
	    rd_kafka_ConfigEntry_name(*y)));
}

/* Calls each with every setting of one topic or broker, by key. */
static int
ask(struct configs *c, const char *name,
    void (*each)(struct configs *, void *, const rd_kafka_ConfigEntry_t *),
    void *ctx, struct err *e)
{
	rd_kafka_queue_t *q = rd_kafka_queue_new(c->rk);
	const rd_kafka_ConfigResource_t **v;
	const rd_kafka_ConfigEntry_t **ce, **sorted;
	rd_kafka_ConfigResource_t *r;
	rd_kafka_event_t *ev;
	size_t i, n;
	int rc;

	r = rd_kafka_ConfigResource_new(is_topic(c) ? RD_KAFKA_RESOURCE_TOPIC :
	    RD_KAFKA_RESOURCE_BROKER, name);
	rd_kafka_DescribeConfigs(c->rk, &r, 1, NULL, q);
	rd_kafka_ConfigResource_destroy(r);
	ev = client_wait(q, &c->client, e);
	rd_kafka_queue_destroy(q);
	if (ev == NULL)
		return (err_ctx(e, "%s %s", word(c), name));
	v = rd_kafka_DescribeConfigs_result_resources(
	    rd_kafka_event_DescribeConfigs_result(ev), &n);
	rc = configs_result(v, n, e);
	if (rc == 0) {
		ce = rd_kafka_ConfigResource_configs(v[0], &n);
		sorted = xcalloc(n + 1, sizeof *sorted);
		for (i = 0; i < n; i++)
			sorted[i] = ce[i];
		qsort(sorted, n, sizeof *sorted, by_key);
		for (i = 0; i < n; i++)
			each(c, ctx, sorted[i]);
		free(sorted);
	} else
		err_ctx(e, "%s %s", word(c), name);
	rd_kafka_event_destroy(ev);
	return (rc);
}

/* --- describe --- */

static const char *
or_null(const char *value)
{
	return (value == NULL ? "null" : value);
}

static void
print_people(const rd_kafka_ConfigEntry_t *ce)
{
	const rd_kafka_ConfigEntry_t **v;
	size_t i, n;

	printf("  %s=%s sensitive=%s synonyms={", rd_kafka_ConfigEntry_name(ce),
	    or_null(rd_kafka_ConfigEntry_value(ce)),
	    rd_kafka_ConfigEntry_is_sensitive(ce) == 1 ? "true" : "false");
	v = rd_kafka_ConfigEntry_synonyms(ce, &n);
	for (i = 0; i < n; i++)
		printf("%s%s:%s=%s", i == 0 ? "" : ", ",
		    rd_kafka_ConfigSource_name(
		    rd_kafka_ConfigEntry_source(v[i])),
		    rd_kafka_ConfigEntry_name(v[i]),
		    or_null(rd_kafka_ConfigEntry_value(v[i])));
	printf("}\n");
}

static void
show(struct configs *c, void *ctx, const rd_kafka_ConfigEntry_t *ce)
{
	const char *name = ctx;

	if (!c->all && !is_own(c, ce))
		return;
	if (!client_json(&c->client)) {
		print_people(ce);
		return;
	}
	rows_begin(&c->out);
	rows_str(&c->out, word(c), name);
	rows_str(&c->out, "name", rd_kafka_ConfigEntry_name(ce));
	rows_str(&c->out, "value", rd_kafka_ConfigEntry_value(ce));
	rows_str(&c->out, "source", rd_kafka_ConfigSource_name(
	    rd_kafka_ConfigEntry_source(ce)));
	rows_bool(&c->out, "sensitive",
	    rd_kafka_ConfigEntry_is_sensitive(ce) == 1);
	rows_bool(&c->out, "read_only",
	    rd_kafka_ConfigEntry_is_read_only(ce) == 1);
	rows_end(&c->out);
}

static int
describe_one(struct configs *c, const char *name, struct err *e)
{
	if (!client_json(&c->client))
		printf("%s configs for %s %s are:\n", c->all ? "All" :
		    "Dynamic", word(c), name);
	return (ask(c, name, show, (void *)(uintptr_t)name, e));
}

static int
describe(struct configs *c, struct err *e)
{
	char **v;
	size_t i, n;
	int rc = 0;

	if (c->name != NULL)
		rc = check_name(c, c->name, e) == -1 ? -1 : describe_one(c,
		    c->name, e);
	else {
		v = all_names(c, &n);
		for (i = 0; i < n; i++) {
			if (rc == 0)
				rc = describe_one(c, v[i], e);
			free(v[i]);
		}
		free(v);
	}
	if (client_json(&c->client))
		rows_fini(&c->out);
	return (rc);
}

/* --- alter --- */

struct known {
	struct entity	*of;
	const char	**keys;
	size_t		 n, cap;
};

static void
learn(struct configs *c, void *ctx, const rd_kafka_ConfigEntry_t *ce)
{
	struct known *k = ctx;

	GROW(k->keys, k->n, k->cap);
	k->keys[k->n++] = xstrdup(rd_kafka_ConfigEntry_name(ce));
	if (is_own(c, ce))
		pairs_set(&k->of->now, rd_kafka_ConfigEntry_name(ce),
		    rd_kafka_ConfigEntry_value(ce));
}

static void
known_fini(struct known *k)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		free((char *)(uintptr_t)k->keys[i]);
	free(k->keys);
	pairs_fini(&k->of->now);
}

/* Only what is set can be taken away. */
static int
check_unset(const struct configs *c, const struct entity *t, struct err *e)
{
	size_t i;

	for (i = 0; i < c->unset.n; i++)
		if (pairs_find(&t->now, c->unset.v[i].key) == NULL)
			return (err_set(e, ERR_NOT_FOUND, "%s %s: %s is not "
			    "set for it, so --delete-config has nothing to "
			    "take away", word(c), t->name,
			    c->unset.v[i].key));
	return (0);
}

/* The broker has the last word on keys; what it refused gets a hint. */
static int
hint(const struct configs *c, const struct known *k, struct err *e)
{
	struct err why = *e;
	const char *near;
	size_t i, j;

	for (i = 0; i < c->set.n; i++) {
		for (j = 0; j < k->n; j++)
			if (strcmp(k->keys[j], c->set.v[i].key) == 0)
				break;
		near = j < k->n ? NULL : str_nearest(c->set.v[i].key, k->keys,
		    k->n);
		if (near != NULL)
			return (err_set(e, why.code, "%.400s; did you mean "
			    "%.60s?", why.msg, near));
	}
	return (-1);
}

static int
alter(struct configs *c, struct err *e)
{
	struct entity t = {
		.type = is_topic(c) ? RD_KAFKA_RESOURCE_TOPIC :
		    RD_KAFKA_RESOURCE_BROKER, .name = c->name
	};
	struct known k = { .of = &t };
	int rc;

	rc = check_name(c, c->name, e);
	if (rc == 0)
		rc = ask(c, c->name, learn, &k, e);
	if (rc == 0)
		rc = check_unset(c, &t, e);
	if (rc == 0 && configs_alter(c->rk, &c->client, &t, &c->set,
	    &c->unset, e) == -1) {
		hint(c, &k, e);
		rc = err_ctx(e, "%s %s", word(c), c->name);
	}
	if (rc == 0)
		printf("Completed updating config for %s %s.\n", word(c),
		    c->name);
	known_fini(&k);
	return (rc);
}

/* --- the command --- */

static int
run(struct configs *c)
{
	struct err e = ERR_INIT;
	int rc;

	c->rk = client_new(RD_KAFKA_PRODUCER, &c->client, NULL, &e);
	if (c->rk == NULL)
		return (client_failed("configs", &e));
	rc = client_metadata(c->rk, &c->client, NULL, &c->md, &e);
	if (rc == 0) {
		rc = c->describe ? describe(c, &e) : alter(c, &e);
		rd_kafka_metadata_destroy(c->md);
	}
	rd_kafka_destroy(c->rk);
	return (rc == 0 ? CLI_OK : client_failed("configs", &e));
}

/* --topic T and --broker B are short for type and name. */
static const char *
take_short(struct configs *c)
{
	if ((c->topic != NULL) + (c->broker != NULL) + (c->type != NULL) != 1)
		return ("of what? Give one of --topic NAME, --broker ID, "
		    "--entity-type topics|brokers");
	if (c->type != NULL)
		return (NULL);
	if (c->name != NULL)
		return ("--entity-name goes with --entity-type");
	c->type = c->topic != NULL ? "topics" : "brokers";
	c->name = c->topic != NULL ? c->topic : c->broker;
	return (NULL);
}

static const char *
wrong_flags(struct configs *c)
{
	const char *why;

	if (c->describe + c->alter != 1)
		return ("give one of --describe, --alter");
	if ((why = take_short(c)) != NULL)
		return (why);
	if (c->describe && c->add.n + c->delete.n > 0)
		return ("--add-config and --delete-config go with --alter");
	if (c->alter && c->name == NULL)
		return ("--alter: which one? Give --entity-name NAME");
	if (c->alter && c->add.n + c->delete.n == 0)
		return ("--alter: give --add-config KEY=VALUE or "
		    "--delete-config KEY");
	return (NULL);
}

static int
read_pairs(struct configs *c, struct err *e)
{
	size_t i;

	for (i = 0; i < c->add.n; i++)
		if (pairs_parse(&c->set, c->add.v[i], e) == -1)
			return (err_ctx(e, "--add-config"));
	for (i = 0; i < c->delete.n; i++)
		if (pairs_parse_keys(&c->unset, c->delete.v[i], e) == -1)
			return (err_ctx(e, "--delete-config"));
	for (i = 0; i < c->set.n; i++)
		if (pairs_find(&c->unset, c->set.v[i].key) != NULL)
			return (err_set(e, ERR_CONFIG, "%s is to be set and "
			    "to be deleted", c->set.v[i].key));
	return (0);
}

static int
check_flags(struct configs *c)
{
	const char *why = wrong_flags(c);
	struct err e = ERR_INIT;

	if (why == NULL && read_pairs(c, &e) == -1)
		why = e.msg;
	if (why == NULL)
		return (0);
	fprintf(stderr, "leat configs: %s\n", why);
	return (CLI_USAGE);
}

int
configs_command(int argc, char **argv)
{
	struct configs c = { .out = ROWS_INIT };
	const struct flag flags[] = {
		FLAG_BOOL_ROW("describe", &c.describe, "Show what is set."),
		FLAG_BOOL_ROW("alter", &c.alter, "Change it."),
		FLAG_STR_ROW("topic", &c.topic, "NAME", "Of this topic."),
		FLAG_STR_ROW("broker", &c.broker, "ID", "Of this broker."),
		FLAG_WORD_ROW("entity-type", &c.type, "topics|brokers",
		    "The same in two flags; --describe without a name shows "
		    "all."),
		FLAG_STR_ROW("entity-name", &c.name, "NAME", "The topic or "
		    "broker."),
		FLAG_BOOL_ROW("all", &c.all, "With --describe: also what is "
		    "not set for it alone."),
		FLAG_LIST_ROW("add-config", &c.add, "K=V,K=[A,B]",
		    "With --alter: set these."),
		FLAG_LIST_ROW("delete-config", &c.delete, "K,K",
		    "With --alter: back to the default."),
		CLIENT_FLAGS(&c.client),
		FLAG_LAST
	};
	int rc;

	rc = flags_parse(flags, "leat configs", "Shows and changes settings "
	    "of topics and brokers.", argc, argv, NULL);
	if (rc == 0)
		rc = check_flags(&c);
	if (rc == 0)
		rc = run(&c);
	pairs_fini(&c.set);
	pairs_fini(&c.unset);
	flag_list_fini(&c.add);
	flag_list_fini(&c.delete);
	return (rc == FLAGS_HELP ? CLI_OK : rc);
}
