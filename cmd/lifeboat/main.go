// Command lifeboat keeps the state of running systems recoverable, and proves it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
)

// version is set when a release is built.
var version = "dev"

func main() {
	if code, asked := local.Supervise(os.Args); asked {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
