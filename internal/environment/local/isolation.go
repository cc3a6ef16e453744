package local

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

const (
	// knockWithin bounds one try to connect from outside.
	knockWithin = 3 * time.Second
	// mostAddresses is how many addresses of the host are tried: one that runs
	// containers may have hundreds, all alike.
	mostAddresses = 16
)

// errRefused is what a server says to a login that it does not let in, in its own words.
type errRefused struct{ said string }

func (e errRefused) Error() string { return "refused: " + e.said }

// Limits say what an environment on this host does not keep apart.
func Limits() []string {
	return []string{
		"restored servers and the application's programs share the host's network: what they may reach from there is not barred",
		"the administrator of a restored PostgreSQL may reach other servers by SQL (dblink, postgres_fdw, COPY FROM PROGRAM), that of a restored Redis by REPLICAOF and MIGRATE; only the drill, and the programs that its plan gives them to, have their passwords",
		"where the application's programs listen is their own affair",
		"connections to the host's other addresses were tried from the host itself, not from another one",
	}
}

// TryIsolation tries what a running restored server should refuse, and looks at
// what it should not do: it listens on loopback alone and is reached on no other
// address of the host; it lets nobody in without its own password, and nobody
// with the live credentials, which are the URLs of the surface that was restored
// and of the server's kind; it replicates and archives nothing, and is connected to nothing but loopback. What can't be
// looked at counts as failed. Nothing of a credential is in the attempts.
//
// Errors: Missing when there is no such server, Unavailable when it does not
// answer, Conflict while it is being recovered.
func (e *Environment) TryIsolation(ctx context.Context, id string, live []secret.String) ([]drill.Attempt, error) {
	i, err := e.instance(id)
	if err != nil {
		return nil, err
	}
	switch err := i.mustLoad(); {
	case err != nil:
		return nil, err
	case i.rec.State != stateLoading && i.rec.State != stateDurable:
		return nil, fault.New(fault.Conflict, "environment %s is not ready yet: look at it once it is restored", id)
	case !i.answers(ctx):
		return nil, fault.New(fault.Unavailable, "environment %s does not answer: see its log", id)
	}
	out := i.trySockets()
	out = append(out, i.knock(ctx)...)
	out = append(out, i.tryLogins(ctx, live)...)
	out = append(out, i.kind.observe(ctx, i)...)
	return out, ctx.Err()
}

// attempt says what became of one try.
func attempt(what, expected, observed string, ok bool) drill.Attempt {
	a := drill.Attempt{What: what, Expected: expected, Observed: observed, Result: drill.Fail}
	if ok {
		a.Result = drill.Pass
	}
	return a
}

// unseen is of what could not be looked at.
func unseen(what, expected string, err error) drill.Attempt {
	return attempt(what, expected, "could not be looked at: "+fault.Line(err), false)
}

// trySockets looks at every socket of the server's processes.
func (i *instance) trySockets() []drill.Attempt {
	const (
		listens, onlyHere      = "sockets that it listens on", "on loopback alone"
		connected, withNothing = "connections of its processes", "none but to loopback"
	)
	found, err := i.sockets()
	if err != nil {
		return []drill.Attempt{unseen(listens, onlyHere, err), unseen(connected, withNothing, err)}
	}
	var here, there, outside []string
	for _, s := range found {
		switch {
		case s.listens() && s.local.Addr().IsLoopback():
			here = append(here, s.network+" "+s.local.String())
		case s.listens():
			there = append(there, s.network+" "+s.local.String())
		case s.connected() && !s.remote.Addr().IsLoopback():
			outside = append(outside, s.network+" "+s.remote.String())
		}
	}
	heard := slices.Contains(here, "tcp "+i.address())
	observed := list(append(there, here...), "none, not even "+i.address())
	return []drill.Attempt{
		attempt(listens, onlyHere, observed, heard && len(there) == 0),
		attempt(connected, withNothing, list(outside, "none but to loopback"), len(outside) == 0),
	}
}

func list(texts []string, none string) string {
	if len(texts) == 0 {
		return none
	}
	slices.Sort(texts)
	texts = slices.Compact(texts)
	if n := len(texts); n > 10 {
		texts = append(texts[:10:10], "and "+strconv.Itoa(n-10)+" more")
	}
	return strings.Join(texts, ", ")
}

// knock tries to connect to the server's port on the host's other addresses.
func (i *instance) knock(ctx context.Context) []drill.Attempt {
	const expected = "no connection"
	addresses, err := outsideAddresses()
	if err != nil {
		return []drill.Attempt{unseen("connections to the host's other addresses", expected, err)}
	}
	if len(addresses) == 0 {
		return []drill.Attempt{{
			What: "connections to the host's other addresses", Expected: expected,
			Observed: "the host has no address but loopback", Result: drill.Skipped,
		}}
	}
	out := make([]drill.Attempt, len(addresses))
	done := make(chan struct{})
	for n, address := range addresses {
		go func() {
			defer func() { done <- struct{}{} }()
			to := netip.AddrPortFrom(address, uint16(i.rec.Port)).String()
			err := connects(ctx, to)
			observed := "it was accepted"
			if err != nil {
				observed = "refused: " + reason(err)
			}
			out[n] = attempt("connect to "+to, expected, observed, err != nil)
		}()
	}
	for range addresses {
		<-done
	}
	return out
}

func connects(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, knockWithin)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// reason is the cause of a failed connection, without what is known anyhow.
func reason(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "no answer"
	}
	return fault.Line(err)
}

// outsideAddresses are the host's own that others may reach.
func outsideAddresses() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, one := range interfaces {
		addresses, err := one.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addresses {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				return nil, err
			}
			address := prefix.Addr().Unmap()
			if address.IsLoopback() || one.Flags&net.FlagUp == 0 {
				continue
			}
			if address.IsLinkLocalUnicast() && address.Is6() {
				address = address.WithZone(one.Name)
			}
			out = append(out, address)
		}
	}
	return out[:min(len(out), mostAddresses)], nil
}

// tryLogins tries to log in with everything but the server's own password.
func (i *instance) tryLogins(ctx context.Context, live []secret.String) []drill.Attempt {
	own, _ := i.kind.credentials(i.kind.url(i))
	out := []drill.Attempt{i.tryLogin(ctx, "log in without a password", login{user: own.user})}
	for _, url := range live {
		l, ok := i.kind.credentials(url)
		if !ok {
			out = append(out, attempt("log in with live credentials", "refused", "the live URL is none of "+i.rec.Kind, false))
			continue
		}
		out = append(out, i.tryLogin(ctx, "log in as "+strconv.Quote(l.user)+" with the live password", l))
	}
	return out
}

func (i *instance) tryLogin(ctx context.Context, what string, l login) drill.Attempt {
	ctx, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	err := i.kind.login(ctx, i, l)
	refused, ok := errors.AsType[errRefused](err)
	switch {
	case err == nil:
		return attempt(what, "refused", "let in", false)
	case ok:
		return attempt(what, "refused", refused.Error(), true)
	default:
		// Neither let in nor refused: nothing is known.
		return attempt(what, "refused", "could not be tried: "+reason(err), false)
	}
}

// login is a name with its password.
type login struct{ user, password string }
