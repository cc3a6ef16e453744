package walspool

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

const size = 1 << 20

// playFetch makes this test binary, run again, play `lifeboat wal fetch`.
const playFetch = "LIFEBOAT_TEST_WAL_FETCH"

func TestMain(m *testing.M) {
	if how := os.Getenv(playFetch); how != "" {
		if how == "crash" {
			os.Exit(2)
		}
		// wal fetch --spool DIR NAME DEST
		patience, _ := time.ParseDuration(how)
		os.Exit(ExitCode(wait(context.Background(), os.Args[4], os.Args[5], os.Args[6], patience)))
	}
	m.Run()
}

// archive is a folder's worth of WAL that counts who asks for what.
type archive struct {
	mu      sync.Mutex
	files   map[string][]byte
	fails   map[string]error
	asked   []string
	flying  int
	highest int
}

func archived(names ...string) *archive {
	a := &archive{files: map[string][]byte{}, fails: map[string]error{}}
	for _, name := range names {
		a.add(name)
	}
	return a
}

func (a *archive) add(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := []byte(name)
	if len(name) == 24 {
		text = bytes.Repeat([]byte(name[16:]), size/8)
	}
	a.files[name] = text
}

func (a *archive) fetch(_ context.Context, name string, w io.Writer) error {
	a.mu.Lock()
	a.asked = append(a.asked, name)
	a.flying++
	a.highest = max(a.highest, a.flying)
	text, ok := a.files[name]
	err := a.fails[name]
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.flying--
		a.mu.Unlock()
	}()
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Missing, "there is no %s", name)
	}
	_, err = w.Write(text)
	return err
}

func (a *archive) times(name string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, asked := range a.asked {
		if asked == name {
			n++
		}
	}
	return n
}

func segment(timeline uint32, number uint64) wal.Segment {
	return wal.Segment{Timeline: timeline, Number: number}
}

func name(timeline uint32, number uint64) string { return segment(timeline, number).Name(size) }

func sequence(timeline uint32, from, to uint64) []string {
	var out []string
	for n := from; n <= to; n++ {
		out = append(out, name(timeline, n))
	}
	return out
}

// running runs a prefetcher until the test ends, or stop is called.
func running(t *testing.T, p Prefetcher, first, last wal.Segment) (stop func() error) {
	t.Helper()
	p.SegmentSize = size
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx, first, last) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { stop() })
	return stop
}

func take1(t *testing.T, dir, name string) {
	t.Helper()
	dest := filepath.Join(t.TempDir(), "it")
	if err := wait(t.Context(), dir, name, dest, time.Minute); err != nil {
		t.Fatalf("take %s: %v", name, err)
	}
	text, err := os.ReadFile(dest)
	if err != nil || (len(name) == 24 && (len(text) != size || string(text[:8]) != name[16:])) {
		t.Fatalf("%s was taken with %d bytes: %v", name, len(text), err)
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(lookEvery) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if namePattern.MatchString(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out
}

func TestFilesAreReadyInOrderAndBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := archived(sequence(1, 4090, 4130)...)
	running(t, Prefetcher{Dir: dir, Fetch: a.fetch, Ahead: 5, Parallel: 3}, segment(1, 4090), segment(1, 4120))
	for n := uint64(4090); n <= 4120; n++ {
		want := sequence(1, n, min(n+4, 4120))
		await(t, "fill the spool", func() bool { return slices.Equal(segments(t, dir), want) })
		take1(t, dir, name(1, n))
	}
	await(t, "end with nothing beyond the last", func() bool { return len(segments(t, dir)) == 0 })
	if a.highest > 3 || len(a.asked) != 31 {
		t.Errorf("%d fetches, up to %d at once", len(a.asked), a.highest)
	}
}

func TestWhatIsAskedForOutOfTurn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := archived(append(sequence(1, 1, 60), "00000002.history")...)
	running(t, Prefetcher{Dir: dir, Fetch: a.fetch, Ahead: 4}, segment(1, 10), wal.Segment{})
	take1(t, dir, name(1, 10))
	take1(t, dir, "00000002.history")
	if err := wait(t.Context(), dir, "00000003.history", filepath.Join(t.TempDir(), "it"), time.Minute); !fault.Is(err, fault.Missing) {
		t.Errorf("a history that is not there: %v", err)
	}
	// Once more, since the answer may have changed.
	a.add("00000003.history")
	take1(t, dir, "00000003.history")
	// The same again, then far back, then far ahead: the window follows.
	for _, n := range []uint64{10, 3, 50} {
		take1(t, dir, name(1, n))
		want := sequence(1, n+1, n+4)
		await(t, "follow to "+strconv.FormatUint(n, 10), func() bool { return slices.Equal(segments(t, dir), want) })
	}
	take1(t, dir, name(1, 60))
	if err := wait(t.Context(), dir, name(1, 61), filepath.Join(t.TempDir(), "it"), time.Minute); !fault.Is(err, fault.Missing) {
		t.Errorf("beyond the end: %v", err)
	}
	// The end of the archive may be its end no more.
	a.add(name(1, 61))
	take1(t, dir, name(1, 61))
}

func TestTimelinesAreFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := archived(append(append(sequence(1, 7, 10), sequence(3, 10, 12)...), sequence(5, 12, 14)...)...)
	history := wal.History{{Timeline: 1, End: segment(1, 10).Start(size) + 77}, {Timeline: 3, End: segment(3, 12).Start(size)}}
	running(t, Prefetcher{Dir: dir, Fetch: a.fetch, Ahead: 20, History: history}, segment(1, 8), segment(5, 14))
	want := slices.Concat(sequence(1, 8, 9), sequence(3, 10, 11), sequence(5, 12, 14))
	await(t, "fill the spool", func() bool { return slices.Equal(segments(t, dir), want) })
	// The server asks for the other file of the switch's segment, too.
	take1(t, dir, name(1, 10))
}

func TestAFailureMattersOnlyWhenItsFileIsWanted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := archived(sequence(1, 1, 9)...)
	broken := fault.New(fault.Unavailable, "the store is down")
	a.fails[name(1, 3)] = broken
	p := Prefetcher{Dir: dir, Fetch: a.fetch, SegmentSize: size}
	stop := running(t, p, segment(1, 1), wal.Segment{})
	await(t, "stop before the failure", func() bool { return a.times(name(1, 3)) == 1 && slices.Contains(segments(t, dir), name(1, 2)) })
	take1(t, dir, name(1, 1))
	take1(t, dir, name(1, 2))
	answered := make(chan error, 1)
	go func() {
		answered <- wait(context.Background(), dir, name(1, 3), filepath.Join(dir, "dest"), time.Minute)
	}()
	await(t, "try again", func() bool { return a.times(name(1, 3)) == 2 })
	await(t, "fail", func() bool {
		select {
		case err := <-answered:
			t.Fatalf("the server was told %v", err)
		default:
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.flying == 0
	})
	// The next prefetcher answers the question that the last one left.
	a.mu.Lock()
	delete(a.fails, name(1, 3))
	a.mu.Unlock()
	if err := stop(); err != nil && !errors.Is(err, broken) {
		t.Errorf("ended with %v", err)
	}
	running(t, p, segment(1, 1), wal.Segment{})
	if err := <-answered; err != nil {
		t.Errorf("after the second try: %v", err)
	}
}

func TestTheErrorOfAWantedFileIsReturned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := archived()
	a.fails[name(1, 1)] = fault.New(fault.Denied, "no key fits")
	if err := os.WriteFile(filepath.Join(dir, name(1, 1)+wantedSuffix), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := Prefetcher{Dir: dir, Fetch: a.fetch, SegmentSize: size}
	if err := p.Run(t.Context(), segment(1, 1), wal.Segment{}); !fault.Is(err, fault.Denied) {
		t.Errorf("an archive that can't be read: %v", err)
	}
	short := archived()
	short.files[name(1, 1)] = []byte("short")
	p.Fetch = short.fetch
	if err := p.Run(t.Context(), segment(1, 1), wal.Segment{}); !fault.Is(err, fault.Corrupt) {
		t.Errorf("a segment that is too short: %v", err)
	}
	for _, bad := range []Prefetcher{{Dir: dir, SegmentSize: 5}, {Dir: filepath.Join(dir, "absent"), SegmentSize: size}} {
		if err := bad.Run(t.Context(), segment(1, 1), wal.Segment{}); err == nil {
			t.Errorf("%+v ran", bad)
		}
	}
	if err := p.Run(t.Context(), segment(1, 9), segment(1, 1)); !fault.Is(err, fault.Invalid) {
		t.Errorf("from 9 to 1: %v", err)
	}
}

func TestASpoolIsTakenOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := archived(sequence(1, 1, 30)...)
	p := Prefetcher{Dir: dir, Fetch: a.fetch, Ahead: 3}
	stop := running(t, p, segment(1, 1), segment(1, 30))
	for n := uint64(1); n <= 20; n++ {
		take1(t, dir, name(1, n))
	}
	want := sequence(1, 21, 23)
	await(t, "fill the spool", func() bool { return slices.Equal(segments(t, dir), want) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "."+name(1, 24)+".123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(a.asked)
	running(t, p, segment(1, 1), segment(1, 30))
	take1(t, dir, name(1, 21))
	await(t, "go on", func() bool { return slices.Equal(segments(t, dir), sequence(1, 22, 24)) })
	if got := a.asked[before:]; !slices.Equal(got, sequence(1, 24, 24)) {
		t.Errorf("fetched again: %v", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".0*")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// command runs a restore_command as PostgreSQL does, for one file.
func command(t *testing.T, text, name, dest, how string) (exitCode int) {
	t.Helper()
	var out []byte
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			out = append(out, text[i])
			continue
		}
		i++
		switch text[i] {
		case 'f':
			out = append(out, name...)
		case 'p':
			out = append(out, dest...)
		case '%':
			out = append(out, '%')
		default:
			t.Fatalf("%%%c in %s", text[i], text)
		}
	}
	cmd := exec.Command("/bin/sh", "-c", string(out))
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), playFetch+"="+how)
	if err := cmd.Run(); err != nil {
		if _, ran := errors.AsType[*exec.ExitError](err); !ran {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(cmd.Dir, dest)); (err == nil) != (cmd.ProcessState.ExitCode() == 0) {
		t.Errorf("exit code %d, and the file: %v", cmd.ProcessState.ExitCode(), err)
	}
	return cmd.ProcessState.ExitCode()
}

func TestTheCommand(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), `it's 100% "odd" $(touch x) \ %f `)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lifeboat := filepath.Join(t.TempDir(), `life'boat %p $HOME`)
	if err := os.Symlink(mustExecutable(t), lifeboat); err != nil {
		t.Fatal(err)
	}
	text := Command(lifeboat, dir)
	// Nobody is there yet.
	if code := command(t, text, name(1, 1), "RECOVERYXLOG", "50ms"); code != 255 {
		t.Errorf("with no prefetcher the exit code is %d", code)
	}
	a := archived(name(1, 1))
	running(t, Prefetcher{Dir: dir, Fetch: a.fetch}, segment(1, 1), wal.Segment{})
	for _, c := range []struct {
		text, name, how string
		code            int
	}{
		{text, name(1, 1), "1m", 0},
		{text, name(1, 1), "1m", 0},
		{text, "00000002.history", "1m", 1},
		{text, name(1, 2), "crash", 255},
		{text, name(1, 2), "1m", 1},
		{Command("/not/there", dir), name(1, 3), "1m", 255},
		{Command(lifeboat, "/not/there"), name(1, 3), "1m", 255},
	} {
		if code := command(t, c.text, c.name, "RECOVERYXLOG", c.how); code != c.code {
			t.Errorf("%s of %s (%s) ended with %d, not %d", c.name, c.text, c.how, code, c.code)
		}
	}
}

func mustExecutable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWaitGivesUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dest := filepath.Join(t.TempDir(), "it")
	for _, bad := range []string{"", "../x", "0000000100000000000000g1", ".alive", "x.history"} {
		if err := Wait(t.Context(), dir, bad, dest); !fault.Is(err, fault.Invalid) || ExitCode(err) <= 125 {
			t.Errorf("%q: %v", bad, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Wait(ctx, dir, name(1, 1), dest) }()
	await(t, "ask", func() bool { return exists(filepath.Join(dir, name(1, 1)+wantedSuffix)) })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || ExitCode(err) <= 125 {
		t.Errorf("cancelled: %v", err)
	}
	go func() { ended <- Wait(t.Context(), dir, name(1, 2), dest) }()
	await(t, "ask", func() bool { return exists(filepath.Join(dir, name(1, 2)+wantedSuffix)) })
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !fault.Is(err, fault.Unavailable) {
		t.Errorf("the spool went away: %v", err)
	}
}
