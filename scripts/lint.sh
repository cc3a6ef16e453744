#!/usr/bin/env bash
# Checks the code without running it.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/.cache/tools

echo "== gofmt"
unformatted=$(git ls-files --cached --others --exclude-standard '*.go' | xargs -r -d '\n' ls -d 2>/dev/null | xargs -r -d '\n' gofmt -l)
if [ -n "$unformatted" ]; then
	printf 'gofmt would change:\n%s\n' "$unformatted" >&2
	exit 1
fi

echo "== go vet"
go vet ./...
go vet -tags slim ./cmd/...
go vet -tags bench ./tests/...
go vet -tags kubernetes ./...

echo "== golangci-lint"
"$tools/golangci-lint" run --timeout 20m

echo "== workflowcheck"
"$tools/workflowcheck" ./workflows/...
