package observe

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

const (
	// lookAtCertificates is how often servers are asked for their certificates,
	// askAgain that of a server that did not answer.
	lookAtCertificates = 10 * time.Minute
	askAgain           = time.Minute
	// handshakes is how many servers are asked at once.
	handshakes = 8
)

// signs are signs of life that no surface gives of itself.
type signs struct {
	certificates []status.Certificate
	disks        []status.Disk
	// failed says what could not be read, one line each.
	failed []string
}

// errSome has what could not be read tried again soon; signs.failed says what it was.
var errSome = errors.New("not all could be read")

// hostReadings are those of certificates that servers show, and of this host's disks.
func (r *Reader) hostReadings() (shown, full *reading[signs]) {
	servers := endpoints(r.s.Config)
	shown = &reading[signs]{every: lookAtCertificates, again: askAgain, within: 5 * time.Minute, read: func(ctx context.Context) (signs, error) {
		return certificates(ctx, servers)
	}}
	folders := r.folders()
	full = &reading[signs]{every: look, within: time.Minute, read: func(context.Context) (signs, error) {
		found, failed := disks(r.s.Host, folders)
		out := signs{disks: found}
		for _, err := range failed {
			out.failed = append(out.failed, fault.Line(err))
		}
		return out, nil
	}}
	return shown, full
}

// certificates are those of servers. One that is free to do without TLS, and
// does, has none.
func certificates(ctx context.Context, servers []endpoint) (signs, error) {
	found := make([]status.Certificate, len(servers))
	var mu sync.Mutex
	var out signs
	var work errgroup.Group
	work.SetLimit(handshakes)
	for i, server := range servers {
		work.Go(func() error {
			var err error
			found[i], err = certificate(ctx, server)
			if err != nil && !(server.optional && errors.Is(err, errNoTLS)) {
				mu.Lock()
				defer mu.Unlock()
				out.failed = append(out.failed, fault.Line(err))
				return errSome
			}
			return nil
		})
	}
	err := work.Wait()
	for _, c := range found {
		if c.Where != "" {
			out.certificates = append(out.certificates, c)
		}
	}
	return out, err
}
