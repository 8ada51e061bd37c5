/*
 * leat agent: reads the configuration, starts broker, channels, sinks and
 * sources, waits for signals on the main loop, stops them in reverse.
 *
 * A reload reads and checks the new configuration whole before it touches the
 * running one: an invalid file changes nothing and says why; of a valid one
 * only what changed restarts (graph_reload.c).
 */
#include <config.h>

#include "agent/agent.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/conf_watch.h"
#include "agent/graph.h"
#include "agent/monitor.h"
#include "agent/options.h"
#include "agent/signals.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "broker/broker.h"
#include "loop/loop.h"

#define FORMAT_VERSION	1
#define DRAIN_STOP_MS	1000	/* memory channels, at the end */
#define DRAIN_RELOAD_MS	10000	/* likewise, at a reload */

/* One configuration with everything made from it. */
struct setup {
	struct agent_config	*cfg;
	bool			 given;		/* to the graph */
	void			*broker_settings;
	struct monitor_settings	 monitor;
	struct graph		*graph;
};

struct agent {
	/* owner: the main thread */
	struct options		 opt;
	struct setup		 now;
	struct plugin_env	 env;
	char			*data_dir, *socket, *name;
	int			 dirfd, lockfd;
	struct loop		*main;
	struct loop		*loop;		/* of the sources */
	struct thread		 thread;
	struct signals		 signals;
	struct monitor		*monitor;
	struct conf_watch	*watch;
	bool			 ready, stopping;
};

/* --- a configuration --- */

static void
setup_fini(struct setup *s)
{
	graph_free(s->graph);
	if (!s->given)
		agent_config_free(s->cfg);
	agent_broker_settings_free(s->broker_settings);
	settings_fini(monitor_settings, &s->monitor);
	memset(s, 0, sizeof *s);
}

static void
fill_monitor(struct setup *s, const struct options *o,
    struct conf_problems *p)
{
	struct conf *node = conf_find(s->cfg->node, "monitor");
	const struct setting *tables[1] = { monitor_settings };
	struct err e = ERR_INIT;

	settings_fill(monitor_settings, &s->monitor, node, p);
	if (node != NULL)
		settings_report_unused(node, tables, 1, "monitor", p);
	if (o->monitor_port != -1)
		s->monitor.port = o->monitor_port;
	if (monitor_check(&s->monitor, &e) == -1)
		settings_report_check(node, "monitor", &e, p);
}

/* Reads and checks the model, without instances; 0 or an exit status. */
static int
setup_load(struct setup *s, const struct options *o, struct conf_problems *p)
{
	s->cfg = agent_config_load(o->files, o->nfiles, o->name,
	    o->lenient ? AGENT_CONFIG_LENIENT : 0, p);
	if (s->cfg == NULL)
		return (EX_CONFIG);
	s->broker_settings = agent_broker_settings(s->cfg, p);
	fill_monitor(s, o, p);
	return (0);
}

/* The instances; the configuration is theirs from here on. */
static void
setup_build(struct setup *s, struct agent *a, struct conf_problems *p)
{
	s->given = true;
	if (a->env.agent == NULL)
		a->env.agent = s->cfg->name;
	s->graph = graph_new(s->cfg, &a->env, &a->loop, 1, p);
}

/* --- what the monitor asks --- */

static void
agent_metrics(void *ctx, struct sb *sb)
{
	struct agent *a = ctx;
	const struct metric_object *v[2] = { NULL, NULL };
	struct metric_object *all;
	size_t n[2] = { 0, 0 };

	if (a->now.graph != NULL)
		n[0] = graph_metrics(a->now.graph, &v[0]);
	if (a->env.broker != NULL)
		n[1] = broker_metrics(a->env.broker, &v[1]);
	all = xcalloc(n[0] + n[1] + 1, sizeof *all);
	if (n[0] > 0)
		memcpy(all, v[0], n[0] * sizeof *all);
	if (n[1] > 0)
		memcpy(all + n[0], v[1], n[1] * sizeof *all);
	metrics_print(sb, all, n[0] + n[1]);
	free(all);
}

