/*
 * librdkafka tries an address for ever and reports what is wrong on the side.
 * A person at a terminal wants to know within seconds: so the first thing
 * every command does is a metadata request with a time limit, and the reason
 * is the last error that librdkafka reported meanwhile.
 */
#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/ini.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

#define ASK_MS		1000	/* of one request */
#define REFUSED_MS	1500	/* as long as nobody listens */

/* Of the one client a command has. */
static char last_error[512];
static bool all_down;
static char servers[1024] = "127.0.0.1:9092";

bool
client_json(const struct client_flags *f)
{
	return (f->output != NULL && strcmp(f->output, "json") == 0);
}

const char *
client_servers(const struct client_flags *f)
{
	return (f->bootstrap != NULL ? f->bootstrap : servers);
}

const char *
client_last_error(void)
{
	return (last_error);
}

static void
errored(rd_kafka_t *rk, int rc, const char *why, void *ctx)
{
	(void)rk;
	(void)ctx;
	all_down = all_down || rc == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
	if (rc != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || last_error[0] == '\0')
		snprintf(last_error, sizeof last_error, "%s", why);
}

static void
logged(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	(void)rk;
	if (level <= 3 && strcmp(fac, "FAIL") != 0 &&
	    strcmp(fac, "ERROR") != 0)
		fprintf(stderr, "librdkafka: %s\n", text);
}

static int
set(rd_kafka_conf_t *rc, const char *key, const char *value, struct err *e)
{
	char why[512];

	if (rd_kafka_conf_set(rc, key, value, why, sizeof why) !=
	    RD_KAFKA_CONF_OK)
		return (err_set(e, ERR_CONFIG, "%s = %s: %s", key, value,
		    why));
	if (strcmp(key, "bootstrap.servers") == 0 && value != servers)
		snprintf(servers, sizeof servers, "%s", value);
	return (0);
}

/* All values below top, their keys relative to it. */
static int
set_tree(rd_kafka_conf_t *rc, const struct conf *top, struct err *e)
{
	const struct conf *c;
	char *key;
	int r = 0;

	for (c = conf_next(top, top); r == 0 && c != NULL;
	    c = conf_next(top, c)) {
		if (c->value == NULL)
			continue;
		key = conf_key_below(top, c);
		r = set(rc, key, c->value, e);
		free(key);
	}
	return (r);
}

static int
set_profile(rd_kafka_conf_t *rc, const char *name, struct err *e)
{
	struct conf_problems p = { 0 };
	struct conf *ini = ini_load(&p), *node;
	char path[256];
	int r;

	conf_problems_print(&p, 2);
	snprintf(path, sizeof path, "profile.%s", name);
	node = conf_find(ini, path);
	r = node == NULL ? err_set(e, ERR_CONFIG, "there is no [profile %s] "
	    "in leat.ini", name) : set_tree(rc, node, e);
	conf_problems_fini(&p);
	conf_free(ini);
	return (r);
}

static int
set_file(rd_kafka_conf_t *rc, const char *path, struct err *e)
{
	struct conf_problems p = { 0 };
	struct conf *root = conf_new();
	int r;

	r = conf_read_file(root, path, &p, e);
	conf_problems_print(&p, 2);
	if (r == 0)
		r = set_tree(rc, root, e);
	conf_problems_fini(&p);
	conf_free(root);
	return (r);
}

static int
set_property(rd_kafka_conf_t *rc, const char *pair, struct err *e)
{
	char key[256];
	const char *eq = strchr(pair, '=');

	if (eq == NULL || (size_t)(eq - pair) >= sizeof key)
		return (err_set(e, ERR_CONFIG, "%s: give key=value", pair));
	memcpy(key, pair, (size_t)(eq - pair));
	key[eq - pair] = '\0';
	return (set(rc, key, eq + 1, e));
}

static int
configure(rd_kafka_conf_t *rc, const struct client_flags *f,
    const char *const *extra, struct err *e)
{
	size_t i;

	rd_kafka_conf_set_error_cb(rc, errored);
	rd_kafka_conf_set_log_cb(rc, logged);
	rd_kafka_conf_set_opaque(rc, f->opaque);
	if (f->prepare != NULL)
		f->prepare(rc);
	if (set(rc, "bootstrap.servers", servers, e) == -1 ||
	    set(rc, "client.id", "leat", e) == -1 ||
	    set(rc, "reconnect.backoff.ms", "50", e) == -1)
		return (-1);
	for (i = 0; extra != NULL && extra[i] != NULL; i += 2)
		if (set(rc, extra[i], extra[i + 1], e) == -1)
			return (-1);
	if (f->profile != NULL && set_profile(rc, f->profile, e) == -1)
		return (-1);
	if (f->config != NULL && set_file(rc, f->config, e) == -1)
		return (-1);
	if (f->bootstrap != NULL &&
	    set(rc, "bootstrap.servers", f->bootstrap, e) == -1)
		return (-1);
	for (i = 0; i < f->props.n; i++)
		if (set_property(rc, f->props.v[i], e) == -1)
			return (-1);
	return (0);
}

