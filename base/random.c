/* Everything comes from getrandom(2), which does not fail once seeded. */
#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"

static const char base64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
random_bytes(void *p, size_t n)
{
	uint8_t *out = p;
	ssize_t got;

	while (n > 0) {
		got = getrandom(out, n, 0);
		if (got == -1 && errno == EINTR)
			continue;
		CHECK(got > 0);
		out += got;
		n -= (size_t)got;
	}
}

/*
 * Like Kafka's own Uuid.randomUuid, leaves out those whose text begins with
 * '-': they would read as an option on a command line.
 */
void
uuid_random(struct uuid *u)
{
	char text[23];

	do {
		random_bytes(u->b, sizeof u->b);
		u->b[6] = (u->b[6] & 0x0f) | 0x40;
		u->b[8] = (u->b[8] & 0x3f) | 0x80;
	} while (uuid_print(u, text)[0] == '-');
}

const char *
uuid_print(const struct uuid *u, char buf[23])
{
	uint32_t acc = 0;
	unsigned bits = 0;
	char *out = buf;

	for (size_t i = 0; i < sizeof u->b; i++) {
		acc = acc << 8 | u->b[i];
		for (bits += 8; bits >= 6; bits -= 6)
			*out++ = base64url[acc >> (bits - 6) & 63];
	}
	*out++ = base64url[acc << (6 - bits) & 63];
	*out = '\0';
	return (buf);
}

int
uuid_parse(struct uuid *u, const char *s)
{
	struct uuid r;
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t n = 0;
	const char *at;

	if (strlen(s) != 22)
		return (0);
	for (; *s != '\0'; s++) {
		if ((at = strchr(base64url, *s)) == NULL)
			return (0);
		acc = acc << 6 | (uint32_t)(at - base64url);
		if ((bits += 6) >= 8)
			r.b[n++] = (uint8_t)(acc >> (bits -= 8));
	}
	if ((acc & ((1u << bits) - 1)) != 0)
		return (0);
	*u = r;
	return (1);
}
