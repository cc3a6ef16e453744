#!/usr/bin/env bash
# Builds what the benchmarks of Kubernetes run, into .cache/tools: the control
# plane of the tests, and kubectl from its sources. What was made from the same
# sources before is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/test-kubernetes-tools.sh

tools=$PWD/.cache/tools
source=tests/servers/kubectl
stamp=$tools/.kubectl.version

wanted=$(cat "$source"/{go.mod,go.sum,main.go} scripts/bench-kubernetes-tools.sh | sha256sum | cut -d' ' -f1)
if [ -x "$tools/kubectl" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
	exit
fi
rm -f "$stamp"

cd "$source"
# kubectl's version is that of Kubernetes: its module v0.36.3 is of 1.36.3.
version=$(go list -m -f '{{.Version}}' k8s.io/kubectl)
go build -buildvcs=false -o "$tools/kubectl" -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v1${version#v0}" .

printf '%s\n' "$wanted" >"$stamp"
