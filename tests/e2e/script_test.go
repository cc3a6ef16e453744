package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestScripts runs the command line as a person would: testdata/script holds
// one journey a file. Each has a database and a data folder of its own:
//
//	$PG, $REDIS   URLs of the servers that hold something
//	$NOWHERE      HOST:PORT where nobody listens
//	$DATA         the data folder, also LIFEBOAT_DATA_DIR
//	$IDENTITY     an age identity; $OTHER is another one
//	$APPROVER     the secret of a key of the API, as is $VIEWER; their hashes are $APPROVERHASH and $VIEWERHASH
//	$STRANGER     a public key that signed nothing
//
// Beside testscript's own commands there are:
//
//	exits CODE COMMAND…    run a command that must end with this code
//	oneline                standard error is exactly one line
//	fields NAME…           standard output is JSON, and its object, or its list's first, has these
//	keep VAR NAME          keep one of these in a variable
//	count N                standard output is a JSON list of N
//	sql URL QUERY WANT     a query on a database gives this text
func TestScripts(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	if err := rd.Client(t).Set(t.Context(), "greeting", "hello", 0).Err(); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: func(env *testscript.Env) error { return furnish(t, env, pg, rd) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "oneline": oneline, "fields": fields, "keep": keep, "count": count, "sql": sql,
		},
	})
}

// furnish makes what a script works on.
func furnish(t *testing.T, env *testscript.Env, pg *servers.PG, rd *servers.RedisServer) error {
	t.Helper()
	name := strings.ReplaceAll(filepath.Base(env.WorkDir), "-", "_")
	execSQL(t, pg.URL, "CREATE DATABASE "+name)
	source := pg.DatabaseURL(name)
	execSQL(t, source, `CREATE TABLE orders (id int PRIMARY KEY, note text)`, `INSERT INTO orders SELECT n, 'order ' || n FROM generate_series(1, 100) n`)
	data, err := os.MkdirTemp("", "script-*")
	if err != nil {
		return err
	}
	env.Defer(func() {
		(&site{dataDir: data}).stopEnvironments(t)
		os.RemoveAll(data)
	})
	if err := os.Chmod(data, 0o711); err != nil {
		return err
	}
	for _, variable := range []string{"IDENTITY", "OTHER"} {
		identity, _, err := seal.GenerateIdentity()
		if err != nil {
			return err
		}
		env.Setenv(variable, identity.Reveal())
	}
	for _, variable := range []string{"APPROVER", "VIEWER"} {
		hidden := seal.RandomID(52)
		env.Setenv(variable, hidden)
		env.Setenv(variable+"HASH", seal.HashToken(secret.String(hidden)))
	}
	_, stranger, err := seal.GenerateSigner("lifeboat-evidence")
	if err != nil {
		return err
	}
	env.Setenv("STRANGER", stranger)
	env.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	// A server that runs as another user can't pass the script's own folder.
	env.Setenv("TMPDIR", os.TempDir())
	env.Setenv("PG", source)
	env.Setenv("REDIS", rd.URL)
	env.Setenv("NOWHERE", servers.Address(t))
	env.Setenv("DATA", data)
	env.Setenv("LIFEBOAT_DATA_DIR", data)
	return nil
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func oneline(ts *testscript.TestScript, _ bool, _ []string) {
	text := ts.ReadFile("stderr")
	if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "lifeboat: ") {
		ts.Fatalf("standard error is not one line that says who speaks:\n%s", text)
	}
}

// object is the JSON object on standard output, or the first one of a list.
func object(ts *testscript.TestScript) map[string]any {
	text := ts.ReadFile("stdout")
	var one map[string]any
	if json.Unmarshal([]byte(text), &one) == nil {
		return one
	}
	var several []map[string]any
	if err := json.Unmarshal([]byte(text), &several); err != nil || len(several) == 0 {
		ts.Fatalf("standard output holds no JSON object: %q", text)
	}
	return several[0]
}

func fields(ts *testscript.TestScript, _ bool, args []string) {
	got := object(ts)
	for _, name := range args {
		if _, ok := got[name]; !ok {
			ts.Fatalf("%s is not in %v", name, got)
		}
	}
}

func keep(ts *testscript.TestScript, _ bool, args []string) {
	value, ok := object(ts)[args[1]].(string)
	if !ok || value == "" {
		ts.Fatalf("%s is no text", args[1])
	}
	ts.Setenv(args[0], value)
}

func count(ts *testscript.TestScript, _ bool, args []string) {
	var list []any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &list); err != nil {
		ts.Fatalf("standard output is no JSON list: %v", err)
	}
	if strconv.Itoa(len(list)) != args[0] {
		ts.Fatalf("%d entries, want %s", len(list), args[0])
	}
}

func sql(ts *testscript.TestScript, _ bool, args []string) {
	got, err := query(args[0], args[1])
	ts.Check(err)
	if got != args[2] {
		ts.Fatalf("%s: %q, want %q", args[1], got, args[2])
	}
}
