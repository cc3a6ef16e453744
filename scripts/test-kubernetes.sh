#!/usr/bin/env bash
# Runs the tests that want a Kubernetes control plane: those of the packages
# with files of the build tag "kubernetes". One package at a time: a control
# plane takes 700 MB.
set -euo pipefail
cd "$(dirname "$0")/.."

timeout=${TEST_TIMEOUT:-40m}

scripts/test-kubernetes-tools.sh
scripts/test-velero-tools.sh
mapfile -t packages < <(git ls-files --cached --others --exclude-standard '*_test.go' |
	xargs -r -d '\n' grep -lsE '^//go:build (.*[ (])?kubernetes' | xargs -r -d '\n' -n 1 dirname | sort -u | sed 's|^|./|')
if [ "${#packages[@]}" = 0 ]; then
	echo "no test has the build tag kubernetes" >&2
	exit 1
fi
go test -tags kubernetes -vet=off -p 1 -timeout "$timeout" "${packages[@]}"
