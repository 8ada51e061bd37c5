/* Connections without a client library: what costs the client little. */
#ifndef TEST_TOOL_RAW_H
#define TEST_TOOL_RAW_H

#include <stddef.h>
#include <stdint.h>

/* Connects to an IPv4 HOST:PORT: the socket, or tool_die(). */
int	raw_dial(const char *address);
/* All n bytes, or tool_die(). */
void	raw_read(int fd, uint8_t *p, size_t n);

#endif
