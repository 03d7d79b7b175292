/* linux.c - from the kernel to main and out again, without a C library: an entry point and two system calls for each CPU,
 * and nothing that is not needed to run one static program under QEMU. */
#include <stdint.h>
#include "port.h"

void start(void);

/* ENTRY: set what the ABI wants set at the first instruction (the stack pointer, a global pointer), then go to start().
 * CALL: the number in N, arguments A, B, C, answer in A; CLOBBERS is what the kernel may change beside memory. */
#if defined(__aarch64__)
__asm__(".global _start\n_start: mov x29, #0\n mov x30, #0\n b start\n");
#define REGISTERS(n, a, b, c) register long N __asm__("x8") = n, A __asm__("x0") = a, B __asm__("x1") = b, C __asm__("x2") = c
#define CALL "svc #0"
#define CLOBBERS "memory"
enum { WRITE = 64, EXIT = 93 };

#elif defined(__arm__)
__asm__(".global _start\n_start: mov r11, #0\n mov lr, #0\n b start\n");
#define REGISTERS(n, a, b, c) register long N __asm__("r7") = n, A __asm__("r0") = a, B __asm__("r1") = b, C __asm__("r2") = c
#define CALL "svc #0"
#define CLOBBERS "memory"
enum { WRITE = 4, EXIT = 1 };

#elif defined(__riscv)
__asm__(".global _start\n_start: .option push\n .option norelax\n la gp, __global_pointer$\n .option pop\n j start\n");
#define REGISTERS(n, a, b, c) register long N __asm__("a7") = n, A __asm__("a0") = a, B __asm__("a1") = b, C __asm__("a2") = c
#define CALL "ecall"
#define CLOBBERS "memory"
enum { WRITE = 64, EXIT = 93 };

#elif defined(__powerpc64__)                               /* ELFv2: r12 is where we are, r2 the table of contents */
__asm__(".global _start\n.type _start, @function\n_start: addis 2, 12, .TOC.-_start@ha\n addi 2, 2, .TOC.-_start@l\n"
        " li 0, 0\n stdu 0, -112(1)\n b start\n");
#define REGISTERS(n, a, b, c) register long N __asm__("r0") = n, A __asm__("r3") = a, B __asm__("r4") = b, C __asm__("r5") = c
#define CALL "sc"
#define CLOBBERS "memory", "cr0", "r6", "r7", "r8", "r9", "r10", "r11", "r12"
enum { WRITE = 4, EXIT = 1 };

#elif defined(__powerpc__)
__asm__(".global _start\n_start: li 0, 0\n stwu 0, -16(1)\n b start\n");
#define REGISTERS(n, a, b, c) register long N __asm__("r0") = n, A __asm__("r3") = a, B __asm__("r4") = b, C __asm__("r5") = c
#define CALL "sc"
#define CLOBBERS "memory", "cr0", "r6", "r7", "r8", "r9", "r10", "r11", "r12"
enum { WRITE = 4, EXIT = 1 };

#elif defined(__mips__)                                    /* o32: room for four arguments above the stack pointer */
__asm__(".global __start\n__start: .set noreorder\n move $31, $0\n addiu $29, $29, -32\n la $25, start\n jr $25\n nop\n .set reorder\n");
#define REGISTERS(n, a, b, c) register long N __asm__("$2") = n, A __asm__("$4") = a, B __asm__("$5") = b, C __asm__("$6") = c
#define CALL "syscall"
#define CLOBBERS "memory", "$3", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25"
enum { WRITE = 4004, EXIT = 4001 };

#elif defined(__i386__)
__asm__(".global _start\n_start: xor %ebp, %ebp\n and $-16, %esp\n call start\n");
#define REGISTERS(n, a, b, c) register long N __asm__("eax") = n, A __asm__("ebx") = a, B __asm__("ecx") = b, C __asm__("edx") = c
#define CALL "int $0x80"
#define CLOBBERS "memory"
enum { WRITE = 4, EXIT = 1 };

#else
#error "no entry point for this CPU yet"
#endif

static void kernel(long number, long a, const void *b, size_t c)
{
    REGISTERS(number, a, (long)b, (long)c);
    __asm__ volatile(CALL : "+r"(N), "+r"(A) : "r"(B), "r"(C) : CLOBBERS);
}

void port_write(const char *text)
{
    size_t n = 0;
    while (text[n]) n++;
    kernel(WRITE, 1, text, n);
}

size_t port_stack_used(void) { return 0; }

void start(void)
{
    kernel(EXIT, main(), 0, 0);
    for (;;) { }
}
