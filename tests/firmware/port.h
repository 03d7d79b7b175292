/* port.h - what main.c and examples/07_firmware.c need from the place it runs in: boot.c is a Cortex-M board, linux.c a Linux kernel without a C
 * library, wasm.mjs a JavaScript host. */
#ifndef PORT_H
#define PORT_H

#include <stddef.h>

int main(void);

void   port_write(const char *text);
size_t port_stack_used(void);      /* most bytes since the start; 0 where nobody measured */
size_t port_flash_used(void);      /* boot.c only: code, constants, first values of variables */
size_t port_ram_used(void);        /* boot.c only: variables and the stack that was used */

/* What compilers call without being asked, also with -ffreestanding; mem.c. */
void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int   memcmp(const void *a, const void *b, size_t bytes);

#endif
