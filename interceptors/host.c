/*
 * host: this machine's address or name as a header, as Flume's (user guide,
 * "Host Interceptor").  Looked up once at start; when that fails the header is
 * left out with one warning.
 */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "interceptors/interceptors.h"

struct host {
	struct interceptor	 interceptor;
	char			*header;
	bool			 use_ip, preserve;
	char			*value;		/* NULL: lookup failed */
};

static const struct setting settings[] = {
	SETTING_BOOL(struct host, use_ip, "useIP", .def = "true",
	    .doc = "The address; false: the canonical host name."),
	SETTING_STR(struct host, header, "hostHeader", .def = "host",
	    .doc = "Header that gets it."),
	SETTING_BOOL(struct host, preserve, "preserveExisting",
	    .def = "false", .doc = "Leaves a header of that name as it is."),
	SETTING_END
};

static int
host_start(struct interceptor *i, struct err *e)
{
	struct host *h = (struct host *)i;
	struct addrinfo hints = {
		.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM
	};
	struct addrinfo *ai;
	char name[256] = "", addr[NI_MAXHOST];
	int rc;

	(void)e;
	gethostname(name, sizeof name - 1);
	rc = getaddrinfo(name, NULL, &hints, &ai);
	if (rc != 0) {
		log_warn(i->who, "the address of this host (%s) cannot be "
		    "looked up: %s: records get no %s header", name,
		    gai_strerror(rc), h->header);
		return (0);
	}
	if (!h->use_ip)
		h->value = xstrdup(ai->ai_canonname != NULL ?
		    ai->ai_canonname : name);
	else if (getnameinfo(ai->ai_addr, ai->ai_addrlen, addr, sizeof addr,
	    NULL, 0, NI_NUMERICHOST) == 0)
		h->value = xstrdup(addr);
	freeaddrinfo(ai);
	return (0);
}

static void
host_apply(struct interceptor *i, struct batch *b)
{
	struct host *h = (struct host *)i;

	if (h->value != NULL)
		batch_set(b, NULL, slice_str(h->header), slice_str(h->value),
		    !h->preserve);
}

static void
host_free(struct interceptor *i)
{
	struct host *h = (struct host *)i;

	free(h->value);
	settings_fini(settings, h);
	free(h);
}

static const char *const aliases[] = {
	"org.apache.flume.interceptor.HostInterceptor$Builder",
	"org.apache.flume.interceptor.HostInterceptor", NULL
};

const struct interceptor_ops interceptor_host = {
	.plugin = {
		.name = "host",
		.aliases = aliases,
		.doc = "Adds this machine's address or name as a header.",
		.size = sizeof (struct host),
		.settings = settings
	},
	.start = host_start,
	.apply = host_apply,
	.free = host_free
};
