/* Every call of the quant section on random shapes, granularities, grids, dtypes and places in memory, one instruction set against the
 * other, against loops over single numbers. Memory beside the outputs stays as it was. */
#include "../smash.h"
#include "test.h"

static float f32(double x) { volatile float y = (float)x; return y; }              /* rounded, on x87, too */
static int finite32(float x) { return (bits_of(x) & 0x7F800000u) != 0x7F800000u; }

enum { MOST = 2200, EDGE = 64 };
static uint64_t rng = 20261121;
#include "random.h"

/* ---- memory with an edge at either end, moved by a few elements ---- */

typedef struct room { unsigned char bytes[EDGE + 8 * MOST + 64 + EDGE]; size_t start, size; } room;

static void *enter(room *r, size_t size, size_t element)
{
    memset(r->bytes, 0xA5, sizeof r->bytes);
    r->start = EDGE + below(9) * element;
    r->size = size;
    return r->bytes + r->start;
}

static int edges_kept(const room *r)
{
    size_t i;
    for (i = 0; i < EDGE; i++) if (r->bytes[r->start - 1 - i] != 0xA5 || r->bytes[r->start + r->size + i] != 0xA5) return 0;
    return 1;
}

/* x to a whole number, by its fraction; |x| < 2^31 */
static int32_t rounded(smash_rounding rounding, double x)
{
    double low = (double)(int64_t)x;
    if (low > x) low -= 1;
    if (x - low > 0.5) low += 1;
    else if (x - low == 0.5) {
        if (rounding == SMASH_HALF_AWAY) low += x > 0;
        else if ((int64_t)low % 2 != 0) low += 1;
    }
    return (int32_t)low;
}

/* ---- a case ---- */

typedef struct layout {
    uint32_t ndim;
    size_t shape[4], block[4], count[4], n, blocks;
    size_t of[MOST];                         /* the block of every number */
    smash_grain grain;
} layout;

static size_t divisor(size_t n)
{
    size_t d = 1 + below(n);
    while (n % d) d--;
    return d;
}

static void draw_layout(layout *l)
{
    size_t i, k, most = below(4) == 0 ? MOST : 1 + below(400);
    int32_t sizes[4];
    int kind = (int)below(4), partial = (int)below(2);
    memset(l, 0, sizeof *l);
    l->ndim = (uint32_t)below(5);
    for (l->n = 1, i = l->ndim; i--;) {
        size_t room_left = most / l->n;
        l->shape[i] = 1 + below(room_left > 40 && i ? 40 : room_left);
        l->n *= l->shape[i];
    }
    if (kind == 0 && l->n > 300) kind = 3;
    if (kind == 2 && !l->ndim) kind = 1;
    l->grain = kind == 0 ? smash_grain_element() : smash_grain_tensor();
    for (i = 0; i < l->ndim; i++) l->block[i] = kind == 0 ? 1 : l->shape[i];
    if (kind == 2) {
        uint32_t axis = (uint32_t)below(l->ndim);
        l->grain = smash_grain_axis(axis);
        l->block[axis] = 1;
    } else if (kind == 3) {
        for (i = 0; i < l->ndim; i++) {
            l->block[i] = partial ? 1 + below(l->shape[i]) : below(3) ? divisor(l->shape[i]) : l->shape[i];
            sizes[i] = l->block[i] == l->shape[i] && below(2) ? -1 : (int32_t)l->block[i];
        }
        if (partial && l->ndim && below(4) == 0) sizes[l->ndim - 1] = (int32_t)(l->block[l->ndim - 1] = l->shape[l->ndim - 1]) + 3;      /* more than there is */
        if (l->ndim) l->grain = smash_grain_block(sizes, l->ndim);
        l->grain.partial = (uint32_t)partial;
    }
    for (l->blocks = 1, i = 0; i < l->ndim; i++) { l->count[i] = (l->shape[i] + l->block[i] - 1) / l->block[i]; l->blocks *= l->count[i]; }
    for (k = 0; k < l->n; k++) {
        size_t rest = k, at[4], b = 0;
        for (i = l->ndim; i--;) { at[i] = rest % l->shape[i]; rest /= l->shape[i]; }
        for (i = 0; i < l->ndim; i++) b = b * l->count[i] + at[i] / l->block[i];
        l->of[k] = b;
    }
}

