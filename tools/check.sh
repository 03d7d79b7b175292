#!/bin/sh
# The wide ring: the same bytes from every compiler, CPU, core and byte order, no warning anywhere, memory and undefined
# behaviour watched, readers fuzzed, sizes and documents held to what they say.
#
#   sh tools/check.sh [--strict] [SECTION...]     no section named: all
#
# Run it from the root of the repository, after `make test` (`make check` builds what it needs). A step whose tool is missing is
# skipped, and that is said and counted; --strict makes it a failure. As many steps run at a time as there are processors. The log of
# a step that failed is shown; logs and programs stay in build/check.
set -u
dir=build/check
sections="memory fuzz digests warnings sizes docs"
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Wcast-qual -Wcast-align -Wundef -Wformat=2 -Werror"
c_only="-Wmissing-prototypes"
fuzzed=$(for f in tests/fuzz/fuzz_*.c; do f=${f#tests/fuzz/fuzz_}; f=${f%.c}; [ "$f" = main ] || echo "$f"; done)

# ---- what a step may be: each is a shell function, runs in its own process, is silent if all is well, ends 0, 1 or 77 ----

need() { command -v "$1" >/dev/null 2>&1 || { echo "$1 is not installed"; exit 77; }; }

# links COMPILER FLAGS...: 77 if it has no library to link with (gcc -m32 without multilib, clang without sanitizers)
links() {
    echo 'int main(void) { return 0; }' >"$tmp/links.c"
    "$@" "$tmp/links.c" -o "$tmp/links" 2>"$tmp/said" || { cat "$tmp/said"; echo "$* links no program here"; exit 77; }
}

# compile COMPILER FLAGS...: to an object
compile() { need "$1"; "$@" -o "$tmp/out.o"; }

# refuse COMPILER FLAGS...: the header must not compile, and say why
refuse() {
    need "$1"
    if "$@" -c tests/smash_impl.c -o "$tmp/out.o" 2>"$tmp/said"; then echo "accepted: $*"; return 1; fi
    grep -q 'error.*bytes' "$tmp/said" || { echo "refused for another reason:"; cat "$tmp/said"; return 1; }
}

# gate MACRO SYMBOLS COMPILER FLAGS...: compiles without the section, and none of these symbols is left
gate() {
    macro=$1 gone=$2; shift 2
    compile "$@" -D"$macro"=1 -c tests/smash_impl.c || return 1
    if nm "$tmp/out.o" | grep -E " ($gone)"; then echo "$macro leaves these symbols"; return 1; fi
}

# program COMPILER FLAGS...: links and runs
program() { need "$1"; "$@" -o "$tmp/program" -pthread && "$tmp/program"; }

# golden PART: what a build must print: the line float, the lines up to layer0, or all
golden() {
    case $1 in
    float)  grep '^float ' tests/golden/selftest.txt ;;
    layer0) sed '/^layer0 /q' tests/golden/selftest.txt ;;
    all)    cat tests/golden/selftest.txt ;;
    esac
}

# same PART TEXT
same() { [ "$2" = "$(golden "$1")" ] || { echo "$2"; echo "differs from tests/golden/selftest.txt"; return 1; }; }

# digest THREADS COMPILER FLAGS...: the command says the digests of tests/golden/selftest.txt
digest() {
    threads=$1; shift
    need "$1"; links "$@"
    "$@" -I. tools/smash.c -o "$tmp/smash" -pthread || return 1
    for n in $threads; do same all "$("$tmp/smash" selftest --threads "$n" 2>&1)" || { echo "threads: $n"; return 1; }; done
}

# digest_of PART COMPILER FLAGS...: the same from the small program
digest_of() {
    part=$1; shift
    need "$1"; links "$@"
    "$@" -I. tests/selftest.c -o "$tmp/selftest" && same "$part" "$("$tmp/selftest" 2>&1)"
}

# fused: with contraction on, only kernels may use the fused multiply-add whose products are exact, or that divide where the last bit could decide
fused() {
    need gcc; need objdump
    [ "$(uname -m)" = x86_64 ] || { echo "this machine has no x86-64 compiler"; exit 77; }
    gcc -std=gnu11 -O2 -mfma -ffp-contract=fast -I. -c tests/smash_impl.c -o "$tmp/fused.o" || return 1
    ! objdump -d "$tmp/fused.o" | awk '/^[0-9a-f]+ <.*>:/ {f = $2}  /vfn?m(add|sub)/ {print f}' | sort -u | grep -vE 'smash__(distance_(f32|few)|lanes_distance|run_square|rows_square|error_tiles|quantize_near|fake_near|loss_exps)|smash_codebook_(table|unpack_scales)'
}

