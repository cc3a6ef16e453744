package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// sequencesAtOnce is how many sequences one query reads.
const sequencesAtOnce = 500

// sequence is one sequence: its qualified, quoted name in the encoding of the
// session, and in UTF-8, as fingerprints show it.
type sequence struct{ sql, name string }

func sequences(ctx context.Context, conn *pgx.Conn) ([]sequence, error) {
	rows, err := conn.Query(ctx, `
		SELECT `+qualified+`, `+utf8Of(qualified)+`
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
			AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		LEFT JOIN pg_extension e ON e.oid = d.refobjid
		WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
			AND CASE WHEN e.oid IS NULL THEN `+userSchema+` ELSE c.oid = ANY(e.extconfig) END
		ORDER BY 1`)
	if err != nil {
		return nil, classify(err, "list the sequences")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (sequence, error) {
		var q sequence
		var name []byte
		err := row.Scan(&q.sql, &name)
		q.name = display(name)
		return q, err
	})
	return list, classify(err, "list the sequences")
}

// sequenceEntries reads the values of sequences. Sequences do not obey
// snapshots: as they are read after the snapshot was taken, they are never
// behind the rows that used them.
func sequenceEntries(ctx context.Context, conn *pgx.Conn) (surface.Fingerprint, error) {
	list, err := sequences(ctx, conn)
	if err != nil {
		return nil, err
	}
	var f surface.Fingerprint
	for len(list) > 0 {
		n := min(len(list), sequencesAtOnce)
		selects := make([]string, n)
		for i, q := range list[:n] {
			selects[i] = fmt.Sprintf("SELECT %d AS i, last_value, is_called FROM %s", i, q.sql)
		}
		rows, err := conn.Query(ctx, strings.Join(selects, " UNION ALL "))
		if err != nil {
			return nil, classify(err, "read the sequences")
		}
		var i int
		var value int64
		var called bool
		_, err = pgx.ForEachRow(rows, []any{&i, &value, &called}, func() error {
			f = append(f, surface.Entry{Kind: entrySequence, Name: list[i].name, Count: 1, Digest: sequenceDigest(value, called)})
			return nil
		})
		if err != nil {
			return nil, classify(err, "read the sequences")
		}
		list = list[n:]
	}
	return f, nil
}

const sequenceFormat = "last=%d called=%t"

func sequenceDigest(value int64, called bool) string {
	return fmt.Sprintf(sequenceFormat, value, called)
}

// setSequences gives sequences the values of a fingerprint.
func setSequences(ctx context.Context, conn *pgx.Conn, f surface.Fingerprint) error {
	list, err := sequences(ctx, conn)
	if err != nil {
		return err
	}
	bySQL := make(map[string]string, len(list))
	for _, q := range list {
		bySQL[q.name] = q.sql
	}
	batch := &pgx.Batch{}
	for _, e := range f {
		if e.Kind != entrySequence {
			continue
		}
		sql, there := bySQL[e.Name]
		if !there {
			return fault.New(fault.Missing, "the restored schema has no sequence %s", e.Name)
		}
		var value int64
		var called bool
		if _, err := fmt.Sscanf(e.Digest, sequenceFormat, &value, &called); err != nil {
			return fault.Wrap(fault.Corrupt, err, "read the value of sequence %s", e.Name)
		}
		batch.Queue("SELECT setval($1::text::regclass, $2, $3)", sql, value, called)
	}
	if batch.Len() == 0 {
		return nil
	}
	return classify(conn.SendBatch(ctx, batch).Close(), "set the sequences")
}