static double draw_number(int kind)
{
    double u = (uniform() * 2 - 1);
    switch (kind) {
    case 0:  return u * 3;
    case 1:  return below(3) ? 0.0 : u * 1e-3;
    case 2:  return u * 1e-43;                                       /* f32 denormals */
    case 3:  return u * 60000;
    case 4:  return 0;
    case 5:  return (u + 1) * 0.7;
    case 6:  return u < 0 ? -0.0 : u * 1e-37;
    default: return (double)((int)below(4001) - 2000) * 0.125;       /* many ties */
    }
}

static const smash_dtype floats[] = { SMASH_F32, SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16 };

static layout l;
static float scale_want[MOST];
static int32_t zero_want[MOST], q_want[MOST];
static double y_want[MOST], t_of[MOST];
static room x_room, q_room, y_room, g_room, out_room, s_room, z_room, f_room;

static smash_tensor in_room(room *r, smash_dtype dtype, uint32_t ndim, const size_t *shape)
{
    smash_tensor t = test_view(dtype, NULL, ndim, shape);
    t.data = enter(r, t.bytes, smash_dtype_bits(dtype) < 8 ? 1 : smash_dtype_bits(dtype) / 8);
    return t;
}

/* What smash_quant_params says, in float step by step */
static void params_of(const smash_quant_desc *d, int32_t qmin, int32_t qmax, float lo, float hi, float *scale, int32_t *zero)
{
    const float steps = f32((double)(qmax - qmin)), width = f32((double)hi - (double)lo);
    float s, reach;
    int32_t z = d->scheme == SMASH_AFFINE ? 0 : (qmax + qmin + 1) / 2;
    if (d->scheme == SMASH_SYMMETRIC) s = f32((double)(hi > -lo ? hi : -lo) / ((double)steps / 2));
    else if (finite32(width)) s = f32((double)width / (double)steps);
    else s = f32((double)f32((double)hi / (double)steps) - (double)f32((double)lo / (double)steps));
    if (!(s > 1.1920928955078125e-7f)) s = 1.1920928955078125e-7f;
    if (d->scheme == SMASH_AFFINE) {
        z = qmin - rounded(d->rounding, (double)f32((double)lo / (double)s));
        z = z > qmax ? qmax : z;
    }
    reach = (float)(qmax - z > z - qmin ? qmax - z : z - qmin);
    if (!finite32(f32((double)reach * (double)s))) s = float_of(bits_of(s) - 1);
    *scale = s;
    *zero = z;
}

