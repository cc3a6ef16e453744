#!/usr/bin/env bash
# Runs all tests. Packages whose tests link the embedded Temporal server run
# without the race detector: building that server once more with it takes a
# quarter of an hour on two cores, and none of its code is ours. Everything
# else runs with it.
set -euo pipefail
cd "$(dirname "$0")/.."

timeout=${TEST_TIMEOUT:-25m}

# A test binary is listed as PACKAGE.test, with all that it links.
# shellcheck disable=SC2016 # a template of the go command
links_engine='{{$p := .}}{{range .Deps}}{{if eq . "go.temporal.io/server/temporal"}}{{$p.ImportPath}}{{"\n"}}{{end}}{{end}}'
all=$(go list ./... | sort)
plain=$(go list -test -f "$links_engine" ./... | sed -n 's/\.test$//p' | sort)
raced=$(comm -23 <(echo "$all") <(echo "$plain"))

failed=0
# run WHAT PACKAGES FLAG...: tests the packages; vet is a step of its own.
run() {
	local what=$1 packages=$2
	shift 2
	if [ -z "$packages" ]; then
		return
	fi
	echo "== go test, $what"
	# shellcheck disable=SC2086 # import paths have no spaces
	go test -vet=off -p 2 -timeout "$timeout" "$@" $packages || failed=1
}
run "with the race detector" "$raced" -race
run "what links the embedded server, without the race detector" "$plain"
exit "$failed"
