/*
 * Signals as events of the main loop.  signals_block comes first in main,
 * before any thread; SIGPIPE and SIGXFSZ are ignored for good.
 */
#ifndef AGENT_SIGNALS_H
#define AGENT_SIGNALS_H

#include "loop/loop.h"

struct signals {
	/* owner: the main loop */
	void		(*fn)(struct signals *, int sig);
	struct loop_fd	 watch;
	int		 fd;
};

void	signals_block(void);
/* fn is called for SIGTERM, SIGINT and SIGHUP. */
int	signals_start(struct signals *, struct loop *,
	    void (*fn)(struct signals *, int sig), struct err *e);
void	signals_stop(struct signals *);

#endif
