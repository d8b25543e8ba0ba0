/* pool.c - see pool.h. */
#include "base/pool.h"

#include "base/base.h"

static void on_work(uv_work_t *req)
{
    sl_job *job = SL_CONTAINER_OF(req, sl_job, req);

    job->work(job);
}

static void on_done(uv_work_t *req, int status)
{
    sl_job *job = SL_CONTAINER_OF(req, sl_job, req);

    SL_ASSERT(status == 0); /* a job is never cancelled */
    job->out = false;       /* before done(), which may send it out again, or free it */
    job->done(job);
}

void sl_pool_run(uv_loop_t *loop, sl_job *job, void (*work)(sl_job *), void (*done)(sl_job *))
{
    int err;

    SL_ASSERT(!job->out);
    job->work = work;
    job->done = done;
    job->out = true;
    err = uv_queue_work(loop, &job->req, on_work, on_done);
    SL_ASSERT(err == 0);
}
