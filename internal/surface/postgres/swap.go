package postgres

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// An in-place restore goes into a database beside the live one. At the end two
// renames in one transaction put it in the live one's place.

const (
	// maxName is the longest name that PostgreSQL keeps (NAMEDATALEN - 1).
	maxName = 63
	// swapTries bounds how often sessions of others may be in the way of the renames.
	swapTries = 5
	// stateInUse is the SQLSTATE of a database that others are connected to.
	stateInUse = "55006"
	// ousting is how often sessions are ended while a rename waits for them.
	ousting = 200 * time.Millisecond
)

// Beside is a target on the live server: a new database beside the live one,
// named after it and the restore.
func (s *Surface) Beside(restoreID string) (surface.Target, error) {
	u, err := url.Parse(s.config.URL.Reveal())
	if err != nil {
		return surface.Target{}, fault.New(fault.Invalid, "the PostgreSQL URL is not well-formed")
	}
	u.Path = "/" + s.besideName(restoreID)
	return surface.Target{URL: secret.String(u.String())}, nil
}

func (s *Surface) besideName(restoreID string) string { return s.nameWith("restored", restoreID) }

func (s *Surface) keptName(restoreID string) string { return s.nameWith("replaced", restoreID) }

// nameWith is the live database's name, cut where that is needed, with a word and the end of the restore's ID.
func (s *Surface) nameWith(word, restoreID string) string {
	_, unique, _ := strings.Cut(restoreID, "-")
	if unique == "" {
		unique = restoreID
	}
	ending := "_" + word + "_" + unique
	name := s.source.config.Database
	for len(name)+len(ending) > maxName {
		runes := []rune(name)
		name = string(runes[:len(runes)-1])
	}
	return name + ending
}

// Swap puts the database that was restored beside the live one in its place,
// in one transaction, and returns the name under which the replaced one stays.
// Sessions on either are ended. A repeated call finds it done.
func (s *Surface) Swap(ctx context.Context, restoreID string) (kept string, err error) {
	live, beside, kept := s.source.config.Database, s.besideName(restoreID), s.keptName(restoreID)
	conn, err := s.source.maintenance(ctx)
	if err != nil {
		return "", err
	}
	defer goodbye(conn)
	var waiting, done bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1), EXISTS (SELECT FROM pg_database WHERE datname = $2)`,
		beside, kept).Scan(&waiting, &done)
	switch {
	case err != nil:
		return "", classify(err, "look for the restored database")
	case !waiting && done:
		return kept, nil
	case !waiting:
		return "", fault.New(fault.Missing, "the restored database %s is gone", beside)
	}
	for try := 1; ; try++ {
		err := s.rename(ctx, conn, live, beside, kept)
		if err == nil || state(err) != stateInUse || try == swapTries {
			return kept, classify(err, "rename the databases")
		}
	}
}

// rename does both renames or none. The first one locks the live database's
// name, so that nobody new gets in; who is in already is ended from a second session.
func (s *Surface) rename(ctx context.Context, conn *pgx.Conn, live, beside, kept string) error {
	stop, err := s.oust(ctx, live, beside)
	if err != nil {
		return err
	}
	defer stop()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, step := range [][2]string{{live, kept}, {beside, live}} {
			sql := "ALTER DATABASE " + pgx.Identifier{step[0]}.Sanitize() + " RENAME TO " + pgx.Identifier{step[1]}.Sanitize()
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// oust ends the sessions on databases, again and again until it is stopped.
func (s *Surface) oust(ctx context.Context, databases ...string) (stop func(), err error) {
	conn, err := s.source.maintenance(ctx)
	if err != nil {
		return nil, err
	}
	end := func(ctx context.Context) error {
		_, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY($1) AND pid <> pg_backend_pid()`, databases)
		return classify(err, "end the sessions on the live database")
	}
	if err := end(ctx); err != nil {
		goodbye(conn)
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(ousting)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				// The first round told whether it is permitted; the rename tells whether it was enough.
				_ = end(ctx)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		goodbye(conn)
	}, nil
}

// Discard drops what was restored beside the live database and not swapped in.
func (s *Surface) Discard(ctx context.Context, restoreID string) error {
	conn, err := s.source.maintenance(ctx)
	if err != nil {
		return err
	}
	defer goodbye(conn)
	err = execute(ctx, conn, "DROP DATABASE IF EXISTS "+pgx.Identifier{s.besideName(restoreID)}.Sanitize()+" WITH (FORCE)")
	return classify(err, "drop the database beside the live one")
}
