/*
 * t measure: runs a command until something holds, and prints what it cost:
 *
 *	seconds=	from exec until it held
 *	ready_ms=	from exec until its stderr said --ready
 *	cpu=		user and system seconds until then
 *	anon_kib=	highest RssAnon seen, every 5 ms
 *
 * It holds when a topic reaches --end-offset records, when an agent's sinks have
 * had --delivered records acknowledged (asked at its --socket, as `leat where`
 * does), when --until-file exists, or, with none of them, when the command
 * ends.  With --idle it is left alone for
 * that many seconds after it is ready (and has settled), and idle_percent= is
 * what it took of a core meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/flags.h"
#include "test/tool/tool.h"

#define MS		1000000

struct measure {
	const char	*log, *ready, *brokers, *topic, *file, *settled,
			*socket;
	int64_t		 end, delivered, idle, timeout;
	char		**command;
	pid_t		 pid;
	int		 status;
	bool		 ended;
	int64_t		 begin, deadline, ready_ns, done_ns, anon_kib;
	double		 cpu;
	rd_kafka_t	*rk;
};

/* --- /proc --- */

static void
look_at_memory(struct measure *m)
{
	char path[64], line[256];
	long kib;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)m->pid);
	if ((f = fopen(path, "re")) == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "RssAnon: %ld kB", &kib) == 1 &&
		    kib > m->anon_kib)
			m->anon_kib = kib;
	fclose(f);
}

/* Nanoseconds on a CPU of all threads that live. */
static int64_t
cpu_ns(pid_t pid)
{
	char path[320];
	int64_t all = 0, ns;
	struct dirent *d;
	DIR *dir;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	if ((dir = opendir(path)) == NULL)
		return (0);
	while ((d = readdir(dir)) != NULL) {
		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat",
		    (int)pid, d->d_name);
		if (d->d_name[0] == '.' || (f = fopen(path, "re")) == NULL)
			continue;
		if (fscanf(f, "%" SCNd64, &ns) == 1)
			all += ns;
		fclose(f);
	}
	closedir(dir);
	return (all);
}

/* User and system seconds, ended threads included. */
static double
cpu_ticks(pid_t pid)
{
	unsigned long user = 0, sys = 0;
	char path[64], buf[1024], *p;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return (0);
	if (fgets(buf, sizeof buf, f) != NULL &&
	    (p = strrchr(buf, ')')) != NULL)
		sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
		    "%lu %lu", &user, &sys);
	fclose(f);
	return ((double)(user + sys) / (double)sysconf(_SC_CLK_TCK));
}

/* --- the command --- */

