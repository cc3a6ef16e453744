package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

func (a *app) objectsCommand() *cobra.Command {
	return group("objects", "Put objects of a versioned bucket back to a moment", a.objectsRestore())
}

func (a *app) objectsRestore() *cobra.Command {
	var at, to, confirm string
	var inPlace, wait bool
	in := workflows.RewindInput{}
	cmd := &cobra.Command{
		Use:   "restore SURFACE --at TIME",
		Short: "Restore a prefix to its versions at a moment: into another prefix or bucket, or in place (undelete included)",
		Args:  exactly("SURFACE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			in.Surface = args[0]
			if err := rewindInput(c, &in, at, to, inPlace, confirm); err != nil {
				return usageError{err}
			}
			return a.rewind(cmd.Context(), c, in, wait)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&at, "at", "", "the moment, in RFC 3339")
	flags.StringVar(&in.Prefix, "prefix", "", "only what is below this prefix, as whole keys begin with it (default: all of the surface)")
	flags.StringVar(&to, "to", "", "where to: BUCKET/PREFIX, or /PREFIX in the surface's own bucket")
	flags.BoolVar(&inPlace, "in-place", false, "put old versions back over what is there")
	flags.StringVar(&confirm, "confirm", "", "the surface's name, to confirm a restore in place")
	flags.StringVar(&in.To.Conflict, "conflict", "", "what becomes of what is there already: "+strings.Join(surface.Conflicts, ", "))
	flags.BoolVar(&wait, "wait", true, "wait until it is done, and show the progress")
	return cmd
}

// rewindInput checks the flags against each other and the configuration.
func rewindInput(c *config.Config, in *workflows.RewindInput, at, to string, inPlace bool, confirm string) (err error) {
	known, ok := c.Surfaces[in.Surface]
	switch {
	case !ok:
		return fmt.Errorf("surface %q is not in the configuration: it has %s", in.Surface, names(c.Surfaces))
	case known.Kind != surface.KindObjects:
		return fmt.Errorf("surface %s is of kind %s: only a bucket's objects can be restored in this way", in.Surface, known.Kind)
	case in.To.Conflict != "" && !slices.Contains(surface.Conflicts, in.To.Conflict):
		return fmt.Errorf("--conflict must be one of %s", strings.Join(surface.Conflicts, ", "))
	case (to != "") == inPlace:
		return errors.New("say where to: either --to BUCKET/PREFIX, or --in-place")
	}
	if in.At, err = time.Parse(time.RFC3339, at); err != nil {
		return fmt.Errorf("--at %q must be a time such as 2026-03-01T12:34:56Z", at)
	}
	if inPlace {
		if confirm != in.Surface {
			return fmt.Errorf("a restore in place puts old versions over what %s holds now: add --confirm %s", in.Surface, in.Surface)
		}
		in.To.Prefix = in.Prefix
		if in.To.Prefix == "" {
			in.To.Prefix = known.Bucket.LivePrefix()
		}
		return nil
	}
	var split bool
	if in.To.Bucket, in.To.Prefix, split = strings.Cut(to, "/"); !split {
		return fmt.Errorf("--to %q must be like BUCKET/PREFIX, or /PREFIX for the surface's own bucket", to)
	}
	if what, live := c.LiveObjects(in.Surface, in.To.Bucket, in.To.Prefix); live {
		return fmt.Errorf("--to %s is among what %s has: restore to another bucket or prefix", to, what)
	}
	return nil
}

func (a *app) rewind(ctx context.Context, c *config.Config, in workflows.RewindInput, wait bool) error {
	var out workflows.RewindResult
	return work(ctx, a, c, wait, "objects of "+in.Surface, (*launch.Launcher).Rewind, in, &out, func(launch.Started) error {
		return a.show(out, func() error {
			return a.fields("id", out.ID, "surface", out.Surface, "as of", when(out.At), "objects", strconv.FormatInt(out.Objects, 10),
				"bytes", size(out.Bytes), "copied", strconv.FormatInt(out.Copied, 10), "left as they were", strconv.FormatInt(out.Left, 10),
				"not comparable", uncompared(out.Uncompared), "not known", strings.Join(out.Gaps, "; "))
		})
	})
}

// uncompared says of how many objects only the sizes are known to be equal.
func uncompared(count int64) string {
	if count == 0 {
		return ""
	}
	return strconv.FormatInt(count, 10) + " of those, only equal in size"
}
