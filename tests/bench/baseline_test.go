//go:build bench

package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// What the other side runs. Files are handled two at a time, the largest
// first, which is the best order for them. Over TLS neither side digests what
// it uploads for the signature's sake.
const (
	dumpPlain = `pg_dump -Fd -j2 -Z0 -f "$WORK/dump" "$URL"`
	dumpZstd  = `"$PG_DUMP_17" -Fd -j2 --compress=zstd:1 -f "$WORK/dump" "$URL"`

	zstdAge = `zstd -q -1 -c "$WORK/dump/$file" | age -r "$RECIPIENT" -o "$WORK/out/$file.age"`
	ageOnly = `age -r "$RECIPIENT" -o "$WORK/out/$file.age" "$WORK/dump/$file"`
	upload  = `; curl -sS --fail --cacert "$CA" --aws-sigv4 "aws:amz:us-east-1:s3" --user "$CREDENTIALS" -H x-amz-content-sha256:UNSIGNED-PAYLOAD -T "$WORK/out/$file.age" "$TARGET/$file.age"`
)

// script is a dump, then a pipeline for each of its files.
func script(dump, pipeline string) string {
	return fmt.Sprintf(`set -euo pipefail
%s
find "$WORK/dump" -type f -printf '%%s\t%%f\n' | sort -rn | cut -f2 |
	xargs -P2 -I{} bash -c 'set -euo pipefail; file=$1; %s' _ {}`, dump, pipeline)
}

// baseline is one of the other side's ways to make an encrypted backup.
type baseline struct {
	source    *source
	recipient string
	script    string
	// s3 is where the files go; nil leaves them in a folder.
	s3 *store.Config
}

// run makes one backup, and removes it.
func (l baseline) run(b *testing.B) usage {
	b.Helper()
	work, err := os.MkdirTemp("", "bench-baseline-*")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(work)
	if err := os.Mkdir(filepath.Join(work, "out"), 0o700); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", l.script)
	cmd.Env = append(os.Environ(), "WORK="+work, "URL="+l.source.url, "RECIPIENT="+l.recipient, "PG_DUMP_17="+pgDump17())
	if l.s3 != nil {
		cmd.Env = append(cmd.Env, "CA="+l.s3.CAFile, "CREDENTIALS="+l.s3.AccessKeyID+":"+l.s3.SecretAccessKey.Reveal(),
			"TARGET="+l.s3.Endpoint+"/"+l.s3.Bucket+"/"+filepath.Base(work))
	}
	return watch(b, []int{postmaster(b, l.source.PG)}, func() time.Duration { return runCommand(b, cmd) })
}

// runCommand runs a command to its end and returns its processor time.
func runCommand(b *testing.B, cmd *exec.Cmd) time.Duration {
	b.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", cmd.Path, err, out.String())
	}
	return used(cmd)
}

// pgDump17 is the pg_dump of version 17, or empty where none is installed.
func pgDump17() string {
	const debian = "/usr/lib/postgresql/17/bin/pg_dump"
	if _, err := os.Stat(debian); err == nil {
		return debian
	}
	return ""
}
