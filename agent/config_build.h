/*
 * What the parts of agent/config share while a model is built; for
 * agent/config*.c alone.
 */
#ifndef AGENT_CONFIG_BUILD_H
#define AGENT_CONFIG_BUILD_H

#include "agent/config.h"

struct config_build {
	struct agent_config	*cfg;
	struct conf_problems	*p;
	bool			 lenient;
};

/* Blank-separated names of a value, each once, in order. */
struct config_names {
	char	**v;
	size_t	  n, cap;
};
void	config_names_add(struct config_names *, const char *name);
bool	config_names_has(const struct config_names *, const char *name);
void	config_names_fini(struct config_names *);
/* Reads a node's value, marking it used; children of a YAML mapping when it
 * has no value.  node NULL: none. */
void	config_names_read(struct config_build *, struct conf *node,
	    struct config_names *);

/*
 * Something Flume would drop: an error, or with AGENT_CONFIG_LENIENT a warning
 * that `what` ("source r1") is dropped.
 */
void	config_broken(struct config_build *, const struct conf *where,
	    const char *what, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
/* "; did you mean 'x'?" or "", in a static buffer until the next call. */
const char *config_did_you_mean(const char *word, const char *const *v,
	    size_t n);

/*
 * The components that section ("a1.sources") lists, in order; plugin is NULL
 * in those whose type was reported.  owner is put in front of who, for
 * interceptors.  *n is their number, *complete false when one was left out.
 */
struct component_config *config_components(struct config_build *,
	    struct conf *section, enum component_kind, const char *owner,
	    size_t *n, bool *complete);
void	config_component_fini(struct component_config *);

/*
 * Indices of the agent's channels that node's value names; unknown ones are
 * reported for `what`.  within limits them to a source's own (n_within), NULL
 * for any.  *complete is false when one was left out.
 */
size_t	*config_channels(struct config_build *, struct conf *node,
	    const char *what, const size_t *within, size_t n_within,
	    size_t *n, bool *complete);

/* Fills s->selector from a source's selector.* keys; -1 after an error that
 * costs the source. */
int	config_selector(struct config_build *, struct source_config *s);
void	config_selector_fini(struct selector_config *);
/* Replaces each channel index i by map[i]. */
void	config_selector_remap(struct selector_config *, const size_t *map);
void	config_remap(size_t *v, size_t n, const size_t *map);

/* All channels, sources and sinks of cfg->node. */
void	config_channels_read(struct config_build *);
void	config_sources_read(struct config_build *);
void	config_sinks_read(struct config_build *);
void	config_source_fini(struct source_config *);

#endif
