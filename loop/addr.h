/*
 * Socket addresses as text: "192.0.2.1:4711", "[2001:db8::1]:4711", "unix".
 * An IPv4 address mapped into IPv6 is written as IPv4.  Any thread.
 */
#ifndef LOOP_ADDR_H
#define LOOP_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDR_TEXT	72	/* room for any of them */

/* host alone when port is false.  Returns buf. */
const char	*addr_text(char *buf, size_t size, const struct sockaddr *,
		    bool port);
uint16_t	 addr_port(const struct sockaddr *);
void		 addr_set_port(struct sockaddr *, uint16_t);
bool		 addr_is_loopback(const struct sockaddr *);

#endif
