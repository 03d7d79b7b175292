#!/bin/sh
# Tests and the command lines of test_cli under valgrind: no invalid access, no number from nowhere, nothing left behind.
# In their short form (tests/test.h), and not the tests whose brute force takes minutes here: the sanitizers see those.
set -eu
export TEST_SHORT=1
dir=${OUT:-build/valgrind}
watch="valgrind -q --log-file=$dir/log.%p --error-exitcode=9 --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all"
rm -rf "$dir"
mkdir -p "$dir"
cc -std=c99 -g -O1 -I. -c tests/smash_impl.c -o "$dir/smash_impl.o"
cc -std=c99 -g -O1 tools/smash.c -o "$dir/smash" -pthread
for name in test_core test_tensor test_select test_model test_config test_registry test_algo; do
    cc -std=c99 -g -O1 -I. "tests/$name.c" "$dir/smash_impl.o" -o "$dir/$name" -pthread
    $watch "$dir/$name"
done
cc -std=c99 -g -O1 -I. -DSMASH_COMMAND="\"$watch $dir/smash\"" -DDIR="\"$dir/cli\"" tests/test_cli.c "$dir/smash_impl.o" -o "$dir/test_cli" -pthread
"$dir/test_cli"
m=examples/models/digits.safetensors
for line in "selftest" "selftest --threads 3" "algorithms" "inspect $m" "compress $m -c examples/digits_compress.json -o $dir/digits.safetensors" "diff $m $dir/digits.safetensors" \
    "export $dir/digits.safetensors --format c --dry-run --layout ohwi --depthwise none" "export $dir/digits.safetensors --format npy --dry-run" "export $m --format raw --dry-run"; do
    # shellcheck disable=SC2086
    $watch "$dir/smash" $line >/dev/null
done
if cat "$dir"/log.* | grep .; then exit 1; fi          # in the middle of a pipe, the exit status would be lost
echo "valgrind: nothing found"
