package pages

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// follow is how often what runs is looked at for a page that follows it.
const follow = 2 * time.Second

// innerRoutes lists the pages below the sections of the navigation.
func (s *site) innerRoutes() {
	s.get("/snapshots", s.listSnapshots)
	s.get("/snapshots/new", s.newSnapshot)
	s.post("/snapshots", s.createSnapshot)
	s.get("/snapshots/restore", s.newRestore)
	s.post("/snapshots/restore", s.startRestore)
	s.get("/snapshots/restores/:id", s.showRestore)
	s.get("/snapshots/:id", s.showSnapshot)
	s.get("/snapshots/:id/download", s.downloadSnapshot)
	s.post("/snapshots/:id/verify", s.verifySnapshot)
	s.live("snapshot", follow, s.snapshotParts)
	s.live("restore", follow, s.restoreParts)

	s.get("/pitr", s.listWindows)
	s.get("/pitr/:surface", s.showWindow)
	s.post("/pitr/:surface", s.startRecovery)
	s.get("/pitr/:surface/recoveries/:id", s.showRecovery)
	s.post("/pitr/:surface/recoveries/:id/remove", s.removeRecovered)
	s.live("recovery", follow, s.recoveryParts)

	s.get("/drills", s.listDrills)
	s.post("/drills", s.runDrill)
	s.get("/drills/:id", s.showDrill)
	s.get("/drills/:id/report", s.drillReport)
	s.post("/drills/:id/steps", s.tellStep)
	s.post("/drills/:id/sign-off", s.signDrill)
	s.post("/drills/:id/findings", s.decideFinding)
	s.post("/drills/:id/cancel", s.cancelDrill)
	s.live("drill", follow, s.drillParts)

	s.get("/evidence", s.listEvidence)
	s.get("/evidence/export", s.exportEvidence)
	s.post("/evidence/verify", s.verifyEvidence)
	s.get("/evidence/:seq", s.showEntry)
	s.get("/evidence/:seq/proof", s.downloadProof)
}

// at is a path of the API; what is named in it is escaped.
func at(before, name, after string) string { return before + url.PathEscape(name) + after }

// wrong is what the API refused a form for: the form is shown again with it, and
// with what was typed. Everything else remains an error.
func wrong(err error) (*problem, error) {
	p, ok := errors.AsType[*problem](err)
	if !ok || p.Status == http.StatusUnauthorized {
		return nil, err
	}
	return p, nil
}

// choice is a surface to choose.
type choice struct{ Name, Kind string }

// choices are the surfaces that are protected, and the stores, by the newest
// report; without one, the surfaces as the API lists them.
func (v *visit) choices() (surfaces []choice, stores []string, err error) {
	var report status.Report
	if err := v.ask(http.MethodGet, "/v1/status", nil, &report); err != nil {
		return nil, nil, err
	}
	for _, s := range report.Stores {
		stores = append(stores, s.Name)
	}
	for _, s := range report.Surfaces {
		surfaces = append(surfaces, choice{s.Name, s.Kind})
	}
	if len(surfaces) > 0 {
		return surfaces, stores, nil
	}
	var listed []apiserver.Surface
	err = v.ask(http.MethodGet, "/v1/surfaces", nil, &listed)
	for _, s := range listed {
		surfaces = append(surfaces, choice{s.Name, s.Kind})
	}
	return surfaces, stores, err
}

// ended is a part without content that ends a stream: what it followed is over.
func ended(page string) part { return part{"close", page, "nothing", nil} }

// download answers with what the API answers to GET path as a file of that name,
// or with an error as pages show them. Nothing of the file is kept in memory.
func (v *visit) download(path, file string) error {
	r, err := http.NewRequestWithContext(v.asked(), http.MethodGet, path, http.NoBody)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "make a request to %s", path)
	}
	r.RemoteAddr = v.Request().RemoteAddr
	out := &fileAnswer{ResponseWriter: v.Response(), file: file, header: http.Header{}}
	v.site.api.Handler().ServeHTTP(out, r)
	if !out.refused {
		return nil
	}
	p := &problem{}
	if err := json.Unmarshal(out.why.Bytes(), p); err != nil || p.Status == 0 {
		return fault.New(fault.Internal, "the API gave no reason why there is no %s", file)
	}
	return p
}

// fileAnswer passes a good answer on as a file, and keeps a bad one back.
type fileAnswer struct {
	http.ResponseWriter
	file    string
	header  http.Header
	begun   bool
	refused bool
	why     bytes.Buffer
}

// Unwrap lets the API set deadlines on the connection.
func (a *fileAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Header is kept apart until it is known that the answer is a good one.
func (a *fileAnswer) Header() http.Header { return a.header }

func (a *fileAnswer) WriteHeader(status int) {
	if a.begun {
		return
	}
	a.begun, a.refused = true, status >= http.StatusBadRequest
	if a.refused {
		return
	}
	out := a.ResponseWriter.Header()
	maps.Copy(out, a.header)
	if a.file != "" {
		out.Set("Content-Disposition", `attachment; filename="`+a.file+`"`)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *fileAnswer) Write(text []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.refused {
		return a.why.Write(text)
	}
	return a.ResponseWriter.Write(text)
}

// fileName keeps a name to what file names may have everywhere.
func fileName(name, ending string) string {
	safe := []byte("lifeboat-" + name)
	for i, c := range safe {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.'
		if !letter {
			safe[i] = '-'
		}
	}
	return string(safe) + ending
}