# flushed COMPILER FLAGS...: vectors of this machine take denormal floats for 0, and smash.h has none with floats; a loop of a user's has
flushed() {
    need "$1"
    echo 'void f(float *restrict x, const float *restrict y) { int i; for (i = 0; i < 64; i++) x[i] = x[i] * y[i]; }
        void g(float *restrict x, const float *restrict y) { x[0] *= y[0]; x[1] *= y[1]; x[2] *= y[2]; x[3] *= y[3]; }' >"$tmp/control.c"
    for file in tests/smash_impl.c "$tmp/control.c"; do
        "$@" -std=c99 -ffreestanding -O3 -DSMASH_NO_STDLIB=1 -DSMASH_NO_STDIO=1 -I. -S "$file" -o "$tmp/out.s" || return 1
        awk '/^[.a-zA-Z_0-9]+:/ {f = $1}  /^\t(v[a-z]+\.([su]32\.)?f32(\.[su]32)?\t([a-z]+, )?q|vmul\.f32\td|vn?m(add|sub)fp|v(add|sub|min|max|cmp[a-z]*)fp|vcfsx|vcfux)/ {print f, $1}' "$tmp/out.s" | sort -u >"$tmp/vectors"
        if [ "$file" = "$tmp/control.c" ]; then [ -s "$tmp/vectors" ] || { echo "the control has no vectors either: this checks nothing"; return 1; }
        elif [ -s "$tmp/vectors" ]; then cat "$tmp/vectors"; return 1; fi
    done
}

# target NAME OPT: a board or a foreign CPU; boards without -full end with the line layer0, those with -float have only that line
target() {
    OUT=$tmp OPT=$2 sh tests/firmware/run.sh "$1" >"$tmp/said" 2>&1
    status=$?
    if [ $status -ne 0 ]; then cat "$tmp/said"; return $status; fi
    case $1 in *-float) part=float ;; m0 | m3 | m4f | m7 | m33 | m55) part=layer0 ;; *) part=all ;; esac
    same $part "$(grep -v '^#' "$tmp/said")"
}

# firmware TARGET: examples/07_firmware.c says on a board what it says here, and what it took there
firmware() {
    OUT=$tmp sh tests/firmware/run.sh "$1" >"$tmp/said" 2>&1
    status=$?
    if [ $status -ne 0 ]; then cat "$tmp/said"; return $status; fi
    grep -q '^# flash [0-9]* bytes, RAM [0-9]* bytes' "$tmp/said" && [ "$(build/examples/07_firmware)" = "$(grep -v '^#' "$tmp/said")" ] ||
        { echo "here:"; build/examples/07_firmware; echo "there:"; cat "$tmp/said"; return 1; }
}

# trained COMPILER FLAGS...: the committed network comes of training with these flags
trained() {
    need "$1"; links "$@"
    "$@" -I. examples/05_train.c -o "$tmp/train" && "$tmp/train" --write "$tmp/model" >"$tmp/said" && cmp "$tmp/model" examples/models/digits.safetensors
}

# suite COMPILER FLAGS...: every test program in its short form, every example and the command under these flags; trained networks have the bytes they have here
suite() {
    need "$1"; links "$@"
    # MemorySanitizer of clang 14 does not know that stat() writes, so the command goes without it
    case $* in *sanitize=memory*) command= ;; *) command=$tmp/smash; "$@" tools/smash.c -o "$command" -pthread || return 1 ;; esac
    "$@" -I. -c tests/smash_impl.c -o "$tmp/impl.o" || return 1
    export ASAN_OPTIONS=detect_leaks=1 TEST_SHORT=1
    for source in tests/test_*.c examples/[0-9]*.c; do
        case $source in tests/test_cli.c | tests/test_report.c) [ "$command" ] || continue ;; esac
        implementation="-DSMASH_IMPLEMENTED $tmp/impl.o"; [ $source != examples/07_firmware.c ] || implementation=      # it asks for a part of it
        # shellcheck disable=SC2086
        "$@" -I. -DSMASH_COMMAND="\"$command\"" -DDIR="\"$tmp/cli\"" "$source" $implementation -o "$tmp/test" -pthread || return 1
        "$tmp/test" >"$tmp/said" 2>&1 || { echo "$source:"; head -n 40 "$tmp/said"; return 1; }
        case $source in examples/05_*)
            build/"${source%.c}" >"$tmp/here" 2>&1
            diff "$tmp/here" "$tmp/said" || { echo "$source says another thing than build/${source%.c}"; return 1; } ;;
        esac
    done
    for name in $fuzzed; do
        "$@" -I. tests/fuzz/fuzz_$name.c tests/fuzz/fuzz_main.c "$tmp/impl.o" -o "$tmp/test" || return 1
        "$tmp/test" tests/fuzz/corpus/$name >"$tmp/said" 2>&1 || { echo "corpus of $name:"; head -n 40 "$tmp/said"; return 1; }
    done
}

