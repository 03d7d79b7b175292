#!/bin/sh
# The wide ring of tests: strict warnings on every compiler that is there, the tests under sanitizers, the symbols that
# smash.h leaves in a program. Says what it skipped. Run it from the root of the repository: `make check`.
set -u
dir=build/check
bad=0 done_count=0
mkdir -p "$dir"
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Wcast-qual -Wcast-align -Wundef -Wformat=2 -Werror"
gates="SMASH_STATIC SMASH_ONLY_LAYER0 SMASH_NO_STDLIB SMASH_NO_STDIO SMASH_NO_MESSAGES SMASH_NO_SIMD SMASH_NO_MASK SMASH_NO_QUANT SMASH_NO_VALUE
       SMASH_NO_SELECT SMASH_NO_MODEL SMASH_NO_IO SMASH_NO_CONFIG SMASH_NO_ALGO"

have() { command -v "$1" >/dev/null 2>&1 || { echo "skipped  $1 is not installed"; return 1; }; }

# try LABEL COMMAND...: quiet if it works
try() {
    label=$1; shift
    if "$@" >"$dir/log" 2>&1; then done_count=$((done_count + 1)); echo "ok       $label"; return 0
    else bad=$((bad + 1)); echo "FAILED   $label: $*"; head -n 40 "$dir/log"; return 1; fi
}

# 1. no warning, in C and C++, optimised or not
for cc in gcc clang; do
    have $cc || continue
    for o in -O0 -O2 -O3; do try "$cc $o" $cc -std=c99 $o $warnings -Wmissing-prototypes -I. -c tests/smash_impl.c -o "$dir/$cc.o"; done
    for tool in smash bench; do try "$cc tools/$tool.c" $cc -std=c99 -O2 $warnings tools/$tool.c -o "$dir/$tool-$cc" -pthread; done
    for gate in $gates; do try "$cc $gate" $cc -std=c99 -O0 $warnings -D$gate=1 -I. -c tests/smash_impl.c -o "$dir/gate.o"; done
done
for cxx in g++ clang++; do
    have $cxx || continue
    for o in -O0 -O2; do try "$cxx $o" $cxx -x c++ -std=c++17 $o $warnings -I. -c tests/smash_impl.c -o "$dir/cxx.o"; done
done
if have tcc; then try tcc tcc -I. -c tests/smash_impl.c -o "$dir/tcc.o"; fi
if have musl-gcc; then try musl-gcc musl-gcc -std=c99 -O2 -I. -c tests/smash_impl.c -o "$dir/musl.o"; fi
if have gcc && echo 'int main(void){return 0;}' | gcc -m32 -x c - -o "$dir/m32" 2>/dev/null; then
    try "gcc -m32" gcc -m32 -msse2 -mfpmath=sse -std=c99 -O2 $warnings -I. -c tests/smash_impl.c -o "$dir/m32.o"
else echo "skipped  gcc -m32 has no C library"; fi

for cc in "gcc -std=c99" "clang -std=c99" "g++ -x c++ -std=c++17" "clang++ -x c++ -std=c++17"; do
    have "${cc%% *}" || continue
    label=${cc%% *}
    # shellcheck disable=SC2086
    for pair in "two_tu_a two_tu_b" "static_twice_a static_twice_b" "rude_user"; do
        files=; for f in $pair; do files="$files tests/compile/$f.c"; done
        try "$label ${pair%% *}" $cc $warnings $files -o "$dir/compile" && try "$label ${pair%% *} runs" "$dir/compile"
    done
done

# 2. arithmetic that would give other bytes is refused, not computed with
if have gcc; then
    if printf 'int main(void){return 0;}' | gcc -m32 -x c - -o "$dir/m32" 2>/dev/null; then
        for x87 in "-mfpmath=387" "-msse -mno-sse2 -mfpmath=sse"; do
            # shellcheck disable=SC2086
            if gcc -m32 -std=c99 $x87 -I. -c tests/smash_impl.c -o "$dir/x87.o" >/dev/null 2>&1; then bad=$((bad + 1)); echo "FAILED   x87 ($x87) is accepted"
            else done_count=$((done_count + 1)); echo "ok       x87 ($x87) is refused"; fi
        done
    fi
    try "gcc -march=sapphirerapids" gcc -std=c99 -O2 -march=sapphirerapids -I. -c tests/smash_impl.c -o "$dir/spr.o"
    if gcc -std=c99 -O2 -ffast-math -I. -c tests/smash_impl.c -o "$dir/fast.o" >/dev/null 2>&1; then bad=$((bad + 1)); echo "FAILED   -ffast-math is accepted"
    else done_count=$((done_count + 1)); echo "ok       -ffast-math is refused"; fi
