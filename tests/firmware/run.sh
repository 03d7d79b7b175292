#!/bin/sh
# The self test on another machine: `sh tests/firmware/run.sh TARGET`, from the root of the repository. Boards run layer 0 in
# 8 KiB of scratch and 4 KiB of stack, all others everything. Prints what `smash selftest` prints, then lines that start with # and say what it took.
# Exit status: 0 done, 1 failed, 2 no such target, 77 a tool is missing.
#   OPT=-O3         how to optimise (boards: -Os, others: -O2)
#   EXTRA=...       more flags for the compiler
set -eu
target=${1:-}
here=tests/firmware
dir=build/firmware
freestanding="-std=c99 -ffreestanding -fno-builtin -Wall -Wextra -DSMASH_NO_STDLIB=1 -DSMASH_NO_STDIO=1"
mkdir -p "$dir"

# need COMMAND PACKAGE: the tool, or out
need() { command -v "$1" >/dev/null 2>&1 || { echo "$1 is not installed: apt-get install $2"; exit 77; }; }

# board MACHINE FLAGS: layer 0 on a Cortex-M
code_at=0x00000000 code_bytes=256K ram_at=0x20000000 ram_bytes=128K stack_bytes=4096
layer="-DSMASH_ONLY_LAYER0=1 -DSMASH_NO_SELFTEST=0"
everything() { layer="-DSCRATCH_BYTES=4194304" code_bytes=512K ram_at=$1 ram_bytes=8M stack_bytes=65536; }
board() {
    machine=$1; shift
    need arm-none-eabi-gcc gcc-arm-none-eabi
    need qemu-system-arm qemu-system-arm
    # shellcheck disable=SC2086
    arm-none-eabi-gcc -mthumb "$@" $freestanding ${OPT:--Os} ${EXTRA:-} $layer -ffunction-sections -fdata-sections -fno-tree-loop-distribute-patterns \
        $here/main.c $here/boot.c $here/mem.c -nostartfiles -nostdlib -Wl,--gc-sections \
        -Wl,--defsym=code_origin=$code_at,--defsym=code_bytes=$code_bytes,--defsym=ram_origin=$ram_at,--defsym=ram_bytes=$ram_bytes \
        -Wl,--defsym=stack_bytes=$stack_bytes -T $here/board.ld -lgcc -o "$dir/$target.elf"
    status=0
    timeout 60 qemu-system-arm -M "$machine" -nographic -monitor none -serial none -chardev stdio,id=out \
        -semihosting-config enable=on,target=native,chardev=out -kernel "$dir/$target.elf" </dev/null || status=$?
    arm-none-eabi-size "$dir/$target.elf" | awk 'NR == 2 {printf "# code %d bytes, data %d bytes\n", $1, $2}'
    return $status
}

# linux CPU TRIPLE FLAGS: everything, as a static program for a Linux kernel
linux() {
    cpu=$1 triple=$2; shift 2
    need clang clang
    need ld.lld lld
    need "qemu-$cpu-static" qemu-user-static
    # shellcheck disable=SC2086
    clang --target="$triple" "$@" $freestanding ${OPT:--O2} ${EXTRA:-} -fno-pic -fno-stack-protector -DSCRATCH_BYTES=4194304 \
        $here/main.c $here/linux.c $here/mem.c -nostdlib -static -fuse-ld=lld -o "$dir/$target"
    timeout 60 "qemu-$cpu-static" "$dir/$target" </dev/null
}

wasm() {
    need clang clang
    need wasm-ld lld
    need node nodejs
    # shellcheck disable=SC2086
    clang --target=wasm32 "$@" $freestanding ${OPT:--O2} ${EXTRA:-} -DSCRATCH_BYTES=4194304 $here/main.c $here/mem.c -nostdlib \
        -Wl,--no-entry,--export=main,--allow-undefined -o "$dir/$target.wasm"
    timeout 60 node $here/wasm.mjs "$dir/$target.wasm"
}

case $target in
m0)      ram_bytes=16K; board microbit -mcpu=cortex-m0 ;;
m3)      board mps2-an385 -mcpu=cortex-m3 ;;
m4f)     board mps2-an386 -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16 ;;
m7)      board mps2-an500 -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16 ;;
m33)     code_at=0x10000000 ram_at=0x38000000; board mps2-an505 -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16 ;;
m55)     board mps3-an547 -mcpu=cortex-m55 -mfloat-abi=hard ;;
m3-full)  everything 0x21000000; board mps2-an385 -mcpu=cortex-m3 ;;
m4f-full) everything 0x21000000; board mps2-an386 -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16 ;;
m7-full)  everything 0x60000000; board mps2-an500 -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16 ;;
m33-full) everything 0x80000000; code_at=0x10000000; board mps2-an505 -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16 ;;
m55-full) everything 0x60000000; board mps3-an547 -mcpu=cortex-m55 -mfloat-abi=hard ;;
aarch64) linux aarch64 aarch64-linux-gnu ;;
armhf)   need arm-none-eabi-gcc gcc-arm-none-eabi          # for its 64-bit arithmetic
         linux arm armv7-linux-gnueabihf -mcpu=cortex-a7 -mfpu=neon-vfpv4 \
             "$(arm-none-eabi-gcc -mcpu=cortex-a7 -mthumb -mfloat-abi=hard -print-libgcc-file-name)" ;;
riscv64) linux riscv64 riscv64-linux-gnu -march=rv64gc -mabi=lp64d -mno-relax ;;
ppc64)   linux ppc64 powerpc64-linux-gnu -mabi=elfv2 ;;
ppc)     linux ppc powerpc-linux-gnu $here/wide.c ;;
mips)    linux mips mips-linux-gnu -mips32r2 $here/wide.c ;;
i386)    linux i386 i386-linux-gnu -msse2 -mfpmath=sse -DSMASH_NO_SIMD=1 $here/wide.c ;;
wasm)    wasm ;;
wasm-simd) wasm -msimd128 ;;
*)       echo "no target \"$target\": m0 m3 m4f m7 m33 m55 (each also as m3-full: everything)\n  aarch64 armhf riscv64 ppc64 ppc mips i386 wasm wasm-simd"; exit 2 ;;
esac
