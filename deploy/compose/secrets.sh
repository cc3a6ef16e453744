#!/bin/sh
# Makes the secrets that docker-compose.yaml mounts, each in a file of its own
# under deploy/compose/secrets. A file that is there is kept.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
echo '*' >secrets/.gitignore

random() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
# Letters and digits only, for what ends up in a URL.
word() { random 48 | tr -dc 'A-Za-z0-9' | head -c 32; }

make() {
	if [ ! -s "secrets/$1" ]; then
		"$2" ${3:+"$3"} >"secrets/$1"
		# The containers read them as users of their own.
		chmod 0444 "secrets/$1"
		echo "made deploy/compose/secrets/$1"
	fi
}

make postgres_password word
make redis_password word
make s3_secret_key word
make temporal_db_password word
make azure_account_key random 64
make admin_key word
make encryption_passphrase word
make session_key random 32
make grafana_password word
chmod 0711 secrets
