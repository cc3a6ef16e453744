package postgres

import (
	"context"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func planLargeObjects(ctx context.Context, conn *pgx.Conn) ([]surface.Part, error) {
	var count, bytes int64
	err := conn.QueryRow(ctx, `
		SELECT (SELECT count(*) FROM pg_largeobject_metadata), pg_relation_size('pg_catalog.pg_largeobject')`).Scan(&count, &bytes)
	if err != nil {
		return nil, classify(err, "count the large objects")
	}
	if count == 0 {
		return nil, nil
	}
	return []surface.Part{{Name: partLargeObjects, Role: surface.RoleData, Format: FormatArchive, Estimate: bytes}}, nil
}

// dumpLargeObjects writes all large objects with their owners and privileges.
// pg_dump includes them on request also where every table is left out.
func (s *Surface) dumpLargeObjects(ctx context.Context, conn *pgx.Conn, at *address, t token, w io.Writer) (surface.Fingerprint, error) {
	found, err := s.toolsFor(ctx, conn)
	if err != nil {
		return nil, err
	}
	_, err = at.run(ctx, nil, w, found.program("pg_dump"), "--format=custom", "--compress=0", "--data-only", "--blobs",
		"--exclude-table=*.*", "--snapshot="+t.Snapshot, s.lockWaitFlag(), "--no-password")
	if err != nil {
		return nil, err
	}
	return largeObjectFingerprint(ctx, conn)
}

// largeObjectRows yields what large objects hold, in a form that does not
// depend on how they were written: zeros may be stored or left out.
const largeObjectRows = `COPY (
	SELECT m.oid, -1 AS page, convert_to(coalesce((SELECT pageno::bigint * (current_setting('block_size')::int / 4) + length(data) FROM pg_largeobject l
		WHERE l.loid = m.oid ORDER BY pageno DESC LIMIT 1), 0)::text, 'UTF8') AS data
	FROM pg_largeobject_metadata m
	UNION ALL
	SELECT loid, pageno, rtrim(data, '\x00') FROM pg_largeobject WHERE length(rtrim(data, '\x00')) > 0
) TO STDOUT WITH (FORMAT binary)`

// largeObjectFingerprint has one entry for all large objects, and none without
// any. A user who may not read pg_largeobject gets their number alone.
func largeObjectFingerprint(ctx context.Context, conn *pgx.Conn) (surface.Fingerprint, error) {
	var count int64
	var readable bool
	err := conn.QueryRow(ctx, `
		SELECT (SELECT count(*) FROM pg_largeobject_metadata), has_table_privilege('pg_catalog.pg_largeobject', 'SELECT')`).
		Scan(&count, &readable)
	if err != nil || count == 0 {
		return nil, classify(err, "count the large objects")
	}
	entry := surface.Entry{Kind: entryLargeObjects, Name: "all", Count: count}
	if readable {
		sum, err := newCopyOut(conn.PgConn(), io.Discard).copy(ctx, largeObjectRows, binaryHeader(""))
		if err != nil {
			return nil, classify(err, "read the large objects")
		}
		entry.Digest = surface.FormatSum(binarySum, sum.hi, sum.lo)
	}
	return surface.Fingerprint{entry}, nil
}

// loadLargeObjects restores the archive of large objects. What an attempt has
// left that did not come to its end is removed first.
func (s *Surface) loadLargeObjects(ctx context.Context, at *address, t surface.Target, r io.Reader) error {
	if !t.Selection.All() {
		return nil
	}
	conn, err := at.connect(ctx, "UTF8")
	if err != nil {
		return err
	}
	defer goodbye(conn)
	if err := alone(ctx, conn); err != nil {
		return err
	}
	done, err := claimed(ctx, conn)
	if err != nil || done[partLargeObjects] {
		return err
	}
	if err := dropLargeObjects(ctx, conn); err != nil {
		return err
	}
	found, err := s.toolsFor(ctx, conn)
	if err != nil {
		return err
	}
	in := &remembering{r: r}
	if _, err := at.run(ctx, in, nil, found.program("pg_restore"), "--exit-on-error", "--no-password", "--dbname="+at.conninfo()); err != nil {
		if in.err != nil {
			return in.err
		}
		return err
	}
	// pg_restore stops reading at the end of the archive; whether the bytes
	// were those that were written is known at the end of the part.
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	_, err = claim(ctx, conn, partLargeObjects)
	return err
}

// largeObjectsAtOnce bounds how many locks one transaction takes.
const largeObjectsAtOnce = 1000

func dropLargeObjects(ctx context.Context, conn *pgx.Conn) error {
	for {
		tag, err := conn.Exec(ctx, "SELECT lo_unlink(oid) FROM (SELECT oid FROM pg_largeobject_metadata LIMIT $1) l", largeObjectsAtOnce)
		if err != nil || tag.RowsAffected() == 0 {
			return classify(err, "remove the large objects of an earlier attempt")
		}
	}
}

// remembering keeps the error that reading ended with, which a child process
// that is fed from it would not tell.
type remembering struct {
	r   io.Reader
	err error
}

func (m *remembering) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}
