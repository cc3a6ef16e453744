package apiserver

import (
	"context"
	"net/http"
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// security are the two ways to show a key, either of which will do.
var security = []map[string][]string{{"bearer": {}}, {"basic": {}}}

// apiConfig is the frame of the OpenAPI document. The framework's own pages and
// schema links are left out.
func apiConfig(version string) huma.Config {
	c := huma.DefaultConfig("Lifeboat", version)
	c.Info.Description = "Recovery points of PostgreSQL and Redis: take, list, verify, restore and prune them; drills that prove that they " +
		"restore, and the signed evidence of them. " +
		"Long work is answered with 202 and runs as a workflow. Errors are problems as RFC 9457 has them."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "An API key."},
		"basic":  {Type: "http", Scheme: "basic", Description: "The id and the secret of an API key."},
	}
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{finishProblem}
	// A form's content type is what curl -d sends when nothing else is said.
	c.Formats = map[string]huma.Format{
		"application/json":                  huma.DefaultJSONFormat,
		"json":                              huma.DefaultJSONFormat,
		"application/x-www-form-urlencoded": {Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: huma.DefaultJSONFormat.Unmarshal},
	}
	return c
}

// schemaName names the types of drills, evidence and the status after their packages, too:
// both have a Record, and each stands for something else.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	switch room := path.Base(t.PkgPath()); room {
	case "drill", "drills", "evidence", "status":
		return strings.ToUpper(room[:1]) + room[1:] + name
	default:
		return name
	}
}

// route is one operation with the role that it takes.
type route struct {
	id, method, path, summary, tag string
	role                           Role
	status                         int
	// description says what the summary can't.
	description string
	errors      []int
	// content is the type of an answer that is not JSON.
	content string
}

