/* static_twice_a.c - SMASH_STATIC in two files of one program: two private copies, no clash, no warning of unused functions */
#define SMASH_STATIC 1
#include "../../smash.h"

int static_twice_b(void);

int main(void)
{
    return smash_round_half_even(2.5f) == 2 && static_twice_b() == 3 ? 0 : 1;
}
