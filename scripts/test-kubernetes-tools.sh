#!/usr/bin/env bash
# Builds the control plane that the tests run against into .cache/tools: one
# program, which is also the kubelets of nodes that are not there, and the
# stages by which those let pods run and end. What was made from the same
# sources before is left alone. The first build takes a quarter of an hour on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/.cache/tools
source=tests/servers/controlplane
stamp=$tools/.controlplane.version
mkdir -p "$tools"

wanted=$(cat "$source"/{go.mod,go.sum,main.go} scripts/test-kubernetes-tools.sh | sha256sum | cut -d' ' -f1)
if [ -x "$tools/controlplane" ] && [ -e "$tools/kwok-stages.yaml" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
	exit
fi
rm -f "$stamp"

cd "$source"
module() {
	go list -m -f "{{.$2}}" "$1"
}
go mod download k8s.io/kubernetes sigs.k8s.io/kwok

# An API server says its version where clients ask for it.
version=$(module k8s.io/kubernetes Version)
IFS=. read -r major minor _ <<<"${version#v}"
says=k8s.io/component-base/version
go build -buildvcs=false -o "$tools/controlplane" \
	-ldflags "-s -w -X $says.gitVersion=$version -X $says.gitMajor=$major -X $says.gitMinor=$minor -X $says.gitTreeState=clean" .

stages=$(module sigs.k8s.io/kwok Dir)/kustomize/stage
for stage in "$stages"/{node/fast/node-initialize,node/heartbeat-with-lease/node-heartbeat-with-lease,pod/fast/pod-ready,pod/fast/pod-complete,pod/fast/pod-delete}.yaml; do
	cat "$stage"
	printf '\n---\n'
done >"$tools/kwok-stages.yaml"

printf '%s\n' "$wanted" >"$stamp"
