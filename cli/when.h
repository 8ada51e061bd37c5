/*
 * Points and spans of time as kafka-consumer-groups.sh takes them.  Both
 * parsers want the whole string and leave *ms alone when they return false.
 */
#ifndef CLI_WHEN_H
#define CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

/* "2026-11-21T15:04:05.123", the fraction may be missing; then nothing or Z
 * for UTC, or +01, +0100, +01:00.  Milliseconds since 1970. */
bool	when_parse(const char *, int64_t *ms);

/* "P1DT2H3M4.5S" as java.time.Duration reads it: any part may be missing, but
 * not all; parts and the whole may have a sign; case does not matter. */
bool	when_duration(const char *, int64_t *ms);

/* "2026-11-21 15:04:05:123" in UTC, as Kafka's performance tools print it. */
const char *when_print(char buf[32], int64_t ms);

#endif
