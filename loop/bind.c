/*
 * A name may stand for several addresses ("localhost": 127.0.0.1 and ::1) and
 * all are bound, to the same port.  With port 0 the first address gets a port
 * from the kernel, which may be taken on the second: then all of it is tried
 * again.
 */
#include "loop/bind.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/addr.h"

#define PORT_TRIES	16

static bool
is_any(const char *host)
{
	return (host == NULL || *host == '\0' || strcmp(host, "*") == 0);
}

char *
bind_name(const char *host, uint16_t port)
{
	if (is_any(host))
		return (xasprintf("*:%u", (unsigned)port));
	return (xasprintf(strchr(host, ':') == NULL ? "%s:%u" : "[%s]:%u",
	    host, (unsigned)port));
}

uint16_t
bind_port(int fd)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof ss;

	getsockname(fd, (struct sockaddr *)&ss, &len);
	return (addr_port((struct sockaddr *)&ss));
}

/* What can be done about errno, with the colon in front. */
static const char *
advice(int err, uint16_t port)
{
	switch (err) {
	case EADDRINUSE:
		return (": the port is in use by another program (ss -lnptu "
		    "shows which); stop that one or set another port");
	case EACCES:
	case EPERM:
		return (port < 1024 ? ": ports below 1024 need the capability "
		    "CAP_NET_BIND_SERVICE; grant it or set a higher port" :
		    ": the system does not allow it");
	case EADDRNOTAVAIL:
		return (": no interface of this machine has that address; "
		    "set one it has, or * for all");
	default:
		return ("");
	}
}

static int
bind_error(const struct addrinfo *ai, int err, struct err *e)
{
	char text[ADDR_TEXT];

	addr_text(text, sizeof text, ai->ai_addr, true);
	errno = err;
	return (err_sys(e, "cannot listen on %s%s", text,
	    advice(err, addr_port(ai->ai_addr))));
}

static int
bind_one(const struct bind_opts *o, const struct addrinfo *ai)
{
	int one = 1, saved;
	int fd = socket(ai->ai_family, o->type | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);

	if (fd == -1)
		return (-1);
	/* TCP: a restart need not wait for old connections.  UDP: it would
	 * let two programs share the port. */
	if (o->type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
	    (o->type != SOCK_STREAM || listen(fd, o->backlog) == 0))
		return (fd);
	saved = errno;
	close(fd);
	errno = saved;
	return (-1);
}

static void
close_all(const int *fds, size_t n)
{
	while (n > 0)
		close(fds[--n]);
}

/* -> the count; -1; -2: the port that the kernel chose is taken elsewhere. */
static ssize_t
bind_list(const struct bind_opts *o, struct addrinfo *list, int *fds,
    struct err *e)
{
	struct addrinfo *ai, *failed = NULL;
	uint16_t port = o->port;
	int err = 0;
	size_t n = 0;

	for (ai = list; ai != NULL && n < o->max; ai = ai->ai_next) {
		addr_set_port(ai->ai_addr, port);
		if ((fds[n] = bind_one(o, ai)) != -1) {
			port = bind_port(fds[n++]);
			continue;
		}
		err = errno;
		failed = ai;
		if (err != EAFNOSUPPORT && err != EADDRNOTAVAIL)
			break;
	}
	if (n > 0 && (ai == NULL || n == o->max))
		return ((ssize_t)n);
	close_all(fds, n);
	if (n > 0 && o->port == 0 && err == EADDRINUSE)
		return (-2);
	return (bind_error(failed, err, e));
}

static struct addrinfo *
resolve(const char *host, int type, int *rc)
{
	struct addrinfo hints = { .ai_socktype = type,
	    .ai_flags = AI_PASSIVE };
	struct addrinfo *list = NULL;

	/* A service is needed when there is no host. */
	*rc = getaddrinfo(is_any(host) ? NULL : host, "0", &hints, &list);
	return (*rc == 0 ? list : NULL);
}

ssize_t
bind_host(const struct bind_opts *o, int *fds, struct err *e)
{
	struct addrinfo *list;
	ssize_t n = -2;
	int i, rc;

	if ((list = resolve(o->host, o->type, &rc)) == NULL)
		return (err_set(e, ERR_CONFIG, "cannot resolve the host "
		    "'%s': %s", is_any(o->host) ? "*" : o->host,
		    rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc)));
	for (i = 0; i < PORT_TRIES && n == -2; i++)
		n = bind_list(o, list, fds, e);
	freeaddrinfo(list);
	if (n == -2)
		return (err_set(e, ERR_SYS, "no port is free on all "
		    "addresses of %s", is_any(o->host) ? "this machine" :
		    o->host));
	return (n);
}

bool
bind_is_loopback(const char *host)
{
	struct addrinfo *list, *ai;
	bool yes = true;
	int rc;

	if (is_any(host) || (list = resolve(host, SOCK_STREAM, &rc)) == NULL)
		return (false);
	for (ai = list; ai != NULL; ai = ai->ai_next)
		yes = yes && addr_is_loopback(ai->ai_addr);
	freeaddrinfo(list);
	return (yes);
}

/* Unix sockets. */

/* Does somebody answer at the address? */
static bool
is_alive(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive;

	if (fd == -1)
		return (true);
	alive = connect(fd, (const void *)sun, sizeof *sun) == 0 ||
	    errno != ECONNREFUSED;
	close(fd);
	return (alive);
}

/* A socket that its process left behind goes; anything else stays. */
static int
clear_path(const struct sockaddr_un *sun, struct err *e)
{
	const char *path = sun->sun_path;
	struct stat st;

	if (lstat(path, &st) == -1)
		return (0);
	if (!S_ISSOCK(st.st_mode))
		return (err_set(e, ERR_EXISTS, "cannot listen on %s: there "
		    "is something else; remove it or set another path", path));
	if (is_alive(sun))
		return (err_set(e, ERR_EXISTS, "cannot listen on %s: another "
		    "process does; stop it or set another path", path));
	if (unlink(path) == -1)
		return (err_sys(e, "remove the old socket %s", path));
	return (0);
}

static int
bind_path(const char *path, mode_t mode, int backlog, struct err *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof sun.sun_path)
		return (err_set(e, ERR_CONFIG, "the path of the socket is "
		    "longer than %zu bytes: %s", sizeof sun.sun_path - 1,
		    path));
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if (clear_path(&sun, e) == -1)
		return (-1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return (err_sys(e, "unix socket"));
	/* Nobody can connect before listen, so the mode is in time. */
	if (bind(fd, (struct sockaddr *)&sun, sizeof sun) == -1 ||
	    chmod(path, mode) == -1 || listen(fd, backlog) == -1) {
		err_sys(e, "cannot listen on %s", path);
		close(fd);
		return (-1);
	}
	return (fd);
}

int
bind_unix(const char *what, const char *path, mode_t mode, int backlog,
    struct err *e)
{
	int fd = bind_path(path, mode, backlog, e);

	if (fd == -1 && what != NULL)
		err_ctx(e, "%s", what);
	return (fd);
}
