/* snapshot.h - what a checkpoint holds, as plain data on the heap; all owned by the snapshot. */
#ifndef SL_FLOW_SNAPSHOT_H
#define SL_FLOW_SNAPSHOT_H

#include "flow/span.h"

typedef struct sl_saved_generation {
    uint64_t seq;
    uint64_t dev, ino;
    int64_t birth_ns; /* 0: unknown */
    sl_name name;     /* zeros: it has no first line yet */
    uint32_t attempt;
    int64_t first_ns; /* time of its first record; 0: none */
    uint64_t size;    /* uncompressed, last seen */
    uint64_t begin;   /* reading starts here: 0, but for what came after it had been left */
    uint64_t end;     /* where lanes left it for the next one; UINT64_MAX: not left */
    char *file;       /* its name in the folder, last seen */
    sl_name head;     /* what a copy of it has as well; zeros: unknown */
    uint32_t cuts;    /* how often its file was cut back */
} sl_saved_generation;

typedef struct sl_saved_position {
    sl_place at;   /* seq 0: nothing of this stream was seen */
    uint64_t hash; /* of the (up to) 64 bytes before it; 0: unknown */
} sl_saved_position;

typedef struct sl_saved_cursor {
    uint32_t lane; /* index in lanes */
    bool joins;    /* not saved: it was not there in the last life, and wants all that is left */
    sl_place
        lost; /* told: what stood from here on, up to the begin of that generation; seq 0: none */
    sl_saved_position streams[SL_STREAMS];
} sl_saved_cursor;

typedef struct sl_saved_source {
    char *namespace, *pod, *uid, *container;
    char *path; /* NULL: a container's; else the live file of an input of files */
    uint64_t next_seq;
    sl_saved_generation *generations; /* in the source's order */
    size_t generation_count;
    sl_saved_cursor *cursors;
    size_t cursor_count;
} sl_saved_source;

typedef struct sl_snapshot {
    char **lanes; /* names */
    size_t lane_count;
    sl_saved_source *sources;
    size_t source_count;
} sl_snapshot;

#endif
