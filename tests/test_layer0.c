/* Layer 0 alone, as firmware has it, on this machine: here it takes other numbers at a time, and its vectors are those of all the rest. */
#define SMASH_STATIC 1
#define SMASH_ONLY_LAYER0 1
#define SMASH_IMPLEMENTATION
#include "../smash.h"
#include "test.h"

/* KL of rows of every length: the same bytes from each kind of code */
static void test_ways(smash_ctx *ctx)
{
    enum { LONGEST = 50 };
    static const double sizes[] = { 1, 30, 1e4 };
    double wide[2][LONGEST];
    float narrow[2][LONGEST], g[3][LONGEST];
    double loss[3];
    uint64_t rng = 5;
    size_t n, k, i;
    uint32_t way;
    for (n = 1; n <= LONGEST; n++)
        for (k = 0; k < 2 * COUNT_OF(sizes); k++) {
            const size_t shape[2] = { 1, n };
            for (i = 0; i < 2 * n; i++) {
                const double x = sizes[k / 2] * ((double)(smash_random(&rng) >> 11) / 4503599627370496.0 - 1);
                wide[i / n][i % n] = x;
                narrow[i / n][i % n] = (float)x;
            }
            for (way = 0; way < 3; way++) {
                const smash_dtype dtype = k & 1 ? SMASH_F64 : SMASH_F32;
                const size_t bytes = n * (k & 1 ? sizeof(double) : sizeof(float));
                const smash_tensor x = smash_tensor_view(dtype, k & 1 ? (void *)wide[0] : (void *)narrow[0], bytes, 2, shape);
                const smash_tensor y = smash_tensor_view(dtype, k & 1 ? (void *)wide[1] : (void *)narrow[1], bytes, 2, shape);
                const smash_tensor to = smash_tensor_view(SMASH_F32, g[way], n * sizeof(float), 2, shape);
                smash_loss_desc d = SMASH_ZERO;
                d.kind = SMASH_LOSS_KL;
                ctx->no_simd = way;
                CHECK_ERR(ctx, smash_loss(ctx, &d, &x, &y, &loss[way], &to), SMASH_OK, "%d numbers", (int)n);
                CHECK(!memcmp(&loss[way], &loss[0], sizeof loss[0]) && !memcmp(g[way], g[0], n * sizeof(float)), "%d numbers of up to %g, way %d: %.17g, not %.17g", (int)n, sizes[k / 2], (int)way,
                      loss[way], loss[0]);
            }
        }
    ctx->no_simd = 0;
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_ways(&ctx);
    smash_arena_release(&ctx.scratch);
    return test_done();
}
