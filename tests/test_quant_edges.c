/* Numbers beside the edges of rounding, where a product with 1/scale could say another integer than the quotient: every instruction set against
 * divisions in the test. And what is larger than the caches, against the same in pieces. */
#include "../smash.h"
#include "test.h"

static float f32(double x) { volatile float y = (float)x; return y; }              /* rounded, on x87, too */
static uint64_t rng = 20261122;
#include "random.h"

enum { MOST = 1500, PLACES = 3 * 64 + 37 };

static const struct { uint32_t bits, is_unsigned, full_range; smash_scheme scheme; } grids[] = {
    { 8, 0, 0, SMASH_SYMMETRIC }, { 8, 0, 1, SMASH_AFFINE }, { 8, 1, 0, SMASH_AFFINE }, { 8, 1, 0, SMASH_SYMMETRIC }, { 5, 0, 0, SMASH_AFFINE },
    { 4, 0, 0, SMASH_SYMMETRIC }, { 4, 1, 0, SMASH_AFFINE }, { 2, 0, 0, SMASH_SYMMETRIC }, { 2, 1, 0, SMASH_AFFINE }, { 1, 1, 0, SMASH_AFFINE }, { 9, 0, 0, SMASH_SYMMETRIC }
};
static const uint32_t scales[] = {          /* bits: 1, 0.1, 1/3, 1/127, pi, 2 and beside it, 1e-30, 2^-111 and below it, 2^-112, 1e-38, the least, a denormal, 1e30, 2^126 and above it, the largest */
    0x3F800000, 0x3DCCCCCD, 0x3EAAAAAB, 0x3C010204, 0x40490FDB, 0x40000000, 0x3FFFFFFF, 0x40000001, 0x0DA24260, 0x08000000, 0x07FFFFFF, 0x07800000, 0x006CE3EE, 1, 0x00012345,
    0x7149F2CA, 0x7E800000, 0x7E800001, 0x7F7FFFFF, 0x34000000, 0x3A83126F, 0x3B808081, 0x3FFFFFFE, 0x3F7FFFFF, 0x3F800001
};

/* A number of steps, then beside it, as a number that the scale makes of it */
static float beside(double steps, float scale, int i)
{
    static const double off[] = { 0, 1.0 / 8192, -1.0 / 8192, 1.0 / 16384, -1.0 / 16384, 1.0 / 32768, -1.0 / 32768, 1.0 / 65536, -1.0 / 65536, 1.0 / 131072, -1.0 / 131072 };
    double v = (steps + off[i % (int)COUNT_OF(off)]) * (double)scale;
    float x = f32(v > 3.4e38 ? 3.4e38 : v < -3.4e38 ? -3.4e38 : v);
    const uint32_t bits = bits_of(x), moved = (bits & 0x7FFFFFFFu) < 2 ? bits : bits - 2 + (uint32_t)(i / (int)COUNT_OF(off) % 5);
    return (moved & 0x7FFFFFFFu) < 0x7F800000u && (bits ^ moved) < 0x80000000u ? float_of(moved) : x;
}

static int32_t rounded(smash_rounding rounding, double u)            /* |u| < 2^31 */
{
    const double size = u < 0 ? -u : u;
    int32_t whole = (int32_t)size;
    const double rest = size - whole;
    if (rest > 0.5 || (rest == 0.5 && (rounding == SMASH_HALF_AWAY || whole % 2))) whole++;
    return u < 0 ? -whole : whole;
}

static void fill(float *x, size_t n, float scale, int32_t zero, int32_t qmin, int32_t qmax, int kind)
{
    static const double far[] = { 300.25, 1023.5, 32766.5, 32767.49, 32767.5, 32768, 32769.5, 65536.5, 1e6, 2147483000.0, 2147483648.0, 4294967296.5, 1e12, 1e30, 3e38 };
    size_t i;
    for (i = 0; i < n; i++) {
        const double k = (double)(qmin - zero - 2) + (double)below((size_t)(qmax - qmin) + 4), way = below(2) ? 1 : -1;
        switch (kind == 3 ? (int)below(4) : kind) {
        case 0:  x[i] = beside(k + 0.5, scale, (int)below(55)); break;
        case 1:  x[i] = beside(k, scale, (int)below(55)); break;
        case 2:  x[i] = beside(way * far[below(COUNT_OF(far))], scale, (int)below(55)); break;
        default: x[i] = below(3) ? beside((uniform() - 0.5) * (double)(qmax - qmin), scale, 0) : float_of((uint32_t)below(256) | (below(2) ? 0x80000000u : 0)); break;
        }
        if (kind == 4 && i % 64) x[i] = beside(k + 0.25, scale, 0);  /* groups of which one number, at most, is divided */
    }
}

