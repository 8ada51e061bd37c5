/*
 * Small text helpers: parse what users write, print what they read.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * The parsers want the whole string, take no locale, and return false without
 * touching *out when it does not fit.
 */
bool	str_int64(const char *, int64_t *out);		/* decimal, sign */
/* Bytes: "4096", "64k", "10MB", "1 GiB"; k, m, g, t are powers of 1024. */
bool	str_size(const char *, uint64_t *out);
/* Milliseconds: "250", "250ms", "5s", "10m", "2h", "7d".  A bare number is
 * unit_ms milliseconds each (Flume's keys are ms or s).  A sign '-' is taken
 * ("-1" means "no limit" in Kafka's keys); bounds are the caller's. */
bool	str_duration(const char *, int64_t unit_ms, int64_t *out);
/* true/false, yes/no, on/off, 1/0; any case. */
bool	str_bool(const char *, bool *out);

/* "213 B", "1.1 GiB"; "350 ms", "5.2 s", "2 h 5 min".  Return buf. */
const char *str_print_size(char *buf, size_t, uint64_t bytes);
const char *str_print_duration(char *buf, size_t, int64_t ms);

/* Levenshtein distance with transposition, capped at limit + 1. */
unsigned str_distance(const char *, const char *, unsigned limit);
/*
 * The word nearest to `word` among n candidates, or NULL when none is within
 * a third of its length (at least 1, case ignored first).
 */
const char *str_nearest(const char *word, const char *const *v, size_t n);

/* Splits at runs of white space, in place; at most max words, what follows is
 * not looked at; the count. */
size_t	str_words(char *s, char **v, size_t max);

/* Trims blanks from both ends, in place. */
char	*str_trim(char *);

/* Shell-like glob on bytes: * ? [a-z] [!a-z] and \ before any of them.  With
 * path true none of them matches '/', but ** does, and "**" followed by '/'
 * stands for any number of parts, none included. */
bool	str_glob(const char *pattern, const char *s, bool path);

/* s escaped for a log line or terminal: control and non-UTF-8 bytes as \xNN,
 * at most size bytes with NUL; cut with "..." . Returns buf. */
const char *str_printable(char *buf, size_t size, struct slice s);

/* A growing string; sb_fini frees.  ptr is NUL-terminated, or NULL as long as
 * nothing was added. */
struct sb {
	char	*ptr;
	size_t	 len, cap;
};
#define SB_INIT	{ NULL, 0, 0 }
void	 sb_add(struct sb *, const void *, size_t);
void	 sb_puts(struct sb *, const char *);
void	 sb_printf(struct sb *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* As a JSON string with quotes; bytes that are not UTF-8 become U+FFFD. */
void	 sb_json(struct sb *, struct slice);
/* Hands the string over to the caller (free); the sb is empty then. */
char	*sb_take(struct sb *);
void	 sb_fini(struct sb *);

#endif
