/*
 * leat where: one command says where every line is.  Asks the running agent
 * over its unix socket for JSON and prints a table: per file how much is
 * there, read, in the channels and delivered, how far behind it is and which
 * stage holds it up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <jansson.h>

#include "agent/agent.h"
#include "agent/options.h"
#include "base/mem.h"
#include "base/str.h"

#define ANSWER_MAX	((size_t)64 << 20)

static const char usage[] =
"usage: leat where [-n NAME] [-f FILE] [--data-dir DIR] [--socket PATH]\n"
"                  [-o json]\n"
"\n"
"Shows where every line is: per source file its size, what is read, in the\n"
"channels and delivered, the lag, and the slow stage.  Give the agent's -f\n"
"FILE, or its data folder.\n";

/* --- asking --- */

static int
connect_to(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof sun.sun_path) {
		fprintf(stderr, "leat where: %s: the path is too long for a "
		    "socket; give a shorter --socket to both\n", path);
		return (-1);
	}
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd != -1 && connect(fd, (struct sockaddr *)&sun,
	    sizeof sun) == 0)
		return (fd);
	fprintf(stderr, "leat where: no agent answers at %s: %s\n%s\n", path,
	    strerror(errno), errno == EACCES ?
	    "Ask as the agent's user, or as root." :
	    "Is it running? Give its configuration (-f FILE), its data folder "
	    "(--data-dir) or its socket (--socket).");
	if (fd != -1)
		close(fd);
	return (-1);
}

static json_t *
ask(const char *path)
{
	struct sb sb = SB_INIT;
	json_error_t je;
	json_t *j;
	char buf[16384];
	ssize_t n;
	int fd;

	if ((fd = connect_to(path)) == -1)
		return (NULL);
	while ((n = read(fd, buf, sizeof buf)) > 0 && sb.len < ANSWER_MAX)
		sb_add(&sb, buf, (size_t)n);
	close(fd);
	j = json_loadb(sb.ptr == NULL ? "" : sb.ptr, sb.len, 0, &je);
	if (j == NULL)
		fprintf(stderr, "leat where: %s: the answer makes no sense: "
		    "%s\n", path, je.text);
	sb_fini(&sb);
	return (j);
}

/* --- printing --- */

static int64_t
num(const json_t *o, const char *key)
{
	return (json_integer_value(json_object_get(o, key)));
}

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return (s == NULL ? "" : s);
}

static const char *
size_text(int64_t n, char *buf, size_t size)
{
	if (n < 0)
		return ("-");
	return (str_print_size(buf, size, (uint64_t)n));
}

/* Records wait in some channel. */
static bool
is_held(const json_t *all)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(all, "channels"), i, o)
		if (num(o, "records") > 0)
			return (true);
	return (false);
}

/* The first stage, from the sink backwards, that has work waiting.  A channel
 * that holds nothing and has no room lacks disk. */
static const char *
slow_stage(const json_t *all, const json_t *source, const json_t *row)
{
	int64_t size = num(row, "size"), read = num(row, "read");

	if (num(row, "lag") <= 0)
		return ("-");
	if (json_is_true(json_object_get(source, "waiting_for_room")))
		return (is_held(all) ? "sink (channel full)" :
		    "channel (no room)");
	if (num(row, "stored") > num(row, "delivered"))
		return ("sink");
	if (read > num(row, "stored"))
		return ("channel");
	if (size > read)
		return (strncmp(str(row, "state"), "unfinished", 10) == 0 ?
		    "writer" : "source");
	return ("-");
}

static void
print_row(const json_t *all, const json_t *source, const json_t *row)
{
	char a[32], b[32], c[32], d[32], lag[32], age[32] = "-";
	int64_t size = num(row, "size"), oldest = num(row, "oldest_ms");

	if (oldest > 0)
		str_print_duration(age, sizeof age, oldest);
	printf("  %10s %10s %10s %10s %10s %8s  %-20s %s%s%s%s\n",
	    size_text(size, a, sizeof a),
	    size_text(num(row, "read"), b, sizeof b),
	    size_text(num(row, "stored"), c, sizeof c),
	    size_text(num(row, "delivered"), d, sizeof d),
	    size_text(num(row, "lag"), lag, sizeof lag), age,
	    slow_stage(all, source, row), str(row, "name"),
	    str(row, "state")[0] == '\0' ? "" : " (", str(row, "state"),
	    str(row, "state")[0] == '\0' ? "" : ")");
}

