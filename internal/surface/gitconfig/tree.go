package gitconfig

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// mostFiles is how many files a fingerprint names; of more it has the tree as a whole.
const mostFiles = 10_000

// file is one entry of a commit's tree.
type file struct {
	Path string `json:"path"`
	// Mode is git's: 100644, 100755 for a program, 120000 for a link, 160000 for
	// a commit of another repository.
	Mode string `json:"mode"`
	// Object is the name of the blob, or of the other repository's commit.
	Object string `json:"object"`
}

const modeSubmodule = "160000"

// tree is what matters of a commit.
type tree struct {
	commits int64
	id      string
	// files are at most mostFiles; count is how many there are.
	files []file
	count int64
}

// read reads the tree of a point's commit, as far as its paths go.
func (g git) read(ctx context.Context, p point) (tree, error) {
	var t tree
	text, err := g.output(ctx, "rev-list", "--count", p.Commit)
	if err != nil {
		return t, err
	}
	if t.commits, err = strconv.ParseInt(text, 10, 64); err != nil {
		return t, fault.New(fault.Internal, "git counts %q commits", text)
	}
	if t.id, err = g.output(ctx, "rev-parse", p.Commit+"^{tree}"); err != nil {
		return t, err
	}
	from, to := io.Pipe()
	listed := make(chan error, 1)
	go func() {
		args := append([]string{"ls-tree", "-r", "-z", "--full-tree", p.Commit, "--"}, p.Paths...)
		err := g.run(ctx, to, args...)
		_ = to.CloseWithError(err)
		listed <- err
	}()
	scanErr := t.scan(bufio.NewReader(from))
	_ = from.Close()
	if err := <-listed; err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return t, err
	}
	return t, scanErr
}

// scan reads what ls-tree -r -z prints: MODE TYPE OBJECT, a tab, the path as it is, a zero byte.
func (t *tree) scan(r *bufio.Reader) error {
	for {
		line, err := r.ReadString(0)
		if err == io.EOF && line == "" {
			return nil
		}
		about, path, found := strings.Cut(strings.TrimSuffix(line, "\x00"), "\t")
		fields := strings.Fields(about)
		if err != nil || !found || len(fields) != 3 || !objectID(fields[2]) {
			return fault.New(fault.Internal, "git lists a tree in a way that is not known")
		}
		if t.count++; t.count <= mostFiles {
			t.files = append(t.files, file{Path: named(path), Mode: fields[0], Object: fields[2]})
		}
	}
}

// named is a path for JSON, which takes no bytes that are no text.
func named(path string) string {
	if utf8.ValidString(path) {
		return path
	}
	return strconv.Quote(path)
}

// The kinds of entries of a fingerprint.
const (
	entryCommit    = "commit"
	entryTag       = "tag"
	entryTree      = "tree"
	entryFile      = "file"
	entrySubmodule = "submodule"
)

// fingerprint is what a repository holds of a point. The commit's entry counts
// the commits of its history, that of a tree its files.
func (t tree) fingerprint(p point) surface.Fingerprint {
	out := surface.Fingerprint{{Kind: entryCommit, Name: p.Ref, Count: t.commits, Digest: "git:" + p.Commit}}
	if p.Tip != p.Commit {
		out = append(out, surface.Entry{Kind: entryTag, Name: p.Ref, Count: 1, Digest: "git:" + p.Tip})
	}
	if t.count > mostFiles {
		out = append(out, surface.Entry{Kind: entryTree, Name: p.Ref, Count: t.count, Digest: "git:" + t.id})
	} else {
		for _, f := range t.files {
			kind := entryFile
			if f.Mode == modeSubmodule {
				kind = entrySubmodule
			}
			out = append(out, surface.Entry{Kind: kind, Name: f.Path, Count: 1, Digest: "git:" + f.Mode + ":" + f.Object})
		}
	}
	out.Sort()
	return out
}

// lfsPointer is the first line of a file whose contents Git LFS keeps elsewhere.
const lfsPointer = `^version https://git-lfs\.github\.com/spec/v1$`

// mostMissing is how many lines a view says of one reason why something is missing.
const mostMissing = 20

// missing says what is in the commit and not in the repository, and what
// matters and is not in the commit.
func (g git) missing(ctx context.Context, p point, t tree) ([]string, error) {
	var out []string
	for _, path := range p.Paths {
		// ls-tree takes a path as git has it, and says nothing of one that is not there.
		text, err := g.output(ctx, "ls-tree", "-z", "--full-tree", p.Commit, "--", strings.TrimSuffix(path, "/"))
		if err != nil {
			return nil, err
		}
		if text == "" {
			out = append(out, path+": it matters, by repository.paths, and is not in commit "+p.Commit)
		}
	}
	var other []string
	for _, f := range t.files {
		if f.Mode == modeSubmodule {
			other = append(other, f.Path+": it is commit "+f.Object+" of another repository: protect that as a surface of its own")
		}
	}
	out = append(out, bounded(other, "submodules")...)
	pointers, err := g.pointers(ctx, p)
	return append(out, bounded(pointers, "files that Git LFS keeps elsewhere")...), err
}

func bounded(lines []string, what string) []string {
	if len(lines) <= mostMissing {
		return lines
	}
	return append(lines[:mostMissing:mostMissing], "and "+strconv.Itoa(len(lines)-mostMissing)+" more "+what)
}

// pointers are the files that are in Git by a pointer alone.
func (g git) pointers(ctx context.Context, p point) ([]string, error) {
	var found bytes.Buffer
	args := append([]string{"grep", "-I", "-l", "-z", "--full-name", "-E", "-e", lfsPointer, p.Commit, "--"}, p.Paths...)
	err := g.run(ctx, &found, args...)
	var failed *failure
	if err != nil && (!errors.As(err, &failed) || failed.said != "") {
		return nil, err
	}
	// It ends with status 1, and says nothing, when nothing was found.
	var out []string
	for one := range strings.SplitSeq(found.String(), "\x00") {
		if _, path, ok := strings.Cut(one, ":"); ok {
			out = append(out, named(path)+": its contents are kept by Git LFS, elsewhere, and only a pointer to them is in Git")
		}
	}
	return out, nil
}
