/*
 * What a power cut leaves: some of the changes of names, and of each file
 * what fake_image.c makes of it, written to the folder of a new disk.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "test/fake/fake_priv.h"

struct cut {
	struct fake_disk *from;
	uint64_t	 seed, state;
	enum fake_fate	 fate;		/* of all files, or FATE_N: drawn */
	bool		*kept;		/* per change of names */
};

/* For each folder its own prefix: how many of its changes persist. */
static void
names_draw_per_dir(struct cut *c)
{
	const struct fake_disk *d = c->from;
	size_t i, j, n, take;

	for (i = 0; i < d->n; i++) {
		for (j = 0; j < i && d->v[j].dir != d->v[i].dir; j++)
			;
		if (j < i)
			continue;	/* done with its first one */
		for (n = 0, j = i; j < d->n; j++)
			n += d->v[j].dir == d->v[i].dir;
		take = fake_draw(&c->state, n + 1);
		for (j = i; j < d->n; j++)
			if (d->v[j].dir == d->v[i].dir)
				c->kept[j] = take > 0 && take-- > 0;
	}
}

static void
names_draw(struct cut *c)
{
	size_t n = c->from->n, i, prefix;
	bool all = c->seed == FAKE_CUT_KEEP || c->seed == FAKE_CUT_SIZES ||
	    c->seed == FAKE_CUT_NAMES;

	c->kept = xcalloc(n, sizeof *c->kept);
	if (c->seed < FAKE_CUT_RANDOM) {
		memset(c->kept, all, n);
		return;
	}
	switch (fake_draw(&c->state, 4)) {
	case 0:
		memset(c->kept, 1, n);
		break;
	case 1:
		prefix = fake_draw(&c->state, n + 1);
		memset(c->kept, 1, prefix);
		break;
	case 2:
		names_draw_per_dir(c);
		break;
	default:
		for (i = 0; i < n; i++)
			c->kept[i] = fake_draw(&c->state, 2) == 0;
	}
}

static void
fate_draw(struct cut *c)
{
	static const enum fake_fate fixed[FAKE_CUT_RANDOM] = {
		[FAKE_CUT_LOSE] = FATE_LOSE, [FAKE_CUT_KEEP] = FATE_KEEP,
		[FAKE_CUT_SIZES] = FATE_SIZES, [FAKE_CUT_DATA] = FATE_KEEP,
		[FAKE_CUT_NAMES] = FATE_LOSE,
	};

	if (c->seed < FAKE_CUT_RANDOM)
		c->fate = fixed[c->seed];
	else if (fake_draw(&c->state, 2) == 0)
		c->fate = FATE_N;
	else
		c->fate = (enum fake_fate)fake_draw(&c->state, FATE_N);
}

/* A file as the cut leaves it, under that name. */
static void
write_file(struct cut *c, struct fake_disk *to, struct node *parent, int fd,
    const char *name, const struct node *n)
{
	enum fake_fate fate = c->fate != FATE_N ? c->fate :
	    (enum fake_fate)fake_draw(&c->state, FATE_N);
	struct stat st;
	struct node *copy;
	struct fake_image *im;
	int out = openat(fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	CHECK(out != -1 && fstat(out, &st) == 0);
	copy = fake_node_new(to, st.st_ino, false, name);
	map_put(parent->names, slice_str(name), copy);
	im = &copy->file.durable;
	fake_file_cut(&n->file, fate, &c->state, im);
	copy->file.size = im->size;
	to->used += im->size;
	for (size_t i = 0; i < im->npages; i++)
		if (im->pages[i] != NULL)
			CHECK(fs_pwrite(&fs_real, out, im->pages[i], FAKE_PAGE,
			    (off_t)(i * FAKE_PAGE), NULL) == 0);
	CHECK(ftruncate(out, (off_t)im->size) == 0);
	close(out);
}

/* A rename that persists takes the node away from wherever it was, also when
 * an earlier rename to there did not. */
static void
names_apply(struct map *names, const struct name_change *c)
{
	struct slice key;
	size_t it = 0;
	void *n;

	while (c->from != NULL && c->to != NULL &&
	    map_next(names, &it, &key, &n))
		if (n == c->node)
			map_remove(names, key);
	fake_name_apply(names, c);
}

/* The names of a folder as the cut leaves them; map_free it. */
static struct map *
names_cut(const struct cut *c, const struct node *dir)
{
	struct map *names = map_new();
	struct slice key;
	size_t it = 0, i;
	void *n;

	while (map_next(dir->names, &it, &key, &n))
		map_put(names, key, n);
	for (i = 0; i < c->from->n; i++)
		if (c->kept[i] && c->from->v[i].dir == dir)
			names_apply(names, &c->from->v[i]);
	return (names);
}

/* Folders in the order of their names, so that a seed means one thing. */
static int
key_cmp(const void *a, const void *b)
{
	return (slice_cmp(*(const struct slice *)a, *(const struct slice *)b));
}

static void
write_dir(struct cut *c, struct fake_disk *to, struct node *copy, int fd,
    const struct node *dir)
{
	struct map *names = names_cut(c, dir);
	struct slice *keys = xcalloc(map_size(names), sizeof *keys);
	size_t i, it = 0;
	struct node *n, *sub;
	struct stat st;
	char *name;
	void *v;
	int subfd;

	for (i = 0; map_next(names, &it, &keys[i], &v); i++)
		;
	qsort(keys, map_size(names), sizeof *keys, key_cmp);
	for (i = 0; i < map_size(names); i++) {
		n = map_get(names, keys[i]);
		name = xstrndup(keys[i].p, keys[i].len);
		if (n->dir) {
			CHECK(mkdirat(fd, name, 0700) == 0);
			subfd = openat(fd, name, O_RDONLY | O_DIRECTORY |
			    O_CLOEXEC);
			CHECK(subfd != -1 && fstat(subfd, &st) == 0);
			sub = fake_node_new(to, st.st_ino, true, name);
			map_put(copy->names, keys[i], sub);
			write_dir(c, to, sub, subfd, n);
			close(subfd);
		} else
			write_file(c, to, copy, fd, name, n);
		free(name);
	}
	free(keys);
	map_free(names);
}

struct fake_disk *
fake_disk_power_cut(struct fake_disk *d, uint64_t seed)
{
	struct cut c = { .from = d, .seed = seed, .state = seed };
	struct fake_disk *to = fake_disk_new();
	int fd = open(to->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(fd != -1);
	mutex_lock(&d->lock);
	fate_draw(&c);
	names_draw(&c);
	write_dir(&c, to, to->root, fd, d->root);
	mutex_unlock(&d->lock);
	close(fd);
	free(c.kept);
	return (to);
}
