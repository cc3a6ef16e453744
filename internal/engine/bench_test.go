//go:build !slim

package engine_test

import (
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/engine/enginetest"
)

// BenchmarkRestart is a start on an existing file; the stop is not counted.
func BenchmarkRestart(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		e, err := engine.Start(b.Context(), engine.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := e.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkWorkflow is a workflow of one activity, from its start to its result.
func BenchmarkWorkflow(b *testing.B) {
	c := enginetest.Dial(b, enginetest.Start(b))
	w := worker.New(c, journeyQueue, worker.Options{})
	w.RegisterActivity(steps{}.First)
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		return workflow.ExecuteActivity(ctx, "First").Get(ctx, nil)
	}, workflow.RegisterOptions{Name: "one-step"})
	if err := w.Start(); err != nil {
		b.Fatal(err)
	}
	defer w.Stop()
	for b.Loop() {
		run, err := c.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{TaskQueue: journeyQueue}, "one-step")
		if err != nil {
			b.Fatal(err)
		}
		if err := run.Get(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	}
}
