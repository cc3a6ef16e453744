package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// blocks finds the fenced blocks of a page, with the comment that stands before one.
var blocks = regexp.MustCompile("(?s)(?:<!-- ([a-z]+)(?:: (\\S+))? -->\n)?```([a-z]+)\n(.*?)```\n")

// TestTutorial does what docs/tutorial.md says, in one shell, word for word.
func TestTutorial(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(servers.Root(t), "docs", "tutorial.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "tutorial-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		(&site{dataDir: filepath.Join(dir, "data")}).stopEnvironments(t)
		os.RemoveAll(dir)
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	pg := servers.Postgres(t, "wal_level = replica", "max_wal_senders = 4", "max_replication_slots = 4")
	execSQL(t, pg.URL, "CREATE DATABASE shop")
	var script strings.Builder
	script.WriteString("set -eu -o pipefail\n")
	for _, block := range blocks.FindAllStringSubmatch(string(page), -1) {
		comment, name, kind, text := block[1], block[2], block[3], block[4]
		switch {
		case comment == "file":
			fmt.Fprintf(&script, "cat > %s <<'END OF FILE'\n%sEND OF FILE\n", name, text)
		case comment == "background":
			// A person waits until the page answers.
			fmt.Fprintf(&script, "%s > up.log 2>&1 &\nup=$!\ntrap 'kill $up; wait $up || true' EXIT\n"+
				"until curl --silent --fail --output /dev/null http://$LIFEBOAT_LISTEN/readyz; do kill -0 $up; sleep 0.2; done\n", strings.TrimSpace(text))
		case kind == "sh":
			script.WriteString("set -x\n" + text + "{ set +x; } 2> /dev/null\n")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	cmd.Dir = dir
	cmd.Env = append(cleanEnv(), "POSTGRES_URL="+pg.DatabaseURL("shop"), "PWD="+dir,
		"PATH="+filepath.Dir(binary)+":/usr/lib/postgresql/15/bin:"+os.Getenv("PATH"), fmt.Sprintf("LIFEBOAT_LISTEN=127.0.0.1:%d", servers.FreePort(t)))
	out, err := cmd.CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "up.log"))
		t.Fatalf("%v\n%s\nlifeboat up said:\n%s", err, out, log)
	}
	for _, want := range []string{"1001 | 1001", "The drill passed", "proven"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the tutorial ends without %q:\n%s", want, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "report.html")); err != nil {
		t.Error(err)
	}
}
