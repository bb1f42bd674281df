#!/bin/sh
# Stands before rustc where members of the workspace are compiled for fuzzing (RUSTC_WORKSPACE_WRAPPER):
# counts which branches run, as libFuzzer reads it, and stops at what wraps around. Programs that
# cargo itself runs are compiled as always.
for argument in "$@"; do
    case "$argument" in
    build_script_* | proc-macro) exec "$@" ;;
    esac
done
exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions=on -Coverflow-checks=on
