// Package gitconfig protects configuration history that is kept in Git: Helm
// values and runbooks. A point holds one branch or tag with its whole history,
// as a bundle that git itself reads, and says which commit was in force. It is
// restored into a folder that has no remote.
package gitconfig

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Kind is the name of this surface in the configuration.
const Kind = surface.KindGit

// The parts of a point.
const (
	bundleName   = "repository.bundle"
	bundleFormat = "git-bundle"
	stateName    = "state.json"
	stateFormat  = "json"
)

// Surface is one branch or tag of a remote repository. It implements surface.Surface.
type Surface struct {
	name    string
	ref     string
	paths   []string
	remote  remote
	mirrors mirrors
}

// New makes a surface of a repository. It does not connect; it fails with
// fault.Invalid for settings that make no sense.
func New(name string, c surface.Config) (*Surface, error) {
	c.Kind = Kind
	if wrong := c.Problems(); len(wrong) > 0 {
		return nil, fault.New(fault.Invalid, "surface %s: %s", name, wrong[0].Text)
	}
	r, err := newRemote(c)
	if err != nil {
		return nil, fault.While(err, "surface %s", name)
	}
	return &Surface{name: name, ref: c.Repository.Ref, paths: c.Repository.Paths, remote: r}, nil
}

// Kind implements surface.Surface.
func (s *Surface) Kind() string { return Kind }

// Probe implements surface.Surface. The version is that of the git program of
// this host, for a remote does not tell its own. The size is known of a folder;
// of another remote only while a view of it is held.
func (s *Surface) Probe(ctx context.Context) (surface.Server, error) {
	server, err := installed(ctx)
	if err != nil {
		return server, err
	}
	if _, err := s.resolve(ctx); err != nil {
		return server, err
	}
	if s.remote.folder != "" {
		server.Bytes, err = git{work: s.remote.folder}.size(ctx)
		return server, fault.While(err, "measure %s", s.remote.folder)
	}
	server.Bytes = s.mirrors.bytes()
	return server, nil
}

// oldest is the first version of git that takes settings from its environment.
const oldestMajor, oldestMinor = 2, 31

// installed is the git program of this host.
func installed(ctx context.Context) (surface.Server, error) {
	text, err := git{}.output(ctx, "version")
	if err != nil {
		return surface.Server{}, err
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(text, "git version "), " ")
	numbers := strings.SplitN(version, ".", 3)
	if len(numbers) < 2 {
		return surface.Server{}, fault.New(fault.Unsupported, "the program git says that it is %q, which is no version", text)
	}
	major, errMajor := strconv.Atoi(numbers[0])
	minor, errMinor := strconv.Atoi(numbers[1])
	if errMajor != nil || errMinor != nil || major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		return surface.Server{}, fault.New(fault.Unsupported, "git %s is too old: install %d.%d or newer", version, oldestMajor, oldestMinor)
	}
	return surface.Server{Product: "Git", Version: version, Major: major}, nil
}

// size is about how many bytes the objects of a repository take.
func (g git) size(ctx context.Context) (int64, error) {
	text, err := g.output(ctx, "count-objects", "-v")
	if err != nil {
		return 0, err
	}
	var total int64
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if kib, err := strconv.ParseInt(value, 10, 64); err == nil && (name == "size" || name == "size-pack") {
			total += kib << 10
		}
	}
	return total, nil
}

// point is what a view has found. It is the view's token, and the spec of the parts.
type point struct {
	// Ref is the full name of the branch or tag.
	Ref string `json:"ref"`
	// Tip is what the ref points to: the commit, or the tag's own object.
	Tip string `json:"tip"`
	// Commit is the one in force.
	Commit string `json:"commit"`
	// Paths are those that matter; empty for all.
	Paths []string `json:"paths,omitempty"`
}

// parsePoint reads a token or a spec; kind is what it is when it can't be read.
func parsePoint(text []byte, kind fault.Kind) (point, error) {
	var p point
	if err := json.Unmarshal(text, &p); err != nil || !strings.HasPrefix(p.Ref, "refs/") || !objectID(p.Tip) || !objectID(p.Commit) {
		return p, fault.New(kind, "it does not say which commit of which branch it is of")
	}
	return p, nil
}

func (p point) text() []byte {
	text, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("gitconfig: texts always have a JSON form: %v", err))
	}
	return text
}

// objectID reports whether a text is the name of an object, by SHA-1 or SHA-256.
func objectID(text string) bool {
	return (len(text) == 40 || len(text) == 64) && strings.Trim(text, "0123456789abcdef") == ""
}

// Examine implements surface.Surface.
func (s *Surface) Examine(context.Context, surface.Source) (surface.Fingerprint, error) {
	return nil, nil
}
