package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// pointDetails is a point with what only its manifest says.
type pointDetails struct {
	catalog.Point
	Server   string              `json:"server"`
	Counts   map[string]int64    `json:"counts,omitempty"`
	Notes    []string            `json:"notes,omitempty"`
	Contents []archive.PartEntry `json:"contents"`
}

func (a *app) snapshotShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID|URI", Short: "Show one recovery point", Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			p, err := parts.Catalog.Find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			m, err := archive.ReadManifest(cmd.Context(), parts.Stores[p.Store], p.Dir)
			if err != nil {
				return err
			}
			d := pointDetails{
				Point: p, Server: m.Server.Product + " " + m.Server.Version, Counts: m.Counts, Notes: m.Notes, Contents: m.Parts,
			}
			return a.show(d, func() error { return a.pointFields(d) })
		},
	}
}

func (a *app) pointFields(d pointDetails) error {
	var counts []string
	for _, kind := range slices.Sorted(maps.Keys(d.Counts)) {
		counts = append(counts, fmt.Sprintf("%s %d", kind, d.Counts[kind]))
	}
	err := a.fields("id", d.ID, "surface", d.Surface, "kind", d.Kind, "state", d.State, "uri", d.URI,
		"stores", strings.Join(append([]string{d.Store}, d.Copies...), ", "), "server", d.Server,
		"created", when(d.CreatedAt), "stored", size(d.Bytes), "plain", size(d.PlainBytes),
		"policy", d.Policy, "reason", d.Reason, "workflow", d.WorkflowID,
		"holds", strings.Join(counts, ", "), "notes", strings.Join(d.Notes, "; "), "partial, it lacks", strings.Join(d.Missing, "; "))
	if err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	rows := make([][]string, len(d.Contents))
	for i, part := range d.Contents {
		rows[i] = []string{part.Name, part.Format, size(part.PlainBytes), size(part.Bytes), part.Object}
	}
	return a.table([]string{"PART", "FORMAT", "PLAIN", "STORED", "OBJECT"}, rows)
}

func (a *app) snapshotVerify() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: "verify ID|URI", Short: "Read back every byte of a recovery point", Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			parts, err := a.open(ctx)
			if err != nil {
				return err
			}
			p, err := parts.Catalog.Find(ctx, args[0])
			if err != nil {
				return err
			}
			var result workflows.VerifyResult
			in := workflows.VerifyInput{Point: ref(p)}
			return work(ctx, a, parts.Config, wait, "verification of "+p.ID, (*launch.Launcher).Verify, in, &result, func(launch.Started) error {
				return a.show(result, func() error {
					return a.fields("id", result.ID, "state", result.State, "verified", when(result.VerifiedAt),
						"parts", strconv.Itoa(result.Parts), "stored", size(result.Bytes), "plain", size(result.PlainBytes))
				})
			})
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", true, "wait until it is done, and show the progress")
	return cmd
}

func ref(p catalog.Point) workflows.PointRef {
	return workflows.PointRef{Store: p.Store, Dir: p.Dir, ID: p.ID, Surface: p.Surface}
}

// names lists the names of a section of the configuration.
func names[V any](section map[string]V) string {
	if len(section) == 0 {
		return "none"
	}
	return strings.Join(sortedNames(section), ", ")
}

func sortedNames[V any](section map[string]V) []string { return slices.Sorted(maps.Keys(section)) }
