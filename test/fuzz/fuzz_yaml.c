/* YAML files: whatever the bytes, the reader ends and the tree is sound. */
#include "base/check.h"
#include "base/conf.h"
#include "test/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_problems problems = { 0 };
	struct conf *root = conf_new(), *c;
	char key[CONF_KEY_SIZE];

	conf_read_yaml(root, slice_of(data, size), "fuzz", &problems);
	for (c = conf_next(root, root); c != NULL; c = conf_next(root, c)) {
		CHECK(c->value == NULL || *c->value != '\0');
		CHECK(c->line > 0);
		CHECK(strlen(conf_key(c, key, sizeof key)) < sizeof key);
	}
	conf_substitute(root, &problems);
	conf_problems_fini(&problems);
	conf_free(root);
	return (0);
}
