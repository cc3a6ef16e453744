//go:build !linux

package postgres

import "net"

// wakeAt is of use on Linux alone: elsewhere waiting for a socket may not heed it.
func wakeAt(net.Conn, int) bool { return false }