static void test_edges(smash_ctx *ctx)
{
    static float x[MOST + 8], y[MOST + 8], want_y[MOST];
    static int32_t want[MOST];
    static uint8_t q[MOST + 8];
    size_t g, s, one = 1, i, bad;
    int kind, place;
    uint32_t way;
    for (g = 0; g < COUNT_OF(grids); g++) for (s = 0; s < COUNT_OF(scales) + 40; s++) for (kind = 0; kind < 5; kind++) for (place = 0; place < 6; place++) {
        const float scale = s < COUNT_OF(scales) ? float_of(scales[s]) : f32(0.001 + uniform() * (s % 2 ? 1 : 100));
        const size_t n = (size_t)MOST - below(200);
        smash_quant_desc d = test_quant_desc(grids[g].bits, grids[g].is_unsigned, grids[g].scheme);
        smash_dtype dtype;
        int32_t qmin, qmax, zero;
        float *from = x + place % 3;
        smash_tensor tx = test_view(SMASH_F32, from, 1, &n), ty = test_view(SMASH_F32, y + place, 1, &n), tq, ts = test_view(SMASH_F32, &scale, 1, &one), tz = test_view(SMASH_I32, &zero, 1, &one);
        d.full_range = grids[g].full_range;
        d.rounding = place % 2 ? SMASH_HALF_AWAY : SMASH_HALF_EVEN;
        dtype = smash_quant_dtype(&d);
        tq = test_view(dtype, q + place, 1, &n);
        CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_OK, "grid %d", (int)g);
        zero = place == 0 ? 0 : place == 1 ? qmin : place == 2 ? qmax : qmin + (int32_t)below((size_t)(qmax - qmin) + 1);
        fill(from, n, scale, zero, qmin, qmax, kind);
        for (i = 0; i < n; i++) {
            const float u = f32((double)zero + (double)f32((double)from[i] / (double)scale));      /* a double holds what a quotient of floats needs to be rounded twice */
            const double t = (double)u < qmin ? qmin : (double)u > qmax ? qmax : (double)u;
            want[i] = rounded(d.rounding, t);
            want_y[i] = f32((double)(want[i] - zero) * (double)scale);
            if (want[i] == 0 && zero == 0 && t < 0) want_y[i] = float_of(0x80000000u);
        }
        for (way = 0; way < 3; way++) {
            ctx->no_simd = way;
            if (grids[g].bits <= 8) {
                memset(q, 0xA5, sizeof q);
                CHECK_ERR(ctx, smash_quantize(ctx, &d, &tx, &ts, &tz, &tq), SMASH_OK, "grid %d", (int)g);
                for (bad = i = 0; i < n; i++) bad += int_at(dtype, tq.data, i) != want[i];
                CHECK(!bad, "grid %d, scale %d, kind %d, place %d, way %d: %d integers", (int)g, (int)s, kind, place, (int)way, (int)bad);
                CHECK(q[(size_t)place + tq.bytes] == 0xA5, "grid %d, way %d: a byte more", (int)g, (int)way);
            }
            CHECK_ERR(ctx, smash_fake_quantize(ctx, &d, &tx, &ts, &tz, &ty), SMASH_OK, "grid %d", (int)g);
            for (bad = i = 0; i < n; i++) bad += bits_of(y[(size_t)place + i]) != bits_of(want_y[i]);
            CHECK(!bad, "grid %d, scale %d, kind %d, place %d, way %d: %d fake", (int)g, (int)s, kind, place, (int)way, (int)bad);
            memcpy(ty.data, from, n * 4);
            CHECK_ERR(ctx, smash_fake_quantize(ctx, &d, &ty, &ts, &tz, &ty), SMASH_OK, "grid %d", (int)g);
            CHECK(!memcmp(ty.data, want_y, n * 4), "grid %d, scale %d, kind %d, place %d, way %d: in place", (int)g, (int)s, kind, place, (int)way);
        }
    }
    ctx->no_simd = 0;
}