valgrind_tests() { need valgrind; OUT=$tmp/valgrind sh tests/valgrind.sh; }

fuzz() { need clang; links clang -fsanitize=fuzzer-no-link,address; make -s fuzz T="$1" SECONDS=30; }

linear() { cc -std=c99 -O2 tests/fuzz/linear.c -o "$tmp/linear" && "$tmp/linear"; }

# other COMPILER FLAGS...: one that names its output in its own way
other() { need "$1"; "$@"; }

# exported COMPILER FLAGS...: headers of int4, int8 and float tensors, with and without multipliers, compile without a warning
exported() {
    need "$1"
    for model in examples/models/digits build/firmware/calibrated; do
        for dtype in int4 int8; do
            ./smash compress $model.safetensors -q --quantizer ptq --set ptq_quant_dtype=$dtype -o "$tmp/small.safetensors" &&
                ./smash export "$tmp/small.safetensors" -q --layout ohwi --depthwise none -o "$tmp/weights.h" &&
                "$@" -I"$tmp" -DHEADER='"weights.h"' -c tests/compile/exported.c -o "$tmp/out.o" || return 1
        done
    done
}

# ---- the steps of each section: step LABEL FUNCTION ARGUMENTS... ----

step() {
    count=$((count + 1))
    file=$(printf '%s/steps/%04d' "$dir" $count)
    label=$1; shift
    { echo "$section"; echo "$label"; printf "'%s' " "$@"; echo; } >"$file"
}

