package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
	lifeboatworker "github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

var update = flag.Bool("update", false, "write the histories that TestRecordReplays records to workflows/testdata/replay")

// recording counts the generations of fixtures. Those of an older one stay as
// they are: runs of that code may be under way while Lifeboat is upgraded.
const recording = "-2"

// TestRecordReplays runs every workflow in each of its ways, and replays what
// it recorded. With -update the histories become the fixtures of later versions.
func TestRecordReplays(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 10)
	noise(t, live, noiseRows)
	if err := rd.Client(t).Set(t.Context(), "greeting", "hello", 0).Err(); err != nil {
		t.Fatal(err)
	}
	slow, source := behind(t, live)
	s := siteFor(t, slow, rd.URL)
	s.ship(t)
	s.start(t, "up")
	c := s.temporal(t)
	runs := map[string]string{}

	run := s.create(t)
	s.verified(t, run, live)
	runs["snapshot-with-copy"] = run.WorkflowID
	runs["verify"] = s.latest(t, workflows.VerifyName)

	afresh := s.createStalled(t, source)
	source.Refuse()
	eventually(t, time.Minute, "the lost view is noticed", func() bool { return phaseOf(t, c, afresh) == "opening a view" })
	source.Heal()
	s.verified(t, afresh, live)
	runs["snapshot-afresh"] = afresh.WorkflowID

	runs["snapshot-by-policy"] = "snapshot/main/by-policy"
	byPolicy, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: runs["snapshot-by-policy"], TaskQueue: workflows.TaskQueue},
		workflows.SnapshotName, workflows.SnapshotInput{Surface: "main", Kind: "snapshot", Policy: "main-daily"})
	if err != nil {
		t.Fatal(err)
	}
	if err := byPolicy.Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	runs["prune"] = s.latest(t, workflows.PruneName)

	runs["restore-isolated"] = s.restored(t, run.ID)
	runs["restore-swap"] = s.restored(t, run.ID, "--in-place", "--confirm", "main")
	var rdb point
	s.ask(t, &rdb, "snapshot", "create", "redis", "--wait")
	runs["restore-overwrite"] = s.restored(t, rdb.ID, "--in-place", "--confirm", "redis")

	runs["snapshot-base"], runs["recover"], runs["stream"] = s.recovered(t, live)

	s.record(t, runs)
}

// record replays histories, and with -update makes them fixtures of later
// versions. Further names of this machine are replaced in pairs.
func (s *site) record(t *testing.T, runs map[string]string, names ...string) {
	t.Helper()
	anonymous := strings.NewReplacer(append(names, lifeboatworker.Host(s.dataDir), "host-1", s.dir, "/site", hostname(t), "host", strings.TrimPrefix(hostname(t), "@")+":", "host:")...)
	for name, id := range runs {
		events := history(t, s.temporal(t), id, "")
		for _, event := range events {
			anonymise(event.ProtoReflect(), anonymous)
		}
		replay(t, name, events)
		if *update {
			write(t, filepath.Join("../../workflows/testdata/replay", name+recording+".json"), events)
		}
	}
}

// recovered takes a base backup, recovers to the latest moment, and cancels the
// stream of WAL. It returns the three workflows' IDs.
func (s *site) recovered(t *testing.T, live string) (base, recovery, stream string) {
	t.Helper()
	s.streams(t, "main")
	var made point
	s.ask(t, &made, "snapshot", "create", "main", "--kind", "base", "--wait")
	s.shipped(t, "main", live)
	var back recoveredServer
	s.ask(t, &back, "pitr", "restore", "main", "--at", "latest")
	stream = "wal/main/main-wal/lifeboat_main_wal"
	c := s.temporal(t)
	if err := c.CancelWorkflow(t.Context(), stream, ""); err != nil {
		t.Fatal(err)
	}
	if err := c.GetWorkflow(t.Context(), stream, "").Get(t.Context(), nil); err == nil {
		t.Error("a cancelled stream ended as if it were done")
	}
	if n := text(t, live, `SELECT count(*) FROM pg_replication_slots`); n != "0" {
		t.Errorf("%s slots are left after the stream was cancelled", n)
	}
	return made.WorkflowID, back.WorkflowID, stream
}

// restored restores a point and returns the workflow's ID.
func (s *site) restored(t *testing.T, id string, flags ...string) string {
	t.Helper()
	var out struct{ WorkflowID, State string }
	s.ask(t, &out, append([]string{"snapshot", "restore", id}, flags...)...)
	if out.State != "restored" {
		t.Fatalf("restore %v: %+v", flags, out)
	}
	return out.WorkflowID
}

// latest is the ID of the newest run of a workflow that has ended.
func (s *site) latest(t *testing.T, workflow string) string {
	t.Helper()
	var id string
	eventually(t, time.Minute, "a run of "+workflow+" is listed", func() bool {
		ids := s.runs(t, "ExecutionStatus = 'Completed' AND WorkflowType = '"+workflow+"'")
		if len(ids) > 0 {
			id = ids[0]
		}
		return id != ""
	})
	return id
}

// phaseOf asks a run for its phase.
func phaseOf(t *testing.T, c client.Client, run started) string {
	t.Helper()
	value, err := c.QueryWorkflow(context.Background(), run.WorkflowID, run.RunID, workflows.ProgressQuery)
	if err != nil {
		return ""
	}
	var p workflows.Progress
	if err := value.Get(&p); err != nil {
		t.Fatal(err)
	}
	return p.Phase
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	// Identities of workers are PID@HOST.
	return "@" + name
}

// anonymise replaces what names a machine in every text of a message, payloads too.
func anonymise(m protoreflect.Message, names *strings.Replacer) {
	each(m, func(m protoreflect.Message) bool {
		m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch {
			case field.IsMap() || field.IsList():
			case field.Kind() == protoreflect.StringKind:
				m.Set(field, protoreflect.ValueOfString(names.Replace(v.String())))
			case field.Kind() == protoreflect.BytesKind:
				m.Set(field, protoreflect.ValueOfBytes([]byte(names.Replace(string(v.Bytes())))))
			}
			return true
		})
		return true
	})
}

func replay(t *testing.T, name string, events []*historypb.HistoryEvent) {
	t.Helper()
	replayer := worker.NewWorkflowReplayer()
	workflows.Register(replayer)
	if err := replayer.ReplayWorkflowHistory(nil, &historypb.History{Events: events}); err != nil {
		t.Errorf("replay %s: %v", name, err)
	}
}

// write writes a history with one event a line.
func write(t *testing.T, path string, events []*historypb.HistoryEvent) {
	t.Helper()
	var out bytes.Buffer
	out.WriteString(`{"events":[`)
	for i, event := range events {
		raw, err := protojson.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		if err := json.Compact(&out, raw); err != nil {
			t.Fatal(err)
		}
	}
	out.WriteString("\n]}\n")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
