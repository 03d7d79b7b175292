/* stored.h - the tensors of a model as they are meant, however the file stores them: X as it is; X with X_scale and, unless all
 * zero, X_zero_point; or X_packed, X_shape and X_scale, 4- or 2-bit integers with the low bits first. Include after smash.h. */
#ifndef STORED_H
#define STORED_H

#include <stdint.h>
#include <string.h>

/* A tensor as the model means it: plain, or integers with scales as `smash compress` writes them. */
typedef struct logical {
    const char *name;
    ptrdiff_t   data, scale, zero, shape;   /* parameters; -1: none */
    const char *bad;                        /* why it cannot be read; NULL */
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
    out->bad = NULL;
    out->data = smash_model_find_param(model, name);
    out->shape = out->scale = out->zero = -1;
    if (out->data < 0) {
        out->data = find_part(ctx, arena, model, name, "_packed");
        out->shape = find_part(ctx, arena, model, name, "_shape");
        if (out->shape < 0) out->data = -1;
    }
    if (out->data >= 0 && is_integer(model, out->data)) {
        out->scale = find_part(ctx, arena, model, name, "_scale");
        out->zero = find_part(ctx, arena, model, name, "_zero_point");
    }
    if (out->shape >= 0 && out->scale < 0) out->data = -1;
    return out->data >= 0;
}

/* The tensor that parameter i is, or belongs to: 0 if it only helps another one. */
static int logical_at(smash_ctx *ctx, smash_arena *arena, const smash_model *model, size_t i, logical *out)
{
    static const char *const helpers[] = { "_scale", "_zero_point", "_shape" };
    const char *name = model->params[i].name;
    size_t length = strlen(name), k, n;

    for (k = 0; k < sizeof(helpers) / sizeof(helpers[0]); k++) {
        n = strlen(helpers[k]);
        if (length <= n || strcmp(name + length - n, helpers[k]) != 0) continue;
        if (find_logical(ctx, arena, model, stored_name(ctx, arena, name, length - n, ""), out) &&
            (out->scale == (ptrdiff_t)i || out->zero == (ptrdiff_t)i || out->shape == (ptrdiff_t)i)) return 0;
    }
    n = strlen("_packed");
    if (length > n && strcmp(name + length - n, "_packed") == 0 &&
        find_logical(ctx, arena, model, stored_name(ctx, arena, name, length - n, ""), out) && out->data == (ptrdiff_t)i) return 1;
    return find_logical(ctx, arena, model, name, out);
}

static smash_err convert_new(smash_ctx *ctx, smash_arena *arena, smash_tensor from, smash_dtype dtype, smash_tensor *out)
{
    *out = from;
    out->dtype = dtype;
    out->flags = 0;
    if (smash_tensor_bytes(out, &out->bytes)) return SMASH_ERR_OVERFLOW;
    if ((out->data = smash_arena_alloc(ctx, arena, out->bytes)) == NULL) return SMASH_ERR_NOMEM;
    if (from.data) return smash_tensor_convert(ctx, &from, out);
    memset(out->data, 0, out->bytes);
    return SMASH_OK;
}

static const char *stored_dtype(smash_dtype dtype)
{
    switch (dtype) {
    case SMASH_I2: return "int2";   case SMASH_U2: return "uint2";
    case SMASH_I4: return "int4";   case SMASH_U4: return "uint4";
    case SMASH_I8: return "int8";   case SMASH_U8: return "uint8";
    case SMASH_I16: return "int16"; case SMASH_U16: return "uint16";
    default: return smash_dtype_name(dtype);
    }
}

/* The numbers that l stands for; dequantized if need be. *dtype gets the name of how they are stored. */
static smash_err load_logical(smash_ctx *ctx, smash_arena *arena, const smash_model *model, logical *l, smash_tensor *out, const char **dtype)
{
    smash_quant_desc desc = SMASH_ZERO;
    smash_tensor q, scale, zero, shape;
    int32_t block[SMASH_MAX_DIMS];
    smash_err err;
    size_t bytes;
    uint32_t i;

    *dtype = smash_dtype_name(model->params[l->data].tensor.dtype);
    if ((err = smash_model_load(ctx, model, (size_t)l->data, arena, &q)) != SMASH_OK) return err;
    *out = q;
    if (l->scale < 0) return SMASH_OK;
    if ((err = smash_model_load(ctx, model, (size_t)l->scale, arena, &scale)) != SMASH_OK) return err;
    if (l->zero >= 0 && (err = smash_model_load(ctx, model, (size_t)l->zero, arena, &zero)) != SMASH_OK) return err;
    desc.is_unsigned = q.dtype == SMASH_U8 || q.dtype == SMASH_U16;
    if (l->shape >= 0) {
        if ((err = smash_model_load(ctx, model, (size_t)l->shape, arena, &shape)) != SMASH_OK) return err;
        l->bad = "its _shape is not a list of sizes";
        if (shape.dtype != SMASH_I64 || shape.ndim != 1 || shape.shape[0] > SMASH_MAX_DIMS) return SMASH_ERR_FORMAT;
        q.ndim = (uint32_t)shape.shape[0];
        for (i = 0; i < q.ndim; i++) {
            int64_t size = ((const int64_t *)shape.data)[i];
            if (size < 0 || (uint64_t)size > SIZE_MAX) return SMASH_ERR_FORMAT;
            q.shape[i] = (size_t)size;
        }
        desc.is_unsigned = l->zero >= 0 && zero.dtype == SMASH_U8;
        l->bad = "its packed bytes do not fit its _shape";
        q.dtype = desc.is_unsigned ? SMASH_U4 : SMASH_I4;
        if (smash_tensor_bytes(&q, &bytes) || bytes != q.bytes) q.dtype = desc.is_unsigned ? SMASH_U2 : SMASH_I2;
        if (smash_tensor_bytes(&q, &bytes) || bytes != q.bytes) return SMASH_ERR_FORMAT;
    }
    desc.bits = smash_dtype_bits(q.dtype);
    *dtype = stored_dtype(q.dtype);
    l->bad = "its scales do not fit its shape";
    if (desc.bits > 16 || scale.ndim != q.ndim || (l->zero >= 0 && (zero.ndim != scale.ndim || memcmp(zero.shape, scale.shape, sizeof(size_t) * scale.ndim)))) return SMASH_ERR_FORMAT;
    for (i = 0; i < q.ndim; i++) {
        if (scale.shape[i] == 0 || q.shape[i] % scale.shape[i] || q.shape[i] / scale.shape[i] > INT32_MAX) return SMASH_ERR_FORMAT;
        block[i] = (int32_t)(q.shape[i] / scale.shape[i]);
    }
    l->bad = NULL;
    desc.grain = q.ndim ? smash_grain_block(block, q.ndim) : smash_grain_tensor();
    if (l->zero < 0) { zero = scale; zero.data = NULL; }
    if ((err = convert_new(ctx, arena, zero, SMASH_I32, &zero)) != SMASH_OK || (err = convert_new(ctx, arena, scale, SMASH_F32, &scale)) != SMASH_OK) return err;
    *out = q;
    out->data = NULL;
    if ((err = convert_new(ctx, arena, *out, SMASH_F32, out)) != SMASH_OK) return err;
    return smash_dequantize(ctx, &desc, &q, &scale, &zero, out);
}

#endif