static json_t *
agent_where(void *ctx)
{
	struct agent *a = ctx;
	json_t *j = graph_where(a->now.graph);

	if (a->env.broker != NULL)
		json_object_set_new(j, "broker",
		    json_string(broker_address(a->env.broker)));
	return (j);
}

static const char *
agent_ready(void *ctx)
{
	struct agent *a = ctx;

	return (a->ready ? NULL : a->stopping ? "stopping" : "starting, or "
	    "a component did not start: see the log");
}

static const struct monitor_ops monitor_ops = {
	.metrics = agent_metrics,
	.where = agent_where,
	.ready = agent_ready
};

/* --- the data folder and the loops --- */

static int
open_data_dir(struct agent *a, struct err *e)
{
	a->data_dir = agent_data_dir(a->opt.data_dir, a->now.cfg, NULL);
	a->socket = a->opt.socket != NULL ? xstrdup(a->opt.socket) :
	    agent_socket_path(a->data_dir);
	a->dirfd = fs_open_dir(&fs_real, a->data_dir, e);
	if (a->dirfd == -1)
		return (err_ctx(e, "data folder (key %s.data.dir)",
		    a->now.cfg->name));
	a->lockfd = fs_lock(a->dirfd, "the folder", e);
	if (a->lockfd == -1)
		goto err0;
	if (fs_stamp(&fs_real, a->dirfd, "agent", FORMAT_VERSION, e) == -1)
		goto err1;
	log_info(NULL, "leat %s: agent %s keeps its state in %s",
	    PACKAGE_VERSION, a->now.cfg->name, a->data_dir);
	a->env.agent = a->name = xstrdup(a->now.cfg->name);
	a->env.data_dir = a->data_dir;
	a->env.fs = &fs_real;
	return (0);
err1:
	close(a->lockfd);
err0:
	close(a->dirfd);
	return (err_ctx(e, "data folder %s", a->data_dir));
}

static void
close_data_dir(struct agent *a)
{
	close(a->lockfd);
	close(a->dirfd);
	free(a->data_dir);
	free(a->socket);
	free(a->name);
}

static void
source_loop(void *arg)
{
	loop_run(arg);
}

/* The loop belongs to its thread once this has run there. */
struct running {
	struct loop_task	 task;
	struct mutex		 mutex;
	struct cond		 cond;
	bool			 yes;
};

static void
now_running(struct loop_task *t)
{
	struct running *r = container_of(t, struct running, task);

	mutex_lock(&r->mutex);
	r->yes = true;
	cond_signal(&r->cond);
	mutex_unlock(&r->mutex);
}

static void
wait_running(struct loop *loop)
{
	struct running r = { .task.fn = now_running };

	mutex_init(&r.mutex);
	cond_init(&r.cond);
	loop_post(loop, &r.task);
	mutex_lock(&r.mutex);
	while (!r.yes)
		cond_wait(&r.cond, &r.mutex);
	mutex_unlock(&r.mutex);
	mutex_fini(&r.mutex);
	cond_fini(&r.cond);
}

static int
start_loops(struct agent *a, struct err *e)
{
	if ((a->main = loop_new("main", e)) == NULL)
		return (-1);
	if ((a->loop = loop_new("sources", e)) == NULL)
		goto err0;
	if (thread_start(&a->thread, "sources", source_loop, a->loop, e) == -1)
		goto err1;
	wait_running(a->loop);
	return (0);
err1:
	loop_free(a->loop);
err0:
	loop_free(a->main);
	return (-1);
}

static void
stop_loops(struct agent *a)
{
	loop_stop(a->loop);
	thread_join(&a->thread);
	loop_free(a->loop);
	loop_free(a->main);
}

/* --- reload --- */

static const struct conf *
section(const struct setup *s, const char *name)
{
	const struct conf *c = conf_find(s->cfg->node, name);

	return (c == NULL ? NULL : c->children);
}

static bool
same_section(const struct setup *a, const struct setup *b, const char *name)
{
	return (conf_same(section(a, name), section(b, name)));
}

