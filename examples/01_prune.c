/* 01_prune.c - drop the half of a layer's output channels that matters least.
 * cc -std=c99 -O2 -I. examples/01_prune.c -o 01_prune && ./01_prune */
#define SMASH_IMPLEMENTATION
#include "smash.h"
#include <stdio.h>

enum { OUT = 4, IN = 6 };

/* A Linear layer's weight: one row for each output channel. */
static float weight[OUT][IN] = {
    {  0.50f, -0.25f,  0.75f,  1.00f, -0.50f,  0.25f },
    {  0.10f,  0.05f, -0.10f,  0.00f,  0.05f, -0.05f },
    { -1.00f,  0.50f,  0.25f, -0.75f,  0.50f,  1.25f },
    {  0.20f, -0.30f,  0.10f,  0.40f, -0.10f,  0.20f }
};
static double norm[OUT];
static unsigned char mask[OUT];
static unsigned char scratch[4096];

static int fail(const smash_ctx *ctx)
{
    fprintf(stderr, "%s: %s\n", smash_err_name(ctx->err), ctx->message);
    return 1;
}

int main(void)
{
    static const size_t weight_shape[2] = { OUT, IN }, mask_shape[2] = { OUT, 1 };
    smash_tensor w = smash_tensor_view(SMASH_F32, weight, sizeof(weight), 2, weight_shape);
    smash_tensor n = smash_tensor_view(SMASH_F64, norm, sizeof(norm), 2, mask_shape);
    smash_tensor m = smash_tensor_view(SMASH_BOOL, mask, sizeof(mask), 2, mask_shape);
    smash_mask_desc desc = SMASH_ZERO;
    smash_mask_stats stats;
    smash_ctx ctx;
    int i, k;

    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, scratch, sizeof(scratch), NULL);

    desc.metric = SMASH_METRIC_L1;
    desc.grain = smash_grain_out_channel();
    desc.ratio = 0.5;

    /* Only smash_mask_make and smash_mask_apply are needed; the norms are there to be looked at. */
    if (smash_mask_metric(&ctx, &desc, &w, &n)) return fail(&ctx);
    if (smash_mask_make(&ctx, &desc, &w, &m, &stats)) return fail(&ctx);
    if (smash_mask_apply(&ctx, &desc.grain, &m, &w)) return fail(&ctx);

    for (i = 0; i < OUT; i++) {
        printf("channel %d  norm %.2f  %s ", i, norm[i], mask[i] ? "keep" : "drop");
        for (k = 0; k < IN; k++) printf(" %5.2f", (double)weight[i][k]);
        printf("\n");
    }
    printf("%lu of %lu channels dropped, %lu of %d numbers are zero now, %lu bytes of scratch used\n", (unsigned long)stats.dropped,
           (unsigned long)stats.blocks, (unsigned long)stats.elements, OUT * IN, (unsigned long)ctx.scratch.peak);
    return 0;
}
