/* mem.c - the four routines of a C library that compilers call on their own, for places that have none. Compile with
 * -fno-builtin (and gcc's -fno-tree-loop-distribute-patterns), or the loops below become calls to themselves. */
#include "port.h"

void *memcpy(void *to, const void *from, size_t bytes)
{
    unsigned char *t = (unsigned char *)to;
    const unsigned char *f = (const unsigned char *)from;
    while (bytes--) *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    unsigned char *t = (unsigned char *)to;
    const unsigned char *f = (const unsigned char *)from;
    if (t < f) return memcpy(to, from, bytes);
    while (bytes--) t[bytes] = f[bytes];
    return to;
}

void *memset(void *to, int byte, size_t bytes)
{
    unsigned char *t = (unsigned char *)to;
    while (bytes--) *t++ = (unsigned char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    for (; bytes; x++, y++, bytes--) if (*x != *y) return *x < *y ? -1 : 1;
    return 0;
}
