package gitconfig

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Places are folders of this host that points are restored into, each with a
// repository and its work tree. They implement environment.Place.
type Places struct{ root string }

var _ environment.Place = (*Places)(nil)

// NewPlaces returns the places in dataDir/repositories. The folder is made with
// the first of them.
func NewPlaces(dataDir string) *Places {
	if abs, err := filepath.Abs(dataDir); err == nil {
		dataDir = abs
	}
	return &Places{root: filepath.Join(dataDir, "repositories")}
}

// idPattern keeps an ID a plain file name.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$`)

const (
	// aboutName is the file that says what a place is for.
	aboutName = "place.json"
	// copyName is the folder of the copy.
	copyName = "repository"
)

// about is what aboutName holds.
type about struct {
	Surface   string    `json:"surface,omitempty"`
	Point     string    `json:"point,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
}

func (p *Places) dir(id string) (string, error) {
	if !idPattern.MatchString(id) || strings.HasSuffix(id, ".") {
		return "", fault.New(fault.Invalid, "%q can't be the id of a place: use at most 80 letters, digits, dots and dashes", id)
	}
	return filepath.Join(p.root, id), nil
}

// Make implements environment.Place.
func (p *Places) Make(ctx context.Context, id string, of environment.Origin) (environment.Made, error) {
	made, err := p.Find(ctx, id)
	if !fault.Is(err, fault.Missing) {
		return made, err
	}
	dir, err := p.dir(id)
	if err != nil {
		return environment.Made{}, err
	}
	if err := p.build(ctx, dir, of); err != nil {
		return environment.Made{}, fault.While(err, "make place %s", id)
	}
	return p.Find(ctx, id)
}

// build makes a place beside where it is to be, and puts it there in one step:
// of calls at the same time, one wins, and what is there is whole.
func (p *Places) build(ctx context.Context, dir string, of environment.Origin) error {
	if err := os.MkdirAll(p.root, 0o700); err != nil {
		return fault.Disk(err, "make %s", p.root)
	}
	fresh, err := os.MkdirTemp(p.root, ".new-*")
	if err != nil {
		return fault.Disk(err, "make a folder in %s", p.root)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	into := copyIn(fresh)
	if err := os.Mkdir(into.work, 0o700); err != nil {
		return fault.Disk(err, "make %s", into.work)
	}
	if err := into.init(ctx, point{}); err != nil {
		return err
	}
	text, err := json.Marshal(about{Surface: of.Surface, Point: of.Point, CreatedAt: time.Now().UTC()})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fresh, aboutName), text, 0o600); err != nil {
		return fault.Disk(err, "write %s", aboutName)
	}
	err = os.Rename(fresh, dir)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTEMPTY) {
		return nil
	}
	return fault.Disk(err, "put it into place")
}

func copyIn(dir string) restored {
	work := filepath.Join(dir, copyName)
	return restored{git{dir: filepath.Join(work, ".git"), work: work}}
}

// Find implements environment.Place.
func (p *Places) Find(ctx context.Context, id string) (environment.Made, error) {
	dir, err := p.dir(id)
	if err != nil {
		return environment.Made{}, err
	}
	switch _, err := os.Stat(filepath.Join(dir, aboutName)); {
	case errors.Is(err, fs.ErrNotExist):
		return environment.Made{}, fault.New(fault.Missing, "there is no place %s on this host", id)
	case err != nil:
		return environment.Made{}, fault.Disk(err, "look for place %s", id)
	}
	program, err := installed(ctx)
	if err != nil {
		return environment.Made{}, err
	}
	at := url.URL{Scheme: "file", Path: copyIn(dir).work}
	return environment.Made{
		ID: id, Address: at.Path, URL: secret.String(at.String()), Version: program.Product + " " + program.Version,
	}, nil
}

// Remove implements environment.Place.
func (p *Places) Remove(ctx context.Context, id string) error {
	dir, err := p.dir(id)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Internal, err, "remove place %s", id)
	}
	return fault.Disk(os.RemoveAll(dir), "remove place %s", id)
}

// Left implements environment.Place.
func (p *Places) Left(_ context.Context, id string) ([]string, error) {
	dir, err := p.dir(id)
	if err != nil {
		return nil, err
	}
	switch _, err := os.Lstat(dir); {
	case err == nil:
		return []string{dir}, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	default:
		return nil, fault.Disk(err, "look for what is left of place %s", id)
	}
}

// IDs implements environment.Place.
func (p *Places) IDs(context.Context) ([]string, error) {
	entries, err := os.ReadDir(p.root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Disk(err, "list the places in %s", p.root)
	}
	var out []string
	for _, entry := range entries {
		if entry.IsDir() && idPattern.MatchString(entry.Name()) {
			out = append(out, entry.Name())
		}
	}
	return out, nil
}

// Where implements environment.Place.
func (p *Places) Where() string {
	return "folders of their own on this host, that only the account of Lifeboat may enter"
}

// Limits implements environment.Place.
func (p *Places) Limits() []string {
	return []string{"programs that run as the account of Lifeboat can read and change the restored copy of a Git repository"}
}