static int
by_name(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;

	return (strcmp(str(*x, "name"), str(*y, "name")));
}

static void
print_rows(const json_t *all, const json_t *source, const json_t *files)
{
	size_t i, n = json_array_size(files);
	const json_t **v = xcalloc(n + 1, sizeof *v);

	printf("  %10s %10s %10s %10s %10s %8s  %-20s %s\n", "SIZE",
	    "READ", "CHANNEL", "DELIVERED", "LAG", "OLDEST",
	    "SLOW STAGE", "FILE");
	for (i = 0; i < n; i++)
		v[i] = json_array_get(files, i);
	qsort(v, n, sizeof *v, by_name);
	for (i = 0; i < n; i++)
		print_row(all, source, v[i]);
	free(v);
}

static void
print_sources(const json_t *all)
{
	const json_t *sources = json_object_get(all, "sources");
	const json_t *source, *files;
	size_t i;

	json_array_foreach(sources, i, source) {
		printf("source %s (%s): %lld records received, %lld accepted"
		    "%s\n", str(source, "name"), str(source, "type"),
		    (long long)num(source, "received"),
		    (long long)num(source, "accepted"), json_is_true(
		    json_object_get(source, "waiting_for_room")) ?
		    ", waiting for room in a channel" : "");
		files = json_object_get(source, "files");
		if (json_array_size(files) > 0)
			print_rows(all, source, files);
	}
}

static void
print_rest(const json_t *all)
{
	const json_t *o;
	char a[32], b[32];
	size_t i;

	json_array_foreach(json_object_get(all, "channels"), i, o)
		printf("channel %s (%s): %lld records, %s of %s\n",
		    str(o, "name"), str(o, "type"),
		    (long long)num(o, "records"),
		    size_text(num(o, "bytes"), a, sizeof a),
		    size_text(num(o, "capacity_bytes"), b, sizeof b));
	json_array_foreach(json_object_get(all, "sinks"), i, o)
		printf("sink %s (%s) of %s: %lld records delivered%s%s; %s\n",
		    str(o, "name"), str(o, "type"), str(o, "channel"),
		    (long long)num(o, "delivered"),
		    str(o, "to")[0] == '\0' ? "" : " to ", str(o, "to"),
		    str(o, "state"));
	if (json_object_get(all, "broker") != NULL)
		printf("broker at %s\n", str(all, "broker"));
}

static char *
find_socket(const struct options *o, struct conf_problems *p)
{
	struct agent_config *cfg = NULL;
	char *dir, *path = NULL;

	if (o->socket != NULL)
		return (xstrdup(o->socket));
	if (o->nfiles > 0) {
		cfg = agent_config_load(o->files, o->nfiles, o->name, 0, p);
		if (cfg == NULL)
			return (NULL);
	}
	if (o->data_dir == NULL && cfg == NULL && o->name == NULL) {
		fprintf(stderr, "leat where: which agent? Give -n NAME, "
		    "-f FILE or --data-dir DIR\n");
		return (NULL);
	}
	dir = agent_data_dir(o->data_dir, cfg, o->name);
	path = agent_socket_path(dir);
	free(dir);
	agent_config_free(cfg);
	return (path);
}

int
where_command(int argc, char **argv)
{
	struct conf_problems p = { 0 };
	struct options o;
	json_t *all;
	char *path;
	int i, rc;

	if ((rc = options_parse(&o, argc, argv)) != 0 || o.help) {
		if (o.help)
			fputs(usage, stdout);
		goto out;
	}
	for (i = 0; i < o.nrest; i++)
		options_add_file(&o, o.rest[i]);
	path = find_socket(&o, &p);
	conf_problems_print(&p, STDERR_FILENO);
	rc = EX_USAGE;
	if (path == NULL)
		goto out;
	all = ask(path);
	free(path);
	rc = all == NULL ? EX_UNAVAILABLE : 0;
	if (all != NULL && o.json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		printf("\n");
	} else if (all != NULL) {
		print_sources(all);
		print_rest(all);
	}
	json_decref(all);
out:
	conf_problems_fini(&p);
	options_fini(&o);
	return (rc);
}
