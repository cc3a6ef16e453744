#!/usr/bin/env bash
# Installs the object stores and the EVM node that the tests run against, and Helm,
# into .cache/tools. Helm's first build takes up to three minutes of two cores.
# A tool that is there in the right version is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/.cache/tools
mkdir -p "$tools"

# stamped FILE VERSION COMMAND...: runs the command, unless it has made the
# file from that version before.
stamped() {
	local file=$tools/$1 wanted=$2
	local stamp=$tools/.${file##*/}.version
	shift 2
	if [ -e "$file" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
		return
	fi
	rm -f "$stamp"
	"$@"
	printf '%s\n' "$wanted" >"$stamp"
}

go_tool() {
	GOBIN=$tools go install "$1"
}

# npm_tool FOLDER PACKAGE: npm removes from a folder what it is not asked for,
# so that no two tools share one.
npm_tool() {
	npm install --prefix "$tools/$1" --no-save --no-audit --no-fund --loglevel=error "$2"
}

stamped versitygw v1.8.0 go_tool github.com/versity/versitygw/cmd/versitygw@v1.8.0
stamped helm v3.22.0 go_tool helm.sh/helm/v3/cmd/helm@v3.22.0
stamped fake-gcs-server v1.56.1 go_tool github.com/fsouza/fake-gcs-server@v1.56.1
stamped node_modules/azurite 3.35.0 npm_tool . azurite@3.35.0
stamped anvil 1.7.1 npm_tool anvil @foundry-rs/anvil-linux-amd64@1.7.1
stamped axe 4.14.1 npm_tool axe axe-core@4.14.1
