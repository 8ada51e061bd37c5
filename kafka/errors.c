/*
 * The table is dense from -1 on, so a lookup is an index.
 */
#include "kafka/errors.h"

#include <stddef.h>

#include "base/mem.h"

static const struct kerr_row {
	const char	*name;
	const char	*text;
	bool		 retriable;
} rows[] = {
#define ERROR(code, name, retriable, text)				\
	[(code) + 1] = { #name, text, retriable },
#include "kafka/errors.def"
};

static const struct kerr_row unknown = {
	"UNKNOWN_ERROR_CODE", "error code this program does not know", false
};

static const struct kerr_row *
row_of(int code)
{
	if (code < -1 || (size_t)(code + 1) >= NELEM(rows))
		return (&unknown);
	return (&rows[code + 1]);
}

const char *
kerr_name(int code)
{
	return (row_of(code)->name);
}

const char *
kerr_text(int code)
{
	return (row_of(code)->text);
}

bool
kerr_retriable(int code)
{
	return (row_of(code)->retriable);
}
