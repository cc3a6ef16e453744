package gitconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// ownSettings are those of a copy's own configuration; none lets it reach anything.
var ownSettings = []string{
	"core.repositoryformatversion", "core.filemode", "core.bare", "core.logallrefupdates", "core.symlinks",
	"core.ignorecase", "core.precomposeunicode", "extensions.objectformat",
}

// TryIsolation implements environment.Place: the copy names no remote and no
// program, has no hooks, takes objects from no other repository, no link in it
// leads out, and nobody else may enter its folder.
func (p *Places) TryIsolation(ctx context.Context, id string) ([]drill.Attempt, error) {
	if _, err := p.Find(ctx, id); err != nil {
		return nil, err
	}
	dir, err := p.dir(id)
	if err != nil {
		return nil, err
	}
	r := copyIn(dir)
	out := []drill.Attempt{r.trySettings(ctx), r.tryOrigin(ctx), r.tryHooks(), r.tryAlternates(), r.tryLinks(), tryMode(dir)}
	if ctx.Err() != nil {
		return nil, fault.Wrap(fault.Internal, ctx.Err(), "try the isolation of place %s", id)
	}
	return out, nil
}

// looked is an attempt that looked at something; an err says that it could not.
func looked(what, expected, observed string, fine bool, err error) drill.Attempt {
	out := drill.Attempt{What: what, Expected: expected, Observed: observed, Result: drill.Fail}
	switch {
	case err != nil:
		out.Observed = "could not be looked at: " + fault.Line(err)
	case fine:
		out.Result = drill.Pass
	}
	return out
}

// none is an attempt that should find nothing.
func none(what string, found []string, err error) drill.Attempt {
	const most = 5
	observed := "none"
	if len(found) > 0 {
		observed = strings.Join(found[:min(len(found), most)], ", ")
		if len(found) > most {
			observed += fmt.Sprintf(" and %d more", len(found)-most)
		}
	}
	return looked(what, "none", observed, len(found) == 0, err)
}

func (r restored) trySettings(ctx context.Context) drill.Attempt {
	text, err := r.output(ctx, "config", "--local", "--includes", "--name-only", "--list")
	var other []string
	for name := range strings.Lines(text) {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && !slices.Contains(ownSettings, name) {
			other = append(other, name)
		}
	}
	return none("remotes, credentials and programs in the copy's configuration", other, err)
}

func (r restored) tryOrigin(ctx context.Context) drill.Attempt {
	const what, expected = "fetch from where the copy comes from", "refused: it names no remote"
	err := r.run(ctx, nil, "fetch", "--quiet", "--no-write-fetch-head", "origin")
	var failed *failure
	switch {
	case err == nil:
		return looked(what, expected, "it was fetched", false, nil)
	case errors.As(err, &failed) && strings.Contains(failed.said, "'origin' does not appear to be a git repository"):
		return looked(what, expected, "refused: there is no remote origin", true, nil)
	default:
		return looked(what, expected, "", false, err)
	}
}

func (r restored) tryHooks() drill.Attempt {
	entries, err := os.ReadDir(filepath.Join(r.dir, "hooks"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return none("hooks, which git would run", found, err)
}

func (r restored) tryAlternates() drill.Attempt {
	text, err := os.ReadFile(filepath.Join(r.dir, "objects", "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return none("other repositories that objects are taken from", strings.Fields(string(text)), err)
}

// tryLinks looks for links of the file system, which would lead out of the copy.
func (r restored) tryLinks() drill.Attempt {
	var found []string
	err := filepath.WalkDir(r.work, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type()&fs.ModeSymlink != 0 {
			found = append(found, strconv.Quote(strings.TrimPrefix(path, r.work+"/")))
		}
		return err
	})
	return none("links, which may lead out of the copy", found, err)
}

func tryMode(dir string) drill.Attempt {
	const what, expected = "who may enter the folder", "its owner alone"
	info, err := os.Stat(dir)
	if err != nil {
		return looked(what, expected, "", false, err)
	}
	return looked(what, expected, "mode "+info.Mode().Perm().String(), info.Mode().Perm()&0o077 == 0, nil)
}