static void
start(struct measure *m)
{
	int fd;

	m->begin = clock_mono_ns();
	m->deadline = m->begin + m->timeout * 1000 * MS;
	m->pid = fork();
	if (m->pid == -1)
		tool_die("fork: %s", strerror(errno));
	if (m->pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (m->log != NULL) {
		fd = open(m->log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		dup2(fd, STDERR_FILENO);
		dup2(fd, STDOUT_FILENO);
		close(fd);
	}
	execvp(m->command[0], m->command);
	_exit(127);
}

static bool
has_ended(struct measure *m)
{
	struct rusage ru;

	if (m->ended || wait4(m->pid, &m->status, WNOHANG, &ru) != m->pid)
		return (m->ended);
	m->cpu = (double)ru.ru_utime.tv_sec + (double)ru.ru_stime.tv_sec +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	return (m->ended = true);
}

static const char *const settings[] = { "log_level", "2", NULL };

static bool
at_end_offset(struct measure *m)
{
	int64_t low, high;
	char why[256];

	if (m->rk == NULL)
		m->rk = rd_kafka_new(RD_KAFKA_CONSUMER, tool_conf(m->brokers,
		    settings), why, sizeof why);
	if (m->rk == NULL)
		tool_die("%s", why);
	return (rd_kafka_query_watermark_offsets(m->rk, m->topic, 0, &low,
	    &high, 1000) == 0 && high >= m->end);
}

/* What an agent says at its socket, NULL when it does not answer. */
static char *
ask(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct sb sb = SB_INIT;
	char buf[4096];
	ssize_t n = -1;
	int fd;

	if (strlen(path) >= sizeof sun.sun_path)
		tool_die("%s: too long for a socket", path);
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd != -1 && connect(fd, (struct sockaddr *)&sun,
	    sizeof sun) == 0)
		while ((n = read(fd, buf, sizeof buf)) > 0)
			sb_add(&sb, buf, (size_t)n);
	if (fd != -1)
		close(fd);
	if (n == 0)
		return (sb_take(&sb));
	sb_fini(&sb);
	return (NULL);
}

/* The sum over the sinks, which stand behind everything else. */
static bool
at_delivered(struct measure *m)
{
	static const char key[] = "\"delivered\":";
	char *text = ask(m->socket), *p;
	int64_t sum = 0;

	p = text == NULL ? NULL : strstr(text, "\"sinks\":");
	while (p != NULL && (p = strstr(p, key)) != NULL) {
		p += sizeof key - 1;
		sum += strtoll(p, NULL, 10);
	}
	free(text);
	return (sum >= m->delivered);
}

static bool
holds(struct measure *m)
{
	if (m->delivered > 0)
		return (at_delivered(m));
	if (m->end > 0)
		return (at_end_offset(m));
	if (m->file != NULL)
		return (access(m->file, F_OK) == 0);
	return (has_ended(m));
}

static void
one_look(struct measure *m)
{
	if (m->ready_ns == 0 && m->ready != NULL &&
	    tool_file_has(m->log, 0, m->ready))
		m->ready_ns = clock_mono_ns();
	look_at_memory(m);
	if (clock_mono_ns() > m->deadline)
		tool_die("not done after %" PRId64 " s", m->timeout);
	tool_sleep_ns(m->ready != NULL && m->ready_ns == 0 ? MS / 2 : 5 * MS);
}

static void
wait_until_done(struct measure *m)
{
	while (m->ready != NULL && m->ready_ns == 0 && !has_ended(m))
		one_look(m);
	while (m->idle == 0 && !holds(m)) {
		if ((m->end > 0 || m->delivered > 0 || m->file != NULL) &&
		    has_ended(m))
			tool_die("it ended, wait status %#x", m->status);
		one_look(m);
	}
	m->done_ns = clock_mono_ns();
	if (!has_ended(m))
		m->cpu = cpu_ticks(m->pid);
}

static void
stay_idle(struct measure *m)
{
	int64_t before, at;

	while (m->settled != NULL && system(m->settled) != 0)
		one_look(m);
	tool_sleep_ns((int64_t)2000 * MS);
	before = cpu_ns(m->pid);
	at = clock_mono_ns();
	tool_sleep_ns(m->idle * 1000 * MS);
	look_at_memory(m);
	printf("idle_percent=%.3f\n", 100.0 * (double)(cpu_ns(m->pid) -
	    before) / (double)(clock_mono_ns() - at));
}

static int
run(struct measure *m)
{
	start(m);
	wait_until_done(m);
	if (m->idle > 0)
		stay_idle(m);
	look_at_memory(m);
	if (!m->ended) {
		kill(m->pid, SIGTERM);
		if (waitpid(m->pid, &m->status, 0) != m->pid)
			tool_die("waitpid");
	}
	printf("seconds=%.3f\n", (double)(m->done_ns - m->begin) / 1e9);
	if (m->ready_ns != 0)
		printf("ready_ms=%.1f\n", (double)(m->ready_ns - m->begin) /
		    1e6);
	printf("cpu=%.3f\nanon_kib=%" PRId64 "\n", m->cpu, m->anon_kib);
	if (m->rk != NULL)
		rd_kafka_destroy(m->rk);
	return (m->status == 0 ? TOOL_OK : TOOL_FAILED);
}

int
tool_measure(int argc, char **argv)
{
	struct measure m = { .topic = "bench", .timeout = 300 };
	const struct flag flags[] = {
		FLAG_STR_ROW("log", &m.log, "FILE", "The command's output."),
		FLAG_STR_ROW("ready", &m.ready, "TEXT", "Says it is ready."),
		FLAG_STR_ROW("brokers", &m.brokers, "HOST:PORT", "Ask them."),
		FLAG_STR_ROW("topic", &m.topic, "TOPIC", "Partition 0 of it."),
		FLAG_INT_ROW("end-offset", &m.end, "N", "Until it has these."),
		FLAG_STR_ROW("socket", &m.socket, "PATH", "An agent's."),
		FLAG_INT_ROW("delivered", &m.delivered, "N",
		    "Until its sinks say so."),
		FLAG_STR_ROW("until-file", &m.file, "FILE", "Until it exists."),
		FLAG_INT_ROW("idle", &m.idle, "SECONDS", "Leave it alone."),
		FLAG_STR_ROW("settled", &m.settled, "COMMAND",
		    "Before --idle, until it succeeds."),
		FLAG_INT_ROW("timeout", &m.timeout, "SECONDS", "Give up."),
		FLAG_LAST
	};
	int rc;

	m.command = tool_split(&argc, argv);
	rc = flags_parse(flags, "t measure", "What a command costs.", argc,
	    argv, NULL);
	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	if (m.command == NULL || (m.ready != NULL && m.log == NULL) ||
	    (m.delivered > 0 && m.socket == NULL))
		tool_die("measure: give -- COMMAND; --ready needs --log, "
		    "--delivered needs --socket");
	return (run(&m));
}
