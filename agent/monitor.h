/*
 * What can be asked of a running agent: over HTTP /metrics (Prometheus text
 * 0.0.4), /health and /ready; over the unix socket in the data folder the JSON
 * that `leat where` prints.
 *
 * Thread rule: the main loop's thread.
 */
#ifndef AGENT_MONITOR_H
#define AGENT_MONITOR_H

#include <jansson.h>

#include "base/conf.h"
#include "base/setting.h"
#include "base/str.h"
#include "loop/loop.h"

struct monitor;

/* Keys below a1.monitor. */
struct monitor_settings {
	char		*bind;
	int64_t		 port;		/* 0: no HTTP */
	bool		 allow_insecure;
};
extern const struct setting monitor_settings[];

/* What the monitor asks back; on the main loop. */
struct monitor_ops {
	void	(*metrics)(void *ctx, struct sb *);
	json_t	*(*where)(void *ctx);
	/* NULL when ready, else the reason. */
	const char *(*ready)(void *ctx);
};

int	monitor_check(const struct monitor_settings *, struct err *e);
/* socket_path is made mode 0600. settings, ops and ctx outlive it. */
int	monitor_start(struct monitor **, struct loop *,
	    const struct monitor_settings *, const char *socket_path,
	    const struct monitor_ops *, void *ctx, struct err *e);
void	monitor_stop(struct monitor *);		/* NULL is fine */

#endif
