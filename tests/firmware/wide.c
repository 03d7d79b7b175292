/* wide.c - arithmetic that compilers for small CPUs leave to a library, for places that have none. The names are the
 * compilers'. Conversions to double add two exact halves, so they round once. */
#include <stdint.h>

#if defined(__wasm__)
__extension__ typedef unsigned __int128 wide;
wide __multi3(wide a, wide b);

/* 128-bit product, which clang uses to see whether a 64-bit one overflows: halves of 32 bits. */
wide __multi3(wide a, wide b)
{
    uint64_t al = (uint32_t)a, ah = (uint64_t)a >> 32, bl = (uint32_t)b, bh = (uint64_t)b >> 32;
    uint64_t ll = al * bl, lh = al * bh, hl = ah * bl, middle = (ll >> 32) + (uint32_t)lh + (uint32_t)hl;
    uint64_t high = ah * bh + (lh >> 32) + (hl >> 32) + (middle >> 32) + (uint64_t)(a >> 64) * (uint64_t)b + (uint64_t)a * (uint64_t)(b >> 64);
    return (wide)high << 64 | (uint32_t)ll | middle << 32;
}

#else
uint64_t __udivmoddi4(uint64_t a, uint64_t b, uint64_t *rest);
uint64_t __udivdi3(uint64_t a, uint64_t b);
uint64_t __umoddi3(uint64_t a, uint64_t b);
double   __floatundidf(uint64_t u);
double   __floatdidf(int64_t i);
uint64_t __fixunsdfdi(double x);
int64_t  __fixdfdi(double x);
float    __floatdisf(int64_t i);
float    __floatundisf(uint64_t u);
int64_t  __fixsfdi(float x);

/* Long division, a bit at a time. */
uint64_t __udivmoddi4(uint64_t a, uint64_t b, uint64_t *rest)
{
    uint64_t quotient = 0, r = 0;
    int i;
    for (i = 63; i >= 0; i--) {
        uint64_t out = r >> 63;                            /* the bit that leaves r */
        r = r << 1 | (a >> i & 1);
        if (out || r >= b) { r -= b; quotient |= (uint64_t)1 << i; }
    }
    if (rest) *rest = r;
    return quotient;
}

uint64_t __udivdi3(uint64_t a, uint64_t b) { return __udivmoddi4(a, b, 0); }

uint64_t __umoddi3(uint64_t a, uint64_t b)
{
    uint64_t rest;
    __udivmoddi4(a, b, &rest);
    return rest;
}

double __floatundidf(uint64_t u) { return (double)(uint32_t)(u >> 32) * 4294967296.0 + (double)(uint32_t)u; }
double __floatdidf(int64_t i)    { return (double)(int32_t)(i >> 32) * 4294967296.0 + (double)(uint32_t)i; }

uint64_t __fixunsdfdi(double x)
{
    uint32_t high = (uint32_t)(x / 4294967296.0);
    return (uint64_t)high << 32 | (uint32_t)(x - (double)high * 4294967296.0);
}

int64_t __fixsfdi(float x) { return __fixdfdi((double)x); }

int64_t __fixdfdi(double x) { return x < 0 ? -(int64_t)__fixunsdfdi(-x) : (int64_t)__fixunsdfdi(x); }

/* Through double; what double has no room for becomes one bit that says "more", so that only the float rounds. */
float __floatundisf(uint64_t u)
{
    if (u >> 53) u = (u & ~(uint64_t)0x7FF) | (uint64_t)((u & 0x7FF) != 0) << 11;
    return (float)__floatundidf(u);
}

float __floatdisf(int64_t i) { return i < 0 ? -__floatundisf(0 - (uint64_t)i) : __floatundisf((uint64_t)i); }
#endif
