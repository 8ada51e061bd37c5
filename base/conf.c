/*
 * The tree: nodes with a list of children in order of first appearance.
 *
 * A tree is small and made once, so lookup walks the list; only a node with
 * many children gets an index, because a file of a million keys below one
 * node must not take a day.  File names are kept once, at the root, which
 * the nodes borrow them from.
 */
#include "base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define INDEX_FROM	16	/* children */

/* The root, with what belongs to the whole tree. */
struct conf_tree {
	struct conf	 root;
	char		**files;
	size_t		 n_files, cap_files;
};

struct conf *
conf_new(void)
{
	struct conf_tree *t = xcalloc(1, sizeof *t);

	t->root.name = xstrdup("");
	return (&t->root);
}

static void
node_free(struct conf *c)
{
	free(c->name);
	free(c->value);
	map_free(c->index);
	free(c);
}

static void
children_free(struct conf *c)
{
	struct conf *child, *next;

	for (child = c->children; child != NULL; child = next) {
		next = child->next;
		children_free(child);
		node_free(child);
	}
}

void
conf_free(struct conf *root)
{
	struct conf_tree *t;
	size_t i;

	if (root == NULL)
		return;
	CHECK(root->parent == NULL);
	t = container_of(root, struct conf_tree, root);
	for (i = 0; i < t->n_files; i++)
		free(t->files[i]);
	free(t->files);
	children_free(root);
	node_free(root);
}

/* The tree's own copy of a file's name. */
static const char *
intern(struct conf *node, const char *file)
{
	struct conf_tree *t;
	size_t i;

	if (file == NULL)
		return (NULL);
	while (node->parent != NULL)
		node = node->parent;
	t = container_of(node, struct conf_tree, root);
	for (i = t->n_files; i-- > 0;)
		if (strcmp(t->files[i], file) == 0)
			return (t->files[i]);
	GROW(t->files, t->n_files, t->cap_files);
	return (t->files[t->n_files++] = xstrdup(file));
}

static struct conf *
child_find(const struct conf *c, struct slice name)
{
	struct conf *child;

	if (c->index != NULL)
		return (map_get(c->index, name));
	for (child = c->children; child != NULL; child = child->next)
		if (slice_eq_str(name, child->name))
			return (child);
	return (NULL);
}

static void
index_make(struct conf *c)
{
	struct conf *child;
	size_t n = 0;

	for (child = c->children; child != NULL; child = child->next)
		n++;
	if (n < INDEX_FROM)
		return;
	c->index = map_new();
	for (child = c->children; child != NULL; child = child->next)
		map_put(c->index, slice_str(child->name), child);
}

static struct conf *
child_add(struct conf *c, struct slice name, const char *file, int line)
{
	struct conf *child = xcalloc(1, sizeof *child);

	child->name = xstrndup(name.p, name.len);
	child->parent = c;
	child->file = file;
	child->line = line;
	if (c->last == NULL)
		c->children = child;
	else
		c->last->next = child;
	c->last = child;
	if (c->index != NULL)
		map_put(c->index, name, child);
	else
		index_make(c);
	return (child);
}

/* Cuts the next part off a dotted key; the last allowed one takes it all. */
static struct slice
key_part(const char **key, size_t depth)
{
	const char *p = *key;
	size_t n = depth + 1 >= CONF_DEPTH_MAX ? strlen(p) : strcspn(p, ".");

	*key = p[n] == '\0' ? NULL : p + n + 1;
	return (slice_of(p, n));
}

static size_t
node_depth(const struct conf *c)
{
	size_t n = 0;

	for (; c->parent != NULL; c = c->parent)
		n++;
	return (n);
}

struct conf *
conf_node(struct conf *root, const char *key, const char *file, int line)
{
	struct conf *c = root, *child;
	struct slice part;
	size_t depth = node_depth(root);

	CHECK(depth < CONF_DEPTH_MAX);
	file = intern(root, file);
	for (; key != NULL; c = child) {
		part = key_part(&key, depth++);
		if ((child = child_find(c, part)) == NULL)
			child = child_add(c, part, file, line);
	}
	return (c);
}

struct conf *
conf_set(struct conf *root, const char *key, const char *value,
    const char *file, int line)
{
	struct conf *c = conf_node(root, key, file, line);

	free(c->value);
	c->value = xstrdup(value);
	c->file = intern(root, file);
	c->line = line;
	return (c);
}

struct conf *
conf_find(const struct conf *c, const char *path)
{
	size_t depth = node_depth(c);

	while (c != NULL && path != NULL)
		c = child_find(c, key_part(&path, depth++));
	return ((struct conf *)c);
}

const char *
conf_get(struct conf *c, const char *path)
{
	if ((c = conf_find(c, path)) == NULL || c->value == NULL)
		return (NULL);
	c->used = true;
	return (c->value);
}

char *
conf_key_below(const struct conf *top, const struct conf *c)
{
	const struct conf *path[CONF_DEPTH_MAX];
	struct sb sb = SB_INIT;
	size_t n = 0;

	for (; c != top; c = c->parent) {
		CHECK(c->parent != NULL && n < CONF_DEPTH_MAX);
		path[n++] = c;
	}
	sb_puts(&sb, "");
	while (n-- > 0) {
		sb_puts(&sb, path[n]->name);
		if (n > 0)
			sb_puts(&sb, ".");
	}
	return (sb_take(&sb));
}

/* The next node that is not below c. */
static struct conf *
skip_below(const struct conf *top, const struct conf *c)
{
	while (c != top && c->next == NULL)
		c = c->parent;
	return (c == top ? NULL : c->next);
}

struct conf *
conf_next(const struct conf *top, const struct conf *c)
{
	return (c->children != NULL ? c->children : skip_below(top, c));
}

void
conf_use_all(struct conf *c)
{
	struct conf *n;

	for (n = c; n != NULL; n = conf_next(c, n))
		n->used = true;
}

const char *
conf_key(const struct conf *c, char *buf, size_t size)
{
	const struct conf *path[CONF_DEPTH_MAX];
	size_t n = 0, len = 0;

	for (; c->parent != NULL && n < CONF_DEPTH_MAX; c = c->parent)
		path[n++] = c;
	buf[0] = '\0';
	while (n-- > 0 && len < size)
		len += (size_t)snprintf(buf + len, size - len, "%s%s",
		    path[n]->name, n > 0 ? "." : "");
	return (buf);
}

void
conf_walk_unused(struct conf *top, void (*fn)(struct conf *, void *), void *ctx)
{
	struct conf *c = top, *next;

	for (; c != NULL; c = next) {
		if (c->apart && c != top) {
			next = skip_below(top, c);
			continue;
		}
		next = conf_next(top, c);
		if (c->value != NULL && !c->used)
			fn(c, ctx);
	}
}

bool
conf_same(const struct conf *a, const struct conf *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next) {
		if (strcmp(a->name, b->name) != 0 ||
		    (a->value == NULL) != (b->value == NULL) ||
		    (a->value != NULL && strcmp(a->value, b->value) != 0) ||
		    !conf_same(a->children, b->children))
			return (false);
	}
	return (a == b);
}