/* The running graph becomes the new one; broker and monitor stay. */
static void
switch_to(struct agent *a, struct setup *next)
{
	a->ready = graph_reload(&a->now.graph, next->graph,
	    DRAIN_RELOAD_MS) == 0;
	a->now.cfg = next->cfg;
	next->graph = NULL;
	setup_fini(next);
}

static void
reload(struct agent *a)
{
	struct conf_problems p = { 0 };
	struct setup next = { 0 };

	if (setup_load(&next, &a->opt, &p) == 0)
		setup_build(&next, a, &p);
	conf_problems_print(&p, STDERR_FILENO);
	if (p.errors > 0) {
		log_error(NULL, "reload: %zu error%s: going on with the old "
		    "configuration", p.errors, p.errors == 1 ? "" : "s");
		goto out;
	}
	if (!same_section(&a->now, &next, "broker") ||
	    !same_section(&a->now, &next, "monitor") ||
	    !same_section(&a->now, &next, "data"))
		log_warn(NULL, "reload: changes below %s.broker, .monitor "
		    "and .data take effect at the next start",
		    a->now.cfg->name);
	if (agent_wants_broker(next.cfg) && a->env.broker == NULL) {
		log_error(NULL, "reload: a sink now needs the built-in "
		    "broker, which starts with the agent only: restart it");
		goto out;
	}
	switch_to(a, &next);
	conf_problems_fini(&p);
	return;
out:
	conf_problems_fini(&p);
	setup_fini(&next);
}

/* --- run --- */

static void
on_signal(struct signals *s, int sig)
{
	struct agent *a = container_of(s, struct agent, signals);

	if (sig == SIGHUP) {
		log_info(NULL, "SIGHUP: reloading");
		reload(a);
		return;
	}
	if (a->stopping) {	/* a second one: do not wait for sinks */
		log_warn(NULL, "stopping at once");
		_exit(EXIT_FAILURE);
	}
	log_info(NULL, "%s: stopping", sig == SIGINT ? "SIGINT" : "SIGTERM");
	a->ready = false;
	a->stopping = true;
	loop_stop(a->main);
}

static void
on_change(void *ctx)
{
	struct agent *a = ctx;

	if (a->stopping)
		return;
	log_info(NULL, "the configuration changed: reloading");
	reload(a);
}

static int
start_broker(struct agent *a, struct err *e)
{
	if (!agent_wants_broker(a->now.cfg))
		return (0);
	return (broker_start(&a->env.broker, a->now.broker_settings,
	    a->data_dir, &fs_real, e));
}

static const char *
plural(size_t n)
{
	return (n == 1 ? "" : "s");
}

static int
run(struct agent *a, struct err *e)
{
	if (start_broker(a, e) == -1)
		return (-1);
	if (graph_start(a->now.graph, e) == -1)
		goto err0;
	if (signals_start(&a->signals, a->main, on_signal, e) == -1)
		goto err1;
	if (monitor_start(&a->monitor, a->main, &a->now.monitor, a->socket,
	    &monitor_ops, a, e) == -1)
		goto err2;
	if (!a->opt.no_reload)
		a->watch = conf_watch_start(a->main, a->opt.files,
		    a->opt.nfiles, a->opt.poll_s * 1000, on_change, a);
	a->ready = true;
	log_info(NULL, "agent %s is ready: %zu source%s, %zu channel%s, "
	    "%zu sink%s%s%s", a->now.cfg->name, a->now.cfg->nsources,
	    plural(a->now.cfg->nsources), a->now.cfg->nchannels,
	    plural(a->now.cfg->nchannels), a->now.cfg->nsinks,
	    plural(a->now.cfg->nsinks),
	    a->env.broker != NULL ? ", broker at " : "",
	    a->env.broker != NULL ? broker_address(a->env.broker) : "");
	loop_run(a->main);
	conf_watch_stop(a->watch);
	monitor_stop(a->monitor);
	signals_stop(&a->signals);
	graph_stop(a->now.graph, DRAIN_STOP_MS);
	if (a->env.broker != NULL)
		broker_stop(a->env.broker);
	log_info(NULL, "agent %s has stopped", a->now.cfg->name);
	return (0);
err2:
	signals_stop(&a->signals);
err1:
	graph_stop(a->now.graph, 0);
err0:
	if (a->env.broker != NULL)
		broker_stop(a->env.broker);
	return (-1);
}

