/* Connections without a client library. */
#include "test/tool/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "test/tool/tool.h"

int
raw_dial(const char *address)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const char *colon = strrchr(address, ':');
	char host[64];
	int fd;

	if (colon == NULL || (size_t)(colon - address) >= sizeof host)
		tool_die("%s: HOST:PORT is wanted", address);
	snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
	sin.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
		tool_die("%s: an IPv4 address is wanted", address);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sin, sizeof sin) == -1)
		tool_die("%s: %s", address, strerror(errno));
	return (fd);
}

void
raw_read(int fd, uint8_t *p, size_t n)
{
	ssize_t k;

	for (; n > 0; p += k, n -= (size_t)k)
		if ((k = recv(fd, p, n, MSG_WAITALL)) <= 0)
			tool_die("the connection was closed");
}
