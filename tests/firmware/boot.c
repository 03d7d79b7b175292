/* boot.c - from reset to main on a Cortex-M, and out again: vector table, FPU, .data and .bss, a painted stack, and the two
 * semihosting calls that a debugger or QEMU answers. For board.ld. */
#include <stdint.h>
#include "port.h"

extern uint32_t lk_code_begin[], lk_data_load[], lk_data_begin[], lk_data_end[], lk_bss_begin[], lk_bss_end[], lk_stack_low[], lk_stack_top[];

enum { PAINT = 0x5A5A5A5A, FAULT_STATUS = 99 };
enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20 };

static uint32_t semihost(uint32_t call, const void *argument)
{
    register uint32_t r0 __asm__("r0") = call;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory", "cc");
    return r0;
}

static void leave(uint32_t status)
{
    uint32_t block[2];
    block[0] = 0x20026;                                    /* ADP_Stopped_ApplicationExit */
    block[1] = status;
    for (;;) semihost(SYS_EXIT_EXTENDED, block);
}

void port_write(const char *text) { semihost(SYS_WRITE0, text); }

/* From the lowest word that lost its paint. */
size_t port_stack_used(void)
{
    const volatile uint32_t *p = lk_stack_low;
    while (p < lk_stack_top && *p == PAINT) p++;
    return (size_t)((uintptr_t)lk_stack_top - (uintptr_t)p);
}

static size_t bytes_between(const uint32_t *from, const uint32_t *to) { return (size_t)((uintptr_t)to - (uintptr_t)from); }

size_t port_flash_used(void) { return bytes_between(lk_code_begin, lk_data_load) + bytes_between(lk_data_begin, lk_data_end); }

size_t port_ram_used(void) { return bytes_between(lk_data_begin, lk_data_end) + bytes_between(lk_bss_begin, lk_bss_end) + port_stack_used(); }

static void fault(void)
{
    port_write("FAULT\n");
    leave(FAULT_STATUS);
}

void boot(void);
void boot(void)
{
    volatile uint32_t *to = lk_stack_low;
    const uint32_t *from = lk_data_load;
    uintptr_t here;
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    *(volatile uint32_t *)0xE000ED88 |= 0x00F00000;        /* CPACR: FPU and MVE on, before the first use */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    __asm__ volatile("mov %0, sp" : "=r"(here));
    while ((uintptr_t)to < here) *to++ = PAINT;
    for (to = lk_data_begin; to < lk_data_end; ) *to++ = *from++;
    for (to = lk_bss_begin; to < lk_bss_end; ) *to++ = 0;
    leave((uint32_t)main());
}

/* What the CPU reads at reset: the stack, where to begin, and what to do about faults. Nothing here enables an interrupt,
 * so the table ends there. */
__attribute__((section(".vectors"), used)) static const struct { uint32_t *stack; void (*handlers[15])(void); } vectors = {
    lk_stack_top, { boot, fault, fault, fault, fault, fault, fault, 0, 0, 0, fault, fault, 0, fault, fault }
};
