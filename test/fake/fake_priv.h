/*
 * The parts of a fake disk.  Private to test/fake.
 */
#ifndef TEST_FAKE_FAKE_PRIV_H
#define TEST_FAKE_FAKE_PRIV_H

#include <sys/types.h>

#include "base/map.h"
#include "base/thread.h"
#include "test/fake/fake_disk.h"
#include "test/fake/fake_image.h"

struct node {
	struct node	*next;		/* of all */
	char		 name[48];	/* the last one it had */
	bool		 dir;
	bool		 linked;	/* has a name now */
	struct fake_file file;
	struct map	*names;		/* of a folder: name to node, durable */
};

struct name_change {		/* of names in dir, not durable */
	struct node	*dir;
	char		*from;		/* taken away; NULL: nothing is */
	char		*to;		/* leads to node then; NULL: none */
	struct node	*node;
};

struct fake_disk {
	struct fs		 fs;		/* first */
	struct mutex		 lock;		/* all below but path */
	char			 path[128];
	dev_t			 dev;
	struct node		*root, *nodes;
	struct map		*inodes;	/* number to node */
	struct name_change	*v;
	size_t			 n, cap;

	struct fake_op		*log;
	size_t			 nlog, caplog;
	uint64_t		 fail_in[FAKE_KINDS];	/* 0: not */
	int			 fail_sys[FAKE_KINDS];
	uint64_t		 used, limit;		/* bytes of files */
	bool			 lie;
	bool			 no_zero;	/* const */
	void			(*watch)(struct fake_disk *,
				    const struct fake_op *, bool, void *);
	void			*watch_ctx;
};

extern const struct fs fake_disk_vtable;		/* fake_disk.c */

/* --- fake_node.c; the lock is held --- */

/* A node for what was made under that inode number just now. */
struct node *fake_node_new(struct fake_disk *, ino_t, bool dir,
	    const char *name);
/* NULL: not of this disk, or not known. */
struct node *fake_node_of_fd(struct fake_disk *, int fd);
/* The node that the name leads to now; NULL: not of this disk, not known. */
struct node *fake_node_at(struct fake_disk *, int dirfd, const char *name);
/* The folder that path's last part lies in; NULL: none of ours. */
struct node *fake_parent_of(struct fake_disk *, int dirfd, const char *path);
/* Makes a file or folder known that came from outside: durable as it is. */
struct node *fake_node_adopt(struct fake_disk *, struct node *parent,
	    int dirfd, const char *path);
/* It has lost its name; NULL is fine. */
void	 fake_node_unlinked(struct fake_disk *, struct node *);

/* Notes that `from` is gone from the folder and `to` leads to node. */
void	 fake_name_change(struct fake_disk *, struct node *dir,
	    const char *from, const char *to, struct node *);
void	 fake_name_apply(struct map *names, const struct name_change *);
/* The folder's changes leave the list; they are durable, or lost for good. */
void	 fake_names_settle(struct fake_disk *, struct node *dir, bool durable);

const char *fake_base_name(const char *path);

#endif
