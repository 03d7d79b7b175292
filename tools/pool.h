/* pool.h - threads for smash_ctx.parallel: a few workers that sleep between calls. Include after smash.h.
 * POSIX threads; where there are none, everything runs on the calling thread. */
#ifndef POOL_H
#define POOL_H

enum { POOL_MAX = 256 };

#if !defined(_WIN32)
#include <pthread.h>

typedef struct pool {
    pthread_mutex_t lock;
    pthread_cond_t  wake, done;
    pthread_t       threads[POOL_MAX];
    size_t          count;                   /* workers, the caller not among them */
    void          (*fn)(void *arg, size_t index);
    void           *arg;
    size_t          next, total, running;    /* indexes handed out, indexes in all, workers inside fn */
    int             busy, quit;
} pool;

/* Take indexes until there are none left. The lock is held on entry and on return. */
static void pool_work(pool *p)
{
    while (p->next < p->total) {
        size_t from = p->next, to = from + (p->total - from) / (4 * (p->count + 1)) + 1;
        void (*fn)(void *, size_t) = p->fn;
        void *arg = p->arg;
        p->next = to;
        p->running++;
        pthread_mutex_unlock(&p->lock);
        for (; from < to; from++) fn(arg, from);
        pthread_mutex_lock(&p->lock);
        p->running--;
    }
    if (p->running == 0) pthread_cond_signal(&p->done);
}

static void *pool_thread(void *arg)
{
    pool *p = (pool *)arg;
    pthread_mutex_lock(&p->lock);
    while (!p->quit) {
        if (p->next < p->total) pool_work(p);
        else pthread_cond_wait(&p->wake, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* The smash_parallel_fn; user is a pool. A call from inside a call runs on the thread that made it. */
static void pool_run(void *user, size_t count, void (*fn)(void *arg, size_t index), void *arg)
{
    pool *p = (pool *)user;
    size_t i;

    pthread_mutex_lock(&p->lock);
    if (count < 2 || p->busy) {
        pthread_mutex_unlock(&p->lock);
        for (i = 0; i < count; i++) fn(arg, i);
        return;
    }
    p->busy = 1;
    p->fn = fn;
    p->arg = arg;
    p->next = 0;
    p->total = count;
    pthread_cond_broadcast(&p->wake);
    pool_work(p);
    while (p->running > 0) pthread_cond_wait(&p->done, &p->lock);
    p->busy = 0;
    pthread_mutex_unlock(&p->lock);
}

/* Start threads - 1 workers, or as many as the system gives, and lend them to ctx. */
static void pool_start(pool *p, smash_ctx *ctx, size_t threads)
{
    memset(p, 0, sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);
    while (p->count + 1 < threads && p->count < POOL_MAX && pthread_create(&p->threads[p->count], NULL, pool_thread, p) == 0) p->count++;
    ctx->parallel = p->count > 0 ? pool_run : NULL;
    ctx->parallel_user = p;
}

static void pool_stop(pool *p, smash_ctx *ctx)
{
    size_t i;
    ctx->parallel = NULL;
    pthread_mutex_lock(&p->lock);
    p->quit = 1;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (i = 0; i < p->count; i++) pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->done);
}

#else
typedef struct pool { size_t count; } pool;
static void pool_start(pool *p, smash_ctx *ctx, size_t threads) { (void)threads; p->count = 0; ctx->parallel = NULL; }
static void pool_stop(pool *p, smash_ctx *ctx) { p->count = 0; ctx->parallel = NULL; }
#endif
#endif
