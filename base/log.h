/*
 * leat's own log: stderr, one line per event,
 *
 *	2026-11-21T09:30:00.123Z info source=r1: following 12 files
 *
 * (no time stamp when stderr is the journal: JOURNAL_STREAM is set).  Lower
 * case, no full stop, key=value behind the sentence.  State changes are info
 * and said once.  What can repeat is limited per call site: after 10 lines in
 * a minute the rest is counted and said in one line, with the next line logged
 * from anywhere after that minute (debug is not limited).  Record bodies never
 * above debug.  Control bytes in arguments are written as \xNN.
 * Any thread; a line is one write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_site {		/* one per call site, static, zero */
	_Atomic int64_t	 window;	/* when its minute began */
	atomic_uint	 count;		/* lines since then */
	/* while it is over its limit, under log.c's lock: */
	bool		 listed;
	enum log_level	 level;
	const char	*fmt;
	struct log_site	*next;
};

extern enum log_level log_max;	/* set once in main; LOG_INFO at first */

/* who: "source=r1", or NULL.  Arguments are not evaluated above log_max. */
#define LOG_AT(level, who, ...)						\
	do {								\
		static struct log_site log_site_;			\
		if ((level) <= log_max)					\
			log_line(&log_site_, (level), (who), __VA_ARGS__); \
	} while (0)
#define log_error(who, ...)	LOG_AT(LOG_ERROR, who, __VA_ARGS__)
#define log_warn(who, ...)	LOG_AT(LOG_WARN, who, __VA_ARGS__)
#define log_info(who, ...)	LOG_AT(LOG_INFO, who, __VA_ARGS__)
#define log_debug(who, ...)	LOG_AT(LOG_DEBUG, who, __VA_ARGS__)

void	log_line(struct log_site *, enum log_level, const char *who,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* "error", "warn", "info", "debug" to a level; false if it is none. */
bool	log_level_parse(const char *, enum log_level *);

/* Tests: lines go to fn instead of stderr, without time stamp and newline;
 * NULL restores. */
void	log_set_sink(void (*fn)(enum log_level, const char *line, void *),
	    void *ctx);

#endif
