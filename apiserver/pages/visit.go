package pages

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// visit is one request of somebody who is signed in.
type visit struct {
	echo.Context
	site    *site
	session session
	who     apiserver.Key
}

// problem is what the API answers instead of a result (RFC 9457), or what a
// page has to say in its place.
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

// Error is the detail in one line, with what is wrong in which field.
func (p *problem) Error() string {
	said := []string{p.Detail}
	for _, e := range p.Errors {
		said = append(said, strings.TrimPrefix(e.Location, "body.")+": "+e.Message)
	}
	return strings.Join(said, "; ")
}

// ask makes a request of the API in the name of the visitor, with in as its
// JSON body unless that is nil, and reads the answer into out unless that is
// nil. An answer of 400 or above is an error of type *problem. A change carries
// the form's own number as its Idempotency-Key, so that a form which is sent
// twice does its work once.
func (v *visit) ask(method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return fault.Wrap(fault.Internal, err, "write a request to %s", path)
		}
	}
	r, err := http.NewRequestWithContext(v.asked(), method, path, &body)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "make a request to %s", path)
	}
	r.RemoteAddr = v.Request().RemoteAddr
	if in != nil {
		r.Header.Set("Content-Type", echo.MIMEApplicationJSON)
	}
	if once := v.FormValue("once"); method != http.MethodGet && once != "" {
		r.Header.Set("Idempotency-Key", once)
	}
	a := answer{header: http.Header{}, status: http.StatusOK}
	v.site.api.Handler().ServeHTTP(&a, r)
	if a.status >= http.StatusBadRequest {
		p := &problem{}
		if err := json.Unmarshal(a.body.Bytes(), p); err != nil || p.Status == 0 {
			p = &problem{Status: a.status, Title: http.StatusText(a.status), Detail: "the API answered " + http.StatusText(a.status)}
		}
		return p
	}
	if out == nil || a.body.Len() == 0 {
		return nil
	}
	return fault.Wrap(fault.Internal, json.Unmarshal(a.body.Bytes(), out), "read the answer from %s", path)
}

// answer keeps what the API answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// render answers with a page: templates/NAME.html inside the layout, with data
// as its .Data.
func (v *visit) render(name string, data any) error {
	return v.renderStatus(http.StatusOK, name, data)
}

func (v *visit) renderStatus(status int, name string, data any) error {
	view := v.view(data)
	view.Flash = v.takeFlash()
	return v.site.write(v.Context, status, name, "layout", view)
}

// redirect sends the browser to another page of this server, to read it.
func (v *visit) redirect(path string) error { return v.Redirect(http.StatusSeeOther, path) }

// done is redirect after a change, with one line that the next page shows.
func (v *visit) done(path, line string) error {
	v.flash(flash{Line: line})
	return v.redirect(path)
}

// refused is redirect after a change that failed: the next page shows why. What
// is no answer of the API becomes a page of its own.
func (v *visit) refused(path string, err error) error {
	p, ok := errors.AsType[*problem](err)
	if !ok || p.Status >= http.StatusInternalServerError {
		return err
	}
	v.flash(flash{Line: p.Error(), Failed: true})
	return v.redirect(path)
}

// fail answers with the page of an error.
func (v *visit) fail(err error) error {
	if v.Response().Committed {
		return nil
	}
	p, ok := errors.AsType[*problem](err)
	switch {
	case !ok:
		request := v.Response().Header().Get("X-Request-Id")
		v.site.options.Logger.ErrorContext(v.Request().Context(), "a page failed", "error", err, "path", v.Path(), "requestId", request)
		p = &problem{Status: http.StatusInternalServerError, Title: "This page failed",
			Detail: "an internal error; the server's log says more under request " + request}
	case p.Status == http.StatusUnauthorized:
		return v.site.toLogin(v.Context)
	}
	return v.renderStatus(p.Status, "error", p)
}
