// Package managedtest holds doubles of the providers that run managed recovery,
// and the one suite that every service passes. The doubles speak the providers'
// own protocols, and what they restore is a real PostgreSQL server, recovered
// from a base backup and archived log to the asked time.
package managedtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// Source is the name of the instance that every Cloud has from its start.
const Source = "orders"

// failure is what both doubles say of a restore that has failed.
const failure = "the backup can't be used"

// Cloud is what both doubles offer through their protocols: a source with its
// backups, and instances that are restored from it.
type Cloud struct {
	// PG is the server of the source.
	PG *servers.PG
	// Earliest is the first time that can be restored to.
	Earliest time.Time

	t     testing.TB
	owner *syscall.Credential

	mu        sync.Mutex
	instances map[string]*instance
	restores  int
	throttled int
	failing   bool
	// gate is closed but while restores are held.
	gate chan struct{}
	// sight is nil but while looks are held; waiting counts those.
	sight   chan struct{}
	waiting int
	busy    sync.WaitGroup
}

// status is how an instance is, in the words of neither provider.
type status string

const (
	creating  status = "creating"
	available status = "available"
	failed    status = "failed"
	deleting  status = "deleting"
)

type instance struct {
	name   string
	status status
	tags   map[string]string
	// host is where the server listens, on the port of the source.
	host    string
	process *servers.Process
	// asked is the request as its protocol had it, for tests.
	asked map[string]string
	// looks counts how often the operation was looked at that makes it.
	looks int
}

// NewCloud starts a source, archives its log and takes a base backup.
func NewCloud(t testing.TB) *Cloud {
	t.Helper()
	gate := make(chan struct{})
	close(gate)
	c := &Cloud{t: t, gate: gate, instances: map[string]*instance{}, PG: servers.Postgres(t,
		"archive_mode = on",
		// The folders of a cluster are beside each other.
		"archive_command = 'test ! -f ../archive/%f && cp %p ../archive/%f.part && mv ../archive/%f.part ../archive/%f'",
	)}
	info, err := os.Stat(c.PG.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		of := info.Sys().(*syscall.Stat_t)
		c.owner = &syscall.Credential{Uid: of.Uid, Gid: of.Gid}
	}
	t.Cleanup(c.busy.Wait)
	for _, command := range [][]string{
		{"mkdir", "archive"},
		{c.PG.Tool("pg_basebackup"), "-d", c.PG.URL, "-D", "base", "-X", "fetch", "-c", "fast", "--no-sync"},
	} {
		if err := c.run(command...); err != nil {
			t.Fatal(err)
		}
	}
	// The first whole second after the backup, which must have come for a window to be.
	c.Earliest = time.Now().Truncate(time.Second).Add(time.Second)
	for time.Now().Before(c.Earliest) {
		time.Sleep(time.Until(c.Earliest))
	}
	c.instances[Source] = &instance{name: Source, status: available, host: "127.0.0.1"}
	return c
}

// SourceURL connects to the source.
func (c *Cloud) SourceURL() string { return c.PG.URL }

// Began is the first time that can be restored to.
func (c *Cloud) Began() time.Time { return c.Earliest }

// Throttle makes the double refuse the next n requests as too many.
func (c *Cloud) Throttle(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.throttled = n
}

// throttle takes one request off what is left to refuse.
func (c *Cloud) throttle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.throttled == 0 {
		return false
	}
	c.throttled--
	return true
}

// FailRestores says whether restores that begin from now on fail.
func (c *Cloud) FailRestores(fail bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing = fail
}

// Hold keeps restores from going on until release is called.
func (c *Cloud) Hold() (release func()) {
	held := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gate = held
	release = sync.OnceFunc(func() { close(held) })
	c.t.Cleanup(release)
	return release
}

// HoldLooks keeps looks at instances from being answered until release is called.
func (c *Cloud) HoldLooks() (release func()) {
	held := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sight = held
	release = sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sight = nil
		close(held)
	})
	c.t.Cleanup(release)
	return release
}

// HeldLooks is how many looks wait for their answer.
func (c *Cloud) HeldLooks() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting
}

// look waits while looks are held.
func (c *Cloud) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sight == nil {
		return
	}
	sight := c.sight
	c.waiting++
	c.mu.Unlock()
	<-sight
	c.mu.Lock()
	c.waiting--
}

// Add makes an instance that no restore has made, without a server.
func (c *Cloud) Add(name string, tags map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.instances[name] = &instance{name: name, status: available, tags: tags, host: "127.0.0.1"}
}

// Remove takes an instance away, as somebody else might.
func (c *Cloud) Remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.instances, name)
}

// Has reports whether there is an instance that isn't being deleted.
func (c *Cloud) Has(name string) bool {
	found, ok := c.get(name)
	return ok && found.status != deleting
}

// Asked is the request that made an instance: its protocol's own names and values.
func (c *Cloud) Asked(name string) map[string]string {
	found, _ := c.get(name)
	return found.asked
}

// Restores is how many restores were begun.
func (c *Cloud) Restores() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.restores
}

func (c *Cloud) get(name string) (instance, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.instances[name]
	if found == nil {
		return instance{}, false
	}
	return *found, true
}

// looked counts a look at the operation that makes an instance.
func (c *Cloud) looked(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.instances[name]; found != nil {
		found.looks++
	}
}

// begin begins a restore; it reports false when the name is taken.
func (c *Cloud) begin(name string, at time.Time, tags, asked map[string]string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.instances[name] != nil {
		return false
	}
	c.restores++
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
	made := &instance{name: name, status: creating, tags: tags, asked: asked, host: host}
	c.instances[name] = made
	gate, failing := c.gate, c.failing
	c.busy.Go(func() {
		outcome := failed
		// A server that can't be started ends this goroutine with the test.
		defer func() { c.set(made, outcome) }()
		<-gate
		if failing {
			return
		}
		process, err := c.recover(name, host, at)
		if err != nil {
			c.t.Errorf("restore %s: %v", name, err)
			return
		}
		c.mu.Lock()
		made.process = process
		c.mu.Unlock()
		outcome = available
	})
	return true
}

func (c *Cloud) set(i *instance, s status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i.status = s
}

// end begins to delete an instance; it reports false when it can't be deleted now.
func (c *Cloud) end(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.instances[name]
	if found == nil || found.status == creating {
		return false
	}
	found.status = deleting
	c.busy.Go(func() {
		if found.process != nil {
			stop(found.process)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.instances, name)
	})
	return true
}
