/* stored.h - which tensors of a file are tensors of the model, and which only help another one: X_scale, X_zero_point, X_shape and
 * X_bitmask belong to X, X_packed or X_compressed. smash_model_restore() reads their numbers. Include after smash.h. */
#ifndef STORED_H
#define STORED_H

#include <stdint.h>
#include <string.h>

/* A tensor as the model means it: plain, or integers with scales as `smash compress` writes them. */
typedef struct logical {
    const char *name;
    ptrdiff_t   data, scale, zero, shape, bitmask;   /* parameters; -1: none */
} logical;

/* The first `length` bytes of name with suffix behind them; "" if there is no memory, which is the name of nothing. */
static const char *stored_name(smash_ctx *ctx, smash_arena *arena, const char *name, size_t length, const char *suffix)
{
    size_t n = strlen(suffix);
    char *out = (char *)smash_arena_alloc(ctx, arena, length + n + 1);
    if (!out) return "";
    memcpy(out, name, length);
    memcpy(out + length, suffix, n + 1);
    return out;
}

static ptrdiff_t find_part(smash_ctx *ctx, smash_arena *arena, const smash_model *model, const char *name, const char *suffix)
{
    return smash_model_find_param(model, stored_name(ctx, arena, name, strlen(name), suffix));
}

static int is_integer(const smash_model *model, ptrdiff_t param)
{
    return param >= 0 && model->params[param].tensor.dtype >= SMASH_I8 && model->params[param].tensor.dtype <= SMASH_U64;
}

/* 0: the model has no tensor of that name. */
static int find_logical(smash_ctx *ctx, smash_arena *arena, const smash_model *model, const char *name, logical *out)
{
    out->name = name;
    out->data = smash_model_find_param(model, name);
    out->shape = out->scale = out->zero = out->bitmask = -1;
    if (out->data < 0) {
        out->data = find_part(ctx, arena, model, name, "_packed");
        out->shape = find_part(ctx, arena, model, name, "_shape");
        if (out->data < 0 && (out->bitmask = find_part(ctx, arena, model, name, "_bitmask")) >= 0) out->data = find_part(ctx, arena, model, name, "_compressed");
        if (out->shape < 0) out->data = -1;
    }
    if (out->data >= 0 && is_integer(model, out->data)) {
        out->scale = find_part(ctx, arena, model, name, "_scale");
        out->zero = find_part(ctx, arena, model, name, "_zero_point");
    }
    if (out->shape >= 0 && out->scale < 0 && out->bitmask < 0) out->data = -1;
    return out->data >= 0;
}

/* The tensor that parameter i is, or belongs to: 0 if it only helps another one. */
static int logical_at(smash_ctx *ctx, smash_arena *arena, const smash_model *model, size_t i, logical *out)
{
    static const char *const helpers[] = { "_scale", "_zero_point", "_shape", "_bitmask" }, *const main_parts[] = { "_packed", "_compressed" };
    const char *name = model->params[i].name;
    size_t length = strlen(name), k, n;

    for (k = 0; k < sizeof(helpers) / sizeof(helpers[0]); k++) {
        n = strlen(helpers[k]);
        if (length <= n || strcmp(name + length - n, helpers[k]) != 0) continue;
        if (find_logical(ctx, arena, model, stored_name(ctx, arena, name, length - n, ""), out) &&
            (out->scale == (ptrdiff_t)i || out->zero == (ptrdiff_t)i || out->shape == (ptrdiff_t)i || out->bitmask == (ptrdiff_t)i)) return 0;
    }
    for (k = 0; k < sizeof(main_parts) / sizeof(main_parts[0]); k++) {
        n = strlen(main_parts[k]);
        if (length > n && strcmp(name + length - n, main_parts[k]) == 0 &&
            find_logical(ctx, arena, model, stored_name(ctx, arena, name, length - n, ""), out) && out->data == (ptrdiff_t)i) return 1;
    }
    return find_logical(ctx, arena, model, name, out);
}

#endif