/* Between the options and run(): what can fail with a message of its own. */
static int
prepare(struct agent *a)
{
	struct conf_problems p = { 0 };
	struct err e = ERR_INIT;
	int rc;

	if ((rc = setup_load(&a->now, &a->opt, &p)) != 0)
		goto out;
	if (start_loops(a, &e) == -1) {
		log_error(NULL, "%s", e.msg);
		rc = EX_OSERR;
		goto out;
	}
	setup_build(&a->now, a, &p);
	if (p.errors > 0) {
		stop_loops(a);
		rc = EX_CONFIG;
	}
out:
	conf_problems_print(&p, STDERR_FILENO);
	if (rc == EX_CONFIG)
		fprintf(stderr, "leat: not started: %zu error%s in the "
		    "configuration\n", p.errors, p.errors == 1 ? "" : "s");
	conf_problems_fini(&p);
	return (rc);
}

static const char usage[] =
"usage: leat agent -n NAME -f FILE [-f FILE ...] [option ...]\n"
"\n"
"Runs the agent NAME of a Flume properties (or YAML) file in the foreground.\n"
"\n"
"  -n, --name NAME       the agent; may be left out when FILE has only one\n"
"  -f, --conf-file FILE  read this file; later ones override earlier ones\n"
"      --data-dir DIR    keep state there (key NAME.data.dir)\n"
"      --socket PATH     where `leat where` asks (DIR/leat.sock)\n"
"      --flume-lenient   drop what is broken, as Flume does, instead of\n"
"                        refusing to start\n"
"      --log-level L     error, warn, info or debug\n"
"  -Dflume.monitoring.port=P  serve /metrics, /health and /ready there\n"
"      --no-reload-conf  do not look whether FILE has changed\n"
"  -i, --poll-interval S look every S seconds (30)\n"
"\n"
"SIGHUP reloads, and so does a changed file; SIGTERM and SIGINT stop.\n"
"Flume's -c is accepted and does nothing.  Exit status 78: a wrong\n"
"configuration.\n";

static int
check_options(const struct options *o)
{
	if (o->help) {
		fputs(usage, stdout);
		return (-1);
	}
	if (o->log_level != NULL && !log_level_parse(o->log_level, &log_max)) {
		fprintf(stderr, "leat agent: --log-level %s: give error, "
		    "warn, info or debug\n", o->log_level);
		return (EX_USAGE);
	}
	if (o->nfiles > 0 && o->nrest == 0)
		return (0);
	fprintf(stderr, o->nrest > 0 ?
	    "leat agent: %s: did you mean -f %s? See leat agent --help\n" :
	    "leat agent: no configuration: give -f FILE; see leat agent "
	    "--help\n", o->nrest > 0 ? o->rest[0] : "",
	    o->nrest > 0 ? o->rest[0] : "");
	return (EX_USAGE);
}

int
agent_command(int argc, char **argv)
{
	struct agent a = { 0 };
	struct err e = ERR_INIT;
	int rc;

	signals_block();
	if ((rc = options_parse(&a.opt, argc, argv)) != 0 ||
	    (rc = check_options(&a.opt)) != 0) {
		options_fini(&a.opt);
		return (rc == -1 ? 0 : rc);
	}
	if ((rc = prepare(&a)) != 0)
		goto out;
	if (open_data_dir(&a, &e) == -1) {
		log_error(NULL, "%s", e.msg);
		rc = EX_CANTCREAT;
		goto out1;
	}
	if (run(&a, &e) == -1) {
		log_error(NULL, "%s", e.msg);
		rc = EXIT_FAILURE;
	}
	graph_free(a.now.graph);
	a.now.graph = NULL;
	close_data_dir(&a);
out1:
	graph_free(a.now.graph);
	a.now.graph = NULL;
	stop_loops(&a);
out:
	setup_fini(&a.now);
	options_fini(&a.opt);
	return (rc);
}
