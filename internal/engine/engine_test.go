//go:build !slim

package engine_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/engine/enginetest"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

var (
	attrA = temporal.NewSearchAttributeKeyKeyword("TestA")
	attrB = temporal.NewSearchAttributeKeyKeyword("TestB")
)

// start runs an engine until the test ends or stops it itself.
func start(t *testing.T, o engine.Options) *engine.Engine {
	t.Helper()
	e, err := engine.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, e) })
	return e
}

func stop(t *testing.T, e *engine.Engine) {
	t.Helper()
	if err := e.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func retention(t *testing.T, c client.Client) time.Duration {
	t.Helper()
	ns, err := c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: "default"})
	if err != nil {
		t.Fatal(err)
	}
	return ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
}

// startTagged starts a workflow that carries search attributes.
func startTagged(t *testing.T, c client.Client, id string, tags ...temporal.SearchAttributeUpdate) {
	t.Helper()
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: id, TaskQueue: "nobody", TypedSearchAttributes: temporal.NewSearchAttributes(tags...),
	}, "nothing")
	if err != nil {
		t.Fatalf("starting a workflow with search attributes: %v", err)
	}
}

func TestEngineIsReadyWhenStartReturns(t *testing.T) {
	t.Parallel()
	// A folder that a URI would misread.
	dir := filepath.Join(t.TempDir(), "a b%20c?d#e")
	e := start(t, engine.Options{Dir: dir, SearchAttributes: []temporal.SearchAttributeKey{attrA}})
	c := enginetest.Dial(t, e)

	startTagged(t, c, "tagged", attrA.ValueSet("x"))
	if got := retention(t, c); got != engine.DefaultRetention {
		t.Errorf("histories are kept for %v, want %v", got, engine.DefaultRetention)
	}
	found, err := engine.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	if found.Address != e.Address() || found.UIURL != e.UIURL() || found.ServerVersion == "" {
		t.Errorf("found %+v, want what the engine itself says: %s %s", found, e.Address(), e.UIURL())
	}
}

func TestRestartKeepsRunsAndAppliesWhatChanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := start(t, engine.Options{Dir: dir, SearchAttributes: []temporal.SearchAttributeKey{attrA}})
	c := enginetest.Dial(t, before)
	startTagged(t, c, "kept", attrA.ValueSet("x"))
	c.Close()
	stop(t, before)
	if _, err := engine.Find(dir); !fault.Is(err, fault.Missing) {
		t.Errorf("looking for a stopped engine gave %v, want fault.Missing", err)
	}
	if journal, err := os.Stat(filepath.Join(dir, "temporal.sqlite-wal")); err == nil && journal.Size() > 0 {
		t.Errorf("a stopped engine left %d bytes in the journal, want all in the file", journal.Size())
	}

	after := start(t, engine.Options{
		Dir: dir, Retention: 48 * time.Hour, SearchAttributes: []temporal.SearchAttributeKey{attrA, attrB},
	})
	c = enginetest.Dial(t, after)
	if _, err := c.DescribeWorkflow(t.Context(), "kept", ""); err != nil {
		t.Errorf("the run from before: %v", err)
	}
	startTagged(t, c, "new", attrA.ValueSet("x"), attrB.ValueSet("y"))
	// Workers of other processes find it where they left it.
	if after.Address() != before.Address() {
		t.Errorf("the engine moved from %s to %s", before.Address(), after.Address())
	}
	if got := retention(t, c); got != 48*time.Hour {
		t.Errorf("histories are kept for %v, want 48h", got)
	}
}

func TestKilledEngineGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child := startChild(t, dir)

	// While the child lives, its folder is its own.
	_, err := engine.Start(t.Context(), engine.Options{Dir: dir})
	found, findErr := engine.Find(dir)
	if findErr != nil {
		t.Fatal(findErr)
	}
	if !fault.Is(err, fault.Conflict) || found.PID != child.Process.Pid || !strings.Contains(err.Error(), found.Address) {
		t.Errorf("a second engine: %v, want fault.Conflict that names process %d at %s", err, child.Process.Pid, found.Address)
	}

	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()

	e := start(t, engine.Options{Dir: dir})
	c := enginetest.Dial(t, e)
	w, err := startWorker(c, steps{name: "parent"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got string
	if err := c.GetWorkflow(ctx, journeyWorkflow, "").Get(ctx, &got); err != nil {
		t.Fatal(err)
	}
	// The finished step was not taken again; the interrupted one was.
	if want := "first by child, long by parent"; got != want {
		t.Errorf("the run ended with %q, want %q", got, want)
	}
}

func TestPortsThatAreTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port

	dir := t.TempDir()
	if _, err := engine.Start(t.Context(), engine.Options{Dir: dir, FrontendPort: port}); !fault.Is(err, fault.Conflict) {
		t.Fatalf("a taken frontend port gave %v, want fault.Conflict", err)
	}
	// The failed start left nothing in the way, and the page moves on.
	e := start(t, engine.Options{Dir: dir, UIPort: port})
	page, body := get(t, e.UIURL()+"/", "")
	if page != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("the Web UI's page: %d %.80q", page, body)
	}
}

func TestWebUI(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t)
	if status, body := get(t, e.UIURL()+"/api/v1/namespaces/default", ""); status != http.StatusOK || !strings.Contains(body, `"7776000s"`) {
		t.Errorf("the namespace through the Web UI: %d %.200q, want its retention of 7776000s", status, body)
	}
	if status, _ := get(t, e.UIURL()+"/api/v1/namespaces/default", "rebound.example.com"); status != http.StatusForbidden {
		t.Errorf("a request under another host's name: %d, want %d", status, http.StatusForbidden)
	}
	// Another site's form in a visitor's browser.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.UIURL()+"/api/v1/namespaces/default/workflows/x/terminate", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	if status, body := do(t, request); status < 400 || status == http.StatusNotFound {
		t.Errorf("a change asked for by another site: %d %.100q, want a refusal", status, body)
	}
}

func get(t *testing.T, url, host string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	return do(t, request)
}

func do(t *testing.T, request *http.Request) (status int, body string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(raw)
}