static void check_random(smash_ctx *ctx, int round)
{
    smash_quant_desc d = SMASH_ZERO;
    const smash_dtype from = floats[below(COUNT_OF(floats))];
    smash_dtype to;
    int kind = (int)below(8), way, scaled = (int)below(3);
    int32_t qmin, qmax;
    size_t i, bad, saturated = 0, zeros = 0;
    static float lo[MOST], hi[MOST];
    double sum = 0, worst = 0;
    smash_tensor x, q, y, g, gx, scale, zero, fake;
    smash_quant_stats stats;
    char row[200];
    do { d.bits = 1 + (uint32_t)below(16); d.is_unsigned = (uint32_t)below(2); } while (d.bits == 1 && !d.is_unsigned);
    d.full_range = (uint32_t)below(2);
    d.rounding = below(2) ? SMASH_HALF_AWAY : SMASH_HALF_EVEN;
    d.scheme = below(2) ? SMASH_AFFINE : SMASH_SYMMETRIC;
    draw_layout(&l);
    d.grain = l.grain;
    to = smash_quant_dtype(&d);
    if (below(6) == 0) to = SMASH_I32;
    else if (below(6) == 0 && d.bits < 16) to = SMASH_I16;
    else if (below(6) == 0 && d.is_unsigned) to = SMASH_U16;
    qmin = d.is_unsigned ? 0 : (d.full_range ? 0 : 1) - (1 << (d.bits - 1));
    qmax = d.is_unsigned ? (1 << d.bits) - 1 : (1 << (d.bits - 1)) - 1;
    sprintf(row, "round %d: %u dims, %d numbers, %d blocks, %u bits, uint %u, full %u, away %d, affine %d, %s to %s, kind %d", round, (unsigned)l.ndim, (int)l.n, (int)l.blocks,
            (unsigned)d.bits, (unsigned)d.is_unsigned, (unsigned)d.full_range, (int)d.rounding, (int)d.scheme, smash_dtype_name(from), smash_dtype_name(to), kind);
    x = in_room(&x_room, from, l.ndim, l.shape);
    g = in_room(&g_room, from, l.ndim, l.shape);
    for (i = 0; i < l.blocks; i++) lo[i] = hi[i] = 0;
    for (i = 0; i < l.n; i++) {
        float v;
        set_number(from, x.data, i, draw_number(kind));
        set_number(from, g.data, i, draw_number(0));
        v = f32(number_at(from, x.data, i));
        if (v < lo[l.of[i]]) lo[l.of[i]] = v;
        if (v > hi[l.of[i]]) hi[l.of[i]] = v;
    }
    for (i = 0; i < l.blocks; i++) params_of(&d, qmin, qmax, lo[i], hi[i], &scale_want[i], &zero_want[i]);
    for (way = 0; way < 3; way++) {
        ctx->no_simd = (uint32_t)way;
        ctx->parallel = below(2) ? test_backwards : NULL;
        scale = in_room(&s_room, SMASH_F32, l.ndim, l.count);
        zero = in_room(&z_room, SMASH_I32, l.ndim, l.count);
        CHECK_ERR(ctx, smash_quant_fit(ctx, &d, &x, &scale, &zero), SMASH_OK, "%s", row);
        for (bad = i = 0; i < l.blocks; i++) bad += bits_of(((float *)scale.data)[i]) != bits_of(scale_want[i]) || ((int32_t *)zero.data)[i] != zero_want[i];
        CHECK(!bad && edges_kept(&s_room) && edges_kept(&z_room), "%s, way %d: %d parameters", row, way, (int)bad);
    }
    if (scaled)                                                      /* scales that clip, and any zero points */
        for (i = 0; i < l.blocks; i++) {
            scale_want[i] = f32((double)scale_want[i] * (0.3 + 0.5 * (1 + (uniform() * 2 - 1))));
            if (scaled == 2) zero_want[i] = qmin + (int32_t)below((size_t)(qmax - qmin) + 1);
            ((float *)scale.data)[i] = scale_want[i];
            ((int32_t *)zero.data)[i] = zero_want[i];
        }
    for (i = 0; i < l.n; i++) {                                      /* number by number */
        const size_t b = l.of[i];
        const double v = number_at(from, x.data, i);
        double t;
        float y32, e;
        if (from == SMASH_F64) { volatile double u = v / (double)scale_want[b]; u = (double)zero_want[b] + u; t = u; }
        else t = (double)f32((double)zero_want[b] + (double)f32(v / (double)scale_want[b]));
        t_of[i] = t;
        saturated += t <= qmin - 0.5 || t >= qmax + 0.5;
        q_want[i] = rounded(d.rounding, t < qmin ? qmin : t > qmax ? qmax : t);
        y32 = f32((double)(q_want[i] - zero_want[b]) * (double)scale_want[b]);
        zeros += y32 == 0;
        e = f32(v - (double)y32);
        sum += (double)e * (double)e;
        if ((double)(e < 0 ? -e : e) > worst) worst = (double)(e < 0 ? -e : e);
        set_number(from, f_room.bytes, 0, (double)y32);              /* as the dtype holds it */
        y_want[i] = number_at(from, f_room.bytes, 0);
    }
    for (way = 0; way < 3; way++) {
        ctx->no_simd = (uint32_t)way;
        ctx->parallel = below(2) ? test_backwards : NULL;
        q = in_room(&q_room, to, l.ndim, l.shape);
        y = in_room(&y_room, from, l.ndim, l.shape);
        CHECK_ERR(ctx, smash_quantize(ctx, &d, &x, &scale, &zero, &q), SMASH_OK, "%s", row);
        for (bad = i = 0; i < l.n; i++) bad += int_at(to, q.data, i) != q_want[i];
        CHECK(!bad && edges_kept(&q_room), "%s, way %d: %d integers", row, way, (int)bad);
        if (smash_dtype_bits(to) < 8 && l.n * smash_dtype_bits(to) % 8)
            CHECK(((uint8_t *)q.data)[q.bytes - 1] >> l.n * smash_dtype_bits(to) % 8 == 0, "%s: spare bits", row);
        CHECK_ERR(ctx, smash_dequantize(ctx, &d, &q, &scale, &zero, &y), SMASH_OK, "%s", row);
        for (bad = i = 0; i < l.n; i++) bad += number_at(from, y.data, i) != y_want[i];
        CHECK(!bad && edges_kept(&y_room), "%s, way %d: %d numbers back", row, way, (int)bad);
        CHECK_ERR(ctx, smash_quant_measure(ctx, &d, &x, &scale, &zero, &q, &stats), SMASH_OK, "%s", row);
        CHECK(stats.saturated == saturated && stats.zeros == zeros && stats.max_abs_error == worst && stats.mse * (double)l.n >= sum * (1 - 1e-12) && stats.mse * (double)l.n <= sum * (1 + 1e-12),
              "%s, way %d: mse %.17g for %.17g, %d clipped for %d", row, way, stats.mse, sum / (double)l.n, (int)stats.saturated, (int)saturated);
        fake = in_room(&f_room, from, l.ndim, l.shape);
        CHECK_ERR(ctx, smash_fake_quantize(ctx, &d, &x, &scale, &zero, &fake), SMASH_OK, "%s", row);
        for (bad = i = 0; i < l.n; i++) {
            const double got = number_at(from, fake.data, i);
            const int negative = got == 0 && 1 / got < 0;
            bad += got != y_want[i] || (got == 0 && negative != (zero_want[l.of[i]] == 0 && t_of[i] < 0 && qmin < 0) && y_want[i] == 0 && q_want[i] == zero_want[l.of[i]]);
        }
        CHECK(!bad && edges_kept(&f_room), "%s, way %d: %d fake", row, way, (int)bad);
        gx = in_room(&out_room, from, l.ndim, l.shape);
        CHECK_ERR(ctx, smash_fake_quantize_gradient(ctx, &d, SMASH_GRADIENT_CLAMPED, &x, &scale, &zero, &g, &gx), SMASH_OK, "%s", row);
        for (bad = i = 0; i < l.n; i++) bad += number_at(from, gx.data, i) != (t_of[i] < qmin || t_of[i] > qmax ? 0 : number_at(from, g.data, i));
        CHECK(!bad && edges_kept(&out_room), "%s, way %d: %d of the gradient", row, way, (int)bad);
        memcpy(gx.data, x.data, x.bytes);                            /* in place */
        CHECK_ERR(ctx, smash_fake_quantize(ctx, &d, &gx, &scale, &zero, &gx), SMASH_OK, "%s", row);
        CHECK(!memcmp(gx.data, fake.data, fake.bytes) && edges_kept(&out_room), "%s, way %d: in place", row, way);
    }
    ctx->no_simd = 0;
    ctx->parallel = NULL;
    if (from != SMASH_F64 && (from != SMASH_F16 || kind != 3)) {   /* LSQ+ with these zero points, and LSQ; F16 ends at 65504 */
        static double ds[MOST], dz[MOST], want_s[MOST], want_z[MOST], size_s[MOST];
        static float zf[MOST];
        const int plus = (int)below(2);
        smash_tensor tz = test_view(SMASH_F32, zf, l.ndim, l.count), tds = test_view(SMASH_F64, ds, l.ndim, l.count), tdz = test_view(SMASH_F64, dz, l.ndim, l.count);
        double root = 1;
        for (i = 0; i < 200; i++) root = 0.5 * (root + (double)qmax * (double)l.n / root);
        for (i = 0; i < l.blocks; i++) { zf[i] = plus ? f32((double)zero_want[i] + 0.3 * (uniform() * 2 - 1)) : 0; want_s[i] = want_z[i] = 0; size_s[i] = 0; }
        y = in_room(&y_room, from, l.ndim, l.shape);
        gx = in_room(&out_room, from, l.ndim, l.shape);
        CHECK_ERR(ctx, smash_quant_lsq(ctx, &d, &x, &scale, plus ? &tz : NULL, &y), SMASH_OK, "%s", row);
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, &d, &x, &scale, plus ? &tz : NULL, &g, &gx, &tds, plus ? &tdz : NULL), SMASH_OK, "%s", row);
        for (bad = i = 0; i < l.n; i++) {
            const size_t b = l.of[i];
            const double v = number_at(from, x.data, i), dy = number_at(from, g.data, i);
            const float ratio = f32(v / (double)scale_want[b]), u = f32((double)ratio + (double)zf[b]);
            const int out = u < (float)qmin || u > (float)qmax;
            const int32_t r = rounded(d.rounding, u < (float)qmin ? qmin : u > (float)qmax ? qmax : (double)u);
            const float moved = f32((double)r - (double)zf[b]);
            double back;
            set_number(from, f_room.bytes, 0, (double)f32((double)moved * (double)scale_want[b]));
            back = number_at(from, f_room.bytes, 0);
            bad += number_at(from, y.data, i) != back || number_at(from, gx.data, i) != (out ? 0 : dy);
            want_s[b] += dy * ((double)r - (double)zf[b] - (out ? 0 : (double)ratio));
            size_s[b] += 1e-15 * (dy < 0 ? -dy : dy) * (70000 + (double)(ratio < 0 ? -ratio : ratio) * !out);
            if (out) want_z[b] -= dy * (double)scale_want[b];
        }
        CHECK(!bad && edges_kept(&y_room) && edges_kept(&out_room), "%s: %d of LSQ", row, (int)bad);
        for (bad = i = 0; i < l.blocks; i++) {
            const double off_s = ds[i] * root - want_s[i], off_z = plus ? dz[i] - want_z[i] : 0;
            bad += off_s > size_s[i] || -off_s > size_s[i] || off_z > 1e-9 * (double)scale_want[i] * (double)l.n || -off_z > 1e-9 * (double)scale_want[i] * (double)l.n;
        }
        CHECK(!bad, "%s: %d gradients of LSQ", row, (int)bad);
    }
    {   /* an observer of every kind that has bins or not: what it saw of each block */
        static uint64_t memory[3][MOST * (4 + 64)];
        static uint64_t bins[MOST * 64];
        static float most[MOST], least[MOST];
        static uint64_t counts[MOST];
        smash_observer_desc od = SMASH_ZERO;
        smash_observer o;
        od.kind = below(2) ? SMASH_OBSERVE_PERCENTILE : SMASH_OBSERVE_MIN_MAX;
        od.bins = 64;
        od.grain = l.grain;
        for (i = 0; i < l.blocks; i++) { counts[i] = 0; }
        for (i = 0; i < l.n; i++) {
            const float v = f32(number_at(from, x.data, i)) + 0.0f;
            const size_t b = l.of[i];
            if (!counts[b] || v < least[b]) least[b] = v;
            if (!counts[b] || v > most[b]) most[b] = v;
            counts[b]++;
        }
        memset(bins, 0, l.blocks * 64 * sizeof *bins);
        for (way = 0; way < 3; way++) {
            ctx->no_simd = (uint32_t)way;
            ctx->parallel = below(2) ? test_backwards : NULL;
            CHECK_ERR(ctx, smash_observer_init(ctx, &od, l.blocks, memory[way], sizeof memory[way], &o), SMASH_OK, "%s", row);
            CHECK_ERR(ctx, smash_observe(ctx, &o, &x), SMASH_OK, "%s", row);
            for (bad = i = 0; i < l.blocks; i++) bad += o.block[i].count != counts[i] || o.block[i].lo != least[i] || o.block[i].hi != most[i];
            CHECK(!bad, "%s, way %d: %d blocks observed", row, way, (int)bad);
            if (!o.bins) continue;
            if (way == 0)
                for (i = 0; i < l.n; i++) {                          /* floor(x / 2^exponent), exact in double */
                    const size_t b = l.of[i];
                    double v = (double)f32(number_at(from, x.data, i));
                    int e;
                    int64_t k;
                    for (e = o.block[b].exponent; e < 0; e++) v *= 2;
                    for (; e > 0; e--) v /= 2;
                    k = (int64_t)v;
                    if ((double)k > v) k--;
                    bins[b * 64 + (size_t)(k - o.block[b].first)]++;
                }
            CHECK(!memcmp(bins, o.bins, l.blocks * 64 * sizeof *bins), "%s, way %d: bins", row, way);
        }
        ctx->no_simd = 0;
        ctx->parallel = NULL;
    }
    if (l.n <= 120) {                                                /* the best of 97 ranges of each block */
        static float best_s[3][MOST];
        static int32_t best_z[3][MOST];
        static double least_error[MOST], got_error[MOST];
        int k;
        for (way = 0; way < 3; way++) {
            smash_tensor ts = test_view(SMASH_F32, best_s[way], l.ndim, l.count), tz = test_view(SMASH_I32, best_z[way], l.ndim, l.count);
            ctx->no_simd = (uint32_t)way;
            ctx->parallel = below(2) ? test_backwards : NULL;
            CHECK_ERR(ctx, smash_quant_fit_mse(ctx, &d, &x, &ts, &tz), SMASH_OK, "%s", row);
            CHECK(!way || (!memcmp(best_s[0], best_s[way], ts.bytes) && !memcmp(best_z[0], best_z[way], tz.bytes)), "%s: way %d", row, way);
        }
        ctx->no_simd = 0;
        ctx->parallel = NULL;
        for (k = 128; k >= 31; k--) {
            for (i = 0; i < l.blocks; i++) got_error[i] = 0;
            for (i = 0; i < l.n; i++) {
                const size_t b = l.of[i];
                const float v = f32(number_at(from, x.data, i)), part = (float)k / 128;
                float s = best_s[0][b], t, e;
                int32_t z = best_z[0][b], r;
                if (k > 31) params_of(&d, qmin, qmax, f32((double)lo[b] * (double)part), f32((double)hi[b] * (double)part), &s, &z);
                t = f32((double)z + (double)f32((double)v / (double)s));
                r = rounded(d.rounding, t < (float)qmin ? qmin : t > (float)qmax ? qmax : (double)t);
                e = f32((double)v - (double)f32((double)(r - z) * (double)s));
                got_error[b] += (double)e * (double)e;
            }
            for (bad = i = 0; i < l.blocks; i++) {
                if (k == 128 || (k > 31 && got_error[i] < least_error[i])) least_error[i] = got_error[i];
                bad += k == 31 && got_error[i] > least_error[i] * (1 + 1e-13);      /* sums in another order */
            }
            CHECK(!bad, "%s: %d blocks have a better range", row, (int)bad);
        }
    }
}

