/* topics.c - handles of topics, as many as KAFKA_TOPICS; the one that was not used for longest makes
 * room. Most records go where the one before them went. */
#include "kafka.h"

static bool has_name(const topic *t, sl_slice name)
{
    return t->handle && t->len == name.len && !memcmp(t->name, name.ptr, name.len);
}

static topic *find(kafka *k, sl_slice name, topic **room)
{
    topic *oldest = k->topics;

    for (topic *t = k->topics; t < k->topics + KAFKA_TOPICS; t++) {
        if (has_name(t, name))
            return t;
        if (t->used < oldest->used)
            oldest = t;
    }
    *room = oldest;
    return NULL;
}

void topics_drop(topic *t)
{
    if (t->handle)
        rd_kafka_topic_destroy(t->handle);
    t->handle = NULL;
    t->used = 0;
}

static topic *add(kafka *k, topic *t, sl_slice name)
{
    topics_drop(t);
    *t = (topic){.len = name.len};
    memcpy(t->name, name.ptr, name.len);
    t->handle = rd_kafka_topic_new(k->rk, t->name, NULL);
    return t->handle ? t : NULL;
}

topic *topics_get(kafka *k, sl_slice name)
{
    topic *room = NULL, *t = k->last_topic;

    if (!t || !has_name(t, name)) {
        if (name.len >= sizeof t->name)
            return NULL;
        t = find(k, name, &room);
        if (!t)
            t = add(k, room, name);
        k->last_topic = t;
    }
    if (t)
        t->used = ++k->topics_used;
    return t;
}

void topics_drop_all(kafka *k)
{
    for (size_t i = 0; i < KAFKA_TOPICS; i++)
        topics_drop(&k->topics[i]);
    k->last_topic = NULL;
}
