package redis

import (
	"bufio"
	"io"
	"net"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// fakeServer answers every command with what reply returns, as it stands on
// the wire, until the test ends.
func fakeServer(t testing.TB, reply func(words []string) (answer string, hangUp bool)) address {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f := &follower{conn: conn, r: bufio.NewReader(conn)}
				for {
					words, err := f.command()
					if err != nil {
						return
					}
					answer, hangUp := reply(words)
					if _, err := io.WriteString(conn, answer); err != nil || hangUp {
						return
					}
				}
			}()
		}
	}()
	a, err := parse(secret.String("redis://user:secret@"+l.Addr().String()), surface.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
