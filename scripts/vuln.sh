#!/usr/bin/env bash
# Looks for known vulnerabilities.
#
#   scripts/vuln.sh                  in what Lifeboat calls, and in every package that the embedded
#                                    server brings; fails when the database can't be read
#   scripts/vuln.sh --if-reachable   in what Lifeboat calls; says so in plain words and succeeds
#                                    when the database can't be read
#
# VULNDB is the database's URL; a mirror or a folder (file:///…) will do.
set -euo pipefail
cd "$(dirname "$0")/.."
govulncheck=$PWD/.cache/tools/govulncheck
database=${VULNDB:-https://vuln.go.dev}

echo "== govulncheck, self-test"
# An invented entry about a function that Lifeboat calls must be found: a scanner
# that finds nothing anywhere would look just like a clean bill of health.
set +e
found=$("$govulncheck" -db "file://$PWD/scripts/vulndb" ./internal/seal 2>&1)
status=$?
set -e
if [ "$status" -ne 3 ] || ! grep -q 'LIFEBOAT-0001' <<<"$found"; then
	printf '%s\n' "$found" >&2
	echo "govulncheck does not find the invented vulnerability of scripts/vulndb: its answers mean nothing" >&2
	exit 1
fi

echo "== govulncheck, $database"
# Reading the list of modules needs the database and next to no time.
set +e
answer=$(timeout 120 "$govulncheck" -C internal/seal -db "$database" -scan module 2>&1)
status=$?
set -e
if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then
	tail -n 1 <<<"$answer" >&2
	echo "govulncheck: NOT CHECKED: the vulnerability database $database can't be read from here; run \"make vuln\" where it can, or set VULNDB to a mirror" >&2
	[ "${1-}" = --if-reachable ]
	exit
fi
"$govulncheck" -db "$database" -tags slim ./...

if [ "${1-}" != --if-reachable ]; then
	# Following every call into the embedded server takes 13 GB of memory; its packages are looked at whole.
	echo "== govulncheck, packages of the embedded server"
	"$govulncheck" -db "$database" -scan package ./...
fi
