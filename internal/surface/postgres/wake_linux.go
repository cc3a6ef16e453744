package postgres

import (
	"net"
	"syscall"
)

// wakeAt has whoever waits for the socket woken only when n bytes are there
// (socket(7), SO_RCVLOWAT). It reports false where that can't be, as with TLS,
// whose records must be read whole.
func wakeAt(conn net.Conn, n int) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, n)
	})
	return err == nil && failed == nil
}