/* ---- numbers whose quotients lie on a half or a few floats beside it: where a product with 1/scale would come out otherwise ---- */

static void test_halves(smash_ctx *ctx)
{
    enum { N = 2048 };
    static float x[N];
    static int32_t q[N];
    static unsigned char bytes[N];
    size_t n = N, one = 1, i, bad, hit = 0;
    int round, way, rounds = (int)test_count(3000, 600);
    for (round = 0; round < rounds; round++) {
        smash_quant_desc d = SMASH_ZERO;
        const int fraction = round % 4 == 3;                         /* a zero point that is a float, whole or not, on the grid or far from it */
        float s, zf;
        int32_t qmin, qmax, z;
        const smash_tensor tx = test_view(SMASH_F32, x, 1, &n), scale = test_view(SMASH_F32, &s, 1, &one), zero = test_view(fraction ? SMASH_F32 : SMASH_I32, fraction ? (const void *)&zf : (const void *)&z, 1, &one);
        smash_tensor tq = SMASH_ZERO;
        do { d.bits = 1 + (uint32_t)below(8); d.is_unsigned = (uint32_t)below(2); } while (d.bits == 1 && !d.is_unsigned);
        d.full_range = (uint32_t)below(2);
        d.rounding = below(2) ? SMASH_HALF_AWAY : SMASH_HALF_EVEN;
        tq = test_view(smash_quant_dtype(&d), bytes, 1, &n);
        smash_quant_limits(NULL, &d, &qmin, &qmax);
        z = round % 3 == 0 ? 0 : qmin + (int32_t)below((size_t)(qmax - qmin) + 1);
        zf = fraction ? f32((double)z + (round % 3 ? (uniform() * 2 - 1) : 0) + (round % 7 ? 0 : 300 * (uniform() * 2 - 1))) : (float)z;
        s = float_of(0x3F800000u | (uint32_t)below(0x800000));       /* any mantissa; some of the smallest and largest scales, too */
        if (round % 5 == 0) s = float_of((uint32_t)(1 + below(254)) << 23 | (uint32_t)below(0x800000));
        if (round % 50 == 1) s = float_of((uint32_t)(1 + below(0x800000)));
        for (i = 0; i < N; i++) {
            const double k = (double)qmin - 2 + (double)below((size_t)(qmax - qmin) + 4) + 0.5;
            float near_to_half = f32((k - (double)zf) * (double)s);
            if (!finite32(near_to_half)) near_to_half = 0;
            if (near_to_half != 0 && bits_of(near_to_half) % 0x80000000u < 0x7F7FFFF0u && bits_of(near_to_half) % 0x80000000u > 16) near_to_half = float_of(bits_of(near_to_half) + (uint32_t)below(9) - 4u);
            x[i] = i % 3 == 0 || round % 7 == 0 ? near_to_half : f32((uniform() * 2 - 1) * (double)(qmax - qmin) * (double)s);
            if (!finite32(x[i])) x[i] = 0;
            if (round % 11 == 0 && i % 100 == 7) x[i] = float_of((uint32_t)smash_random(&rng) & 0xBFFFFFFFu);      /* anything up to 2 */
            if (round % 13 == 0 && i % 300 == 7) x[i] = float_of(0x7F000000u | (uint32_t)smash_random(&rng) % 0x7FFFFFu | (i & 1 ? 0x80000000u : 0));
        }
        for (i = 0; i < N; i++) {
            const float t = f32((double)zf + (double)f32((double)x[i] / (double)s));
            q[i] = rounded(d.rounding, t < (float)qmin ? qmin : t > (float)qmax ? qmax : (double)t);
            hit += t - (float)(int32_t)(t < -300 || t > 300 ? 0 : t) == 0.5f;
        }
        for (way = 0; way < 3; way++) {
            ctx->no_simd = (uint32_t)way;
            CHECK_ERR(ctx, smash_quantize(ctx, &d, &tx, &scale, &zero, &tq), SMASH_OK, "round %d", round);
            for (bad = i = 0; i < N; i++) bad += int_at(tq.dtype, bytes, i) != q[i];
            CHECK(!bad, "round %d, way %d: %u bits, scale %.9g, zero %.9g: %d of %d", round, way, (unsigned)d.bits, (double)s, (double)zf, (int)bad, N);
        }
    }
    ctx->no_simd = 0;
    CHECK(hit > (size_t)rounds * 34, "%d halves", (int)hit);
}

