/* 02_quantize.c - store a layer's weight as 8-bit integers, one scale for each output channel.
 * cc -std=c99 -O2 -I. examples/02_quantize.c -o 02_quantize && ./02_quantize */
#define SMASH_IMPLEMENTATION
#include "smash.h"
#include <stdio.h>

enum { OUT = 3, IN = 6 };

/* Rows of very different size: one scale for all of them would leave little of the last. */
static float weight[OUT][IN] = {
    {  1.50f,  -0.25f,   0.75f,   1.00f,  -0.50f,   0.30f },
    {  0.10f,   0.05f,  -0.10f,   0.00f,   0.07f,  -0.03f },
    { -0.001f,  0.002f,  0.0005f, 0.004f, -0.003f,  0.0f  }
};
static float back[OUT][IN];
static int8_t q[OUT][IN];
static float scale[OUT];
static int32_t zero[OUT];
static unsigned char scratch[4096];

static int fail(const smash_ctx *ctx)
{
    fprintf(stderr, "%s: %s\n", smash_err_name(ctx->err), ctx->message);
    return 1;
}

int main(void)
{
    static const size_t shape[2] = { OUT, IN }, grid[2] = { OUT, 1 };
    smash_tensor w = smash_tensor_view(SMASH_F32, weight, sizeof(weight), 2, shape);
    smash_tensor b = smash_tensor_view(SMASH_F32, back, sizeof(back), 2, shape);
    smash_tensor n = smash_tensor_view(SMASH_I8, q, sizeof(q), 2, shape);
    smash_tensor s = smash_tensor_view(SMASH_F32, scale, sizeof(scale), 2, grid);
    smash_tensor z = smash_tensor_view(SMASH_I32, zero, sizeof(zero), 2, grid);
    smash_quant_desc desc = SMASH_ZERO;   /* 8 bits, signed, symmetric */
    smash_quant_stats stats;
    smash_ctx ctx;
    int i, k;

    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, scratch, sizeof(scratch), NULL);
    desc.grain = smash_grain_out_channel();

    if (smash_quant_fit(&ctx, &desc, &w, &s, &z)) return fail(&ctx);
    if (smash_quantize(&ctx, &desc, &w, &s, &z, &n)) return fail(&ctx);
    if (smash_dequantize(&ctx, &desc, &n, &s, &z, &b)) return fail(&ctx);
    if (smash_quant_measure(&ctx, &desc, &w, &s, &z, &n, &stats)) return fail(&ctx);

    for (i = 0; i < OUT; i++) {
        printf("channel %d  scale %.9g  zero %ld\n", i, (double)scale[i], (long)zero[i]);
        printf("  float   ");
        for (k = 0; k < IN; k++) printf(" %10.6f", (double)weight[i][k]);
        printf("\n  integer ");
        for (k = 0; k < IN; k++) printf(" %10d", q[i][k]);
        printf("\n  back    ");
        for (k = 0; k < IN; k++) printf(" %10.6f", (double)back[i][k]);
        printf("\n");
    }
    printf("%lu bytes were %lu; mean squared error %.3g, largest error %.3g, signal to noise %.1f dB\n",
           (unsigned long)(sizeof(q) + sizeof(scale)), (unsigned long)sizeof(weight), stats.mse, stats.max_abs_error, stats.snr_db);
    return 0;
}
