package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// occupancy is what stands where a database is to be restored.
type occupancy int

const (
	absent occupancy = iota
	empty
	// ours is a restore that was begun and not finished.
	ours
	occupied
)

// makeDatabase leaves an empty database with the right encoding and locale, or
// fails with fault.Conflict and leaves everything as it was.
func (r *restore) makeDatabase(ctx context.Context, server *pgx.Conn, spec schemaSpec) error {
	found, err := r.occupancy(ctx, server)
	if err != nil {
		return err
	}
	name := r.at.config.Database
	switch {
	case found == absent:
		return createDatabase(ctx, server, name, spec)
	case found == empty && !r.target.Throwaway:
		return r.requireLike(ctx, spec)
	case found == occupied && !r.target.Throwaway && !r.target.Replace:
		return fault.New(fault.Conflict, "database %s is not empty: name another one in the target's URL, or permit to replace it", name)
	}
	if err := execute(ctx, server, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
		return classify(err, "drop the database that is to be replaced")
	}
	return createDatabase(ctx, server, name, spec)
}

func (r *restore) occupancy(ctx context.Context, server *pgx.Conn) (occupancy, error) {
	var exists bool
	err := server.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", r.at.config.Database).Scan(&exists)
	if err != nil || !exists {
		return absent, classify(err, "look for the database")
	}
	conn, err := r.at.connect(ctx, "UTF8")
	if err != nil {
		return absent, err
	}
	defer goodbye(conn)
	begun, err := underRestore(ctx, conn)
	if err != nil {
		return absent, err
	}
	if begun {
		return ours, nil
	}
	var used bool
	err = conn.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE `+userSchema+` AND `+own("pg_class", "c.oid")+`)
			OR EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE `+userSchema+` AND `+own("pg_proc", "p.oid")+`)
			OR EXISTS (SELECT FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE `+userSchema+` AND `+own("pg_type", "t.oid")+`)
			OR EXISTS (SELECT FROM pg_namespace n WHERE n.nspname <> 'public' AND `+userSchema+`)
			OR EXISTS (SELECT FROM pg_extension WHERE extname <> 'plpgsql')
			OR EXISTS (SELECT FROM pg_largeobject_metadata)`).Scan(&used)
	if err != nil {
		return absent, classify(err, "look whether the database is empty")
	}
	if used {
		return occupied, nil
	}
	return empty, nil
}

// requireLike accepts an empty database that somebody has made for us.
func (r *restore) requireLike(ctx context.Context, spec schemaSpec) error {
	conn, err := r.at.connect(ctx, "UTF8")
	if err != nil {
		return err
	}
	defer goodbye(conn)
	have, err := describeDatabase(ctx, conn)
	if err != nil {
		return err
	}
	if have.Encoding != spec.Encoding || have.Provider != spec.Provider || have.Collate != spec.Collate ||
		have.CType != spec.CType || have.Locale != spec.Locale || have.Rules != spec.Rules {
		return fault.New(fault.Conflict,
			"database %s is empty, but has encoding %s and locale %s where the source has %s and %s: drop it, and it is created as it must be",
			r.at.config.Database, have.Encoding, have.Collate, spec.Encoding, spec.Collate)
	}
	return nil
}

func createDatabase(ctx context.Context, server *pgx.Conn, name string, spec schemaSpec) error {
	literal := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	sql := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize() + " TEMPLATE template0 ENCODING " + literal(spec.Encoding) +
		" LC_COLLATE " + literal(spec.Collate) + " LC_CTYPE " + literal(spec.CType)
	switch spec.Provider {
	case "i":
		sql += " LOCALE_PROVIDER icu ICU_LOCALE " + literal(spec.Locale)
		if spec.Rules != "" {
			sql += " ICU_RULES " + literal(spec.Rules)
		}
	case "b":
		sql += " LOCALE_PROVIDER builtin BUILTIN_LOCALE " + literal(spec.Locale)
	case "c":
		sql += " LOCALE_PROVIDER libc"
	default:
		return fault.New(fault.Unsupported, "the source's locale provider %q is not known", spec.Provider)
	}
	err := execute(ctx, server, sql)
	if s := state(err); s == "42809" || s == "22023" || s == "0A000" {
		return fault.Wrap(fault.Unsupported, err, "the target's host lacks the locale of the source (%s): install it there", spec.Collate)
	}
	return classify(err, "create the database")
}