/* ---- NaN and Inf at every place of short tensors, and around the ends of tiles and chunks of long ones ---- */

static void test_nonfinite(smash_ctx *ctx)
{
    static float x[70100], g[70100], y[70100];
    static int8_t q[70100];
    static const uint32_t values[] = { 0x7F800000u, 0xFF800000u, 0x7FC00000u, 0xFFFFFFFFu, 0x7F800001u, 0xFF800123u, 0x7FC00FFFu };
    size_t n, at, i, v = 0, one = 1;
    float s = 0.5f;
    uint64_t memory[4];
    smash_tensor scale = test_view(SMASH_F32, &s, 1, &one);
    for (i = 0; i < COUNT_OF(x); i++) { x[i] = (float)(i % 7); g[i] = (float)(i % 5); }
    for (n = 1; n <= 70100; n = n < 100 ? n + test_count(1, 7) : n < 300 ? n + 37 : n < 70000 ? 70001 : n + 33)
        for (at = 0; at < n; at++, v++) {
            const smash_tensor tx = test_view(SMASH_F32, x, 1, &n), tg = test_view(SMASH_F32, g, 1, &n), ty = test_view(SMASH_F32, y, 1, &n), tq = test_view(SMASH_I8, q, 1, &n);
            const float keep = x[at], keep_g = g[at];
            smash_observer_desc od = SMASH_ZERO;
            smash_observer o;
            smash_quant_desc d = SMASH_ZERO;
            double ds;
            const smash_tensor tds = test_view(SMASH_F64, &ds, 1, &one);
            int call;
            if (n > 300 && at % 65536 > 70 && n - at > 70) continue;
            ctx->no_simd = (uint32_t)(v % 3);
            d.rounding = v & 1 ? SMASH_HALF_AWAY : SMASH_HALF_EVEN;
            for (call = 0; call < 8; call++) {
                const uint32_t bits = values[(v + (size_t)call) % COUNT_OF(values)];
                smash_err err;
                memcpy(call == 4 || call == 7 ? &g[at] : &x[at], &bits, 4);
                smash_ctx_reset(ctx);
                smash_observer_init(NULL, &od, 1, memory, sizeof memory, &o);
                switch (call) {
                case 0:  err = smash_quantize(ctx, &d, &tx, &scale, NULL, &tq); break;
                case 1:  { float fitted; smash_tensor t = test_view(SMASH_F32, &fitted, 1, &one); err = smash_quant_fit(ctx, &d, &tx, &t, NULL); break; }
                case 2:  err = smash_fake_quantize(ctx, &d, &tx, &scale, NULL, &ty); break;
                case 3:  err = smash_fake_quantize_gradient(ctx, &d, SMASH_GRADIENT_CLAMPED, &tx, &scale, NULL, &tg, &ty); break;
                case 4:  err = smash_fake_quantize_gradient(ctx, &d, SMASH_GRADIENT_PASS, &tx, &scale, NULL, &tg, &ty); break;
                case 5:  err = smash_observe(ctx, &o, &tx); break;
                case 6:  err = smash_quant_lsq(ctx, &d, &tx, &scale, NULL, &ty); break;
                default: err = smash_quant_lsq_backward(ctx, &d, &tx, &scale, NULL, &tg, &ty, &tds, NULL); break;
                }
                CHECK(err == SMASH_ERR_NONFINITE && ctx->index == at, "%d numbers, call %d, number %d: %s, %d", (int)n, call, (int)at, smash_err_name(err), (int)ctx->index);
                x[at] = keep;
                g[at] = keep_g;
            }
        }
    ctx->no_simd = 0;
    smash_ctx_reset(ctx);
}

int main(void)
{
    smash_ctx ctx;
    int round, rounds = (int)test_count(2500, 250);
    test_ctx(&ctx);
    for (round = 0; round < rounds; round++) check_random(&ctx, round);
    test_halves(&ctx);
    test_nonfinite(&ctx);
    return test_done();
}
