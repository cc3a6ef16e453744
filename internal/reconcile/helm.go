package reconcile

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/gitfile"
)

// helm wants a release to have the values that the restored repository has in
// its files, at its commit. What the cluster has and Git has not, or otherwise,
// fails: a system that is rebuilt from Git would not be the same. What Git has
// and the cluster has not warns: it was committed and not yet deployed. Of
// values, only their paths are told.
func (r *Runner) helm(ctx context.Context, rec drill.Reconcile, found *tally) error {
	committed, err := r.committed(ctx, rec, found)
	if err != nil {
		return err
	}
	on, err := r.releaseOf(ctx, rec, found)
	if err != nil {
		return err
	}
	d := compareValues(committed, on.Config, rec.Helm.Ignore)
	at := int64(0)
	for _, group := range []struct {
		paths                      []string
		expected, observed, result string
		detail                     string
	}{
		{d.extra, "in no file", "set in the release", drill.Fail, "the cluster runs a value that is not in Git: commit it, or name it in helm.ignore and say in the runbook where it comes from"},
		{d.differing, "as in Git", "another value", drill.Fail, "the cluster runs another value than Git has: commit it, or deploy what is committed"},
		{d.missing, "as in Git", "not in the release", drill.Warn, "Git has a value that was not deployed"},
	} {
		for _, path := range group.paths {
			at++
			found.add(at, drill.Item{
				Name: path, Subject: rec.Helm.Release, Expected: group.expected, Observed: group.observed,
				Result: group.result, Detail: group.detail,
			})
		}
	}
	found.say("%d values are equal, %d are not in Git, %d differ, %d were not deployed", d.equal, len(d.extra), len(d.differing), len(d.missing))
	if len(d.ignored) > 0 {
		found.say("%d are supplied beside Git, by helm.ignore", len(d.ignored))
	}
	if len(d.unused) > 0 {
		found.say("helm.ignore names what neither has: %s", strings.Join(d.unused, ", "))
	}
	return nil
}

// committed are the values in the files of the restored repository.
func (r *Runner) committed(ctx context.Context, rec drill.Reconcile, found *tally) (map[string]any, error) {
	server, ok := r.Servers[rec.Surface]
	if !ok {
		return nil, notRestored(rec.Surface)
	}
	at, err := url.Parse(server.URL.Reveal())
	if server.Kind != kindGit || err != nil || at.Scheme != "file" {
		return nil, fault.New(fault.Unsupported, "surface %s is of kind %s, and no Git repository", rec.Surface, server.Kind)
	}
	commit, err := gitfile.Tip(ctx, at.Path, "")
	if err != nil {
		return nil, fault.While(err, "the restored copy of %s", rec.Surface)
	}
	found.say("%s of %s at commit %s", strings.Join(rec.Helm.Files, ", "), rec.Surface, commit)
	var merged map[string]any
	for i, file := range rec.Helm.Files {
		last, err := gitfile.Commit(ctx, at.Path, commit, file)
		if err != nil {
			return nil, inGit(err, rec.Surface, commit, file)
		}
		text, err := gitfile.Read(ctx, at.Path, commit, file)
		if err != nil {
			return nil, inGit(err, rec.Surface, commit, file)
		}
		values, err := parseValues(text)
		if err != nil {
			return nil, fault.While(err, "%s of %s at commit %s", file, rec.Surface, commit)
		}
		merged = mergeValues(merged, values)
		found.add(int64(i)-int64(len(rec.Helm.Files)), drill.Item{
			Name: "file " + file, Subject: rec.Surface, Expected: "at commit " + commit,
			Observed: "last changed by commit " + last, Result: drill.Pass,
		})
	}
	return merged, nil
}

// inGit tells of a file that can't be read without where the copy of it lies.
func inGit(err error, surface, commit, file string) error {
	if fault.Is(err, fault.Missing) {
		return fault.New(fault.Missing, "%s is not in commit %s of %s: commit it", file, commit, surface)
	}
	return fault.While(err, "%s of %s", file, surface)
}

// releaseOf is what the cluster has deployed.
func (r *Runner) releaseOf(ctx context.Context, rec drill.Reconcile, found *tally) (release, error) {
	var at [3]string
	for i, text := range []string{rec.Helm.Kubeconfig, rec.Helm.Context, rec.Helm.Namespace} {
		expanded, err := r.expand(text)
		if err != nil {
			return release{}, err
		}
		at[i] = expanded
	}
	client, err := clients.Connect(cluster.Config{Kubeconfig: at[0], Context: at[1]})
	if err != nil {
		return release{}, err
	}
	namespace := at[2]
	if namespace == "" {
		namespace = client.Namespace
	}
	on, newest, err := readRelease(ctx, client, namespace, rec.Helm.Release)
	if err != nil {
		return release{}, err
	}
	name := namespace + "/" + rec.Helm.Release
	found.say("release %s: %s", name, on)
	if newest.revision > on.Version {
		found.doubt("a later revision of the release, " + strconv.Itoa(newest.revision) + ", is " + newest.status + ": what runs may be of both")
	}
	found.add(-mostItems, drill.Item{
		Name: "release " + name, Subject: rec.Surface, Expected: "a revision that is deployed", Observed: on.String(), Result: drill.Pass,
	})
	return on, nil
}

// expand puts what was restored into a text.
func (r *Runner) expand(text string) (string, error) {
	if r.Expand == nil || !strings.Contains(text, "{{") {
		return text, nil
	}
	expanded, err := r.Expand(text)
	return expanded.Reveal(), err
}
