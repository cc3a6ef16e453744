package objects

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// The folders below the prefix that copies go to.
const (
	// folderCopies has a folder of objects for each place.
	folderCopies = "copies/"
	// folderPlaces has a note of each place: it is there as long as its note is.
	folderPlaces = "places/"
	// folderFound has what a restore that only verifies found.
	folderFound = "found/"
	noteSuffix  = ".json"
)

// Places are prefixes in the bucket that isolated copies go to. It implements
// environment.Place.
type Places struct{ s *Surface }

// Places is where points of this surface are restored to, apart from what is live.
func (s *Surface) Places() *Places { return &Places{s} }

// note is what is kept of a place.
type note struct {
	Surface string `json:"surface"`
	Point   string `json:"point"`
	// VerifyOnly is as it was configured when the place was made.
	VerifyOnly bool `json:"verifyOnly,omitempty"`
}

// place is the location of an ID.
func (s *Surface) place(id string, verifyOnly bool) location {
	return location{Bucket: s.copies.Bucket, Prefix: s.copies.Prefix + folderCopies + id + "/", ID: id, VerifyOnly: verifyOnly}
}

func (s *Surface) noteKey(id string) string { return s.copies.Prefix + folderPlaces + id + noteSuffix }

// found is the key of what a restore that only verifies found.
func (s *Surface) found(id string) string { return s.copies.Prefix + folderFound + id + noteSuffix }

// copiesBucket is the one that copies go to.
func (s *Surface) copiesBucket() bucket.Bucket { return s.live.In(s.copies.Bucket) }

// exists answers fault.Missing where a place was not made, or is removed.
func (s *Surface) exists(ctx context.Context, id string) error {
	_, err := s.noteOf(ctx, id)
	return err
}

func (s *Surface) noteOf(ctx context.Context, id string) (note, error) {
	var n note
	text, err := s.copiesBucket().Get(ctx, s.noteKey(id))
	if fault.Is(err, fault.Missing) {
		return n, fault.New(fault.Missing, "there is no isolated copy %s in %s/%s", id, s.copiesBucket(), s.copies.Prefix)
	}
	if err == nil && json.Unmarshal(text, &n) != nil {
		err = fault.New(fault.Corrupt, "the note of the isolated copy %s can't be read: remove the copy", id)
	}
	return n, err
}

// validID refuses what would lead out of the places.
func validID(id string) error {
	if id == "" || len(id) > 80 || strings.Trim(id, ".") == "" || strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-'
	}) {
		return fault.New(fault.Invalid, "%q is no ID of an isolated copy: it has at most 80 letters, digits, dots and dashes", id)
	}
	return nil
}

// Make implements environment.Place. It refuses a bucket whose objects can't be removed again.
func (p *Places) Make(ctx context.Context, id string, of environment.Origin) (environment.Made, error) {
	found, err := p.Find(ctx, id)
	if err == nil || !fault.Is(err, fault.Missing) {
		return found, err
	}
	posture, err := p.s.copiesBucket().Posture(ctx, p.s.copies.Prefix)
	if err != nil {
		return found, err
	}
	if posture.LockDays > 0 {
		return found, fault.New(fault.Unsupported, "%s locks new objects for %d days, so a copy could not be removed: set restoreTo.bucket to a bucket that locks none by default",
			p.s.copiesBucket(), posture.LockDays)
	}
	n := note{Surface: of.Surface, Point: of.Point, VerifyOnly: p.s.config.VerifyOnly}
	text, err := json.Marshal(n)
	if err != nil {
		return found, err
	}
	if err := p.s.copiesBucket().Put(ctx, p.s.noteKey(id), text); err != nil {
		return found, err
	}
	return p.made(id, n), nil
}

func (p *Places) made(id string, n note) environment.Made {
	to, traits := p.s.place(id, n.VerifyOnly), p.s.live.Traits()
	return environment.Made{
		ID: id, Address: p.s.copiesBucket().String() + "/" + to.Prefix, URL: to.url(), Version: traits.Product + " " + traits.API,
	}
}

// Find implements environment.Place.
func (p *Places) Find(ctx context.Context, id string) (environment.Made, error) {
	if err := validID(id); err != nil {
		return environment.Made{}, err
	}
	n, err := p.s.noteOf(ctx, id)
	if err != nil {
		return environment.Made{}, err
	}
	return p.made(id, n), nil
}

// destroyedAtOnce is how many versions are removed by one call.
const destroyedAtOnce = 1000

// Remove implements environment.Place. All versions go, the note last.
func (p *Places) Remove(ctx context.Context, id string) error {
	if err := validID(id); err != nil {
		return err
	}
	for _, prefix := range []string{p.s.place(id, false).Prefix, p.s.found(id), p.s.noteKey(id)} {
		for {
			none, err := p.destroy(ctx, prefix)
			if err != nil {
				return fault.While(err, "remove the isolated copy %s", id)
			}
			if none {
				break
			}
		}
	}
	return nil
}

