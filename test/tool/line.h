/*
 * The lines that tests write and look for again:
 *
 *	FILE SEQ LEN CRC PAYLOAD
 *
 * FILE names the file that is written (a word), SEQ counts its lines from 1,
 * LEN is the payload's length and CRC the CRC-32C, in hex, of everything but
 * itself and the blank behind it.  The payload is any bytes but newlines.
 */
#ifndef TEST_TOOL_LINE_H
#define TEST_TOOL_LINE_H

#include "test/tool/tool.h"

#define LINE_PAYLOAD_MAX	65536
#define LINE_MAX_SIZE		(LINE_PAYLOAD_MAX + 128)

struct line {
	struct slice	file, payload;
	uint64_t	seq;
};

/*
 * Writes line seq of file, with its newline, to buf (LINE_MAX_SIZE bytes) and
 * gives its size.  The payload follows from file, seq and seed; most are up
 * to max bytes, one in 512 up to 100 times that.
 */
size_t	line_make(char *buf, const char *file, uint64_t seq, uint64_t seed,
	    size_t max);
/* NULL, or what is wrong with these bytes (without the newline). */
const char *line_parse(struct slice, struct line *);

#endif
