package reference

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
)

const apiHead = `# REST API

The machine-readable description, OpenAPI 3.1, is at ` + "`/openapi.json`" + ` of every API server. Send
` + "`Authorization: Bearer KEY`" + `, or Basic with a key's id and secret. A role includes those before it: viewer, operator,
approver, admin. Work that takes long is answered with 202, an ` + "`id`" + ` and a ` + "`workflowId`" + `, and a Location that
shows what becomes of it. With an ` + "`Idempotency-Key`" + `, a repeated request starts nothing twice. Errors are
` + "`application/problem+json`" + ` (RFC 9457) with one line in ` + "`detail`" + ` that says what to do.

Without a key: ` + "`/healthz`, `/readyz`, `/metrics`, `/openapi.json`" + `.
`

// described is what is used here of an OpenAPI document.
type described struct {
	Paths map[string]map[string]struct {
		Summary     string
		Description string
		Tags        []string
		Role        string `json:"x-role"`
		Parameters  []struct {
			Name, In, Description string
			Required              bool
		}
		RequestBody struct {
			Content map[string]struct {
				Schema struct {
					Ref string `json:"$ref"`
				}
			}
		}
	}
	Components struct {
		Schemas map[string]struct {
			Required   []string
			Properties map[string]struct {
				Type        any
				Description string
			}
		}
	}
}

func TestAPIReference(t *testing.T) {
	t.Parallel()
	keys, err := apiserver.OpenKeys(filepath.Join(t.TempDir(), "keys.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	server, err := apiserver.New(apiserver.Deps{
		Config: &config.Config{Audit: config.Audit{File: filepath.Join(t.TempDir(), "audit.jsonl")}}, Launcher: &launch.Launcher{},
		Catalog: catalog.New(nil), Keys: keys, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.json", nil))
	var d described
	if err := json.Unmarshal(answer.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	page(t, "api.md", apiHead+d.write())
}

// write makes one table for each tag, and one for what each request takes.
func (d *described) write() string {
	rows := map[string][]string{}
	var bodies strings.Builder
	for _, path := range sorted(d.Paths) {
		for _, method := range sorted(d.Paths[path]) {
			op := d.Paths[path][method]
			said := op.Summary
			if op.Description != "" {
				said += ". " + op.Description
			}
			name := "`" + strings.ToUpper(method) + " " + path + "`"
			rows[op.Tags[0]] = append(rows[op.Tags[0]], fmt.Sprintf("| %s | %s | %s |\n", name, op.Role, strings.ReplaceAll(said, "|", "\\|")))
			var takes strings.Builder
			for _, p := range op.Parameters {
				if p.In == "query" {
					fmt.Fprintf(&takes, "| `?%s=` | %s |\n", p.Name, p.Description)
				}
			}
			schema := d.Components.Schemas[strings.TrimPrefix(op.RequestBody.Content["application/json"].Schema.Ref, "#/components/schemas/")]
			for _, property := range sorted(schema.Properties) {
				required := ""
				if slices.Contains(schema.Required, property) {
					required = " (required)"
				}
				fmt.Fprintf(&takes, "| `%s`%s | %s |\n", property, required, strings.ReplaceAll(schema.Properties[property].Description, "|", "\\|"))
			}
			if takes.Len() > 0 {
				fmt.Fprintf(&bodies, "\n### %s\n\n| takes | meaning |\n| --- | --- |\n%s", name, takes.String())
			}
		}
	}
	var out strings.Builder
	for _, tag := range sorted(rows) {
		fmt.Fprintf(&out, "\n## %s\n\n| request | role | what it does |\n| --- | --- | --- |\n%s", tag, strings.Join(rows[tag], ""))
	}
	return out.String() + "\n## What requests take\n" + bodies.String()
}
