package apiserver

import (
	"fmt"
	"testing"
	"time"
)

func newTestFailures() (*failures, func(time.Duration)) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := newFailures()
	f.now = func() time.Time { return now }
	return f, func(d time.Duration) { now = now.Add(d) }
}

func TestFailuresAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	f, pass := newTestFailures()
	for i := range addressBurst {
		if wait, _ := f.attempt("10.0.0.1", fmt.Sprint("key", i)); wait > 0 {
			t.Fatalf("try %d has to wait %s", i, wait)
		}
	}
	wait, _ := f.attempt("10.0.0.1", "another")
	if wait <= 0 || wait > addressEvery {
		t.Errorf("after the burst the wait is %s", wait)
	}
	if wait, _ := f.attempt("10.0.0.2", "another"); wait > 0 {
		t.Error("another address is held back too")
	}
	pass(addressEvery)
	if wait, _ := f.attempt("10.0.0.1", "another"); wait > 0 {
		t.Errorf("after waiting it has to wait %s more", wait)
	}
	if wait, _ := f.attempt("10.0.0.1", "another"); wait <= 0 {
		t.Error("the wait earned more than one try")
	}
}

func TestFailuresAreLimitedByKey(t *testing.T) {
	t.Parallel()
	f, _ := newTestFailures()
	for i := range keyBurst {
		if wait, _ := f.attempt(fmt.Sprintf("10.0.1.%d", i), "admin"); wait > 0 {
			t.Fatalf("try %d has to wait %s", i, wait)
		}
	}
	if wait, _ := f.attempt("10.0.2.1", "admin"); wait <= 0 {
		t.Error("guesses at one key from many addresses are not limited")
	}
}

func TestSuccessesCostNothing(t *testing.T) {
	t.Parallel()
	f, _ := newTestFailures()
	for i := range 10 * addressBurst {
		wait, forgive := f.attempt("10.0.0.1", "ci")
		if wait > 0 {
			t.Fatalf("try %d has to wait %s though all succeeded", i, wait)
		}
		forgive()
	}
}

func TestOneClientIsOneNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"10.1.2.3": "10.1.2.3", "::ffff:10.1.2.3": "::ffff:10.1.2.3",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
		"socket": "socket",
	} {
		if got := network(address); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
}

func TestLRUForgetsTheOldest(t *testing.T) {
	t.Parallel()
	c := newLRU[string, int](2)
	c.put("a", 1)
	c.put("b", 2)
	c.put("a", 3)
	c.put("c", 4)
	if _, ok := c.get("b"); ok {
		t.Error("the one used longest ago is still there")
	}
	if a, ok := c.get("a"); !ok || a != 3 {
		t.Errorf("a is %d, %v", a, ok)
	}
	c.put("d", 5)
	if _, ok := c.get("c"); ok {
		t.Error("reading did not count as use")
	}
}