// add describes an operation and lets a handler answer it. Errors become problems.
func add[I, O any](s *Server, api huma.API, r route, handler func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: r.path, Summary: r.summary, Description: r.description,
		Tags: []string{r.tag}, DefaultStatus: r.status, MaxBodyBytes: maxBody,
		Errors:   append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}, r.errors...),
		Security: security, Metadata: map[string]any{roleKey: r.role},
		Extensions: map[string]any{"x-role": string(r.role)},
	}
	if r.content != "" {
		op.Responses = map[string]*huma.Response{"200": {
			Description: "OK", Content: map[string]*huma.MediaType{r.content: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
		}}
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// describe lists all operations.
func (s *Server) describe(api huma.API) {
	const (
		snapshots = "/v1/admin/snapshots"
		accepted  = http.StatusAccepted
	)
	startErrors := []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}
	readErrors := []int{http.StatusNotFound, http.StatusServiceUnavailable}

	add(s, api, route{
		id: "create-snapshot", method: http.MethodPost, path: snapshots + "/create", tag: "snapshots", role: Operator,
		status: accepted, summary: "Take a snapshot of a surface", errors: startErrors,
		description: "Answers at once when it can't come about: an unknown surface, no store, a store that can't be reached.",
	}, s.createSnapshot)
	add(s, api, route{
		id: "restore-snapshot", method: http.MethodPost, path: snapshots + "/restore", tag: "restores", role: Operator,
		status: accepted, summary: "Restore a recovery point", errors: startErrors,
		description: "Into an isolated server unless said otherwise. Replacing what a server holds takes the role admin.",
	}, s.restoreSnapshot)
	add(s, api, route{
		id: "prune-snapshots", method: http.MethodPost, path: snapshots + "/prune", tag: "retention", role: Operator,
		status: accepted, summary: "Apply a policy's retention", errors: startErrors,
		description: "With dryRun nothing is deleted; without it the role admin is needed.",
	}, s.pruneSnapshots)
	add(s, api, route{
		id: "list-snapshots", method: http.MethodGet, path: snapshots, tag: "snapshots", role: Viewer,
		summary: "List recovery points, newest first", errors: readErrors,
	}, s.listSnapshots)
	add(s, api, route{
		id: "get-snapshot", method: http.MethodGet, path: snapshots + "/{id}", tag: "snapshots", role: Viewer,
		summary: "Show a recovery point, or the run that makes it", errors: readErrors,
	}, s.getSnapshot)
	add(s, api, route{
		id: "verify-snapshot", method: http.MethodPost, path: snapshots + "/{id}/verify", tag: "snapshots", role: Operator,
		status: accepted, summary: "Read every byte of a recovery point back", errors: startErrors,
	}, s.verifySnapshot)
	add(s, api, route{
		id: "get-restore", method: http.MethodGet, path: "/v1/admin/restores/{id}", tag: "restores", role: Viewer,
		summary: "Show a restore", errors: readErrors,
		description: "The URL of the restored server, password included, is shown from the role operator on.",
	}, s.getRestore)
	add(s, api, route{
		id: "get-prune", method: http.MethodGet, path: "/v1/admin/prunes/{id}", tag: "retention", role: Viewer,
		summary: "Show what retention kept and deleted", errors: readErrors,
	}, s.getPrune)
	add(s, api, route{
		id: "list-runs", method: http.MethodGet, path: "/v1/runs", tag: "status", role: Viewer,
		summary: "List what is under way", errors: readErrors,
	}, s.listRuns)
	add(s, api, route{
		id: "list-surfaces", method: http.MethodGet, path: "/v1/surfaces", tag: "surfaces", role: Viewer,
		summary: "List what is protected, and how recently", errors: readErrors,
	}, s.listSurfaces)
	add(s, api, route{
		id: "list-targets", method: http.MethodGet, path: "/v1/targets", tag: "restores", role: Viewer,
		summary: "List the servers that recovery points can be restored to",
	}, s.listTargets)
	add(s, api, route{
		id: "get-surface", method: http.MethodGet, path: "/v1/surfaces/{name}", tag: "surfaces", role: Viewer,
		summary: "Show one surface", errors: readErrors,
	}, s.getSurface)
	s.describeDownload(api, readErrors)
	s.describeStanding(api)
	s.describeSchedules(api, startErrors, readErrors)
	s.describeAudit(api, readErrors)
	s.describeRecovery(api, startErrors, readErrors)
	s.describeRewinds(api, startErrors, readErrors)
	s.describeDrills(api, startErrors, readErrors)
	s.describeFindings(api, startErrors)
	s.describeEvidence(api, readErrors)
	s.describeKeys(api)
}

// describeKeys lists the operations of API keys.
func (s *Server) describeKeys(api huma.API) {
	add(s, api, route{
		id: "whoami", method: http.MethodGet, path: "/v1/whoami", tag: "keys", role: Viewer,
		summary: "Show the key that the request was made with, and its role",
	}, s.whoami)
	add(s, api, route{
		id: "list-keys", method: http.MethodGet, path: "/v1/admin/keys", tag: "keys", role: Admin,
		summary: "List API keys",
	}, s.listKeys)
	add(s, api, route{
		id: "create-key", method: http.MethodPost, path: "/v1/admin/keys", tag: "keys", role: Admin,
		status: http.StatusCreated, summary: "Make an API key; its token is shown this once",
		errors: []int{http.StatusBadRequest, http.StatusConflict},
	}, s.createKey)
	add(s, api, route{
		id: "delete-key", method: http.MethodDelete, path: "/v1/admin/keys/{id}", tag: "keys", role: Admin,
		status: http.StatusNoContent, summary: "Remove an API key",
		errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.deleteKey)
}

// describeRecovery lists the operations of recovery to a moment.
func (s *Server) describeRecovery(api huma.API, startErrors, readErrors []int) {
	add(s, api, route{
		id: "get-pitr", method: http.MethodGet, path: "/v1/pitr/{surface}", tag: "pitr", role: Viewer,
		summary: "Show which moments a surface can be put back to", errors: readErrors,
		description: "The window, every gap in the WAL, the lag between server and store, and what the slot holds back.",
	}, s.getPITR)
	add(s, api, route{
		id: "plan-pitr", method: http.MethodGet, path: "/v1/pitr/{surface}/plan", tag: "pitr", role: Viewer,
		summary: "Show what a recovery to a moment would use; nothing is begun", errors: append([]int{http.StatusBadRequest}, readErrors...),
		description: "The base backup, the WAL and the timeline, and how far it would come; 404 says what is nearest when the moment can't be had.",
	}, s.planPITR)
	add(s, api, route{
		id: "recover-surface", method: http.MethodPost, path: "/v1/pitr/{surface}/restore", tag: "pitr", role: Operator,
		status: http.StatusAccepted, summary: "Put a surface back to a moment, in an isolated server", errors: startErrors,
	}, s.recoverSurface)
	add(s, api, route{
		id: "get-recovery", method: http.MethodGet, path: "/v1/admin/recoveries/{id}", tag: "pitr", role: Viewer,
		summary: "Show a recovery to a moment", errors: readErrors,
		description: "The URL of the recovered server, password included, is shown from the role operator on.",
	}, s.getRecovery)
	add(s, api, route{
		id: "remove-instance", method: http.MethodDelete, path: "/v1/pitr/{surface}/instances/{id}", tag: "pitr", role: Operator,
		status: http.StatusAccepted, summary: "Delete the instance that a provider restored, by the ID of the recovery", errors: startErrors,
	}, s.removeInstance)
	add(s, api, route{
		id: "get-removal", method: http.MethodGet, path: "/v1/admin/removals/{id}", tag: "pitr", role: Viewer,
		summary: "Show the deletion of what a provider restored", errors: readErrors,
	}, s.getRemoval)
}
