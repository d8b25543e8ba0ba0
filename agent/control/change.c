/* change.c - see change.h. */
#include "control/change.h"

#include "control/config.h"
#include "control/goal.h"
#include "control/nearest.h"
#include "read/back.h"

#define HTTP_ACCEPTED    202
#define HTTP_BAD_REQUEST 400
#define HTTP_NOT_FOUND   404
#define HTTP_CONFLICT    409
#define HTTP_UNAVAILABLE 503

/* false: it is too early, or too late; that was answered. */
static bool may_change(const sl_subject *s, sl_reply *reply)
{
    if (s->state && !s->stopping && sl_state_is_whole(s->state))
        return true;
    reply->status = HTTP_UNAVAILABLE;
    sl_buf_add_text(&reply->body,
                    s->stopping ? "the agent is stopping\n"
                                : "the agent has not looked at everything yet: ask again in a "
                                  "moment\n");
    return false;
}

static void say_no_output(const sl_subject *s, const char *name, sl_reply *reply)
{
    sl_nearest near;
    char hint[128];

    sl_nearest_init(&near, name);
    for (size_t i = 0; i < s->lane_count; i++)
        sl_nearest_try(&near, sl_str(sl_state_lane_name(s->state, i)));
    reply->status = HTTP_NOT_FOUND;
    sl_buf_add_format(&reply->body, "no output \"%s\" has positions here%s\n", name,
                      sl_nearest_text(&near, hint));
}

/* By its name in this life or by the one that it is saved with: no two lanes share one. */
static sl_lane *find_lane(const sl_subject *s, const char *name)
{
    for (size_t i = 0; i < s->lane_count; i++) {
        if (!strcmp(sl_state_lane_name(s->state, i), name) ||
            !strcmp(sl_lane_name(s->lanes[i]), name))
            return s->lanes[i];
    }
    return NULL;
}

/* --- rewind --- */

typedef struct rewinding {
    sl_lane *lane;
    sl_goal goal;
    size_t meant, moved, later; /* containers */
} rewinding;

static sl_place place_in(const sl_source *s, const sl_goal *goal)
{
    if (goal->kind == SL_GOAL_TIME)
        return sl_back_to_time(s, goal->time_ns);
    if (goal->kind == SL_GOAL_PLACE)
        return sl_back_to_name(s, goal->name, goal->offset);
    return sl_back_to_beginning(s);
}

static void rewind_source(void *arg, sl_source *s)
{
    rewinding *w = arg;
    sl_rewound what;

    if (!sl_goal_means(w->goal.which, s->pod->namespace, s->pod->pod, sl_str(s->container)))
        return;
    w->meant++;
    what = sl_lane_rewind(w->lane, s, place_in(s, &w->goal));
    w->moved += what != SL_REWOUND_NOT;
    w->later += what == SL_REWOUND_LATER;
}

static void answer_rewind(const rewinding *w, const char *name, sl_reply *reply)
{
    if (w->meant == 0) {
        reply->status = HTTP_NOT_FOUND;
        sl_buf_add_format(&reply->body, "nothing is known of %s; `sluice state ls` lists what is\n",
                          w->goal.which ? w->goal.which : "any container");
        return;
    }
    sl_buf_add_format(&reply->body, "output \"%s\" goes back in %zu of %zu containers\n", name,
                      w->moved, w->meant);
    if (w->later > 0)
        sl_buf_add_format(&reply->body,
                          "%zu of them begin when the destination has answered for what is on its "
                          "way to it\n",
                          w->later);
}

void sl_change_rewind(sl_subject *s, const sl_request *r, sl_reply *reply)
{
    const char *asked = sl_request_argument(r, "output"), *name = asked ? asked : "";
    const char *to = sl_request_argument(r, "to");
    rewinding w = {0};

    if (!may_change(s, reply))
        return;
    if (!sl_goal_read(sl_request_argument(r, "source"), to, s->clock, &w.goal)) {
        reply->status = HTTP_BAD_REQUEST;
        sl_buf_add_format(&reply->body, "to %s: " SL_GOAL_FORMS "\n", to);
        return;
    }
    w.lane = find_lane(s, name);
    if (!w.lane) {
        say_no_output(s, name, reply);
        return;
    }
    for (size_t i = 0; i < s->discover_count; i++)
        sl_discover_each(s->discovers[i], rewind_source, &w);
    if (w.moved > 0)
        sl_state_save_soon(s->state);
    answer_rewind(&w, name, reply);
}

