/*
 * Settings in words; shared by the parts of setting.h's implementation.
 */
#ifndef BASE_SETTING_TEXT_H
#define BASE_SETTING_TEXT_H

#include "base/setting.h"

#define SETTING_ALLOWED_SIZE	384

/* What may be given: "a whole number from 1 to 1000000".  Returns buf. */
const char *setting_allowed(const struct setting *, char *buf, size_t size);
/* A number's value in the type's smallest unit; false when it is none. */
bool	setting_number(const struct setting *, const char *text, int64_t *v);
/* Sets the row's field of obj from text; the error says what is wrong with it
 * and what is allowed, to stand behind the value.  Frees nothing. */
int	setting_set(const struct setting *, void *obj, const char *text,
	    struct err *);

#endif
