package servers

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Sample is one value of a series, such as up{job="api"}.
type Sample struct {
	Series string
	At     time.Time
	Value  float64
}

// Prometheus starts a server on a data directory, with a configuration and
// further options, and returns its URL.
func Prometheus(t testing.TB, dir, configuration string, options ...string) string {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal("Prometheus is not installed: apt-get install prometheus")
	}
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + strconv.Itoa(FreePort(t))
	args := append([]string{"--config.file=" + file, "--storage.tsdb.path=" + dir, "--web.listen-address=" + address, "--log.level=warn"}, options...)
	client := http.Client{Timeout: time.Second}
	Start(t, exec.Command(program, args...), func() error {
		answer, err := client.Get("http://" + address + "/-/ready")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", answer.Status)
		}
		return nil
	})
	return "http://" + address
}

// PrometheusBlocks puts samples into a data directory, by Prometheus's own tool:
// those of a series in order of their times.
func PrometheusBlocks(t testing.TB, dir string, samples ...Sample) {
	t.Helper()
	var text strings.Builder
	for _, s := range samples {
		fmt.Fprintf(&text, "%s %g %.3f\n", s.Series, s.Value, float64(s.At.UnixMilli())/1000)
	}
	text.WriteString("# EOF\n")
	file := filepath.Join(t.TempDir(), "samples")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "promtool", "tsdb", "create-blocks-from", "openmetrics", file, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("promtool: %v: %s", err, out)
	}
}