/* NaN and Inf at every place of a group, and of the rest */
static void test_nonfinite(smash_ctx *ctx)
{
    static const uint32_t values[] = { 0x7F800000u, 0xFF800000u, 0x7FC00000u, 0xFFC12345u, 0x7F800001u };
    static float x[PLACES], y[3][PLACES], z[PLACES];
    static uint8_t q[PLACES];
    const size_t n = PLACES, one = 1;
    const float scale = 0.37f;
    smash_tensor tx = test_view(SMASH_F32, x, 1, &n), tz = test_view(SMASH_F32, z, 1, &n), ts = test_view(SMASH_F32, &scale, 1, &one);
    size_t at, v, i;
    for (at = 0; at < n; at++) for (v = 0; v < COUNT_OF(values); v++) {
        const uint32_t bits = v % 2 ? 4 : 8;
        smash_quant_desc d = test_quant_desc(bits, 0, SMASH_SYMMETRIC);
        smash_tensor tq = test_view(smash_quant_dtype(&d), q, 1, &n), ty;
        uint32_t way;
        for (i = 0; i < n; i++) x[i] = f32((double)((int)(i * 7 % 300) - 150) * 0.1 * (double)scale);
        x[at] = float_of(values[v]);
        for (way = 0; way < 3; way++) {
            ctx->no_simd = way;
            smash_ctx_reset(ctx);
            CHECK(smash_quantize(ctx, &d, &tx, &ts, NULL, &tq) == SMASH_ERR_NONFINITE && ctx->index == at, "value %d at %d, way %d", (int)v, (int)at, (int)way);
            smash_ctx_reset(ctx);
            ty = test_view(SMASH_F32, y[way], 1, &n);
            CHECK(smash_fake_quantize(ctx, &d, &tx, &ts, NULL, &ty) == SMASH_ERR_NONFINITE && ctx->index == at, "value %d at %d, way %d", (int)v, (int)at, (int)way);
            memcpy(z, x, sizeof x);
            smash_ctx_reset(ctx);
            CHECK(smash_fake_quantize(ctx, &d, &tz, &ts, NULL, &tz) == SMASH_ERR_NONFINITE && ctx->index == at, "value %d at %d, way %d, in place", (int)v, (int)at, (int)way);
            CHECK(!memcmp(y[way], y[0], sizeof x) && !memcmp(z, y[0], sizeof x) && bits_of(z[at]) == values[v], "value %d at %d, way %d: what is beside it", (int)v, (int)at, (int)way);
        }
    }
    ctx->no_simd = 0;
}

/* 32 MB written, at places that past-the-cache stores take and do not take: what pieces of it give */
static void test_large(smash_ctx *ctx)
{
    static const size_t moved[] = { 0, 16, 4 };
    const size_t many = ((size_t)1 << 25) + 101, few = ((size_t)1 << 23) + 101, one = 1, piece = 65536;
    float *x = (float *)malloc(many * 4), *small = (float *)malloc(piece * 4);
    char *room = (char *)malloc(few * 4 + 64), *to = room ? room + (64 - (uintptr_t)room % 64) % 64 : NULL;
    const float scale = 0.011f;
    smash_tensor ts = test_view(SMASH_F32, &scale, 1, &one);
    size_t m, i, some;
    int fake, differs;
    if (!x || !small || !room) { CHECK(0, "no memory"); free(x); free(small); free(room); return; }
    for (i = 0; i < many; i++) x[i] = (float)((double)(int32_t)(uint32_t)(i * 2654435761u) * 1e-9);
    for (fake = 0; fake < 2; fake++) for (m = 0; m < COUNT_OF(moved); m++) {
        const size_t n = (fake ? few : many) - 64;
        smash_tensor tx = test_view(SMASH_F32, x, 1, &n), ty = test_view(fake ? SMASH_F32 : SMASH_I8, to + moved[m] % 32, 1, &n);
        if (fake) CHECK_ERR(ctx, smash_fake_quantize(ctx, NULL, &tx, &ts, NULL, &ty), SMASH_OK, "fake");
        else      CHECK_ERR(ctx, smash_quantize(ctx, NULL, &tx, &ts, NULL, &ty), SMASH_OK, "large");
        for (differs = 0, i = 0; i < n; i += some) {
            smash_tensor px, py;
            some = n - i < piece ? n - i : piece;
            px = test_view(SMASH_F32, x + i, 1, &some);
            py = test_view(fake ? SMASH_F32 : SMASH_I8, small, 1, &some);
            ctx->no_simd = 1;
            if (fake) CHECK_ERR(ctx, smash_fake_quantize(ctx, NULL, &px, &ts, NULL, &py), SMASH_OK, "fake");
            else      CHECK_ERR(ctx, smash_quantize(ctx, NULL, &px, &ts, NULL, &py), SMASH_OK, "large");
            ctx->no_simd = 0;
            differs += memcmp(small, to + moved[m] % 32 + i * (fake ? 4 : 1), py.bytes) != 0;
        }
        CHECK(!differs, "large, fake %d, moved by %d: %d pieces", fake, (int)moved[m], differs);
    }
    free(x); free(small); free(room);
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_edges(&ctx);
    test_nonfinite(&ctx);
    test_large(&ctx);
    return test_done();
}
