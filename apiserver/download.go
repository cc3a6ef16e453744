package apiserver

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

const (
	downloadAction = "snapshot.download"
	tarType        = "application/x-tar"
	// moveTimeout is how long a client may take for the next bytes.
	moveTimeout = time.Minute
)

func (s *Server) describeDownload(api huma.API, readErrors []int) {
	add(s, api, route{
		id: "download-snapshot", method: http.MethodGet, path: "/v1/admin/snapshots/{id}/download", tag: "snapshots", role: Operator,
		summary: "Download a recovery point as it is stored", errors: append([]int{http.StatusUnprocessableEntity}, readErrors...),
		description: "A tar of the point's objects under the names that they have on the store, encrypted as they are there. Unpacked, it is the " +
			"folder that the format's restore by hand works in. The manifest comes last: what was cut short is no recovery point.",
		content: tarType,
	}, s.downloadSnapshot)
}

// downloadSnapshot streams a point. What is wrong before the first byte is a
// problem; later, the connection ends, so that nobody takes half for the whole.
func (s *Server) downloadSnapshot(ctx context.Context, in *PathID) (*huma.StreamResponse, error) {
	p, err := s.readable(ctx, in.ID)
	var from store.Store
	var objects []store.Object
	if err == nil {
		from, objects, err = s.catalog.Objects(ctx, p)
	}
	if err != nil {
		return nil, s.failed(ctx, downloadAction, in.ID, err)
	}
	s.attested(ctx, audit.Entry{Action: downloadAction, Target: p.ID, Result: audit.Accepted, Detail: "of " + p.Surface + " from store " + p.Store})
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		w := humaecho.Unwrap(hc).Response()
		h := w.Header()
		h.Set("Content-Type", tarType)
		h.Set("Content-Disposition", `attachment; filename="`+p.Surface+"-"+p.ID+`.tar"`)
		out := &unhurried{to: w, control: http.NewResponseController(w)}
		err := out.extend()
		if err == nil {
			err = writeTar(hc.Context(), out, from, objects)
		}
		if err != nil {
			s.downloadFailed(ctx, p, err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// downloadFailed writes down that a download did not come to its end.
func (s *Server) downloadFailed(ctx context.Context, p catalog.Point, err error) {
	s.log.WarnContext(ctx, "a download ended early", "point", p.ID, "error", err, "requestId", requestID(ctx))
	why := "it ended early"
	if kind := fault.KindOf(err); kind != fault.Internal {
		why += ": " + string(kind)
	}
	s.Record(ctx, audit.Entry{Action: downloadAction, Target: p.ID, Result: audit.Failed, Detail: why})
}

// writeTar writes objects as they are stored, one after the other.
func writeTar(ctx context.Context, to io.Writer, from store.Store, objects []store.Object) error {
	w := tar.NewWriter(to)
	for _, o := range objects {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: o.Key, Size: o.Size, Mode: 0o600, ModTime: o.Modified}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if err := copyObject(ctx, w, from, o); err != nil {
			return fault.While(err, "read %s", o.Key)
		}
	}
	return w.Close()
}

func copyObject(ctx context.Context, to io.Writer, from store.Store, o store.Object) error {
	r, err := from.Get(ctx, o.Key, 0, o.Size)
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(to, r)
	if err == nil && n != o.Size {
		err = fault.New(fault.Corrupt, "it has %d bytes and should have %d", n, o.Size)
	}
	return err
}

// unhurried is an answer whose client has the time that it takes, as long as
// bytes go on moving.
type unhurried struct {
	to      io.Writer
	control *http.ResponseController
	until   time.Time
}

// extend gives the client a minute from now for the next bytes. The end of the
// time for reading the request would end the answer, too.
func (u *unhurried) extend() error {
	u.until = time.Now().Add(moveTimeout)
	err := u.control.SetWriteDeadline(u.until)
	if err == nil {
		err = u.control.SetReadDeadline(time.Time{})
	}
	if errors.Is(err, http.ErrNotSupported) {
		// A handler that is asked in process without a connection has no deadlines.
		return nil
	}
	return err
}

// Write implements io.Writer.
func (u *unhurried) Write(p []byte) (int, error) {
	if time.Until(u.until) < moveTimeout/2 {
		if err := u.extend(); err != nil {
			return 0, err
		}
	}
	return u.to.Write(p)
}
