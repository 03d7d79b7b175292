/* two_tu_b.c - the implementation, with the header included before and after */
#include "../../smash.h"
#define SMASH_IMPLEMENTATION
#include "../../smash.h"
#include "../../smash.h"
