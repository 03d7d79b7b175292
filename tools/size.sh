#!/bin/sh
# What smash.h costs on a microcontroller, measured and held: bytes of code and tables, whole programs, the largest stack
# frame, writable data (none), and what it asks of a C library. Run it from the root of the repository.
#   sh tools/size.sh           print the table
#   sh tools/size.sh --write   record it in tests/golden/sizes.txt and in README.md
#   sh tools/size.sh --check   compare it with what is recorded: to the byte if the compiler is the same, else within 5 %;
#                              and README.md and the opening comment of smash.h with it
# Exit status: 0 all is well, 1 something is not, 2 wrong usage, 77 no compiler for Cortex-M here.
set -u
golden=tests/golden/sizes.txt
dir=build/size
mode=${1:-}
case $mode in ''|--write|--check) ;; *) echo "usage: sh tools/size.sh [--write | --check]" >&2; exit 2 ;; esac
for tool in gcc size nm; do
    command -v arm-none-eabi-$tool >/dev/null 2>&1 || { echo "skipped  arm-none-eabi-$tool is not installed"; exit 77; }
done
rm -rf "$dir"
mkdir -p "$dir"
: >"$dir/failed"
fail() { echo "FAILED   $*" | tee -a "$dir/failed"; }

# All that an object may ask for. Every compiler may call memcpy and memset; the rest is libgcc's arithmetic, which is there
# for every part; __gnu_thumb1_case is a jump table. No allocator, no stdio, no libm, no abort.
integer='memcpy|memset|__aeabi_(u?idiv(mod)?|u?ldivmod|l(mul|lsl|lsr|asr))|__gnu_thumb1_case_[us][qh]i'
single="$integer|__aeabi_(f(add|sub|mul|div|cmp(eq|ge|gt|le|lt|un))|f2u?[il]z|u?[il]2f)"
double="$single|__aeabi_(d(add|sub|mul|div|cmp(eq|ge|gt|le|lt|un))|d2u?[il]z|u?[il]2d|d2f|f2d)"
# The same for the whole library on a machine with an operating system; __cpu_model is the compiler's own check of the CPU.
hosted='malloc|realloc|free|memcpy|memset|memmove|memcmp|strcmp|strlen|fread|fwrite|fseek|ftell|__cpu_model|_GLOBAL_OFFSET_TABLE_'

# symbols NM OBJECT ALLOWED WHAT: asks for nothing else, and offers nothing but smash and smash_
symbols() {
    for symbol in $("$1" -u "$2" | awk '{print $2}' | grep -vxE "$3"); do fail "$4 asks for $symbol"; done
    for symbol in $("$1" -g --defined-only "$2" | awk '{print $3}' | grep -vE '^smash(_|$)'); do fail "$4 defines $symbol"; done
}

# frame FILE.su LIMIT WHAT: the largest stack frame of a -fstack-usage table, as "BYTES FUNCTION"
frame() {
    largest=$(awk -F '\t' '{n = split($1, place, ":"); if ($2 + 0 > most) {most = $2 + 0; name = place[n]}} END {print most + 0, name}' "$1")
    [ "${largest%% *}" -lt "$2" ] || fail "$3: ${largest#* } takes ${largest%% *} bytes of stack, it must be less than $2" >&2
    awk -F '\t' '$3 == "dynamic" {print $1}' "$1" | while read -r name; do fail "$3: the stack of $name has no bound" >&2; done
    echo "$largest"
}

arm() { # arm m0|m4f OUTPUT SOURCE OPTION...
    case $1 in
    m0) cpu="-mcpu=cortex-m0 -mthumb" ;;
    *)  cpu="-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16" ;;
    esac
    output=$2 source=$3
    shift 3
    rm -f "$output"
    # shellcheck disable=SC2086
    arm-none-eabi-gcc $cpu -std=c99 -Os -ffreestanding -ffunction-sections -fdata-sections -fstack-usage -I. \
        -DSMASH_ONLY_LAYER0=1 -DSMASH_NO_STDLIB=1 -DSMASH_NO_STDIO=1 "$source" -o "$output" "$@" || fail "$source does not compile: $cpu $*"
}

text() { arm-none-eabi-size "$1" | awk 'NR == 2 {print $1}'; }
row() { printf '%-56s  %9s  %10s\n' "$1" "$2" "$3" >>"$dir/sizes.txt"; }

