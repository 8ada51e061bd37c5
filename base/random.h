/* Random bytes and uuids from getrandom(2); never predictable. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct uuid { uint8_t b[16]; };

void	random_bytes(void *, size_t);
/* RFC 4122 version 4; never all zero. */
void	uuid_random(struct uuid *);
/* 22 characters of URL-safe base64 and NUL, as Kafka prints its ids. */
const char *uuid_print(const struct uuid *, char buf[23]);
/* False if it is not such a text. */
int	uuid_parse(struct uuid *, const char *);

#endif
