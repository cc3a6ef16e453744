//go:build !slim

package engine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// freePorts returns n different ports that nobody listens on. They are all held
// at once while they are chosen, and free again afterwards: somebody else may
// take one before it is used.
func freePorts(ctx context.Context, n int) ([]int, error) {
	ports := make([]int, 0, n)
	held := make([]net.Listener, 0, n)
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	for range n {
		l, at, err := listen(ctx, loopback, 0)
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "looking for a free port")
		}
		held = append(held, l)
		ports = append(ports, int(at.Port()))
	}
	return ports, nil
}

// requirePort fails with fault.Conflict when somebody listens on a port that was asked for.
func requirePort(ctx context.Context, port int) error {
	l, _, err := listen(ctx, loopback, port)
	if err != nil {
		return fault.Wrap(fault.Conflict, err, "the engine can't listen on port %d: stop what does, or choose another port", port)
	}
	return l.Close()
}

// listenUI listens where the Web UI is wanted, or on a free port of the same
// host when that one is taken; moved tells which.
func listenUI(ctx context.Context, host string, port int) (l net.Listener, at netip.AddrPort, moved bool, err error) {
	l, at, err = listen(ctx, host, port)
	if errors.Is(err, syscall.EADDRINUSE) && port != 0 {
		moved = true
		l, at, err = listen(ctx, host, 0)
	}
	if err != nil {
		return nil, at, false, fault.Wrap(fault.Invalid, err, "listening for the Web UI on %s", host)
	}
	return l, at, moved, nil
}

func listen(ctx context.Context, host string, port int) (net.Listener, netip.AddrPort, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	at, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return nil, at, errors.Join(err, l.Close())
	}
	return l, at, nil
}

func loopbackAddress(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
