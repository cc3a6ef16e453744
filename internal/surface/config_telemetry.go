package surface

import (
	"net/url"
	"path/filepath"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Telemetry is the Prometheus of a surface of kind telemetry.
type Telemetry struct {
	// URL is where it answers, with credentials where it asks for some:
	// https://USER:PASSWORD@HOST:9090. Its admin API must be on.
	URL secret.String `yaml:"url" json:"url"`
	// Dir is its data directory as the hosts of the workers see it, an absolute
	// path; empty means where Prometheus itself says that it is.
	Dir string `yaml:"dir,omitempty" json:"dir,omitempty"`
	// Window is how far back a point reaches: blocks that end before it are left
	// out. Absent means DefaultWindow, and 0 everything.
	Window *drill.Duration `yaml:"window,omitempty" json:"window,omitempty"`
}

// DefaultWindow is enough telemetry to review an incident.
const DefaultWindow = 3 * 24 * time.Hour

// Reach is how far back a point reaches; 0 for everything.
func (c *Telemetry) Reach() time.Duration {
	if c.Window == nil {
		return DefaultWindow
	}
	return c.Window.Of()
}

func (c *Telemetry) problems() []Problem {
	var wrong []Problem
	// It is not repeated: it may hold a password.
	if u, err := url.Parse(c.URL.Reveal()); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		wrong = append(wrong, Problem{"url", "url must be like https://HOST:9090, where Prometheus answers"})
	}
	if c.Dir != "" && !filepath.IsAbs(c.Dir) {
		wrong = append(wrong, Problem{"dir", "dir must be an absolute path"})
	}
	return wrong
}
