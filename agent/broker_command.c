/* leat broker: the built-in broker alone, from a Kafka server.properties. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/options.h"
#include "agent/signals.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"

static const char usage[] =
"usage: leat broker [-f server.properties] [--data-dir DIR] [--log-level L]\n"
"\n"
"Runs the built-in Kafka-protocol broker alone, in the foreground.  The file\n"
"has the keys of Kafka's server.properties; `leat explain broker` lists them.\n"
"SIGTERM and SIGINT stop.\n";

struct lone_broker {
	struct signals	 signals;
	struct loop	*loop;
};

static void
on_signal(struct signals *s, int sig)
{
	struct lone_broker *l = container_of(s, struct lone_broker, signals);

	if (sig == SIGHUP) {
		log_info(NULL, "SIGHUP: the broker's settings take effect "
		    "at its next start");
		return;
	}
	log_info(NULL, "%s: stopping", sig == SIGINT ? "SIGINT" : "SIGTERM");
	loop_stop(l->loop);
}

static void *
load(const struct options *o, struct conf **root, struct conf_problems *p)
{
	const struct setting *tables[1] = { broker_settings };
	void *settings = xcalloc(1, broker_settings_size);
	struct err e = ERR_INIT;
	size_t i;

	*root = conf_new();
	for (i = 0; i < o->nfiles; i++)
		if (conf_read_file(*root, o->files[i], p, &e) == -1)
			conf_error_at(p, o->files[i], 0, "%s", e.msg);
	conf_substitute(*root, p);
	settings_fill(broker_settings, settings, *root, p);
	settings_report_unused(*root, tables, 1, "broker", p);
	if (p->errors == 0 && broker_check(settings, &e) == -1)
		settings_report_check(*root, "broker", &e, p);
	return (settings);
}

static int
serve(const void *settings, const char *data_dir, struct err *e)
{
	struct lone_broker l = { 0 };
	struct broker *b;

	if ((l.loop = loop_new("main", e)) == NULL)
		return (-1);
	if (signals_start(&l.signals, l.loop, on_signal, e) == -1)
		goto err0;
	if (broker_start(&b, settings, data_dir, &fs_real, e) == -1)
		goto err1;
	log_info(NULL, "broker is ready at %s", broker_address(b));
	loop_run(l.loop);
	broker_stop(b);
	log_info(NULL, "broker has stopped");
	signals_stop(&l.signals);
	loop_free(l.loop);
	return (0);
err1:
	signals_stop(&l.signals);
err0:
	loop_free(l.loop);
	return (-1);
}

static int
check_options(const struct options *o)
{
	if (o->log_level != NULL && !log_level_parse(o->log_level, &log_max)) {
		fprintf(stderr, "leat broker: --log-level %s: give error, "
		    "warn, info or debug\n", o->log_level);
		return (EX_USAGE);
	}
	if (o->nrest == 0)
		return (0);
	fprintf(stderr, "leat broker: %s: did you mean -f %s? See leat broker "
	    "--help\n", o->rest[0], o->rest[0]);
	return (EX_USAGE);
}

int
broker_command(int argc, char **argv)
{
	struct conf_problems p = { 0 };
	struct options o;
	struct conf *root;
	struct err e = ERR_INIT;
	char *dir;
	void *settings;
	int rc;

	signals_block();
	if ((rc = options_parse(&o, argc, argv)) != 0 || o.help) {
		if (o.help)
			fputs(usage, stdout);
		options_fini(&o);
		return (rc);
	}
	if ((rc = check_options(&o)) != 0) {
		options_fini(&o);
		return (rc);
	}
	settings = load(&o, &root, &p);
	conf_problems_print(&p, STDERR_FILENO);
	rc = p.errors > 0 ? EX_CONFIG : 0;
	dir = agent_data_dir(o.data_dir, NULL, "broker");
	if (rc == 0 && serve(settings, dir, &e) == -1) {
		log_error(NULL, "%s", e.msg);
		rc = EXIT_FAILURE;
	}
	free(dir);
	agent_broker_settings_free(settings);
	conf_free(root);
	conf_problems_fini(&p);
	options_fini(&o);
	return (rc);
}
