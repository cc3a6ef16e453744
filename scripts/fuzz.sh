#!/usr/bin/env bash
# Runs every fuzz target, one after another.
#
#   scripts/fuzz.sh TIME    such as 30s, or 1000x for a number of runs
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:?usage: scripts/fuzz.sh TIME}
count=0
while IFS=: read -r file target; do
	echo "== ${file%/*} $target"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./${file%/*}"
	count=$((count + 1))
done < <(git ls-files --cached --others --exclude-standard '*_test.go' |
	xargs -r -d '\n' grep -oE '^func Fuzz[A-Za-z0-9_]+' /dev/null | sed 's/:func /:/')
echo "$count fuzz targets ran for $time each"