fi

# 3. the same numbers from every compiler, level and thread count
want=
for build in "gcc -O0" "gcc -O3 -march=native" "gcc -O2 -std=gnu99 -ffp-contract=fast" "gcc -O2 -DSMASH_NO_SIMD=1" "clang -O0" "clang -O3 -march=native" "clang -O2 -std=gnu99 -ffp-contract=fast" \
             "gcc -O2 -m32 -msse2 -mfpmath=sse"; do
    case $build in *-m32*) [ -x "$dir/m32" ] || continue ;; esac
    cc=${build%% *} flags=${build#* }
    have $cc || continue
    # shellcheck disable=SC2086
    $cc -std=c99 $flags tools/smash.c -o "$dir/smash-any" -pthread 2>"$dir/log" || { bad=$((bad + 1)); echo "FAILED   $build does not compile"; continue; }
    for n in 1 2 5; do
        got=$("$dir/smash-any" selftest --threads $n 2>&1) || got="failed: $got"
        [ -n "$want" ] || want=$got
        if [ "$got" = "$want" ]; then done_count=$((done_count + 1)); echo "ok       selftest $build, threads $n"
        else bad=$((bad + 1)); echo "FAILED   selftest $build, threads $n:"; echo "$got"; fi
    done
done
echo "$want"

# 4. the tests, with every access and every sum watched
for cc in gcc clang; do
    have $cc || continue
    sane="-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
    if ! echo 'int main(void){return 0;}' | $cc $sane -x c - -o "$dir/sane" 2>/dev/null || ! "$dir/sane"; then echo "skipped  $cc has no sanitizers"; continue; fi
    # shellcheck disable=SC2086
    $cc -std=c99 $sane -I. -c tests/smash_impl.c -o "$dir/sane.o" || { bad=$((bad + 1)); continue; }
    try "$cc sanitized command" $cc -std=c99 $sane tools/smash.c -o "$dir/smash-sane" -pthread
    for test in tests/test_*.c; do
        name=${test##*/}; name=${name%.c}
        # shellcheck disable=SC2086
        if $cc -std=c99 $sane -I. -DSMASH_COMMAND="\"$dir/smash-sane\"" "$test" "$dir/sane.o" -o "$dir/$name" -pthread 2>"$dir/log"; then
            try "$cc sanitized $name" "$dir/$name"
        else bad=$((bad + 1)); echo "FAILED   $cc sanitized $name does not compile"; head -n 20 "$dir/log"; fi
    done
    for example in examples/[0-9]*.c; do
        name=${example##*/}; name=${name%.c}
        # shellcheck disable=SC2086
        if $cc -std=c99 $sane -I. "$example" -o "$dir/$name" 2>"$dir/log"; then try "$cc sanitized $name" "$dir/$name"
        else bad=$((bad + 1)); echo "FAILED   $cc sanitized $name does not compile"; head -n 20 "$dir/log"; fi
    done
done

# 5. nothing but smash_ names, nothing that can be written to (without pic: else tables of pointers look writable)
if have gcc && have nm && have size; then
    gcc -std=c99 -O2 -fno-pic -fno-pie -I. -c tests/smash_impl.c -o "$dir/symbols.o"
    names=$(nm -g --defined-only "$dir/symbols.o" | awk '{print $3}' | grep -v '^smash_' || true)
    data=$(size -A "$dir/symbols.o" | awk '$1 ~ /^\.(data|bss|tdata|tbss)/ {n += $2} END {print n + 0}')
    if [ -z "$names" ] && [ "$data" -eq 0 ]; then done_count=$((done_count + 1)); echo "ok       only smash_ names, no writable data"
    else bad=$((bad + 1)); echo "FAILED   names: $names; writable bytes: $data"; fi
    gcc -std=c99 -Os -ffreestanding -fno-stack-protector -DSMASH_ONLY_LAYER0=1 -DSMASH_NO_STDLIB=1 -DSMASH_NO_STDIO=1 -I. -c tests/smash_impl.c -o "$dir/layer0.o"
    # memcpy and memset may come from the compiler itself, and so does the cpu check
    names=$(nm -u "$dir/layer0.o" | awk '{print $2}' | grep -v -e '^memcpy$' -e '^memset$' -e '^_GLOBAL_OFFSET_TABLE_$' -e '^__cpu_' || true)
    if [ -z "$names" ]; then done_count=$((done_count + 1)); echo "ok       layer 0 asks for nothing from a C library"
    else bad=$((bad + 1)); echo "FAILED   layer 0 asks for: $names"; fi
fi

# 6. the official safetensors package opens what we write, and numpy reads the same numbers out of it
if python3 -c 'import numpy, safetensors' 2>/dev/null; then try "official safetensors reader" python3 tests/official_reader.py ./smash examples/models/digits.safetensors "$dir"
else echo "skipped  Python has no safetensors and numpy"; fi

# 7. what the documents show compiles and prints what they say
program() { # program SOURCE WANTED-OUTPUT LABEL
    if cc -std=c99 -I. "$1" -o "$dir/doc" 2>"$dir/log" && [ "$("$dir/doc")" = "$2" ]; then done_count=$((done_count + 1)); echo "ok       $3"
    else bad=$((bad + 1)); echo "FAILED   $3"; head -n 20 "$dir/log"; fi
}
awk '/^```c$/ {on = 1; next} /^```$/ {if (on) exit} on' README.md >"$dir/readme.c"
program "$dir/readme.c" "$(awk '/^```text$/ {on = 1; next} /^```$/ {if (on) exit} on' README.md)" "README program"
awk '/^   A PROGRAM$/ {on = 1; next} /^   CONTENTS/ {exit} on' smash.h | sed 's/^       //' >"$dir/header.c"
program "$dir/header.c" "$(sed -n 's|^.*return 0; *// \(.*\)$|\1|p' "$dir/header.c")" "program in the header"
contents=$(awk '/^   CONTENTS/ {on = 1; next} /^   OPTIONS/ {exit} on' smash.h | grep -o '>>[a-z]*' | sort -u | grep -v '>>impl\|>>core-impl\|>>tensor-impl')
for tag in $contents; do
    if [ "$(grep -c "MARK: - .*$tag\$" smash.h)" -eq 1 ] && [ "$(grep -c "MARK: - .*$tag-impl\$" smash.h)" -eq 1 ]; then done_count=$((done_count + 1))
    else bad=$((bad + 1)); echo "FAILED   banner $tag does not stand once in each half"; fi
done
version=$(sed -n 's/^#define SMASH_VERSION_TEXT "\(.*\)"/\1/p' smash.h)
if head -n 1 smash.h | grep -q "v$version " && head -n 1 smash_cuda.h | grep -q "v$version " && grep -q "^## $version " CHANGELOG.md && [ "$(./smash --version | awk '{print $2}')" = "$version" ]
then done_count=$((done_count + 1)); echo "ok       version $version in the header, its first line, CHANGELOG and command"
else bad=$((bad + 1)); echo "FAILED   version $version is not the same everywhere"; fi

if grep -nE '[A-Z]+_(TABLE|BYTES_HERE)|SIZE_[A-Z]+|SELFTEST_DIGEST' README.md CHANGELOG.md; then bad=$((bad + 1)); echo "FAILED   a placeholder is left in a document"; else done_count=$((done_count + 1)); fi
digest=$(./smash selftest | awk '$1 == "all" {print $2}')
if grep -q "$digest" CHANGELOG.md; then done_count=$((done_count + 1)); echo "ok       digest $digest is the one in CHANGELOG"
else bad=$((bad + 1)); echo "FAILED   CHANGELOG does not name the digest $digest"; fi

echo "check: $done_count ok, $bad failed"
[ "$bad" -eq 0 ]
