/*
 * What the test program's parts share: `t COMMAND --flag value ...`.
 *
 * A test tool may end the process where a product may not: die() prints and
 * exits with status 2, so that status 1 is left for "the check failed".
 */
#ifndef TEST_TOOL_TOOL_H
#define TEST_TOOL_TOOL_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"

enum { TOOL_OK = 0, TOOL_FAILED = 1, TOOL_TROUBLE = 2 };

struct tool_command {
	const char	*name, *doc;
	int		(*run)(int argc, char **argv);
};

int	tool_bare(int, char **);
int	tool_chaos(int, char **);
int	tool_check(int, char **);
int	tool_count(int, char **);
int	tool_crash(int, char **);
int	tool_drain(int, char **);
int	tool_feed(int, char **);
int	tool_flood(int, char **);
int	tool_garbage(int, char **);
int	tool_gen(int, char **);
int	tool_hostile(int, char **);
int	tool_latency(int, char **);
int	tool_measure(int, char **);
int	tool_null_broker(int, char **);
int	tool_pace(int, char **);
int	tool_port(int, char **);
int	tool_proxy(int, char **);
int	tool_sendfile(int, char **);
int	tool_transform(int, char **);
int	tool_verify(int, char **);

/* Prints "t: message" and exits with TOOL_TROUBLE. */
void	tool_die(const char *fmt, ...)
	    __attribute__((noreturn, format(printf, 1, 2)));
/* Sleeps whole; for rates and random moments, not for waiting. */
void	tool_sleep_ns(int64_t ns);
/* Cuts argv at "--" and gives what follows, NULL-ended; NULL when none. */
char	**tool_split(int *argc, char **argv);
/* true when a file (of a child's stderr) has the text. */
bool	tool_file_has(const char *path, off_t from, const char *text);
/* Prints WHAT_p50_us, WHAT_p99_us and WHAT_max_us of n times in ns, which it
 * sorts; nothing when there is none. */
void	tool_percentiles(const char *what, int64_t *v, size_t n);
/* Maps a whole file for reading. */
struct slice tool_map(const char *path);
/* The line at the front of *s, without its newline; false at the end. */
bool	tool_line(struct slice *s, struct slice *line);
/* Takes the value and a newline off the front, when they stand there.  (A value
 * with a newline in it takes two lines: count the records too.) */
bool	tool_line_is(struct slice *s, struct slice value);

/* Sets librdkafka settings from NULL-ended key, value pairs, or dies. */
rd_kafka_conf_t *tool_conf(const char *brokers, const char *const *pairs);
/* Partitions of a topic; 0 when it is not there. */
int32_t	tool_partitions(rd_kafka_t *, const char *topic);

/* --- a seeded generator (splitmix64): the same on every machine --- */

struct tool_random {
	uint64_t	state;
};

uint64_t	tool_random_next(struct tool_random *);
/* 0 to n - 1; n > 0. */
uint64_t	tool_random_below(struct tool_random *, uint64_t n);

#endif
