/*
 * Tells when a configuration file has changed, by looking at it every so often
 * as Flume does (option -i); a file that is being written is left alone until
 * it has rested for a second.
 */
#ifndef AGENT_CONF_WATCH_H
#define AGENT_CONF_WATCH_H

#include <stddef.h>

#include "loop/loop.h"

struct conf_watch;

/*
 * changed runs on the loop when one of the files differs from what it was at
 * the last call (or at the start) in inode, size or time, also when it appears;
 * one that is gone is no change.  paths outlive it.
 */
struct conf_watch *conf_watch_start(struct loop *, const char *const *paths,
		    size_t n, int64_t interval_ms,
		    void (*changed)(void *ctx), void *ctx);
void		 conf_watch_stop(struct conf_watch *);	/* NULL is fine */

#endif
