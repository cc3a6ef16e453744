package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/lifeboat-dr/lifeboat/internal/alert"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestAChannelIsTried(t *testing.T) {
	t.Parallel()
	verifier, err := standardwebhooks.NewWebhook(webhookSecret)
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan []byte, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || verifier.Verify(body, r.Header) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		came <- body
	}))
	t.Cleanup(server.Close)
	config := filepath.Join(t.TempDir(), "lifeboat.yaml")
	text := "alerts:\n  channels:\n    ops: {kind: webhook, url: " + server.URL + ", secret: " + webhookSecret + "}\n" +
		"    wrong: {kind: webhook, url: " + server.URL + "/hush-hush, secret: whsec_" + strings.Repeat("A", 32) + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(channel string) (code int, out, errOut string) {
		var o, e bytes.Buffer
		code = run(t.Context(), []string{"--config", config, "-o", "json", "alerts", "test", channel}, &o, &e)
		return code, o.String(), e.String()
	}
	code, out, errOut := call("ops")
	var answer told
	if code != exitDone || json.Unmarshal([]byte(out), &answer) != nil || answer.Kind != "webhook" || answer.ID == "" {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	if body := string(<-came); !strings.Contains(body, `"type":"lifeboat.test"`) {
		t.Errorf("it sent %s", body)
	}
	if code, _, errOut := call("wrong"); code != exitFailed || !strings.Contains(errOut, "its url or secret is not accepted") || strings.Contains(errOut, "hush") {
		t.Errorf("refused: exit %d, %s", code, errOut)
	}
	if code, _, errOut := call("none"); code != exitUsage || !strings.Contains(errOut, `no channel "none"`) {
		t.Errorf("unknown: exit %d, %s", code, errOut)
	}
}

func TestAlertsAsATable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{out: &out}
	since := time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)
	if err := a.alertsTable([]status.Alert{{
		Rule: "LifeboatBackupFailed", Severity: status.Critical, State: status.Firing, Since: since, Summary: "it failed",
		Labels: map[string]string{"surface": "main", "policy": "main-daily"},
	}}); err != nil {
		t.Fatal(err)
	}
	want := "STATE SEVERITY SINCE ALERT ABOUT SUMMARY\nfiring critical 2026-01-10T12:00:00Z LifeboatBackupFailed policy=main-daily surface=main it failed\n"
	if squeeze(out.String()) != squeeze(want) {
		t.Errorf("it says\n%s", out.String())
	}
}

// TestRunbooksNameCommandsThatExist holds what runbooks and alerts tell people to
// type against the commands that there are.
func TestRunbooksNameCommandsThatExist(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, file := range append(files, "../../docs/alerts.md") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(file)] = string(data)
	}
	for _, rule := range alert.Rules() {
		texts[rule.Name] = rule.Description
	}
	code := regexp.MustCompile("(?s)```sh\n(.*?)```|`(lifeboat[^`]*)`")
	tried := 0
	for where, text := range texts {
		for _, found := range code.FindAllStringSubmatch(text, -1) {
			for line := range strings.SplitSeq(found[1]+found[2], "\n") {
				if words := strings.Fields(line); len(words) > 1 && words[0] == "lifeboat" {
					tried++
					exists(t, where, words[1:])
				}
			}
		}
	}
	if tried < 40 {
		t.Errorf("only %d commands were found", tried)
	}
}

// exists checks a command line's command and the names of its flags.
func exists(t *testing.T, where string, words []string) {
	t.Helper()
	root := (&app{}).root()
	cmd, rest, err := root.Find(words)
	if err != nil || cmd == root || cmd.HasSubCommands() {
		t.Errorf("%s names lifeboat %s, which is no command: %v", where, strings.Join(words, " "), err)
		return
	}
	for _, word := range rest {
		name, isFlag := strings.CutPrefix(word, "--")
		if word == "#" {
			return
		}
		if isFlag && cmd.Flags().Lookup(strings.TrimRight(name, ".,")) == nil && root.PersistentFlags().Lookup(name) == nil {
			t.Errorf("%s names lifeboat %s, which has no flag %s", where, cmd.Name(), word)
		}
	}
}
