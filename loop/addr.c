/* See addr.h. */
#include "loop/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const struct sockaddr_in *
as_in4(const struct sockaddr *sa)
{
	return ((const void *)sa);
}

static const struct sockaddr_in6 *
as_in6(const struct sockaddr *sa)
{
	return ((const void *)sa);
}

/* Where the four bytes of an IPv4 address are, NULL when it is none. */
static const void *
v4_bytes(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return (&as_in4(sa)->sin_addr);
	if (sa->sa_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&as_in6(sa)->sin6_addr))
		return (&as_in6(sa)->sin6_addr.s6_addr[12]);
	return (NULL);
}

uint16_t
addr_port(const struct sockaddr *sa)
{
	switch (sa->sa_family) {
	case AF_INET:
		return (ntohs(as_in4(sa)->sin_port));
	case AF_INET6:
		return (ntohs(as_in6(sa)->sin6_port));
	default:
		return (0);
	}
}

void
addr_set_port(struct sockaddr *sa, uint16_t port)
{
	if (sa->sa_family == AF_INET)
		((struct sockaddr_in *)(void *)sa)->sin_port = htons(port);
	else if (sa->sa_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)sa)->sin6_port = htons(port);
}

bool
addr_is_loopback(const struct sockaddr *sa)
{
	const uint8_t *v4 = v4_bytes(sa);

	if (v4 != NULL)
		return (v4[0] == 127);
	return (sa->sa_family == AF_INET6 &&
	    IN6_IS_ADDR_LOOPBACK(&as_in6(sa)->sin6_addr));
}

const char *
addr_text(char *buf, size_t size, const struct sockaddr *sa, bool port)
{
	char host[INET6_ADDRSTRLEN] = "?";
	const void *v4 = v4_bytes(sa);
	bool v6 = v4 == NULL && sa->sa_family == AF_INET6;

	if (v4 != NULL)
		inet_ntop(AF_INET, v4, host, sizeof host);
	else if (v6)
		inet_ntop(AF_INET6, &as_in6(sa)->sin6_addr, host, sizeof host);
	else if (sa->sa_family == AF_UNIX)
		memcpy(host, "unix", sizeof "unix");
	if (!port || (v4 == NULL && !v6))
		snprintf(buf, size, "%s", host);
	else
		snprintf(buf, size, v6 ? "[%s]:%u" : "%s:%u", host,
		    (unsigned)addr_port(sa));
	return (buf);
}