# library NAME ALLOWED OPTION...: a row of bytes of the library; the objects stay for `program`, their largest frames in stack_*
library() {
    name=$1 allowed=$2
    shift 2
    for core in m0 m4f; do
        arm $core "$dir/$core.o" tests/smash_impl.c -c "$@"
        symbols arm-none-eabi-nm "$dir/$core.o" "$allowed" "$name ($core)"
        data=$(arm-none-eabi-size "$dir/$core.o" | awk 'NR == 2 {print $2 + $3}')
        [ "$data" = 0 ] || fail "$name ($core) has $data bytes of writable data"
    done
    stack_m0=$(frame "$dir/m0.su" 512 "$name (m0)") stack_m4f=$(frame "$dir/m4f.su" 512 "$name (m4f)")
    row "$name" "$(text "$dir/m0.o")" "$(text "$dir/m4f.o")"
}

# program NAME STATEMENTS: a row of all that a program brings along that does only this, libgcc's arithmetic included
program() {
    cat >"$dir/data.h" <<END
#include "smash.h"
OUR smash_ctx ctx;  OUR smash_quant_desc quant;  OUR smash_mask_desc prune;  OUR smash_tensor w, q, scale, mask;
OUR unsigned char data[256];  OUR volatile float single;  OUR volatile uint16_t half;
END
    printf '#define OUR\n#include "data.h"\n' >"$dir/data.c"
    cat >"$dir/program.c" <<END
#define OUR extern
#include "data.h"
void *memcpy(void *to, const void *from, size_t n) { unsigned char *p = to; const unsigned char *s = from; while (n--) *p++ = *s++; return to; }
void *memset(void *to, int byte, size_t n) { unsigned char *p = to; while (n--) *p++ = (unsigned char)byte; return to; }
int main(void) { $2 }
END
    for core in m0 m4f; do
        arm $core "$dir/data.o" "$dir/data.c" -c
        arm $core "$dir/program-$core" "$dir/program.c" "$dir/data.o" "$dir/$core.o" -fno-tree-loop-distribute-patterns \
            -nostartfiles -nostdlib -Wl,--gc-sections,-e,main -lgcc
    done
    row "$1" "$(text "$dir/program-m0")" "$(text "$dir/program-m4f")"
}
int8="return smash_quantize(&ctx, &quant, &w, &scale, NULL, &q) || smash_dequantize(&ctx, &quant, &q, &scale, NULL, &w);"

# ---- the table

{ arm-none-eabi-gcc --version | head -n 1; echo; } >"$dir/sizes.txt"
row "bytes of code and tables, -Os" "Cortex-M0" "Cortex-M4F"
library "core, tensor" "$double" -DSMASH_NO_MASK=1 -DSMASH_NO_QUANT=1 -DSMASH_NO_DISTILL=1
library "core, tensor, mask" "$double" -DSMASH_NO_QUANT=1 -DSMASH_NO_DISTILL=1
library "core, tensor, quant" "$double" -DSMASH_NO_MASK=1 -DSMASH_NO_DISTILL=1
library "layer 0: core, tensor, mask, quant, distill" "$double"
frame_m0=$stack_m0 frame_m4f=$stack_m4f
library "layer 0, SMASH_NO_MESSAGES" "$double" -DSMASH_NO_MESSAGES=1
program "program: quantize to int8 and back" "$int8"
program "program: dequantize int8" "return smash_dequantize(&ctx, &quant, &q, &scale, NULL, &w);"
program "program: make a mask of single weights" "return smash_mask_make(&ctx, &prune, &w, &mask, NULL);"
program "program: apply a mask" "return smash_mask_apply(&ctx, NULL, &mask, &w);"
program "program: convert a tensor of f16 to f32" "return smash_tensor_convert(&ctx, &q, &w);"
program "program: convert one f16 to f32" "single = smash_f16_to_f32(half); return 0;"
program "program: digest" "return (int)smash_digest_of(data, sizeof data);"
library "layer 0, SMASH_NO_MESSAGES, SMASH_NO_DOUBLE" "$single" -DSMASH_NO_MESSAGES=1 -DSMASH_NO_DOUBLE=1
program "program without double: quantize to int8 and back" "$int8"
program "program without double: dequantize int8" "return smash_dequantize(&ctx, &quant, &q, &scale, NULL, &w);"
row "largest stack frame of layer 0, bytes" "${frame_m0%% *}" "${frame_m4f%% *}"
cat "$dir/sizes.txt"

# ---- the whole library here, for information: only its symbols and frames have limits

