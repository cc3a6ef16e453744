package postgres

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// defaultJobs is how many statements run at once where the target does not say.
const defaultJobs = 2

// Finish implements surface.Surface: values of sequences, then indexes,
// constraints, triggers and policies, then materialized views. On a throw-away
// server statistics are gathered, too.
func (s *Surface) Finish(ctx context.Context, t surface.Target, src surface.Source) error {
	at, err := s.target(t.URL)
	if err != nil {
		return err
	}
	encoding := ""
	if !t.Selection.All() {
		encoding = "UTF8" // of the names in the selection
	}
	conn, err := at.connect(ctx, encoding)
	if err != nil {
		return err
	}
	defer goodbye(conn)
	if begun, err := underRestore(ctx, conn); err != nil || !begun {
		return err // a restore that is not under way is finished
	}
	if err := endOthers(ctx, conn); err != nil {
		return err
	}
	if err := alone(ctx, conn); err != nil {
		return err
	}
	done, err := claimed(ctx, conn)
	if err != nil {
		return err
	}
	r := &restore{surface: s, target: t, at: at}
	expected := src.Fingerprint()
	if t.Selection.All() {
		err = requireLoaded(src, done)
	} else {
		expected, err = selectedEntries(ctx, conn, expected, t.Selection)
	}
	if err != nil {
		return err
	}
	if err := setSequences(ctx, conn, expected); err != nil {
		return err
	}
	if err := r.postData(ctx, conn, src, done); err != nil {
		return err
	}
	if err := r.settle(ctx, conn, expected); err != nil {
		return err
	}
	return classify(execute(ctx, conn, "DROP SCHEMA "+bookkeeping+" CASCADE"), "drop the bookkeeping of the restore")
}

func requireLoaded(src surface.Source, done map[string]bool) error {
	for _, part := range src.Parts() {
		if part.Role == surface.RoleData && !done[part.Name] {
			return fault.New(fault.Invalid, "part %s has not been loaded: the restore can't be finished", part.Name)
		}
	}
	return nil
}

// postData restores what comes after the rows. Where an earlier attempt has
// begun with it, what that one made is dropped first.
func (r *restore) postData(ctx context.Context, conn *pgx.Conn, src surface.Source, done map[string]bool) error {
	if done[markPostData] {
		return nil
	}
	scratch, err := openScratch(r.target.ScratchDir)
	if err != nil {
		return err
	}
	defer scratch.close()
	r.scratch = scratch
	if r.archive, err = scratch.fetch(ctx, src, partSchema); err != nil {
		return err
	}
	spec, err := readSchemaSpec(src)
	if err != nil {
		return err
	}
	server, err := describeServer(ctx, conn)
	if err != nil {
		return err
	}
	if r.tools, err = findTools(ctx, r.surface.config.BinDir, max(server.Major, spec.Tools)); err != nil {
		return err
	}
	args, err := r.postDataArgs(ctx)
	if err != nil {
		return err
	}
	if done[markPostDataBegun] {
		args = append(args, "--clean", "--if-exists")
	} else if _, err := claim(ctx, conn, markPostDataBegun); err != nil {
		return err
	}
	if err := r.pgRestore(ctx, args...); err != nil {
		return err
	}
	_, err = claim(ctx, conn, markPostData)
	return err
}

func (r *restore) postDataArgs(ctx context.Context) ([]string, error) {
	jobs := r.target.Jobs
	if jobs < 1 {
		jobs = defaultJobs
	}
	args := []string{"--section=post-data", "--exit-on-error", "--jobs=" + strconv.Itoa(jobs)}
	if r.target.Selection.All() {
		return args, nil
	}
	all, err := r.readContents(ctx)
	if err != nil {
		return nil, err
	}
	chosen, err := r.choose(ctx, all)
	if err != nil {
		return nil, err
	}
	list, err := r.scratch.write("own.list", all.lines(chosen.own))
	return append(args, "--use-list="+list), err
}

// settle brings up to date what is made from the rows. The source's event
// triggers are in place by now; a superuser keeps them from acting on it.
func (r *restore) settle(ctx context.Context, conn *pgx.Conn, expected surface.Fingerprint) error {
	_, err := conn.Exec(ctx, `
		SELECT set_config('session_replication_role', 'replica', false) WHERE current_setting('is_superuser')::bool`)
	if err != nil {
		return classify(err, "hold back event triggers")
	}
	if err := refreshMatviews(ctx, conn, expected); err != nil {
		return err
	}
	if r.target.Throwaway {
		return classify(execute(ctx, conn, "ANALYZE"), "gather statistics")
	}
	return nil
}