section_warnings() {
    for cc in gcc clang; do
        for o in -O0 -O2 -O3; do step "$cc $o" compile $cc -std=c99 $o $warnings $c_only -c tests/smash_impl.c; done
        for tool in smash bench; do step "$cc tools/$tool.c" compile $cc -std=c99 -O2 $warnings -pthread tools/$tool.c; done
        for source in examples/*.c; do step "$cc $source" compile $cc -std=c99 -O0 $warnings $c_only -I. -c "$source"; done
        for source in tests/test_*.c; do step "$cc $source" compile $cc -std=c99 -O0 -Wall -Wextra -Werror -I. -c "$source"; done
        for source in tests/fuzz/*.c tests/firmware/main.c tests/firmware/mem.c; do step "$cc $source" compile $cc -std=c99 -O0 $warnings -I. -c "$source"; done
    done
    for cxx in g++ clang++; do
        for o in -O0 -O2; do step "$cxx $o" compile $cxx -x c++ -std=c++17 $o $warnings -c tests/smash_impl.c; done
        step "$cxx -std=c++11" compile $cxx -x c++ -std=c++11 $warnings -c tests/smash_impl.c
    done
    step tcc compile tcc -Wall -Werror -c tests/smash_impl.c
    step musl-gcc compile musl-gcc -std=c99 -O2 $warnings -c tests/smash_impl.c
    step "gcc -m32" compile gcc -m32 -msse2 -mfpmath=sse -std=c99 -O2 $warnings $c_only -c tests/smash_impl.c
    step "clang-cl /W4, x86-64" other clang --driver-mode=cl /W4 /WX --target=x86_64-pc-windows-msvc /U__clang__ -Xclang -ffreestanding -DSMASH_NO_STDLIB=1 -DSMASH_NO_STDIO=1 /c tests/smash_impl.c "/Fo$dir/clang-cl.obj"
    step "clang-cl /W4, x86, C++" other clang --driver-mode=cl /W4 /WX /TP /arch:SSE2 --target=i686-pc-windows-msvc /U__clang__ -Xclang -ffreestanding -DSMASH_NO_STDLIB=1 -DSMASH_NO_STDIO=1 /c tests/smash_impl.c "/Fo$dir/clang-cl32.obj"
    step "mingw tools/smash.c" compile x86_64-w64-mingw32-gcc -std=c99 -O2 $warnings tools/smash.c
    for one in smash_impl.c compile/two_tu_a.c compile/static_twice_a.c; do
        step "nvcc $one" compile nvcc -x cu -I. -Werror all-warnings -Xcompiler -Wall,-Wextra,-Wconversion,-Wsign-conversion,-Wshadow,-Wcast-qual,-Wformat=2 -c tests/$one
    done
    step "gcc -march=sapphirerapids" compile gcc -std=c99 -O2 -march=sapphirerapids $warnings -c tests/smash_impl.c
    for gate in "SMASH_NO_MASK smash_mask_" "SMASH_NO_QUANT smash_quant|smash_dequantize" "SMASH_NO_DISTILL smash_loss" "SMASH_NO_VALUE smash_json_|smash_write_|smash_safetensors_|smash_config_" \
                "SMASH_NO_SELECT smash_regex_|smash_glob_|smash_config_" "SMASH_NO_MODEL smash_model_|smash_safetensors_" "SMASH_NO_IO smash_io_|smash_safetensors_|smash_run" \
                "SMASH_NO_CONFIG smash_config_|smash_run" "SMASH_NO_ALGO smash_run|smash_builtins" "SMASH_NO_SELFTEST smash_selftest" \
                "SMASH_NO_DOUBLE smash_exp|smash_mask_make|smash_quant_measure|smash_json_" "SMASH_ONLY_LAYER0 smash_json_|smash_regex_|smash_model_" \
                "SMASH_NO_STDLIB malloc|realloc|smash_allocator_libc" "SMASH_NO_STDIO fopen|fread|smash_io_file" "SMASH_NO_MESSAGES smash__vformat" \
                "SMASH_NO_SIMD smash__.*_avx" "SMASH_STATIC T smash_"; do
        macro=${gate%% *}
        step "gcc $macro" gate "$macro" "${gate#* }" gcc -std=c99 -O0 -ffreestanding $warnings $c_only
        step "clang++ $macro" gate "$macro" "${gate#* }" clang++ -x c++ -std=c++17 -O0 -ffreestanding $warnings
    done
    all=; for macro in STDLIB STDIO MESSAGES SIMD MASK QUANT VALUE SELECT MODEL IO CONFIG ALGO SELFTEST DOUBLE; do all="$all -DSMASH_NO_$macro=1"; done
    for cc in "gcc -std=c99" "clang -std=c99" "g++ -x c++ -std=c++17"; do
        name=${cc%% *}
        step "$name every gate at once" compile $cc -O2 $warnings $all -DSMASH_ONLY_LAYER0=1 -c tests/smash_impl.c
        step "$name every gate at once, static" compile $cc -O2 $warnings $all -DSMASH_STATIC=1 -c tests/smash_impl.c
        step "$name included first, last, twice" program $cc $warnings tests/compile/two_tu_a.c tests/compile/two_tu_b.c
        step "$name SMASH_STATIC in two files" program $cc $warnings tests/compile/static_twice_a.c tests/compile/static_twice_b.c
        step "$name beside rude macros" program $cc $warnings tests/compile/rude_user.c
    done
    step "gcc -Os, all in one file for a board" compile gcc -std=c99 -Os -Wall -Wextra -Werror -DSMASH_STATIC=1 -DSMASH_ONLY_LAYER0=1 -DSMASH_NO_SELFTEST=0 -c tests/smash_impl.c
    for cc in "gcc -std=c99" "gcc -std=c11" "clang -std=c99" "g++ -x c++ -std=c++11" "g++ -x c++ -std=c++20" "clang++ -x c++ -std=c++17" "arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb -std=c99"; do
        step "${cc%% -m*}, an exported header" exported $cc -O0 $warnings
    done
    step "tcc, an exported header" exported tcc -Wall -Werror
    small="-DSMASH_NO_STDLIB=1 -DSMASH_NO_STDIO=1"
    for o in -O0 -O2; do
        for cpu in "-mcpu=cortex-m0" "-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16"; do
            for part in "-DSMASH_ONLY_LAYER0=1" "-DSMASH_NO_DOUBLE=1" ""; do
                step "arm-none-eabi-gcc $o ${cpu%% -mfl*} $part" compile arm-none-eabi-gcc -std=c99 $o $cpu -mthumb -ffreestanding $warnings $c_only $small $part -c tests/smash_impl.c
            done
        done
    done
}

section_digests() {
    for cc in gcc clang; do
        for flags in "-std=c99 -O0" "-std=c99 -O2" "-std=gnu11 -O2" "-std=c99 -Os" "-std=gnu11 -O3 -march=native" "-std=gnu11 -O2 -mfma -ffp-contract=fast" \
                     "-std=c99 -O2 -DSMASH_NO_SIMD=1" "-std=gnu11 -O3 -march=native -ffp-contract=fast -DSMASH_NO_SIMD=1"; do
            step "$cc $flags" digest "1 2 7" $cc $flags
        done
    done
    for flags in "-O0" "-O2" "-O3 -march=native -ffp-contract=fast"; do
        step "g++ $flags" digest_of all g++ -x c++ -std=c++17 $flags
        step "clang++ $flags" digest_of all clang++ -x c++ -std=c++17 $flags
    done
    step tcc digest "1 2 7" tcc
    step "no inexact product is fused" fused
    step "no floats in vectors: NEON, clang" flushed clang --target=armv7-linux-gnueabihf -mcpu=cortex-a7 -mfpu=neon-vfpv4
    step "no floats in vectors: Helium, gcc" flushed arm-none-eabi-gcc -mthumb -mcpu=cortex-m55 -mfloat-abi=hard
    step "no floats in vectors: Helium, clang" flushed clang --target=arm-none-eabi -mthumb -mcpu=cortex-m55 -mfloat-abi=hard
    step "no floats in vectors: AltiVec, clang" flushed clang --target=powerpc64-linux-gnu -mabi=elfv2
    step "SMASH_NO_DOUBLE" digest_of float gcc -std=c99 -O2 -DSMASH_NO_DOUBLE=1 -DSMASH_NO_SELFTEST=0
    step "musl-gcc -static" digest "1 2 7" musl-gcc -std=c99 -O2 -static
    for flags in "-O0" "-O2 -mfpmath=387" "-O3 -march=native -mfpmath=387 -std=gnu11 -ffp-contract=fast" "-O2 -mno-sse"; do step "gcc -m32 $flags (x87)" digest "1 7" gcc -m32 $flags; done
    step "g++ -m32 -O2 -mfpmath=387 (x87)" digest_of all g++ -x c++ -m32 -O2 -mfpmath=387
    for cc in gcc clang; do step "$cc -m32 -msse2" digest "1 7" $cc -m32 -O2 -msse2 -mfpmath=sse; done
    for cc in gcc clang; do for flags in -ffast-math -Ofast; do step "$cc $flags is refused" refuse $cc $flags; done; done
    for cpu in i386 pentium athlon; do step "gcc -m32 -march=$cpu is refused" refuse gcc -m32 -march=$cpu; done
    step "clang -m32 -mno-sse2 is refused" refuse clang -m32 -mno-sse2
    for board in m0 m3 m4f m7 m33 m55; do
        fast=-O3; [ $board = m0 ] && fast=-O2                              # at -O3 the self test does not fit its flash
        for o in -Os "$fast -ffp-contract=fast"; do step "Cortex-$board $o" target $board "$o"; done
        step "Cortex-$board SMASH_NO_DOUBLE" target $board-float -Os
        [ $board = m0 ] || step "Cortex-$board all sections" target $board-full -O2
    done
    step "the digits network on a Cortex-M4" firmware m4-digits
    for train in "clang -std=gnu11 -O3 -march=native -ffp-contract=fast" "gcc -m32 -msse2 -mfpmath=sse -std=c99 -O2"; do step "the digits network from nothing, $train" trained $train; done
    for cpu in aarch64 riscv64 ppc64; do
        for o in -O0 "-O3 -ffp-contract=fast"; do step "$cpu $o" target $cpu "$o"; done
    done
    for cpu in armhf ppc mips i386 wasm wasm-simd; do step "$cpu" target $cpu "-O2 -ffp-contract=fast"; done
}

section_memory() {
    # the longest first
    step "clang memory" suite clang -std=c99 -g -O1 -fsanitize=memory -fno-sanitize-recover=all -fno-omit-frame-pointer
    step "clang integer" suite clang -std=c99 -g -O1 -fsanitize=integer -fno-sanitize=unsigned-shift-base -fno-sanitize-recover=all -fsanitize-ignorelist=tests/fuzz/wraps.txt
    for cc in gcc clang; do step "$cc address, undefined, leak" suite $cc -std=c99 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer; done
    step valgrind valgrind_tests
    step "gcc -m32: 32-bit sizes" suite gcc -m32 -msse2 -mfpmath=sse -std=c99 -O1
}

section_fuzz() {
    # what the five targets share is built before they start side by side
    if command -v clang >/dev/null 2>&1; then make -s build/fuzz/smash.o >/dev/null 2>&1; fi
    for name in $fuzzed; do step "$name, 30 s" fuzz $name; done
    step "10 MB hostile inputs in linear time" linear
}

section_sizes() { step "code, stack and symbols" sh tools/size.sh --check; }

section_docs() {
    step "documents against the code" python3 tools/docs.py
    step "official safetensors reader" official_reader
    step "the digits network in numpy" digits_integers
}

official_reader() {
    python3 -c 'import numpy, safetensors' 2>/dev/null || { echo "Python has no safetensors and numpy"; return 77; }
    python3 tests/official_reader.py ./smash examples/models/digits.safetensors "$tmp"
}

digits_integers() {
    python3 -c 'import numpy' 2>/dev/null || { echo "Python has no numpy"; return 77; }
    python3 tests/digits_integers.py ./smash build/firmware build/examples/07_firmware "$tmp"
}

# ---- one step, in its own process ----

if [ "${1-}" = --step ]; then
    file=$2
    section=$(sed -n 1p "$file") label=$(sed -n 2p "$file") start=$(date +%s)
    tmp=$dir/work/${file##*/}
    mkdir -p "$tmp"
    (eval "$(sed -n 3p "$file")") >"$tmp/log" 2>&1
    status=$?
    seconds=$(($(date +%s) - start))
    case $status in
    0)  word=ok; text= ;;
    77) word=skipped; text="  ($(tail -n 1 "$tmp/log"))" ;;
    *)  word=FAILED; text="
