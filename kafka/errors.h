/*
 * Kafka's error codes, as they travel: KERR_NONE, KERR_CORRUPT_MESSAGE, ...
 * The list is errors.def.  Pure functions, any thread.
 */
#ifndef KAFKA_ERRORS_H
#define KAFKA_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

enum kerr {
#define ERROR(code, name, retriable, text)	KERR_##name = (code),
#include "kafka/errors.def"
};

/* "CORRUPT_MESSAGE"; "UNKNOWN_ERROR_CODE" for a code not in the list. */
const char	*kerr_name(int code);
/* A sentence for people, lower case, no full stop. */
const char	*kerr_text(int code);
/* May the client try the same again?  false for a code not in the list. */
bool		 kerr_retriable(int code);

#endif
