/*
 * Shared by the two directions of the interpreter.
 */
#ifndef KAFKA_WIRE_PRIV_H
#define KAFKA_WIRE_PRIV_H

#include "kafka/wire.h"

/* Bytes of one value of the field, or of one element, in C. */
size_t	kfield_size(const struct kfield *);

static inline bool
kfield_in(const struct kfield *f, int version)
{
	return (version >= f->first && version <= f->last);
}

static inline bool
kfield_nullable(const struct kfield *f, int version)
{
	return (f->null >= 0 && version >= f->null);
}

#endif
