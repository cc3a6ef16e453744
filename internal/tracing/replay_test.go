package tracing_test

import (
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Runs that were begun without traces go on with them, and the other way round.
func TestHistoriesReplayWithTraces(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(servers.Root(t), "workflows/testdata/replay/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	traces := open(t, servers.NewTraces(t))
	t.Cleanup(func() { traces.Close(t.Context(), quiet) })
	interceptors, err := traces.Interceptors()
	if err != nil {
		t.Fatal(err)
	}
	traced, ok := interceptors[0].(interceptor.WorkerInterceptor)
	if !ok {
		t.Fatal("workers made from the client would have no traces")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: []interceptor.WorkerInterceptor{traced}})
			if err != nil {
				t.Fatal(err)
			}
			workflows.Register(replayer)
			if err := replayer.ReplayWorkflowHistoryFromJSONFile(nil, file); err != nil {
				t.Error(err)
			}
		})
	}
}
