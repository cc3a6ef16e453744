package observe

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAReadingIsMadeWhenItIsDue(t *testing.T) {
	t.Parallel()
	n := 0
	var err error
	r := &reading[int]{every: time.Minute, again: 10 * time.Second, within: time.Minute, read: func(context.Context) (int, error) { n++; return n, err }}
	at := func(seconds int) int {
		now := noon.Add(time.Duration(seconds) * time.Second)
		await(t.Context(), r.start(t.Context(), now))
		last, _ := r.result()
		return last.value
	}
	if _, known, line := fresh(r, "it", noon); known || line != "" {
		t.Errorf("before the first: %v %q", known, line)
	}
	if at(0) != 1 || at(59) != 1 || at(60) != 2 {
		t.Errorf("it was read %d times", n)
	}
	r.hurry()
	if at(61) != 3 || at(62) != 3 {
		t.Errorf("it was read %d times after something changed", n)
	}
	err = errors.New("gone")
	if at(121) != 4 || at(130) != 4 || at(131) != 5 {
		t.Errorf("it was read %d times while it failed", n)
	}
	if v, known, line := fresh(r, "it", noon.Add(131*time.Second)); v != 5 || !known || line != "it: gone" {
		t.Errorf("a failure: %v %v %q", v, known, line)
	}
	if _, known, line := fresh(r, "it", noon.Add(time.Hour)); known || line == "" {
		t.Errorf("after an hour: %v %q", known, line)
	}
	r.took, r.last.err = 10*time.Second, nil
	if at(131+199) != 5 || at(131+200) != 6 {
		t.Error("what takes ten seconds is not read every 200 seconds")
	}
	r.took = 10 * time.Second
	r.hurry()
	if at(331+199) != 6 || at(331+200) != 7 {
		t.Error("what takes ten seconds is read more often when it is hurried")
	}
}

// TestAReadingThatHangs holds up nobody, and is told of.
func TestAReadingThatHangs(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	r := &reading[int]{every: time.Minute, within: time.Hour, read: func(ctx context.Context) (int, error) {
		select {
		case <-stop:
			return 1, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}}
	done := r.start(t.Context(), noon)
	if r.start(t.Context(), noon.Add(time.Hour)) != done {
		t.Error("it is read twice at once")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	await(ended, done)
	if !begins(r, noon.Add(time.Minute)) || begins(r, noon.Add(time.Hour)) {
		t.Error("when a first reading has lasted for too long is not known")
	}
	if _, known, line := fresh(r, "it", noon.Add(time.Hour)); known || !strings.Contains(line, "does not answer since 2026-03-01T12:00:00Z") {
		t.Errorf("after an hour: %v %q", known, line)
	}
	close(stop)
	await(t.Context(), done)
	if v, known, line := fresh(r, "it", noon.Add(time.Minute)); v != 1 || !known || line != "" {
		t.Errorf("once it has answered: %v %v %q", v, known, line)
	}
}

func TestAReadingIsGivenUp(t *testing.T) {
	t.Parallel()
	r := &reading[int]{every: time.Minute, within: time.Millisecond, read: func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, errors.New("the library's words")
	}}
	await(t.Context(), r.start(t.Context(), noon))
	if _, _, line := fresh(r, "it", noon); line != "it: it did not answer within 1ms" {
		t.Errorf("%q", line)
	}
}
