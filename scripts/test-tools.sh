#!/usr/bin/env bash
# Installs the object stores that the tests run against into .cache/tools.
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

npm_tool() {
	npm install --prefix "$tools" --no-save --no-audit --no-fund --loglevel=error "$1"
}

stamped versitygw v1.8.0 go_tool github.com/versity/versitygw/cmd/versitygw@v1.8.0
stamped fake-gcs-server v1.56.1 go_tool github.com/fsouza/fake-gcs-server@v1.56.1
stamped node_modules/azurite 3.35.0 npm_tool azurite@3.35.0
