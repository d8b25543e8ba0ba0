/* decode.c - see decode.h. */
#include "read/decode.h"

#include "read/decode_cri.h"
#include "read/decode_docker.h"

/* The rest of a line carries what its header said. */
static void remember(sl_decoder *d, const sl_record *rec)
{
    d->inside_whole = rec->whole;
    d->inside_stream = rec->stream;
    d->inside_flags = rec->flags;
    memcpy(d->inside_time, rec->time, SL_TIME_LEN);
    d->inside_written_len = (uint8_t)rec->written.len;
    if (rec->written.len > 0)
        memcpy(d->inside_written, rec->written.ptr, rec->written.len);
}

static void go_on(const sl_decoder *d, sl_slice text, sl_record *rec)
{
    SL_ASSERT(d->inside);
    rec->text = text;
    rec->time = d->inside_time;
    rec->written = (sl_slice){d->inside_written, d->inside_written_len};
    rec->stream = d->inside_stream;
    rec->flags = d->inside_flags;
    rec->whole = d->inside_whole;
}

/* --- what no runtime wrote --- */

static void as_read(sl_slice text, int64_t now_ns, sl_record *rec)
{
    sl_time_format(rec->time_store, now_ns);
    rec->text = text;
    rec->time = rec->time_store;
    rec->written = (sl_slice){0};
    rec->stream = SL_RAW;
    rec->whole = true;
}

static bool expects_plain(const sl_decoder *d)
{
    return d->format == SL_FORMAT_PLAIN || (d->format == SL_FORMAT_AUTO && d->raw_is_plain);
}

static void as_foreign(const sl_decoder *d, sl_slice text, int64_t now_ns, sl_record *rec)
{
    static const sl_slice mark = {"\xef\xbb\xbf", 3};
    bool plain = expects_plain(d);

    if (plain && rec->at.offset == 0 && sl_slice_starts(text, mark))
        text = sl_slice_from(text, mark.len);
    as_read(text, now_ns, rec);
    if (!plain)
        rec->flags = SL_IS_RAW;
}

/* Windows ends a line with two bytes; the tail never parts them. */
static void cut_cr(sl_slice *text)
{
    if (text->len > 0 && text->ptr[text->len - 1] == '\r')
        text->len--;
}

/* --- what one wrote --- */

static inline bool may_be(const sl_decoder *d, sl_line_format format)
{
    return d->format == format || d->format == SL_FORMAT_AUTO;
}

static inline bool as_runtime(sl_decoder *d, sl_slice line, bool last, sl_record *rec)
{
    if (SL_UNLIKELY(line.len > 0 && *line.ptr == '{'))
        return last && d->scratch && may_be(d, SL_FORMAT_DOCKER) &&
               sl_decode_docker(line, d->scratch, d->minute, rec) == 0;
    return may_be(d, SL_FORMAT_CRI) && sl_decode_cri(line, d->minute, rec) == 0;
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
    if (!line->first)
        go_on(d, line->bytes, rec);
    else if (!as_runtime(d, line->bytes, line->last, rec) &&
             !as_runtime(d, behind_hole(line->bytes), line->last, rec))
        as_foreign(d, line->bytes, now_ns, rec);
    if (line->torn)
        rec->flags |= SL_PARTIAL;
    else if (SL_UNLIKELY(rec->stream == SL_RAW) && line->last && !(rec->flags & SL_IS_RAW))
        cut_cr(&rec->text);
    d->inside = !line->last;
    if (line->last)
        return;
    if (line->first)
        remember(d, rec);
    rec->whole = false;
}

int64_t sl_line_time_ns(sl_slice line, sl_line_format format)
{
    sl_decoder d = {.format = format};
    sl_record rec = {0};

    if (line.len > 0 && *line.ptr == '{')
        return may_be(&d, SL_FORMAT_DOCKER) ? sl_docker_time_ns(line) : 0;
    if (!may_be(&d, SL_FORMAT_CRI) || sl_decode_cri(line, d.minute, &rec))
        return 0;
    return sl_cri_time_ns(rec.time);
}