/* --- rename --- */

void sl_change_rename(sl_subject *s, const sl_request *r, sl_reply *reply)
{
    const char *old = sl_request_argument(r, "old"), *new = sl_request_argument(r, "new");
    sl_err err;

    if (!may_change(s, reply))
        return;
    if (!old || !new || !sl_config_is_name(new)) {
        reply->status = HTTP_BAD_REQUEST;
        sl_buf_add_text(&reply->body, "old and new are wanted; a name " SL_NAME_FORM "\n");
        return;
    }
    err = sl_state_rename(s->state, old, new);
    if (err == UV_ENOENT) {
        say_no_output(s, old, reply);
    } else if (err) {
        reply->status = HTTP_CONFLICT;
        sl_buf_add_format(&reply->body,
                          "output \"%s\" has positions of its own; they would be lost\n", new);
    } else {
        sl_buf_add_format(
            &reply->body,
            "the positions of output \"%s\" are those of \"%s\" now\n"
            "the running agent keeps its names in numbers and logs; call it \"%s\" in "
            "the configuration before the next start: an output \"%s\" would be a "
            "new one\n",
            old, new, new, old);
    }
}

/* --- saved --- */

void sl_change_saved(const sl_subject *s, sl_reply *reply)
{
    bool saved = !s->state || sl_state_is_saved(s->state);

    reply->status = saved ? reply->status : HTTP_ACCEPTED;
    sl_buf_add_text(&reply->body, saved ? "saved\n" : "not saved yet\n");
}

/* --- dead letters --- */

static void write_redriven(const char *name, const sl_redriven *said, sl_reply *reply)
{
    sl_buf *out = &reply->body;

    reply->type = "application/json";
    reply->status = said->over ? reply->status : HTTP_ACCEPTED;
    sl_buf_add_format(out,
                      "{\"output\":\"%s\",\"over\":%s,\"delivered\":%zu,\"left\":%zu,"
                      "\"twice\":%zu,\"damaged\":%zu",
                      name, said->over ? "true" : "false", said->delivered, said->left, said->twice,
                      said->damaged);
    if (said->words) {
        sl_buf_add_text(out, ",\"words\":\"");
        sl_buf_add_json(out, sl_str(said->words));
        sl_buf_add_text(out, "\"");
    }
    if (said->file) {
        sl_buf_add_text(out, ",\"failed\":\"");
        sl_buf_add_json(out, sl_str(said->file));
        sl_buf_add_text(out, ": ");
        sl_buf_add_json(out, sl_str(sl_strerror(said->err)));
        sl_buf_add_text(out, "\"");
    }
    sl_buf_add_text(out, "}\n");
}

/* NULL: that was answered. */
static sl_lane *find_asked(const sl_subject *s, const sl_request *r, sl_reply *reply)
{
    const char *asked = sl_request_argument(r, "output"), *name = asked ? asked : "";
    sl_lane *l = s->state ? find_lane(s, name) : NULL;

    if (l)
        return l;
    reply->status = HTTP_NOT_FOUND;
    sl_buf_add_format(&reply->body, "no output \"%s\" is at work here\n", name);
    return NULL;
}

void sl_change_redrive(sl_subject *s, const sl_request *r, sl_reply *reply)
{
    sl_lane *l = may_change(s, reply) ? find_asked(s, r, reply) : NULL;

    if (!l)
        return;
    if (sl_lane_redrive(l, sl_request_argument(r, "reason"))) {
        write_redriven(sl_lane_name(l), sl_lane_redriven(l), reply);
        return;
    }
    reply->status = HTTP_CONFLICT;
    sl_buf_add_format(&reply->body,
                      "output \"%s\" is busy with that already, or delivers no more\n",
                      sl_lane_name(l));
}

void sl_change_redriven(const sl_subject *s, const sl_request *r, sl_reply *reply)
{
    const sl_lane *l = find_asked(s, r, reply);

    if (!l)
        return;
    if (sl_lane_redriven(l)) {
        write_redriven(sl_lane_name(l), sl_lane_redriven(l), reply);
        return;
    }
    reply->status = HTTP_NOT_FOUND;
    sl_buf_add_format(&reply->body, "nothing was redriven to output \"%s\" in this life\n",
                      sl_lane_name(l));
}
