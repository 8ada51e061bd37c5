/*
 * CHECK(): what can only be false through a mistake of ours.  Always compiled
 * in; prints and aborts.  Never for what a peer, a file or the kernel may do.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#define CHECK(cond)							\
	do {								\
		if (__builtin_expect(!(cond), 0))			\
			check_failed(#cond, __FILE__, __LINE__);	\
	} while (0)

/* Prints the condition, thread name and a backtrace to stderr; aborts. */
void	check_failed(const char *cond, const char *file, int line)
	    __attribute__((noreturn, cold));

/*
 * The disk can no longer be trusted (a failed fsync): logs the sentence and
 * ends the process at once with exit status 74 (EX_IOERR).  Nothing that was
 * not acknowledged before is acknowledged after; recovery starts clean.
 */
void	fatal_disk(const char *fmt, ...)
	    __attribute__((noreturn, cold, format(printf, 1, 2)));

#endif
