/* two_tu_a.c - declarations only, included twice and after every standard header, linked with two_tu_b.c */
#include "../../smash.h"
#include "../../smash_cuda.h"
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../smash.h"

int main(void)
{
    smash_ctx ctx;
    smash_ctx_init(&ctx);
    return smash_version() == SMASH_VERSION && smash_digest_of("abc", 3) == 0x44BC2CF5AD770999u ? 0 : 1;
}
