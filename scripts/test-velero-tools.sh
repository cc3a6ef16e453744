#!/usr/bin/env bash
# Builds the Velero server and its plugin for S3, that the tests of Velero run
# against, into .cache/tools, and puts Velero's CRDs beside them. What is there
# from the same go.mod, go.sum and sources is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/.cache/tools
mkdir -p "$tools"

# built NAME MODULE COMMAND...: runs the command in the module's folder, unless
# it has made NAME from the same files before.
built() {
	local file=$tools/$1 module=$2 wanted
	local stamp=$tools/.$1.version
	shift 2
	wanted=$(cat "$module"/*.go "$module"/go.mod "$module"/go.sum "$0" | sha256sum)
	if [ -e "$file" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
		return
	fi
	rm -f "$stamp"
	(cd "$module" && "$@")
	printf '%s\n' "$wanted" >"$stamp"
}

server() {
	local from
	go build -buildvcs=false -ldflags '-s -w -X github.com/vmware-tanzu/velero/pkg/buildinfo.Version=v1.18.3' -o "$tools/velero" .
	from=$(go list -m -f '{{.Dir}}' github.com/vmware-tanzu/velero)
	rm -rf "$tools/velero-crds"
	mkdir "$tools/velero-crds"
	for crd in "$from"/config/crd/*/bases/*.yaml; do
		install -m 644 "$crd" "$tools/velero-crds/"
	done
}

# A plugin is found by the name of its file, which is why it has a folder of its own.
plugin() {
	mkdir -p "$tools/velero-plugins"
	go build -buildvcs=false -ldflags '-s -w' -o "$tools/velero-plugins/velero-plugin-for-aws" \
		github.com/vmware-tanzu/velero-plugin-for-aws/velero-plugin-for-aws
}

built velero tests/servers/velero server
built velero-plugins tests/servers/veleroplugin plugin
