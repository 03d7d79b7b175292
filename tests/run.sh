#!/bin/sh
# Runs test programs and examples from the root of the repository, as many at a time as there are processors, and adds up what they say,
# in the order they are named. A test_* ends with a line "N passed, N failed"; any other program is one test, which passes if it exits with 0.
dir=build/run
rm -rf "$dir"
mkdir -p "$dir"
printf '%s\n' "$@" | xargs -n 1 -P "$(getconf _NPROCESSORS_ONLN)" sh -c '"$1" >"$0/${1##*/}" 2>&1; echo $? >"$0/${1##*/}.status"; echo' "$dir" | {
    passed=0 failed=0
    for program; do
        name=${program##*/}
        until [ -s "$dir/$name.status" ]; do read -r ended || break; done          # a line comes when one of them ends
        status=$(cat "$dir/$name.status" 2>/dev/null || echo 1)
        output=$(cat "$dir/$name" 2>/dev/null)
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
}
