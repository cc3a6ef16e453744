#!/usr/bin/env bash
# Runs the tests that want a Kubernetes control plane: those in files of the
# build tag "kubernetes". One package at a time: a control
# plane takes 700 MB.
set -euo pipefail
cd "$(dirname "$0")/.."

timeout=${TEST_TIMEOUT:-40m}

scripts/test-kubernetes-tools.sh
scripts/test-velero-tools.sh
mapfile -t files < <(git ls-files --cached --others --exclude-standard '*_test.go' |
	xargs -r -d '\n' grep -lsE '^//go:build (.*[ (])?kubernetes' | xargs -r -d '\n' grep -LsE '^//go:build .*bench')
if [ "${#files[@]}" = 0 ]; then
	echo "no test has the build tag kubernetes" >&2
	exit 1
fi
failed=0
for package in $(printf '%s\n' "${files[@]}" | xargs -d '\n' -n 1 dirname | sort -u); do
	# The package's other tests are run by make test.
	tests=$(printf '%s\n' "${files[@]}" | grep "^$package/[^/]*$" | xargs -d '\n' sed -nE 's/^func (Test[A-Za-z0-9_]+)\(t \*testing\.T\).*/\1/p' | paste -sd '|')
	if [ -n "$tests" ]; then
		go test -tags kubernetes -vet=off -timeout "$timeout" -run "^($tests)$" "./$package" || failed=1
	fi
done
exit "$failed"
