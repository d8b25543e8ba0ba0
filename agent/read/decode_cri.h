/* decode_cri.h - the text format of CRI runtimes (containerd, CRI-O):
 *
 *   <RFC 3339 time> <stdout|stderr> <tag[:tag...]> <text>
 *
 * Time: any number of fraction digits (beyond nine they are cut off), `Z` or an offset `+hh:mm`,
 * `-hh:mm`; a real date from 1970 to 2261, in UTC too, for that is what nanoseconds can hold.
 *
 * Tags: the first one decides, `P` is a part, any other is whole; later ones say nothing yet. A tag
 * is one upper-case letter that a space, a colon or the line's end follows. Where there is none,
 * the text starts right behind the stream, as old CRI-O wrote it. So a line that ends early is
 *
 *   `<time> stdout P`                      a part without text, as if a space followed
 *   `<time> stdout `                       whole, without text
 *   `<time> stdout`, `<time> `, `<time>`   no such line
 *
 * Text: every byte behind the tags' one space, as it is.
 *
 * Source: kubernetes pkg/kubelet/kuberuntime/logs/logs.go parseCRILog(), and the design document
 * kubelet-cri-logging.md; KUBERNETES facts measured on containerd 1.6 and conmon 2.1.
 *
 * Thread   any */
#ifndef SL_READ_DECODE_CRI_H
#define SL_READ_DECODE_CRI_H

#include "flow/record.h"

/* Fills in rec->text, time, written, stream and whole.
 * minute   16 bytes, the last minute that was found to be a real date, or zeros; updated
 * returns  0, or SL_E_FORMAT: not such a line, rec is as it was but for its time */
sl_err sl_decode_cri(sl_slice line, char minute[16], sl_record *rec);

/* The time at p, in rec->time and rec->written.
 * minute   as above
 * returns  what follows it; NULL: there is none */
const char *sl_cri_read_time(const char *p, const char *end, char minute[16], sl_record *rec);

/* The time of such a line in ns since 1970, UTC; 0 if it has none. */
int64_t sl_cri_time_ns(const char time[SL_TIME_LEN]);

#endif
