/* property.h - which properties of librdkafka a user may set. */
#ifndef PROPERTY_H
#define PROPERTY_H

/* Why a property is not to be set under `librdkafka`: it would break a promise, or it has an option of
 * ours. NULL: it may be set, if librdkafka knows it. */
const char *property_refusal(const char *name);

#endif
