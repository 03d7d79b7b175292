#!/bin/sh
# The self test on another machine: `sh tests/firmware/run.sh TARGET`, from the root of the repository. Prints what
# `smash selftest` prints, then lines that start with # and say what it took. m0 .. m55 run layer 0 in 8 KiB of scratch and
# 4 KiB of stack, m0-float .. m55-float what SMASH_NO_DOUBLE leaves of it; m3-full .. m55-full and all others run everything
# in 4 MiB. m4-digits runs examples/07_firmware.c, in a build that has nothing but integers; `make` writes its headers.
# Exit status: 0 done, 1 failed, 2 no such target, 77 a tool is missing.
#   OPT=-O3      how to optimise (boards: -Os, others: -O2)
#   EXTRA=...    more flags for the compiler
#   OUT=...      the folder of what is built, build/firmware if not set
set -eu
target=${1:-}
here=tests/firmware
dir=${OUT:-build/firmware}
flags="-std=c99 -ffreestanding -fno-builtin -Wall -Wextra -DSMASH_NO_STDLIB=1 -DSMASH_NO_STDIO=1"
everything=-DSCRATCH_BYTES=4194304
mkdir -p "$dir"

# need COMMAND PACKAGE: the tool, or out
need() { command -v "$1" >/dev/null 2>&1 || { echo "$1 is not installed: apt-get install $2"; exit 77; }; }

# board MACHINE RAM BIG FLAGS: a Cortex-M. Where its RAM begins, and the large one that -full takes
code=0x00000000 code_bytes=1M ram_bytes=128K program=$here/main.c
board() {
    machine=$1 ram=$2 big=$3; shift 3
    need arm-none-eabi-gcc gcc-arm-none-eabi
    need qemu-system-arm qemu-system-arm
    size="-DSMASH_ONLY_LAYER0=1 -DSMASH_NO_SELFTEST=0" stack_bytes=4K
    case $target in
    *-full)  size=$everything ram=$big ram_bytes=8M stack_bytes=64K ;;
    *-float) size="-DSMASH_NO_DOUBLE=1 -DSMASH_NO_SELFTEST=0" ;;
    *-digits) size="-DBOARD=1 -I." program=examples/07_firmware.c ;;
    esac
    # shellcheck disable=SC2086
    arm-none-eabi-gcc -mthumb "$@" $flags ${OPT:--Os} ${EXTRA:-} $size -ffunction-sections -fdata-sections -fno-tree-loop-distribute-patterns \
        $program $here/boot.c $here/mem.c -nostartfiles -nostdlib -Wl,--gc-sections -Wl,--defsym=code_origin=$code,--defsym=code_bytes=$code_bytes \
        -Wl,--defsym=ram_origin=$ram,--defsym=ram_bytes=$ram_bytes,--defsym=stack_bytes=$stack_bytes -T $here/board.ld -lgcc -o "$dir/$target.elf"
    timeout 300 qemu-system-arm -M "$machine" -nographic -monitor none -serial none -chardev stdio,id=out \
        -semihosting-config enable=on,target=native,chardev=out -kernel "$dir/$target.elf" </dev/null
    arm-none-eabi-size "$dir/$target.elf" | awk 'NR == 2 {print "# code " $1 " bytes, data " $2 " bytes"}'
}

# linux CPU TRIPLE FLAGS: a static program for a Linux kernel
linux() {
    cpu=$1 triple=$2; shift 2
    need clang clang
    need ld.lld lld
    need "qemu-$cpu-static" qemu-user-static
    # shellcheck disable=SC2086
    clang --target="$triple" "$@" $flags ${OPT:--O2} ${EXTRA:-} $everything -fno-pic -fno-stack-protector \
        $here/main.c $here/linux.c $here/mem.c -nostdlib -static -fuse-ld=lld -o "$dir/$target"
    timeout 300 "qemu-$cpu-static" "$dir/$target" </dev/null
}

wasm() {
    need clang clang
    need wasm-ld lld
    need node nodejs
    # shellcheck disable=SC2086
    clang --target=wasm32 "$@" $flags ${OPT:--O2} ${EXTRA:-} $everything $here/main.c $here/mem.c $here/wide.c -nostdlib \
        -Wl,--no-entry,--export=main,--allow-undefined -o "$dir/$target.wasm"
    timeout 300 node $here/wasm.mjs "$dir/$target.wasm"
}

case $target in
m0 | m0-float)  ram_bytes=16K code_bytes=256K                   # all that a micro:bit has
                board microbit 0x20000000 none -mcpu=cortex-m0 ;;
m3 | m3-full | m3-float) board mps2-an385 0x20000000 0x21000000 -mcpu=cortex-m3 ;;
m4-digits)      board mps2-an386 0x20000000 none -mcpu=cortex-m4
                if arm-none-eabi-nm "$dir/$target.elf" | grep -E ' __aeabi_(c?[fd]|u?[il]2[fd])'; then echo "floats are calculated with"; exit 1; fi ;;
m4f | m4f-full | m4f-float) board mps2-an386 0x20000000 0x21000000 -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16 ;;
m7 | m7-full | m7-float) board mps2-an500 0x20000000 0x60000000 -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16 ;;
m33 | m33-full | m33-float) code=0x10000000                                 # the secure side of its memory
                board mps2-an505 0x38000000 0x80000000 -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16 ;;
m55 | m55-full | m55-float) board mps3-an547 0x20000000 0x60000000 -mcpu=cortex-m55 -mfloat-abi=hard ;;
aarch64)        linux aarch64 aarch64-linux-gnu ;;
armhf)          need arm-none-eabi-gcc gcc-arm-none-eabi        # for its 64-bit arithmetic
                linux arm armv7-linux-gnueabihf -mcpu=cortex-a7 -mfpu=neon-vfpv4 \
                    "$(arm-none-eabi-gcc -mcpu=cortex-a7 -mthumb -mfloat-abi=hard -print-libgcc-file-name)" ;;
riscv64)        linux riscv64 riscv64-linux-gnu -march=rv64gc -mabi=lp64d -mno-relax ;;
ppc64)          linux ppc64 powerpc64-linux-gnu -mabi=elfv2 ;;  # big-endian, as the next two
ppc)            linux ppc powerpc-linux-gnu $here/wide.c ;;
mips)           linux mips mips-linux-gnu -mips32r2 $here/wide.c ;;
i386)           linux i386 i386-linux-gnu -msse2 -mfpmath=sse -DSMASH_NO_SIMD=1 $here/wide.c ;;
wasm)           wasm ;;
wasm-simd)      wasm -msimd128 ;;
*)              echo "no target \"$target\": m0 m3 m4f m7 m33 m55 m3-full m4f-full m7-full m33-full m55-full, m0-float .. m55-float, m4-digits"
                echo "aarch64 armhf riscv64 ppc64 ppc mips i386 wasm wasm-simd"
                exit 2 ;;
esac
