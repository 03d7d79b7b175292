#!/bin/sh
# Runs test programs and examples one by one from the root of the repository, and adds up what they say.
# A test_* ends with a line "N passed, N failed"; any other program is one test, which passes if it exits with 0.
passed=0 failed=0
for program; do
    name=${program##*/}
    output=$("$program" 2>&1)
    status=$?
    last=${output##*
}
    case $name:$last in
    test_*:[0-9]*" passed, "[0-9]*" failed")
        rest=${last#* passed, }
        p=${last%% *} f=${rest%% *}
        [ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
        ;;
    test_*) p=0 f=1 last="exit status $status and no sum: it crashed" ;;
    *)      p=1 f=0 last="ok"
            [ "$status" -eq 0 ] || { p=0 f=1 last="exit status $status"; } ;;
    esac
    [ "$f" -eq 0 ] || printf '%s\n' "$output"
    printf '%-24s %s\n' "$name" "$last"
    passed=$((passed + p)) failed=$((failed + f))
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
