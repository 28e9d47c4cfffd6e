#!/bin/sh
# Records the samples in this folder again, with the tools themselves: gcc, glibc's mtrace, valgrind, ltrace, heaptrack.
# What is the tools' own beside the program's calls (banners, paths of a machine) is taken out.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
gcc -g -O0 -fno-builtin -o program "$here/program.c"
MALLOC_TRACE="$here/mtrace.txt" LD_PRELOAD=libc_malloc_debug.so.0 ./program
valgrind --trace-malloc=yes ./program 2>&1 | grep -E '^--[0-9]+--|in use at exit|total heap usage' > "$here/valgrind.txt"
ltrace -f -e malloc+calloc+realloc+free+memalign -o "$here/ltrace.txt" ./program
heaptrack -o "$work/finished" ./program > /dev/null
heaptrack --raw -o "$work/raw" ./program > /dev/null
for name in finished raw.raw; do
  (zstd -dc "$work/$name.zst" 2> /dev/null || gzip -dc "$work/$name.gz") | sed "s#$work#.#g" | grep -v '^X' > "$work/$name.txt"
done
# The lengths that stand before the strings are those of the paths as they were.
awk '/^s [0-9a-f]+ /{ head = $1 " " ; rest = substr($0, index($0, " ") + 1); text = substr(rest, index(rest, " ") + 1); printf "s %x %s\n", length(text), text; next } { print }' "$work/finished.txt" | zstd -q -f -o "$here/heaptrack.zst"
zstd -q -f "$work/raw.raw.txt" -o "$here/heaptrack-raw.zst"
# Needs the right to record events of the kernel. The path that perf notes is the one that it is given.
cd "$work"
perf record -q -e 'kmem:*' -o perf.data -- true
perf record -q -z -e 'kmem:*' -o perf-packed.data -- true
for name in perf perf-packed; do
  zstd -19 -q -f "$name.data" -o "$here/$name.data.zst"
done
