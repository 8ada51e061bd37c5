/*
 * The two ways to die.  Both write with plain write(2)-like calls and do not
 * run atexit handlers: the process is not to be trusted any more.
 */
#include "base/check.h"

#include <execinfo.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"

void
check_failed(const char *cond, const char *file, int line)
{
	char name[16] = "?";
	void *frames[64];

	pthread_getname_np(pthread_self(), name, sizeof name);
	dprintf(STDERR_FILENO, "leat: %s:%d: CHECK(%s) failed in thread %s\n",
	    file, line, cond, name);
	backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
	abort();
}

void
fatal_disk(const char *fmt, ...)
{
	char msg[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	log_error(NULL, "%s; the disk is not to be trusted, ending at once",
	    msg);
	_exit(EX_IOERR);
}