// destroy removes all versions under a folder or of a key, and reports whether there were none.
func (p *Places) destroy(ctx context.Context, prefix string) (none bool, err error) {
	var batch []bucket.Version
	none = true
	for v, err := range p.versions(ctx, prefix) {
		if err != nil {
			return none, err
		}
		none = false
		if batch = append(batch, v); len(batch) == destroyedAtOnce {
			if err := p.s.copiesBucket().Destroy(ctx, batch...); err != nil {
				return none, err
			}
			batch = batch[:0]
		}
	}
	if len(batch) == 0 {
		return none, nil
	}
	return none, p.s.copiesBucket().Destroy(ctx, batch...)
}

// versions lists what can be destroyed: deletions that some services only tell of are no things of their own.
func (p *Places) versions(ctx context.Context, prefix string) func(yield func(bucket.Version, error) bool) {
	return func(yield func(bucket.Version, error) bool) {
		for v, err := range p.s.copiesBucket().Versions(ctx, prefix) {
			isKey := !strings.HasSuffix(prefix, "/")
			if err == nil && (v.Deleted && v.ID == "" || isKey && v.Key != prefix) {
				continue
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// mostCounted is how many versions of what is left are counted.
const mostCounted = 1000

// Left implements environment.Place.
func (p *Places) Left(ctx context.Context, id string) ([]string, error) {
	if err := validID(id); err != nil {
		return nil, err
	}
	var out []string
	for _, prefix := range []string{p.s.place(id, false).Prefix, p.s.found(id), p.s.noteKey(id)} {
		count := 0
		for _, err := range p.versions(ctx, prefix) {
			if err != nil {
				return nil, err
			}
			if count++; count > mostCounted {
				break
			}
		}
		number := fmt.Sprint(count)
		if count > mostCounted {
			number = fmt.Sprintf("over %d", mostCounted)
		}
		if count > 0 {
			out = append(out, fmt.Sprintf("%s versions of objects in %s/%s", number, p.s.copiesBucket(), prefix))
		}
	}
	return out, nil
}

// IDs implements environment.Place.
func (p *Places) IDs(ctx context.Context) ([]string, error) {
	folder := p.s.copies.Prefix + folderPlaces
	var out []string
	for v, err := range p.s.copiesBucket().Versions(ctx, folder) {
		if err != nil {
			return nil, err
		}
		id, isNote := strings.CutSuffix(v.Key[len(folder):], noteSuffix)
		if v.Current && !v.Deleted && isNote && validID(id) == nil {
			out = append(out, id)
		}
	}
	return out, nil
}

// TryIsolation implements environment.Place.
func (p *Places) TryIsolation(ctx context.Context, id string) ([]drill.Attempt, error) {
	if _, err := p.Find(ctx, id); err != nil {
		return nil, err
	}
	attempts := []drill.Attempt{p.trySnapshot(ctx), p.tryStranger(ctx, id)}
	if !p.s.live.Traits().OnlookersUnseen {
		attempts = append(attempts, p.tryOnlookers(ctx, id))
	}
	return attempts, nil
}

func attempt(what, expected, observed string, pass bool) drill.Attempt {
	a := drill.Attempt{What: what, Expected: expected, Observed: observed, Result: drill.Fail}
	if pass {
		a.Result = drill.Pass
	}
	return a
}

// trySnapshot looks for what is restored among what a snapshot would see.
func (p *Places) trySnapshot(ctx context.Context) drill.Attempt {
	const what, expected = "look for copies in a snapshot of what is live", "nothing of them"
	for v, err := range p.s.protected(ctx, p.s.copies.Prefix) {
		switch {
		case err != nil:
			return attempt(what, expected, fault.Line(err), false)
		case p.s.copies.Bucket == p.s.config.Holder():
			return attempt(what, expected, v.Key, false)
		}
		break
	}
	return attempt(what, expected, expected, true)
}

func (p *Places) tryStranger(ctx context.Context, id string) drill.Attempt {
	const what, expected = "read an object of the copy without credentials", "refused"
	status, err := p.s.copiesBucket().Anonymous(ctx, p.s.noteKey(id))
	if err != nil {
		return attempt(what, expected, fault.Line(err), false)
	}
	return attempt(what, expected, fmt.Sprintf("HTTP %d", status), status == 401 || status == 403 || status == 404 || status == 409)
}

func (p *Places) tryOnlookers(ctx context.Context, id string) drill.Attempt {
	const what, expected = "look for what is told of new objects, or copies them elsewhere", "nothing"
	onlookers, err := p.s.copiesBucket().Onlookers(ctx, p.s.place(id, false).Prefix)
	if err != nil {
		return attempt(what, expected, fault.Line(err), false)
	}
	if len(onlookers) > 0 {
		return attempt(what, expected, strings.Join(onlookers, "; "), false)
	}
	return attempt(what, expected, expected, true)
}

// Where implements environment.Place.
func (p *Places) Where() string {
	return fmt.Sprintf("prefixes under %s/%s%s", p.s.copiesBucket(), p.s.copies.Prefix, folderCopies)
}

// Limits implements environment.Place.
func (p *Places) Limits() []string {
	limits := []string{"copies are on the service of what is live, and the same credentials reach both"}
	if p.s.copies.Bucket == p.s.config.Holder() {
		limits = append(limits, "copies are in the bucket of what is live: whoever lists all of it sees them")
	}
	return append(limits, p.s.live.Traits().Limits...)
}
