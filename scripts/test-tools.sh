#!/bin/sh
# Installs the object stores that the tests run against into .cache/tools.
# A tool that is there in the right version is left alone.
set -eu

cd "$(dirname "$0")/.."
tools=$PWD/.cache/tools
mkdir -p "$tools"

# stamped NAME VERSION COMMAND...: runs the command unless the version was installed before.
stamped() {
	stamp=$tools/.$1.version
	wanted=$2
	shift 2
	if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
		return
	fi
	rm -f "$stamp"
	"$@"
	printf '%s\n' "$wanted" >"$stamp"
}

go_tool() {
	GOBIN=$tools GOFLAGS= go install "$1"
}

azurite() {
	npm install --prefix "$tools" --no-audit --no-fund --no-save --loglevel=error "azurite@$1"
}

stamped versitygw v1.8.0 go_tool github.com/versity/versitygw/cmd/versitygw@v1.8.0
stamped fake-gcs-server v1.56.1 go_tool github.com/fsouza/fake-gcs-server@v1.56.1
stamped azurite 3.35.0 azurite 3.35.0
