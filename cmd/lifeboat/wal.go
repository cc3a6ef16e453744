package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/walarchive"
	"github.com/lifeboat-dr/lifeboat/internal/walspool"
	"github.com/lifeboat-dr/lifeboat/worker"
)

func (a *app) walCommand() *cobra.Command {
	return group("wal", "Store and fetch single WAL files, for archive_command and restore_command", a.walPush(), a.walFetch())
}

func (a *app) walPush() *cobra.Command {
	var surface string
	cmd := &cobra.Command{
		Use: "push PATH", Short: "Store a finished WAL file: archive_command = 'lifeboat wal push %p'", Args: exactly("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			parts, surface, err := a.walOf(cmd.Context(), surface)
			if err != nil {
				return err
			}
			// Whichever store fails, the others have the file before the server tries again.
			var failed []error
			for _, name := range parts.Config.PushStores(surface) {
				failed = append(failed, fault.While(pushTo(cmd.Context(), walArchive(parts, surface, name), args[0]), "push to the store %s", name))
			}
			return cmp.Or(failed...)
		},
	}
	cmd.Flags().StringVar(&surface, "surface", "", "the surface whose WAL it is (default: the only one with a policy of kind wal)")
	return cmd
}

// pushTo stores a finished WAL file in one archive.
func pushTo(ctx context.Context, archive *walarchive.Archive, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.Wrap(fault.Missing, err, "open the WAL file")
	}
	defer f.Close()
	return archive.Push(ctx, filepath.Base(path), f)
}

func (a *app) walFetch() *cobra.Command {
	var surface, storeName, spool string
	cmd := &cobra.Command{
		Use: "fetch NAME PATH", Short: "Fetch a WAL file: restore_command = 'lifeboat wal fetch %f %p'", Args: exactly("NAME", "PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, path := args[0], args[1]
			if spool != "" {
				return spoolError{walspool.Wait(cmd.Context(), spool, name, path)}.orNil()
			}
			archive, err := a.walToFetch(cmd.Context(), surface, storeName)
			if err != nil {
				// Whatever is missing here is not the file.
				return spoolError{fault.New(fault.Unavailable, "%s", fault.Line(err))}
			}
			return spoolError{fetchTo(cmd.Context(), archive, name, path)}.orNil()
		},
	}
	cmd.Flags().StringVar(&surface, "surface", "", "the surface whose WAL it is (default: the only one with a policy of kind wal)")
	cmd.Flags().StringVar(&storeName, "store", "", "where to look (default: the store of the surface's first policy of kind wal)")
	cmd.Flags().StringVar(&spool, "spool", "", "take it from the folder that a recovery under way fills")
	return cmd
}

// fetchTo writes a file and puts it into place in one step: PostgreSQL never sees half of it.
func fetchTo(ctx context.Context, archive *walarchive.Archive, name, path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".lifeboat-wal-*")
	if err != nil {
		return fault.Wrap(fault.Denied, err, "make the WAL file")
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := archive.Fetch(ctx, name, f); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return fault.Wrap(fault.Exhausted, err, "write the WAL file")
	}
	return fault.Wrap(fault.Denied, os.Rename(f.Name(), path), "put the WAL file into place")
}

// walToFetch opens the WAL of a surface on the store that was named, or on that of its policy.
func (a *app) walToFetch(ctx context.Context, surface, storeName string) (*walarchive.Archive, error) {
	parts, surface, err := a.walOf(ctx, surface)
	if err != nil {
		return nil, err
	}
	if storeName == "" {
		storeName = parts.Config.FirstStore(surface, config.KindWAL)
	}
	if _, known := parts.Stores[storeName]; !known {
		return nil, usageError{fmt.Errorf("store %q is not in the configuration: it has %s", storeName, names(parts.Config.Stores))}
	}
	return walArchive(parts, surface, storeName), nil
}

// walOf opens the configuration and says which surface's WAL is meant.
func (a *app) walOf(ctx context.Context, surface string) (*worker.Parts, string, error) {
	parts, err := a.open(ctx)
	if err != nil {
		return nil, "", err
	}
	if surface == "" {
		if surface, err = onlyWAL(parts.Config); err != nil {
			return nil, "", usageError{err}
		}
	}
	return parts, surface, knownDatabase(parts, surface)
}

func walArchive(parts *worker.Parts, surface, storeName string) *walarchive.Archive {
	return walarchive.Open(parts.Stores[storeName], surface, parts.Keys, parts.Config.Compression.Level)
}

// onlyWAL is the one surface whose WAL is shipped.
func onlyWAL(c *config.Config) (string, error) {
	found := map[string]bool{}
	for _, p := range c.Policies {
		if p.Kind == config.KindWAL {
			found[p.Surface] = true
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("--surface is missing: %d surfaces have a policy of kind wal", len(found))
	}
	return slices.Collect(maps.Keys(found))[0], nil
}

// spoolError is why PostgreSQL gets no file, from a spool or from the store. Its
// exit code decides whether PostgreSQL takes that for the end of the WAL.
type spoolError struct{ error }

func (e spoolError) Unwrap() error { return e.error }

func (e spoolError) orNil() error {
	if e.error == nil {
		return nil
	}
	return e
}
