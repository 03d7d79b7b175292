/* Grids from a config to a file and back: uint1, the full range, halves away from zero, at every odd length of a packing. */
#include "../smash.h"
#include "test.h"

static unsigned char memory[1 << 20], more[1 << 20];

/* Halves away from zero, or to the even neighbour */
static int32_t rounded(double x, int away)
{
    const double magnitude = x < 0 ? -x : x;
    int32_t n = (int32_t)(magnitude + 0.5);
    if (!away && (double)n - magnitude == 0.5) n -= n % 2;
    return x < 0 ? -n : n;
}

int main(void)
{
    static const struct { const char *settings[4]; int32_t qmin, qmax; int affine, away; const char *stored, *dtype; } rows[] = {
        { { "ptq_quant_range=full" }, -128, 127, 0, 0, "fc.weight", "I8" },
        { { "ptq_quant_range=full", "ptq_quant_scheme=affine" }, -128, 127, 1, 0, "fc.weight", "I8" },
        { { "ptq_quant_rounding=half_away" }, -127, 127, 0, 1, "fc.weight", "I8" },
        { { "ptq_quant_rounding=half_away", "ptq_quant_dtype=uint8", "ptq_quant_scheme=affine" }, 0, 255, 1, 1, "fc.weight", "U8" },
        { { "ptq_quant_range=full", "ptq_quant_dtype=int4", "ptq_quant_scheme=affine" }, -8, 7, 1, 0, "fc.weight_packed", "U8" },
        { { "ptq_quant_range=full", "ptq_quant_dtype=int2", "ptq_quant_rounding=half_away" }, -2, 1, 0, 1, "fc.weight_packed", "U8" },
        { { "ptq_quant_range=full", "ptq_quant_dtype=uint2" }, 0, 3, 0, 0, "fc.weight_packed", "U8" },
        { { "ptq_quant_dtype=uint1" }, 0, 1, 0, 0, "fc.weight_packed", "U8" },
        { { "ptq_quant_dtype=uint1", "ptq_quant_scheme=affine", "ptq_quant_rounding=half_away" }, 0, 1, 1, 1, "fc.weight_packed", "U8" },
        { { "ptq_quant_dtype=int16", "ptq_quant_range=full", "ptq_quant_rounding=half_even", "ptq_quant_scheme=affine" }, -32768, 32767, 1, 0, "fc.weight", "I16" },
    };
    enum { MOST = 37 };
    static smash_config config, loaded;
    static smash_result result, back;
    static test_buffer out;
    smash_ctx ctx;
    size_t r, n, i, k;
    int kind;
    test_ctx(&ctx);
    for (r = 0; r < COUNT_OF(rows); r++)
        for (n = 1; n <= MOST; n++)
            for (kind = 0; kind < 4; kind++) {                       /* a ramp with ties, all zeros, a constant, one sign */
                const size_t shape[2] = { 1, n };
                float x[MOST], lo = 0, hi = 0, scale, steps = (float)(rows[r].qmax - rows[r].qmin);
                int32_t zero = (rows[r].qmax + rows[r].qmin + 1) >> 1;
                smash_arena arena;
                smash_diags diags = SMASH_ZERO;
                smash_model model;
                smash_tensor w = test_view(SMASH_F32, x, 2, shape), y = SMASH_ZERO;
                smash_io to = SMASH_ZERO, from;
                smash_dtype stored = SMASH_DTYPE_NONE;
                ptrdiff_t p;
                smash_arena_init(&arena, memory, sizeof memory, NULL);
                smash_arena_init(&ctx.scratch, more, sizeof more, NULL);
                diags.arena = &arena;
                for (i = 0; i < n; i++) {
                    x[i] = kind == 0 ? ((float)((i * 7) % 16) - 8) * 0.25f : kind == 1 ? 0 : kind == 2 ? -0.75f : 0.5f + (float)i;
                    if (x[i] < lo) lo = x[i];
                    if (x[i] > hi) hi = x[i];
                }
                scale = rows[r].affine ? (hi - lo) / steps : (hi > -lo ? hi : -lo) / (steps / 2);
                if (scale < 1.1920928955078125e-07f) scale = 1.1920928955078125e-07f;
                if (rows[r].affine) {
                    float at = lo / scale;
                    zero = rows[r].qmin - rounded((double)at, rows[r].away);
                    zero = zero > rows[r].qmax ? rows[r].qmax : zero;
                }
                smash_config_init(&config, smash_builtins(), &arena, &diags);
                CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, "quantizer=ptq"), SMASH_OK, "row %d", (int)r);
                for (k = 0; k < COUNT_OF(rows[r].settings) && rows[r].settings[k]; k++)
                    CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, rows[r].settings[k]), SMASH_OK, "row %d", (int)r);
                smash_model_init(&model, &arena);
                CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "fc.weight", &w, 0), SMASH_OK, "row %d", (int)r);
                CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "row %d", (int)r);
                CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_OK, "row %d, %d numbers", (int)r, (int)n);
                out.used = 0;
                to.write = test_buffer_write;
                to.user = &out;
                CHECK_ERR(&ctx, smash_save(&ctx, &result, &to), SMASH_OK, "row %d", (int)r);
                from = smash_io_memory(out.data, out.used);
                smash_config_init(&loaded, smash_builtins(), &arena, &diags);
                CHECK_ERR(&ctx, smash_load(&ctx, &from, NULL, &loaded, &back), SMASH_OK, "row %d, %d numbers", (int)r, (int)n);
                CHECK(smash_config_equal(&config, &loaded), "row %d: another config", (int)r);
                p = smash_model_find_param(&back.stored, rows[r].stored);
                CHECK(p >= 0 && !strcmp(smash_dtype_name(back.stored.params[p].tensor.dtype), rows[r].dtype), "row %d: no %s of %s", (int)r, rows[r].stored, rows[r].dtype);
                CHECK_ERR(&ctx, smash_model_restore(&ctx, &back.stored, "fc.weight", &arena, &y, &stored), SMASH_OK, "row %d, %d numbers", (int)r, (int)n);
                for (i = 0; i < n && y.data; i++) {
                    float t = x[i] / scale, want;
                    int32_t q;
                    t = (float)zero + t;
                    q = rounded((double)(t < (float)rows[r].qmin ? (float)rows[r].qmin : t > (float)rows[r].qmax ? (float)rows[r].qmax : t), rows[r].away);
                    want = (float)(q - zero) * scale;
                    CHECK(((const float *)y.data)[i] == want, "row %d, %d numbers, kind %d: number %d, %.9g, reads %.9g, want %.9g", (int)r, (int)n, kind, (int)i, (double)x[i],
                          (double)((const float *)y.data)[i], (double)want);
                }
            }
    return test_done();
}
