/*
 * The bytes of one file of a fake disk: a durable image, and the changes
 * since.  Private to test/fake.  The disk's lock.
 */
#ifndef TEST_FAKE_FAKE_IMAGE_H
#define TEST_FAKE_FAKE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define FAKE_PAGE	4096u
#define FAKE_SECTOR	512u

struct fake_image {		/* pages of zeroes are not stored */
	uint8_t		**pages;
	size_t		 npages, cap;
	uint64_t	 size;
};

struct fake_change {
	enum { CHANGE_WRITE, CHANGE_ZERO, CHANGE_TRUNCATE } type;
	uint64_t	 off, len;	/* len unused by a truncation to off */
	uint64_t	 size;		/* of the file after it */
	uint8_t		*data;		/* of a write */
};

struct fake_file {
	struct fake_image	 durable;
	struct fake_change	*v;	/* not durable, in order */
	size_t			 n, cap;
	uint64_t		 size;	/* now */
};

enum fake_fate { FATE_LOSE, FATE_KEEP, FATE_SIZES, FATE_PREFIX, FATE_PAGES,
	FATE_PAGES_SIZE, FATE_N };

uint64_t fake_draw(uint64_t *state, uint64_t n);	/* 0 .. n - 1 */

void	fake_image_fini(struct fake_image *);
/* The file's first bytes, from outside. */
void	fake_image_set(struct fake_image *, uint64_t off, const uint8_t *,
	    size_t n);

void	fake_file_fini(struct fake_file *);
void	fake_file_write(struct fake_file *, const struct iovec *, int n,
	    uint64_t off, uint64_t len);
void	fake_file_zero(struct fake_file *, uint64_t off, uint64_t len);
void	fake_file_truncate(struct fake_file *, uint64_t size);
/* All changes are durable. */
void	fake_file_sync(struct fake_file *);
/* All changes are forgotten by the disk: a sync of them failed. */
void	fake_file_doom(struct fake_file *);
/* What a cut leaves of it; out is empty before. */
void	fake_file_cut(const struct fake_file *, enum fake_fate,
	    uint64_t *state, struct fake_image *out);

#endif
