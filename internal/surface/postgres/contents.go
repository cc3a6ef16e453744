package postgres

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// contents is the table of contents of an archive, as pg_restore --list prints it.
type contents struct {
	order []int
	entry map[int]contentsEntry
}

type contentsEntry struct {
	// line is the entry as pg_restore wants it in a list of what to restore.
	line string
	kind string
	// needs are the entries that must be restored before.
	needs []int
}

// relationKinds hold rows or show them; the others of knownKinds belong to
// one, and come along with it.
var (
	relationKinds = []string{"TABLE", "FOREIGN TABLE", "MATERIALIZED VIEW", "VIEW"}
	// knownKinds are tried in order, so what begins with another one comes first.
	knownKinds = append([]string{
		"TABLE ATTACH", "DEFAULT ACL", "DEFAULT", "SEQUENCE OWNED BY", "SEQUENCE", "CHECK CONSTRAINT", "FK CONSTRAINT", "CONSTRAINT",
		"INDEX ATTACH", "INDEX", "TRIGGER", "RULE", "POLICY", "ROW SECURITY", "STATISTICS", "ACL", "COMMENT", "SCHEMA",
	}, relationKinds...)
	companionKinds = []string{
		"DEFAULT", "SEQUENCE OWNED BY", "SEQUENCE", "CHECK CONSTRAINT", "FK CONSTRAINT", "CONSTRAINT", "INDEX ATTACH", "INDEX",
		"TRIGGER", "RULE", "POLICY", "ROW SECURITY", "STATISTICS", "ACL", "COMMENT",
	}
)

var contentsLine = regexp.MustCompile(`^(\d+); \d+ \d+ (.*)$`)

func parseContents(text string) contents {
	c := contents{entry: map[int]contentsEntry{}}
	last := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if needs, ok := strings.CutPrefix(line, ";\tdepends on:"); ok {
			e := c.entry[last]
			for word := range strings.FieldsSeq(needs) {
				if id, err := strconv.Atoi(word); err == nil {
					e.needs = append(e.needs, id)
				}
			}
			c.entry[last] = e
			continue
		}
		m := contentsLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		id, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		e := contentsEntry{line: line}
		for _, kind := range knownKinds {
			if strings.HasPrefix(m[2], kind+" ") {
				e.kind = kind
				break
			}
		}
		last = id
		c.order = append(c.order, id)
		c.entry[id] = e
	}
	return c
}

// lines are the entries of a set, in the order of the archive.
func (c contents) lines(set map[int]bool) []string {
	var lines []string
	for _, id := range c.order {
		if set[id] {
			lines = append(lines, c.entry[id].line)
		}
	}
	return lines
}

// readContents lists the archive: with filters the entries that they leave,
// without any all entries, and what each of them needs (which pg_restore shows
// only where it does not filter).
func (r *restore) readContents(ctx context.Context, filter ...string) (contents, error) {
	var out bytes.Buffer
	if len(filter) == 0 {
		filter = []string{"--verbose"}
	}
	_, err := r.at.run(ctx, nil, &out, r.tools.program("pg_restore"), append(filter, "--list", r.archive)...)
	return parseContents(out.String()), fault.While(err, "list what the recovery point holds")
}

// choice is what a selection means: own is what was asked for, needed what
// that can't be without.
type choice struct{ own, needed map[int]bool }

func (r *restore) choose(ctx context.Context, all contents) (choice, error) {
	own := map[int]bool{}
	for _, schema := range r.target.Selection.Schemas {
		found, err := r.readContents(ctx, "--schema="+schema)
		if err != nil {
			return choice{}, err
		}
		if len(found.order) == 0 {
			return choice{}, fault.New(fault.Missing, "the recovery point has nothing in a schema %s", schema)
		}
		all.addSchema(own, schema, found)
	}
	for _, table := range r.target.Selection.Tables {
		schema, name, err := splitTable(table)
		if err != nil {
			return choice{}, err
		}
		found, err := r.readContents(ctx, "--schema="+schema, "--table="+name)
		if err != nil {
			return choice{}, err
		}
		if !slices.ContainsFunc(found.order, func(id int) bool { return found.entry[id].kind == "TABLE" }) {
			return choice{}, fault.New(fault.Missing, "the recovery point has no table %s", table)
		}
		for _, id := range found.order {
			own[id] = true
		}
	}
	all.grow(own)
	return choice{own: own, needed: all.closure(own)}, nil
}

