package redis

import (
	"net"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func observed(t *testing.T, url string) ([]status.Replica, error) {
	t.Helper()
	s, err := New("cache", surface.Config{Kind: Kind, URL: secret.String(url)})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Observe(t.Context())
	return found.Replicas, err
}

// TestReplicas looks at a primary and at its replica, while it follows and after
// the primary is gone.
func TestReplicas(t *testing.T) {
	t.Parallel()
	primary := servers.Redis(t)
	host, port, err := net.SplitHostPort(primary.Address)
	if err != nil {
		t.Fatal(err)
	}
	replica := servers.Redis(t, "--replicaof", host+" "+port, "--masterauth", servers.RedisPassword)
	until := func(url, what string, is func(status.Replica) bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			found, err := observed(t, url)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 1 && is(found[0]) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("not within a minute: %s; %+v", what, found)
			}
		}
	}
	until(primary.URL, "the replica follows", func(r status.Replica) bool {
		return r.State == "online" && r.Name == replica.Address && r.LagBytes == 0 && r.LagSeconds != nil && *r.LagSeconds < 60
	})
	until(replica.URL, "the replica says so itself", func(r status.Replica) bool {
		return r.State == "up" && r.Name == "of "+primary.Address && r.LagSeconds != nil
	})
	primary.Kill()
	until(replica.URL, "the replica has lost its primary", func(r status.Replica) bool {
		return r.State == "down" && r.LagSeconds != nil && *r.LagSeconds >= 1
	})
}

func TestReplicasOfAServerThatMayNotBeAsked(t *testing.T) {
	t.Parallel()
	r := servers.Redis(t)
	if err := r.Client(t).Do(t.Context(), "ACL", "SETUSER", "narrow", "on", ">x", "+ping").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := observed(t, r.As("narrow", "x")); !fault.Is(err, fault.Denied) {
		t.Errorf("%v", err)
	}
}

func TestInfoOfReplicas(t *testing.T) {
	t.Parallel()
	got := replicas("# Replication\r\nrole:master\r\nconnected_slaves:2\r\n" +
		"slave0:ip=10.0.0.2,port=6379,state=online,offset=900,lag=75\r\n" +
		"slave1:ip=::1,port=6380,state=wait_bgsave,offset=0,lag=0\r\n" +
		"master_repl_offset:1000\r\nslave_read_only:1\r\n")
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	if r := got[0]; r.Name != "10.0.0.2:6379" || r.LagBytes != 100 || r.LagSeconds == nil || *r.LagSeconds != 75 || r.State != "online" {
		t.Errorf("%+v", r)
	}
	if r := got[1]; r.Name != "[::1]:6380" || r.LagBytes != 1000 || r.LagSeconds != nil {
		t.Errorf("%+v", r)
	}
}
