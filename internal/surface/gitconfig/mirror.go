package gitconfig

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// mirror is a bare copy of the branch or tag in a scratch folder.
type mirror struct {
	git
	scratch scratch
	point   point
	size    int64
	users   int
}

// mirrors are the copies that views of this process hold, by their tokens: a
// dump on the same worker need not fetch again.
type mirrors struct {
	mu   sync.Mutex
	open map[string]*mirror
}

// put keeps a mirror for its first user.
func (m *mirrors) put(one *mirror) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open == nil {
		m.open = map[string]*mirror{}
	}
	one.users = 1
	token := string(one.point.text())
	if before, held := m.open[token]; held {
		// Two views of one commit: the first one's copy serves both.
		before.users++
		_ = one.scratch.remove()
		return
	}
	m.open[token] = one
}

// take returns a mirror for one more user, or nil when there is none.
func (m *mirrors) take(token string) *mirror {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.open[token]
	if one != nil {
		one.users++
	}
	return one
}

// release removes the mirror with its last user.
func (m *mirrors) release(token string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.open[token]
	if one == nil {
		return nil
	}
	if one.users--; one.users > 0 {
		return nil
	}
	delete(m.open, token)
	return one.scratch.remove()
}

// bytes is how large the largest of them is.
func (m *mirrors) bytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var most int64
	for _, one := range m.open {
		most = max(most, one.size)
	}
	return most
}

// asking runs git with what gets it to the remote.
func (s *Surface) asking(dir string) git {
	return git{dir: dir, env: s.remote.env, hide: s.remote.hide}
}

// resolve asks the remote what the branch or tag points to.
func (s *Surface) resolve(ctx context.Context) (point, error) {
	wanted := []string{"HEAD"}
	args := append([]string{"ls-remote", "--symref", "--quiet"}, s.remote.options...)
	args = append(args, "--end-of-options", s.remote.address)
	if s.ref != "" {
		// In the order in which git itself takes a short name.
		wanted = []string{s.ref, "refs/" + s.ref, "refs/tags/" + s.ref, "refs/heads/" + s.ref}
	}
	text, err := s.asking("").output(ctx, append(args, wanted...)...)
	if err != nil {
		return point{}, fault.While(err, "ask %s for its branches", s.remote.address)
	}
	ids, head := map[string]string{}, ""
	for line := range strings.Lines(text) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if to, symbolic := strings.CutPrefix(id, "ref: "); symbolic && name == "HEAD" {
			head = to
		} else if objectID(id) {
			ids[name] = id
		}
	}
	if s.ref == "" {
		id := ids["HEAD"]
		switch {
		case id == "":
			return point{}, fault.New(fault.Missing, "%s has no commit on its default branch: commit something, or set repository.ref", s.remote.address)
		case !strings.HasPrefix(head, "refs/"):
			return point{}, fault.New(fault.Invalid, "HEAD of %s is on no branch: set repository.ref", s.remote.address)
		}
		return point{Ref: head, Tip: id, Paths: s.paths}, nil
	}
	for _, name := range wanted {
		if id := ids[name]; id != "" && strings.HasPrefix(name, "refs/") {
			return point{Ref: name, Tip: id, Paths: s.paths}, nil
		}
	}
	return point{}, fault.New(fault.Missing, "%s has no branch or tag %q: set repository.ref to one that is there", s.remote.address, s.ref)
}

// fetch copies a ref into a new scratch folder. Where the point names a commit,
// it is that one, wherever the ref has gone since; else it is what the ref
// points to now. The caller removes it.
func (s *Surface) fetch(ctx context.Context, p point) (_ *mirror, err error) {
	in, err := newScratch()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = in.remove()
		}
	}()
	m := &mirror{git: s.asking(filepath.Join(in.dir, copyName)), scratch: in, point: p}
	if err := m.init(ctx, p, "--bare"); err != nil {
		return nil, err
	}
	if err := s.pull(ctx, m, p.Ref); err != nil {
		return nil, fault.While(err, "fetch %s from %s", p.Ref, s.remote.address)
	}
	if p.Commit == "" {
		if m.point.Tip, err = m.output(ctx, "rev-parse", "--verify", "--quiet", p.Ref); err != nil {
			return nil, fault.New(fault.Invalid, "%s does not give the whole history of %s: where it is a shallow clone, run git fetch --unshallow there", s.remote.address, p.Ref)
		}
		if m.point.Commit, err = m.output(ctx, "rev-parse", "--verify", "--quiet", m.point.Tip+"^{commit}"); err != nil {
			return nil, fault.New(fault.Invalid, "%s of %s is no commit", p.Ref, s.remote.address)
		}
	} else if err := s.goBack(ctx, m); err != nil {
		return nil, err
	}
	if err := m.setHead(ctx, m.point); err != nil {
		return nil, err
	}
	m.size, err = m.git.size(ctx)
	return m, err
}

// pull fetches one ref or commit under the name of the ref.
func (s *Surface) pull(ctx context.Context, m *mirror, from string) error {
	args := append([]string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--force"}, s.remote.options...)
	return m.run(ctx, nil, append(args, "--end-of-options", s.remote.address, from+":"+m.point.Ref)...)
}

// goBack makes the ref what it was when the point was held.
func (s *Surface) goBack(ctx context.Context, m *mirror) error {
	tip := m.point.Tip
	if err := m.run(ctx, nil, "cat-file", "-e", tip); err != nil {
		if ctx.Err() != nil {
			return err
		}
		// The branch was rewritten. Most servers still have the commit for a while.
		if err := s.pull(ctx, m, tip); fault.Is(err, fault.Lost) || fault.Is(err, fault.Missing) {
			return fault.New(fault.Lost, "%s does not give commit %s any more: %s was rewritten", s.remote.address, tip, m.point.Ref)
		} else if err != nil {
			return fault.While(err, "fetch commit %s from %s", tip, s.remote.address)
		}
	}
	return m.run(ctx, nil, "update-ref", m.point.Ref, tip)
}

// init makes an empty repository for the objects of a point.
func (g git) init(ctx context.Context, p point, options ...string) error {
	format := "sha1"
	if len(p.Tip) == 64 {
		format = "sha256"
	}
	args := append([]string{"init", "--quiet", "--template=", "--object-format=" + format}, options...)
	return g.run(ctx, nil, args...)
}

// setHead makes HEAD the branch, or the commit where the ref is none.
func (g git) setHead(ctx context.Context, p point) error {
	if strings.HasPrefix(p.Ref, "refs/heads/") {
		return g.run(ctx, nil, "symbolic-ref", "HEAD", p.Ref)
	}
	return g.run(ctx, nil, "update-ref", "--no-deref", "HEAD", p.Commit)
}

// with calls use with the repository of a token: the view's own where it is
// held by this process, or else one that is fetched for this call.
func (s *Surface) with(ctx context.Context, token string, use func(*mirror) error) (err error) {
	if held := s.mirrors.take(token); held != nil {
		defer func() { err = errors.Join(err, s.mirrors.release(token)) }()
		return use(held)
	}
	p, err := parsePoint([]byte(token), fault.Invalid)
	if err != nil {
		return err
	}
	m, err := s.fetch(ctx, p)
	if err != nil {
		return err
	}
	defer func() { _ = m.scratch.remove() }()
	return use(m)
}