// addSchema adds what is in a schema, and the schema itself, which is nowhere.
func (c contents) addSchema(own map[int]bool, schema string, found contents) {
	for _, id := range found.order {
		if strings.Contains(found.entry[id].line, " PUBLICATION ") {
			continue
		}
		own[id] = true
		for _, need := range c.entry[id].needs {
			if e := c.entry[need]; e.kind == "SCHEMA" && strings.Contains(e.line, " SCHEMA - "+schema+" ") {
				own[need] = true
			}
		}
	}
}

// grow adds what belongs to relations in the set: partitions, columns'
// defaults, indexes and so on. What belongs to a second relation, too, such as
// a foreign key, comes only if that one is in the set.
func (c contents) grow(own map[int]bool) {
	for grown := true; grown; {
		grown = false
		for _, id := range c.order {
			if e := c.entry[id]; !own[id] && c.belongs(own, e) {
				own[id], grown = true, true
				if e.kind == "TABLE ATTACH" {
					own[e.needs[0]] = true
				}
			}
		}
	}
	for id := range own {
		if e := c.entry[id]; e.kind == "FK CONSTRAINT" && !c.relationsIn(own, e) {
			delete(own, id)
		}
	}
}

func (c contents) belongs(own map[int]bool, e contentsEntry) bool {
	if e.kind == "TABLE ATTACH" { // of the partition to its parent
		return len(e.needs) >= 2 && own[e.needs[1]]
	}
	return slices.Contains(companionKinds, e.kind) && c.relationsIn(own, e) &&
		slices.ContainsFunc(e.needs, func(need int) bool { return own[need] })
}

func (c contents) relationsIn(own map[int]bool, e contentsEntry) bool {
	return !slices.ContainsFunc(e.needs, func(need int) bool {
		return slices.Contains(relationKinds, c.entry[need].kind) && !own[need]
	})
}

// closure is what a set needs, directly or not, and does not have.
func (c contents) closure(own map[int]bool) map[int]bool {
	needed := map[int]bool{}
	var visit func(id int)
	visit = func(id int) {
		for _, need := range c.entry[id].needs {
			if _, there := c.entry[need]; there && !own[need] && !needed[need] {
				needed[need] = true
				visit(need)
			}
		}
	}
	for id := range own {
		visit(id)
	}
	return needed
}

// restoreNeeded makes what the selection needs, where it does not exist.
// It belongs to the user who restores.
func (r *restore) restoreNeeded(ctx context.Context, conn *pgx.Conn, all contents, chosen choice) error {
	for _, schema := range r.target.Selection.Schemas {
		// The archive has no entry for a schema that every database has.
		if !slices.ContainsFunc(all.lines(chosen.own), func(line string) bool { return strings.Contains(line, " SCHEMA - "+schema+" ") }) {
			if err := execute(ctx, conn, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize()); err != nil {
				return classify(err, "create schema "+schema)
			}
		}
	}
	if len(chosen.needed) == 0 {
		return nil
	}
	list, err := r.scratch.write("needed.list", all.lines(chosen.needed))
	if err != nil {
		return err
	}
	said, err := r.at.run(ctx, nil, nil, r.tools.program("pg_restore"), "--section=pre-data", "--use-list="+list,
		"--no-owner", "--no-privileges", "--no-password", "--dbname="+r.at.conninfo(), r.archive)
	if err != nil && (ctx.Err() != nil || !onlyExisting(said)) {
		return fault.While(err, "make what the selection needs")
	}
	return nil
}

// onlyExisting reports whether all that pg_restore complains of is that objects exist.
func onlyExisting(said string) bool {
	complained := false
	for line := range strings.Lines(said) {
		if !strings.Contains(line, "error:") {
			continue
		}
		complained = true
		if !strings.Contains(line, "ERROR:") || !strings.Contains(line, "already exists") {
			return false
		}
	}
	return complained && len(said) < errorOutputKept
}
