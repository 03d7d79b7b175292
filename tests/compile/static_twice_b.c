/* static_twice_b.c - see static_twice_a.c */
#define SMASH_STATIC 1
#include "../../smash.h"

int static_twice_b(void);
int static_twice_b(void) { return smash_round_half_away(2.5f); }