$(head -n 40 "$tmp/log" | sed 's/^/    /')
    the step: $(sed -n 3p "$file")" ;;
    esac
    printf '%-8s %-9s %4d s  %s%s\n' $word "$section" $seconds "$label" "$text"
    echo "$section $word $seconds" >"$file.result"
    [ $word = FAILED ] || rm -rf "$tmp"
    exit 0
fi

# ---- all of them ----

strict=0
if [ "${1-}" = --strict ]; then strict=1; shift; fi
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $sections
for section in "$@"; do
    case " $sections " in *" $section "*) ;; *) echo "no section \"$section\": $sections"; exit 2 ;; esac
done
rm -rf "$dir"
mkdir -p "$dir/steps" "$dir/work"
count=0 begun=$(date +%s)
for section in "$@"; do "section_$section"; done
ls "$dir"/steps/* | xargs -n 1 -P "$(getconf _NPROCESSORS_ONLN)" sh tools/check.sh --step
echo
cat "$dir"/steps/*.result | awk -v planned=$count -v strict=$strict -v seconds=$(($(date +%s) - begun)) '
    { if (!($1 in n)) order[++sections] = $1; n[$1]++; c[$1 " " $2]++; c["all " $2]++; t[$1] += $3; done++ }
    END {
        printf "%-10s %6s %6s %8s %7s %8s\n", "section", "steps", "ok", "skipped", "failed", "seconds"
        for (i = 1; i <= sections; i++) { s = order[i]; printf "%-10s %6d %6d %8d %7d %8d\n", s, n[s], c[s " ok"], c[s " skipped"], c[s " FAILED"], t[s] }
        printf "\ncheck: %d ok, %d failed, %d skipped, %d s\n", c["all ok"], c["all FAILED"], c["all skipped"], seconds
        if (done != planned) { printf "only %d of %d steps ran\n", done, planned; exit 1 }
        exit c["all FAILED"] > 0 || (strict && c["all skipped"] > 0)
    }'
