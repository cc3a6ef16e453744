package postgres

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Begin implements surface.Surface. The target's database is created with the
// encoding and locale of the source, and gets everything but rows, indexes,
// constraints and triggers. An empty database that is there already is used,
// if it has the same encoding and locale. With a Selection the database may
// hold anything else; see beginSelection.
func (s *Surface) Begin(ctx context.Context, t surface.Target, src surface.Source) error {
	spec, err := readSchemaSpec(src)
	if err != nil {
		return err
	}
	at, err := s.target(t.URL)
	if err != nil {
		return err
	}
	if name := at.config.Database; name == "template0" || name == "template1" {
		return fault.New(fault.Invalid, "%s is the template of all databases: name another database in the target's URL", name)
	}
	server, err := at.maintenance(ctx)
	if err != nil {
		return err
	}
	defer goodbye(server)
	major, err := requireRestorable(ctx, server, spec)
	if err != nil {
		return err
	}
	found, err := findTools(ctx, s.config.BinDir, max(major, spec.Tools))
	if err != nil {
		return err
	}
	scratch, err := openScratch(t.ScratchDir)
	if err != nil {
		return err
	}
	defer scratch.close()
	archive, err := scratch.fetch(ctx, src, partSchema)
	if err != nil {
		return err
	}
	r := &restore{surface: s, target: t, at: at, tools: found, scratch: scratch, archive: archive}
	if !t.Selection.All() {
		return r.beginSelection(ctx, server, spec, src)
	}
	return r.beginAll(ctx, server, spec, src)
}

// restore is what the steps of Begin and Finish share.
type restore struct {
	surface *Surface
	target  surface.Target
	at      *address
	tools   tools
	scratch *scratch
	// archive is the file with partSchema.
	archive string
}

func (r *restore) beginAll(ctx context.Context, server *pgx.Conn, spec schemaSpec, src surface.Source) error {
	// Everything is read before anything is changed.
	database, err := readScript(ctx, src, partDatabase)
	if err != nil {
		return err
	}
	var globals []string
	if r.target.Throwaway {
		if globals, err = readScript(ctx, src, partGlobals); err != nil {
			return err
		}
	}
	if err := r.makeDatabase(ctx, server, spec); err != nil {
		return err
	}
	if err := runGlobalsIfAny(ctx, server, globals); err != nil {
		return err
	}
	conn, err := r.at.connect(ctx, "UTF8")
	if err != nil {
		return err
	}
	defer goodbye(conn)
	if err := makeBookkeeping(ctx, conn); err != nil {
		return err
	}
	if err := dropUnwanted(ctx, conn, spec); err != nil {
		return err
	}
	if err := r.pgRestore(ctx, "--section=pre-data", "--exit-on-error"); err != nil {
		return err
	}
	return runDatabaseScript(ctx, conn, database)
}

func runGlobalsIfAny(ctx context.Context, server *pgx.Conn, globals []string) error {
	if len(globals) == 0 {
		return nil
	}
	return runGlobals(ctx, server, globals)
}

// pgRestore restores from the archive of partSchema.
func (r *restore) pgRestore(ctx context.Context, args ...string) error {
	args = append(args, "--no-password", "--dbname="+r.at.conninfo(), r.archive)
	_, err := r.at.run(ctx, nil, nil, r.tools.program("pg_restore"), args...)
	return fault.While(err, "restore the schema")
}

// dropUnwanted drops what every new database has and the source has not.
func dropUnwanted(ctx context.Context, conn *pgx.Conn, spec schemaSpec) error {
	var sql string
	if spec.NoPublic {
		sql += "DROP SCHEMA IF EXISTS public;"
	}
	if spec.NoPlpgsql {
		sql += "DROP EXTENSION IF EXISTS plpgsql;"
	}
	if sql == "" {
		return nil
	}
	return classify(execute(ctx, conn, sql), "drop what the source does not have")
}

func readSchemaSpec(src surface.Source) (schemaSpec, error) {
	var spec schemaSpec
	for _, part := range src.Parts() {
		if part.Name != partSchema {
			continue
		}
		if err := json.Unmarshal(part.Spec, &spec); err != nil || spec.Encoding == "" || spec.Major == 0 {
			return spec, fault.New(fault.Corrupt, "the description of part %s makes no sense", part.Name)
		}
		return spec, nil
	}
	return spec, fault.New(fault.Invalid, "the recovery point has no part %s: it is not of a PostgreSQL database", partSchema)
}

func requireRestorable(ctx context.Context, server *pgx.Conn, spec schemaSpec) (major int, err error) {
	found, err := describeServer(ctx, server)
	if err != nil {
		return 0, err
	}
	if found.Major < spec.Major {
		return 0, fault.New(fault.Unsupported, "the recovery point is of PostgreSQL %d, the target is %d: restore to %d or newer",
			spec.Major, found.Major, spec.Major)
	}
	return found.Major, nil
}

// maintenance connects to a database of the same server that is not the one to restore.
func (a *address) maintenance(ctx context.Context) (*pgx.Conn, error) {
	if a.config.Database != "postgres" {
		conn, err := a.database("postgres").connect(ctx, "UTF8")
		if !fault.Is(err, fault.Missing) {
			return conn, err
		}
	}
	return a.database("template1").connect(ctx, "UTF8")
}
