/* The one place where the tests compile the implementation. */
#define SMASH_IMPLEMENTATION
#include "../smash.h"
