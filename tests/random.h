/* random.h - one stream of random numbers for a test program: 0..1, and 0..n-1. Include after test.h and `static uint64_t rng = SEED;`. */
#ifndef SMASH_RANDOM_H
#define SMASH_RANDOM_H

static inline double uniform(void) { return (double)(smash_random(&rng) >> 11) / 9007199254740992.0; }
static inline size_t below(size_t n) { return (size_t)(smash_random(&rng) % n); }

#endif
