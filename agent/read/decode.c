/* decode.c - see decode.h. */
#include "read/decode.h"

#include "read/decode_cri.h"

/* The rest of a line carries what its header said. */
static void remember(sl_decoder *d, const sl_record *rec)
{
    d->inside_whole = rec->whole;
    d->inside_stream = rec->stream;
    d->inside_flags = rec->flags;
    memcpy(d->inside_time, rec->time, SL_TIME_LEN);
}

static void go_on(const sl_decoder *d, sl_slice text, sl_record *rec)
{
    SL_ASSERT(d->inside);
    rec->text = text;
    rec->time = d->inside_time;
    rec->stream = d->inside_stream;
    rec->flags = d->inside_flags;
    rec->whole = d->inside_whole;
}

static void as_raw(sl_slice text, int64_t now_ns, sl_record *rec)
{
    sl_time_format(rec->time_store, now_ns);
    rec->text = text;
    rec->time = rec->time_store;
    rec->stream = SL_RAW;
    rec->flags = SL_IS_RAW;
    rec->whole = true;
}

/* A file that was truncated under its writer begins with a hole, where the old bytes were. */
static sl_slice behind_hole(sl_slice line)
{
    while (line.len > 0 && *line.ptr == '\0')
        line = sl_slice_from(line, 1);
    return line;
}

void sl_decode(sl_decoder *d, const sl_line *line, int64_t now_ns, sl_record *rec)
{
    rec->flags = 0;
    rec->piece = 0;
    rec->written = (sl_slice){0};
    if (!line->first)
        go_on(d, line->bytes, rec);
    else if (sl_decode_cri(line->bytes, d->minute, rec) != 0 &&
             sl_decode_cri(behind_hole(line->bytes), d->minute, rec) != 0)
        as_raw(line->bytes, now_ns, rec);
    if (line->torn)
        rec->flags |= SL_PARTIAL;
    d->inside = !line->last;
    if (line->last)
        return;
    if (line->first)
        remember(d, rec);
    rec->whole = false;
}
