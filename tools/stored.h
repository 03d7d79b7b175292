/* stored.h - which tensors of a file are tensors of the model, and which only help another one, as X_scale helps X: smash_model_find_parts()
 * says which belong together, smash_model_restore() reads their numbers. Include after smash.h. */
#ifndef STORED_H
#define STORED_H

#include <stdint.h>
#include <string.h>

/* A tensor as the model means it: plain, or in the parts that `smash compress` writes. */
typedef struct logical {
    const char *name;
    ptrdiff_t   data, at[SMASH_PART_COUNT];          /* the parameter with its numbers; all of its parameters, -1: none */
} logical;

/* 0: the model has no tensor of that name. */
static int find_logical(smash_ctx *ctx, const smash_model *model, const char *name, logical *out)
{
    int k;
    out->name = name;
    if (smash_model_find_parts(ctx, model, name, out->at)) return 0;
    for (k = SMASH_PART_MAIN; out->at[k] < 0; k++) { }                     /* the numbers come first */
    out->data = out->at[k];
    return 1;
}

/* The tensor that parameter i is, or belongs to: 0 if it only helps another one. */
static int logical_at(smash_ctx *ctx, smash_arena *arena, const smash_model *model, size_t i, logical *out)
{
    const char *name = model->params[i].name;
    const size_t length = strlen(name);
    int k;

    for (k = SMASH_PART_COUNT - 1; k > SMASH_PART_MAIN; k--) {             /* helpers before main parts */
        const char *suffix = smash_part_suffix((smash_part)k);
        const size_t n = strlen(suffix);
        char *base;
        if (length <= n || strcmp(name + length - n, suffix) != 0) continue;
        if ((base = (char *)smash_arena_alloc(ctx, arena, length - n + 1)) == NULL) return 0;
        memcpy(base, name, length - n);
        base[length - n] = '\0';
        if (find_logical(ctx, model, base, out) && out->at[k] == (ptrdiff_t)i) return k <= SMASH_PART_COMPRESSED;
    }
    return find_logical(ctx, model, name, out);
}

#endif
