package servers

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// echo starts a server that sends every line back, and a proxy before it.
func echo(t *testing.T) *Proxy {
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
				io.Copy(conn, conn)
			}()
		}
	}()
	return NewProxy(t, l.Addr().String())
}

type client struct {
	net.Conn
	lines *bufio.Reader
}

func connect(t *testing.T, p *Proxy) client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Address)
	if err != nil {
		t.Fatalf("connect to the proxy: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return client{conn, bufio.NewReader(conn)}
}

func (c client) say(line string) (string, error) {
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	return c.lines.ReadString('\n')
}

func TestProxyPassesBytes(t *testing.T) {
	t.Parallel()
	c := connect(t, echo(t))
	for range 3 {
		if got, err := c.say("hello"); err != nil || got != "hello\n" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

func TestProxyRefusesUntilHealed(t *testing.T) {
	t.Parallel()
	p := echo(t)
	c := connect(t, p)
	if _, err := c.say("hello"); err != nil {
		t.Fatal(err)
	}
	p.Refuse()
	if got, err := c.say("hello"); err == nil {
		t.Errorf("an old connection still answers %q", got)
	}
	if conn, err := net.Dial("tcp", p.Address); err == nil {
		conn.Close()
		t.Error("a new connection was accepted")
	}
	p.Heal()
	if _, err := connect(t, p).say("hello"); err != nil {
		t.Errorf("after Heal: %v", err)
	}
}

func TestProxyStallsUntilHealed(t *testing.T) {
	t.Parallel()
	p := echo(t)
	p.Stall()
	c := connect(t, p)
	answer := make(chan error, 1)
	go func() {
		_, err := c.say("hello")
		answer <- err
	}()
	select {
	case err := <-answer:
		t.Fatalf("answered while stalled: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	p.Heal()
	if err := <-answer; err != nil {
		t.Errorf("after Heal: %v", err)
	}
}

func TestProxyCutsOnce(t *testing.T) {
	t.Parallel()
	p := echo(t)
	c := connect(t, p)
	// Six bytes there and six back, and then four of the next line.
	p.CutAfter(16)
	if _, err := c.say("hello"); err != nil {
		t.Fatal(err)
	}
	if p.Cut() {
		t.Error("cut too early")
	}
	if got, err := c.say("hello"); err == nil {
		t.Errorf("after the cut: answered %q", got)
	}
	if !p.Cut() {
		t.Error("Cut does not report the cut")
	}
	if _, err := connect(t, p).say("hello"); err != nil {
		t.Errorf("a later connection: %v", err)
	}
}

func TestProxyHoldsBackAnswers(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(*Proxy){
		"mute":        (*Proxy).Mute,
		"stall after": func(p *Proxy) { p.StallAfter(6) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := echo(t)
			hold(p)
			c := connect(t, p)
			answer := make(chan error, 1)
			go func() {
				_, err := c.say("hello")
				answer <- err
			}()
			// The echo shows that the line went through: it is what now waits.
			for deadline := time.Now().Add(10 * time.Second); p.Waiting() != 1; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d directions wait, want the answers' alone", p.Waiting())
				}
			}
			select {
			case err := <-answer:
				t.Fatalf("answered while held back: %v", err)
			default:
			}
			p.Heal()
			if err := <-answer; err != nil {
				t.Errorf("after Heal: %v", err)
			}
			if p.Waiting() != 0 {
				t.Errorf("%d directions wait after Heal", p.Waiting())
			}
		})
	}
}