if command -v gcc >/dev/null 2>&1; then
    for option in -fbuiltin -fno-builtin; do
        gcc -std=c99 -O2 $option -fno-pic -fno-pie -fno-stack-protector -U_FORTIFY_SOURCE -fstack-usage -I. -c tests/smash_impl.c -o "$dir/host.o" || fail "gcc -O2 $option does not compile"
        symbols nm "$dir/host.o" "$hosted" "the whole library (gcc -O2 $option)"
    done
    written=$(size -A "$dir/host.o" | awk '$1 ~ /^\.(data|bss|tdata|tbss)/ {n += $2} END {print n + 0}')
    [ "$written" -eq 0 ] || fail "the whole library has $written bytes that can be written to"
    for name in malloc realloc free; do
        [ "$(grep -cE "[^a-z_]$name\(" smash.h)" -eq 1 ] || fail "smash.h calls $name in more places than smash_allocator_libc()"
    done
    here=$(frame "$dir/host.su" 2048 "the whole library (gcc -O2)")
    printf '\nall sections, %s -O2: largest stack frame %s bytes, in %s\n' "$(gcc -dumpmachine)" "${here%% *}" "${here#* }"
fi
echo "layer 0: largest stack frame in ${frame_m0#* } on Cortex-M0, ${frame_m4f#* } on Cortex-M4F"

# ---- what is recorded

# The rows of a table as Markdown
markdown() {
    awk -F '   *' 'function n(x) { while (match(x, /[0-9][0-9][0-9][0-9]($|,)/)) x = substr(x, 1, RSTART) "," substr(x, RSTART + 1); return x }
        NR > 2 {print "| " $1 " | " n($2) " | " n($3) " |"} NR == 3 {print "|---|---|---|"}' "$1"
}
begin='<!-- sizes: tools/size.sh --write -->' end='<!-- /sizes -->'

if [ "$mode" = --write ]; then
    if grep -q 'does not compile' "$dir/failed"; then echo "nothing is recorded"; exit 1; fi
    cp "$dir/sizes.txt" "$golden"
    markdown "$golden" >"$dir/table.md"
    awk -v begin="$begin" -v end="$end" -v table="$dir/table.md" '
        $0 == end {on = 0}  !on {print}  $0 == begin {on = 1; while ((getline row < table) > 0) print row}' README.md >"$dir/README.md"
    cp "$dir/README.md" README.md
    echo "recorded in $golden and README.md"
fi

if [ "$mode" = --check ]; then
    [ "$(head -n 1 "$golden")" = "$(head -n 1 "$dir/sizes.txt")" ] && slack=0 || slack=5
    awk -F '   *' -v slack="$slack" '
        FNR < 4 {next}
        NR == FNR {old[$1] = 1; was[$1, 2] = $2; was[$1, 3] = $3; next}
        !old[$1] {print $1 ": is not recorded"; next}
        {seen[$1] = 1; for (i = 2; i < 4; i++) if ($i > was[$1, i] * (1 + slack / 100) || $i < was[$1, i] * (1 - slack / 100))
            print $1 (i == 2 ? ", Cortex-M0" : ", Cortex-M4F") ": " $i " bytes now, " was[$1, i] " recorded"}
        END {for (name in old) if (!seen[name]) print name ": is recorded and not measured"}' "$golden" "$dir/sizes.txt" >"$dir/changes"
    while read -r change; do fail "$change"; done <"$dir/changes"
    [ -s "$dir/changes" ] && echo "         if that is meant: sh tools/size.sh --write"

    awk -v begin="$begin" -v end="$end" '$0 == end {on = 0}  on {print}  $0 == begin {on = 1}' README.md >"$dir/readme.md"
    markdown "$golden" | cmp -s - "$dir/readme.md" || fail "the table in README.md is not that of $golden: sh tools/size.sh --write"

    # The opening comment names two of these numbers, to within a hundred.
    recorded() { awk -F '   *' -v name="$1" '$1 == name {print $3}' "$golden"; }
    all=$(recorded "layer 0: core, tensor, mask, quant, distill") silent=$(recorded "layer 0, SMASH_NO_MESSAGES")
    said() { sed -n "s/^       $1 .* \([0-9,]*\) bytes .*/\1/p" smash.h | head -n 1 | tr -d ,; }
    for pair in "SMASH_ONLY_LAYER0 $all" "SMASH_NO_MESSAGES $((all - silent))"; do
        option=${pair% *} is=${pair#* } off=$(($(said "${pair% *}") - ${pair#* }))
        [ ${off#-} -le 100 ] || fail "smash.h:$(grep -n "^       $option " smash.h | cut -d: -f1): $option is said to make $(said "$option") bytes; $golden says $is"
    done
fi

[ -s "$dir/failed" ] && exit 1
echo "ok       sizes, stack, symbols"
