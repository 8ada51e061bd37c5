/*
 * t crash: starts a command, kills it with SIGKILL at a random moment, stays
 * down for a random while, starts it again; --kills times.  Then a last start,
 * --then (a shell command, the checker), SIGTERM, and the command must end
 * with status 0.
 *
 * One kill in four strikes within the first 100 ms, while it recovers; the
 * others strike after it was ready.  All from --seed, which is printed, though
 * what the machine does meanwhile is its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/flags.h"
#include "test/tool/tool.h"

#define MS		1000000
#define READY_MS	20000
#define EARLY_MS	100

struct crash {
	const char		*log, *ready, *then, *down;
	int64_t			 kills, seed, up_ms, down_ms;
	char			**command;
	struct tool_random	 random;
	pid_t			 pid;
	off_t			 log_at;
};

static void
start(struct crash *c)
{
	int fd = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		tool_die("%s: %s", c->log, strerror(errno));
	c->log_at = st.st_size;
	c->pid = fork();
	if (c->pid == -1)
		tool_die("fork: %s", strerror(errno));
	if (c->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* not without us */
		dup2(fd, STDERR_FILENO);
		execvp(c->command[0], c->command);
		_exit(127);
	}
	close(fd);
}

/* The status when it has ended by itself, else -1. */
static int
ended(struct crash *c)
{
	int status;

	if (waitpid(c->pid, &status, WNOHANG) != c->pid)
		return (-1);
	c->pid = 0;
	return (status);
}

static void
wait_ready(struct crash *c)
{
	int64_t until = clock_mono_ns() + (int64_t)READY_MS * MS;
	int status;

	while (!tool_file_has(c->log, c->log_at, c->ready)) {
		if ((status = ended(c)) != -1)
			tool_die("it ended by itself, wait status %#x; see "
			    "%s", status, c->log);
		if (clock_mono_ns() > until) {
			kill(c->pid, SIGKILL);
			tool_die("not ready after %d ms; see %s", READY_MS,
			    c->log);
		}
		tool_sleep_ns(MS);
	}
}

static void
kill_it(struct crash *c)
{
	int status = ended(c);

	if (status != -1)
		tool_die("it ended by itself, wait status %#x; see %s",
		    status, c->log);
	kill(c->pid, SIGKILL);
	if (waitpid(c->pid, NULL, 0) != c->pid)
		tool_die("waitpid");
	c->pid = 0;
}

static int64_t
random_ns(struct crash *c, int64_t max_ms)
{
	return ((int64_t)tool_random_below(&c->random,
	    (uint64_t)max_ms * MS + 1));
}

static void
one_life(struct crash *c)
{
	start(c);
	if (tool_random_below(&c->random, 4) == 0)
		tool_sleep_ns(random_ns(c, EARLY_MS));
	else {
		wait_ready(c);
		tool_sleep_ns(random_ns(c, c->up_ms));
	}
	kill_it(c);
	if (c->down != NULL && system(c->down) != 0)
		tool_die("--down failed: %s", c->down);
	tool_sleep_ns(random_ns(c, c->down_ms));
}

static int
last_life(struct crash *c)
{
	int status, rc = TOOL_OK;

	start(c);
	wait_ready(c);
	if (c->then != NULL && system(c->then) != 0)
		rc = TOOL_FAILED;
	kill(c->pid, SIGTERM);
	if (waitpid(c->pid, &status, 0) != c->pid)
		tool_die("waitpid");
	if (status != 0) {
		printf("after SIGTERM: wait status %#x\n", status);
		rc = TOOL_FAILED;
	}
	return (rc);
}

static int
run(struct crash *c)
{
	int64_t i;

	if (c->command == NULL || c->log == NULL)
		tool_die("crash: give --log FILE and -- COMMAND ...");
	if (c->seed == 0 && getrandom(&c->seed, 4, 0) != 4)
		tool_die("getrandom");
	printf("seed %lld (--seed %lld repeats it)\n", (long long)c->seed,
	    (long long)c->seed);
	fflush(stdout);
	c->random.state = (uint64_t)c->seed;
	for (i = 0; i < c->kills; i++)
		one_life(c);
	return (last_life(c));
}

int
tool_crash(int argc, char **argv)
{
	struct crash c = { .ready = "is ready", .kills = 20, .up_ms = 200,
	    .down_ms = 50 };
	const struct flag flags[] = {
		FLAG_STR_ROW("log", &c.log, "FILE", "The command's stderr."),
		FLAG_STR_ROW("ready", &c.ready, "TEXT", "Says it is ready."),
		FLAG_INT_ROW("kills", &c.kills, "N", "How many."),
		FLAG_INT_ROW("seed", &c.seed, "N", "0: a random one."),
		FLAG_INT_ROW("up-ms", &c.up_ms, "MS",
		    "Longest life after it was ready."),
		FLAG_INT_ROW("down-ms", &c.down_ms, "MS", "Longest death."),
		FLAG_STR_ROW("down", &c.down, "COMMAND",
		    "Run while it is down."),
		FLAG_STR_ROW("then", &c.then, "COMMAND",
		    "Run in the last life; decides."),
		FLAG_LAST
	};
	int rc;

	c.command = tool_split(&argc, argv);
	rc = flags_parse(flags, "t crash", "Kills a command, again and again.",
	    argc, argv, NULL);
	if (rc != 0)
		return (rc == FLAGS_HELP ? TOOL_OK : TOOL_TROUBLE);
	return (run(&c));
}
