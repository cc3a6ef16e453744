package local

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// mostAnswer is how much of an answer of a server is looked at, in bytes.
const mostAnswer = 1 << 20

func (p prometheus) observe(ctx context.Context, i *instance) []drill.Attempt {
	ctx, cancel := context.WithTimeout(ctx, cleanupWithin)
	defer cancel()
	return []drill.Attempt{p.scrapes(ctx, i), p.alerts(ctx, i), p.sends(ctx, i), p.administers(ctx, i)}
}

// data reads what an endpoint of the API answers.
func (p prometheus) data(ctx context.Context, i *instance, path string, into any) error {
	answer, err := p.ask(ctx, i, p.own(i), http.MethodGet, path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, answer.Status)
	}
	return json.NewDecoder(io.LimitReader(answer.Body, mostAnswer)).Decode(&struct {
		Data any `json:"data"`
	}{into})
}

func (p prometheus) scrapes(ctx context.Context, i *instance) drill.Attempt {
	const what, none = "targets that it scrapes", "none"
	var found struct {
		ActiveTargets, DroppedTargets []json.RawMessage
	}
	if err := p.data(ctx, i, "/api/v1/targets", &found); err != nil {
		return unseen(what, none, err)
	}
	count := len(found.ActiveTargets) + len(found.DroppedTargets)
	return attempt(what, none, fmt.Sprintf("%d", count), count == 0)
}

func (p prometheus) alerts(ctx context.Context, i *instance) drill.Attempt {
	const what, none = "alert managers that it tells", "none"
	var found struct {
		ActiveAlertmanagers, DroppedAlertmanagers []json.RawMessage
	}
	if err := p.data(ctx, i, "/api/v1/alertmanagers", &found); err != nil {
		return unseen(what, none, err)
	}
	count := len(found.ActiveAlertmanagers) + len(found.DroppedAlertmanagers)
	return attempt(what, none, fmt.Sprintf("%d", count), count == 0)
}

// quietSections are those of a configuration by which a Prometheus asks and tells nobody.
var quietSections = []string{"global", "runtime", "otlp", "storage"}

// sends looks at the configuration in force for what would ask or tell others.
func (p prometheus) sends(ctx context.Context, i *instance) drill.Attempt {
	const what, none = "other servers in its configuration", "none"
	var found struct {
		YAML string `json:"yaml"`
	}
	if err := p.data(ctx, i, "/api/v1/status/config", &found); err != nil {
		return unseen(what, none, err)
	}
	var sections []string
	for line := range strings.Lines(found.YAML) {
		if name, _, ok := strings.Cut(line, ":"); ok && name == strings.TrimSpace(name) && !slices.Contains(quietSections, name) {
			sections = append(sections, name)
		}
	}
	if len(sections) == 0 {
		return attempt(what, none, none, true)
	}
	return attempt(what, none, strings.Join(sections, ", "), false)
}

// administers tries the API that deletes data and makes snapshots.
func (p prometheus) administers(ctx context.Context, i *instance) drill.Attempt {
	const what, refused = "its administrative API", "refused"
	answer, err := p.ask(ctx, i, p.own(i), http.MethodPost, "/api/v1/admin/tsdb/clean_tombstones")
	if err != nil {
		return unseen(what, refused, err)
	}
	defer answer.Body.Close()
	return attempt(what, refused, answer.Status, answer.StatusCode >= http.StatusBadRequest)
}
