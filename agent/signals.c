#include "agent/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"

static void
handled(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

void
signals_block(void)
{
	sigset_t set;

	handled(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static void
readable(struct loop_fd *f, unsigned ready)
{
	struct signals *s = container_of(f, struct signals, watch);
	struct signalfd_siginfo info;

	(void)ready;
	while (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info)
		s->fn(s, (int)info.ssi_signo);
}

int
signals_start(struct signals *s, struct loop *loop,
    void (*fn)(struct signals *, int sig), struct err *e)
{
	sigset_t set;

	handled(&set);
	s->fn = fn;
	s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->fd == -1)
		return (err_sys(e, "signalfd"));
	loop_fd_init(&s->watch, loop, s->fd, readable);
	loop_fd_want(&s->watch, LOOP_READ);
	return (0);
}

void
signals_stop(struct signals *s)
{
	loop_fd_fini(&s->watch);
	close(s->fd);
}
