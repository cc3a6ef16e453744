package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// job is the main job: snapshot, verify, restore and compare, for each surface;
// then an accident, and the way back.
func (d *demonstration) job(ctx context.Context, s *session, parts *worker.Parts) error {
	for _, name := range sortedNames(parts.Surfaces) {
		fmt.Fprintf(d.out, "\n%s\n", name)
		point, err := d.snapshot(ctx, s, name)
		if err != nil {
			return err
		}
		if err := d.verify(ctx, s, parts, point); err != nil {
			return err
		}
		if err := d.restore(ctx, s, parts, point); err != nil {
			return err
		}
	}
	if err := d.accident(ctx, s, parts); err != nil {
		return err
	}
	return d.drill(ctx, s, parts)
}

func (d *demonstration) snapshot(ctx context.Context, s *session, name string) (workflows.SnapshotResult, error) {
	var result workflows.SnapshotResult
	begun := time.Now()
	started, err := s.launcher.Snapshot(ctx, requester(), workflows.SnapshotInput{Surface: name, Kind: config.KindSnapshot})
	if err != nil {
		return result, err
	}
	if err := d.await(ctx, s, started, "snapshot of "+name, &result); err != nil {
		return result, err
	}
	d.step("  snapshot, compressed and encrypted", time.Since(begun),
		fmt.Sprintf("%s in %d parts, stored in %s", size(result.PlainBytes), result.Parts, size(result.Bytes)))
	return result, nil
}

func (d *demonstration) verify(ctx context.Context, s *session, parts *worker.Parts, p workflows.SnapshotResult) error {
	found, err := parts.Catalog.Find(ctx, p.ID)
	if err != nil {
		return err
	}
	begun := time.Now()
	started, err := s.launcher.Verify(ctx, requester(), workflows.VerifyInput{Point: ref(found)})
	if err != nil {
		return err
	}
	var result workflows.VerifyResult
	if err := d.await(ctx, s, started, "verification of "+p.ID, &result); err != nil {
		return err
	}
	d.step("  verify: read back every byte", time.Since(begun), fmt.Sprintf("%s, every digest as sealed", size(result.Bytes)))
	return nil
}

func (d *demonstration) restore(ctx context.Context, s *session, parts *worker.Parts, p workflows.SnapshotResult) error {
	found, err := parts.Catalog.Find(ctx, p.ID)
	if err != nil {
		return err
	}
	begun := time.Now()
	started, err := s.launcher.Restore(ctx, requester(), workflows.RestoreInput{Point: ref(found), Isolated: true})
	if err != nil {
		return err
	}
	var result workflows.RestoreResult
	if err := d.await(ctx, s, started, "restore of "+p.ID, &result); err != nil {
		return err
	}
	took := time.Since(begun)
	url, err := parts.RestoredURL(result)
	if err != nil {
		return err
	}
	d.step("  restore into an isolated server", took, url)
	for _, step := range result.Steps {
		fmt.Fprintf(d.out, "    %-44s %9s\n", step.Name, seconds(step.Seconds))
	}
	var counts []string
	for _, kind := range slices.Sorted(maps.Keys(result.Counts)) {
		counts = append(counts, fmt.Sprintf("%s %d", kind, result.Counts[kind]))
	}
	fmt.Fprintf(d.out, "  compared with the source's fingerprint: %d entries, all equal (%s)\n", result.Compared, strings.Join(counts, ", "))
	return nil
}

// whereToLook says what a person can open now.
func (d *demonstration) whereToLook(s *session, c *config.Config) {
	fmt.Fprintf(d.out, "\nWhere to look\n")
	// Nothing is lost when the table can't be printed: the lines below stand on their own.
	_ = d.fields(
		"  admin pages", "http://"+c.Listen+"/, signing in with the key "+demoAdminKey.Reveal(),
		"  API", "http://"+c.Listen+"/openapi.json, with Authorization: Bearer "+demoAdminKey.Reveal(),
		"  Temporal Web UI", s.ui,
		"  command line", "lifeboat --config "+d.configPath+" snapshot list",
		"  store", c.Stores["primary"].Dir,
		"  configuration", d.configPath,
		"  report of the drill", d.report,
		"  took", seconds(time.Since(d.started).Seconds()),
	)
}