rd_kafka_t *
client_new(rd_kafka_type_t type, const struct client_flags *f,
    const char *const *extra, struct err *e)
{
	rd_kafka_conf_t *rc = rd_kafka_conf_new();
	rd_kafka_t *rk;
	char why[512];

	if (configure(rc, f, extra, e) == -1) {
		rd_kafka_conf_destroy(rc);
		return (NULL);
	}
	rk = rd_kafka_new(type, rc, why, sizeof why);
	if (rk == NULL) {
		rd_kafka_conf_destroy(rc);
		err_set(e, ERR_CONFIG, "%s", why);
	}
	return (rk);
}

static bool
is_unreachable(rd_kafka_resp_err_t rc)
{
	return (rc == RD_KAFKA_RESP_ERR__TRANSPORT ||
	    rc == RD_KAFKA_RESP_ERR__TIMED_OUT);
}

/* Asks until somebody answers or the time is up: sooner when every address
 * refuses, but not at once, for a broker may be about to start. */
static rd_kafka_resp_err_t
ask(rd_kafka_t *rk, rd_kafka_topic_t *rkt,
    const struct rd_kafka_metadata **md)
{
	int64_t t0 = clock_mono_ns();
	rd_kafka_resp_err_t rc;
	int ms = 0;

	all_down = false;
	do {
		rc = rd_kafka_metadata(rk, rkt == NULL, rkt, md, ASK_MS);
		rd_kafka_poll(rk, 0);	/* what librdkafka has to say */
		ms = (int)((clock_mono_ns() - t0) / 1000000);
	} while (is_unreachable(rc) && ms < CLIENT_TIMEOUT_MS &&
	    !(all_down && ms >= REFUSED_MS));
	return (rc);
}

static void
unreachable(const struct client_flags *f, struct err *e)
{
	err_set(e, ERR_TIMEOUT, "no broker answers at %s%s%s. Is it running? "
	    "--bootstrap-server HOST:PORT names another one",
	    client_servers(f), last_error[0] != '\0' ? ": " : "", last_error);
}

int
client_metadata(rd_kafka_t *rk, const struct client_flags *f,
    const char *topic, const struct rd_kafka_metadata **md, struct err *e)
{
	rd_kafka_topic_t *rkt = NULL;
	rd_kafka_resp_err_t rc;

	if (topic != NULL) {
		rkt = rd_kafka_topic_new(rk, topic, NULL);
		if (rkt == NULL)
			return (err_set(e, ERR_CONFIG, "'%s' cannot be a "
			    "topic", topic));
	}
	rc = ask(rk, rkt, md);
	if (rkt != NULL)
		rd_kafka_topic_destroy(rkt);
	if (rc == RD_KAFKA_RESP_ERR_NO_ERROR)
		return (0);
	if (is_unreachable(rc))
		unreachable(f, e);
	else
		err_set(e, ERR_REFUSED, "%s: %s", client_servers(f),
		    rd_kafka_err2str(rc));
	return (-1);
}

int
client_failed(const char *command, const struct err *e)
{
	fprintf(stderr, "leat %s: %s\n", command, e->msg);
	return (e->code == ERR_TIMEOUT ? CLI_UNAVAILABLE :
	    e->code == ERR_CONFIG ? CLI_CONFIG : CLI_FAILED);
}

rd_kafka_event_t *
client_wait(rd_kafka_queue_t *q, const struct client_flags *f, struct err *e)
{
	rd_kafka_event_t *ev = rd_kafka_queue_poll(q, 3 * CLIENT_TIMEOUT_MS);

	if (ev == NULL) {
		err_set(e, ERR_TIMEOUT, "%s did not answer in time",
		    client_servers(f));
		return (NULL);
	}
	if (rd_kafka_event_error(ev) == RD_KAFKA_RESP_ERR_NO_ERROR)
		return (ev);
	err_set(e, ERR_REFUSED, "%s", rd_kafka_event_error_string(ev));
	rd_kafka_event_destroy(ev);
	return (NULL);
}
