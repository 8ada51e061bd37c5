/*
 * The model of an agent from any properties file, strictly and Flume's way:
 * loading ends, a model comes without errors, and its indices hold.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/config.h"
#include "base/check.h"
#include "test/fuzz/fuzz.h"

static void
check_indices(const size_t *v, size_t n, size_t below)
{
	size_t i;

	for (i = 0; i < n; i++)
		CHECK(v[i] < below);
}

static void
check_selector(const struct selector_config *s, size_t below)
{
	size_t i;

	for (i = 0; i < s->nmap; i++)
		check_indices(s->map[i].channels, s->map[i].n, below);
	for (i = 0; i < s->noptional; i++)
		check_indices(s->optional[i].channels, s->optional[i].n,
		    below);
	check_indices(s->def, s->ndef, below);
	check_indices(s->opt, s->nopt, below);
}

static void
check_model(const struct agent_config *cfg)
{
	const struct source_config *s;
	size_t i, j;

	for (i = 0; i < cfg->nchannels; i++)
		CHECK(cfg->channels[i].c.plugin != NULL);
	for (i = 0; i < cfg->nsources; i++) {
		s = &cfg->sources[i];
		CHECK(s->c.plugin != NULL && s->nchannels > 0);
		check_indices(s->channels, s->nchannels, cfg->nchannels);
		check_selector(&s->selector, cfg->nchannels);
		for (j = 0; j < s->ninterceptors; j++)
			CHECK(s->interceptors[j].plugin != NULL);
	}
	for (i = 0; i < cfg->nsinks; i++) {
		CHECK(cfg->sinks[i].c.plugin != NULL);
		check_indices(&cfg->sinks[i].channel, 1, cfg->nchannels);
	}
}

static void
load(const char *path, unsigned flags)
{
	struct conf_problems problems = { 0 };
	struct agent_config *cfg;

	cfg = agent_config_load(&path, 1, NULL, flags, &problems);
	CHECK((cfg == NULL) == (problems.errors > 0));
	if (cfg != NULL)
		check_model(cfg);
	agent_config_free(cfg);
	conf_problems_fini(&problems);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	char path[64];

	CHECK(fd != -1 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	load(path, 0);
	load(path, AGENT_CONFIG_LENIENT);
	close(fd);
	return (0);
}
