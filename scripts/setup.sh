#!/usr/bin/env bash
# Installs what is missing on a Debian machine, and leaves alone what is there.
#
#   scripts/setup.sh run      what building and running needs
#   scripts/setup.sh develop  what tests and checks need on top
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/.cache/tools

# shellcheck source=scripts/versions.sh
. scripts/versions.sh

say() { printf 'setup: %s\n' "$*"; }

# builds_c reports whether a C program can be built, as cgo needs.
builds_c() {
	command -v gcc >/dev/null &&
		printf '#include <stdlib.h>\nint main(void){return 0;}\n' | gcc -x c -o /dev/null - 2>/dev/null
}

postgres_server() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }

postgres_contrib() { compgen -G '/usr/share/postgresql/*/extension/pgcrypto.control' >/dev/null; }

missing=()
# need PACKAGE... -- TEST...: the packages are missing unless the test succeeds.
need() {
	local packages=()
	while [ "$1" != -- ]; do
		packages+=("$1")
		shift
	done
	shift
	"$@" || missing+=("${packages[@]}")
}

on_path() { command -v "$1" >/dev/null; }

certificates() { [ -s /etc/ssl/certs/ca-certificates.crt ]; }

install_missing() {
	if [ ${#missing[@]} -eq 0 ]; then
		say "all Debian packages are there"
		return
	fi
	if ! on_path apt-get; then
		say "please install: ${missing[*]} (only Debian's package manager is known here)" >&2
		exit 1
	fi
	local sudo=()
	if [ "$(id -u)" -ne 0 ]; then
		sudo=(sudo)
	fi
	say "installing ${missing[*]}"
	# The servers are wanted as programs: these settings keep the packages from starting services.
	local as=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 RUNLEVEL=1)
	"${as[@]}" apt-get update -qq
	"${as[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# go_tool MODULE VERSION [PACKAGE]: installs a Go program unless that version is there.
go_tool() {
	local module=$1 version=$2 package=${3:-$1}
	local binary=$tools/${package##*/}
	if go version -m "$binary" 2>/dev/null | grep -qE "^[[:space:]]mod[[:space:]]${module}[[:space:]]${version}([[:space:]]|$)"; then
		return
	fi
	say "building ${package##*/} $version"
	GOBIN=$tools GOFLAGS='' go install "$package@$version"
}

run() {
	need ca-certificates -- certificates
	need gcc libc6-dev -- builds_c
	need postgresql postgresql-client -- postgres_server
	need redis-server -- on_path redis-server
	# Runbooks are read out of Git repositories.
	need git -- on_path git
	install_missing
	if ! on_path go; then
		say "please install Go $go_version or newer" >&2
		exit 1
	fi
}

develop() {
	need prometheus -- on_path prometheus
	need openssh-client -- on_path ssh
	need chromium fonts-dejavu-core -- on_path chromium
	need age -- on_path age
	need zstd -- on_path zstd
	need b3sum -- on_path b3sum
	need jq -- on_path jq
	need openssl -- on_path openssl
	need systemd -- on_path systemd-analyze
	need postgresql postgresql-contrib -- postgres_contrib
	install_missing
	go mod download
	mkdir -p "$tools"
	go_tool github.com/golangci/golangci-lint/v2 "$golangci_version" github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	go_tool go.temporal.io/sdk/contrib/tools/workflowcheck "$workflowcheck_version"
	go_tool golang.org/x/vuln "$govulncheck_version" golang.org/x/vuln/cmd/govulncheck
	say "all tools are there"
}

case "${1-}" in
run) run ;;
develop) develop ;;
*)
	say "usage: scripts/setup.sh run|develop" >&2
	exit 2
	;;
esac
