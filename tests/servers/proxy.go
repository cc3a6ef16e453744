package servers

import (
	"net"
	"sync"
	"testing"
)

// Proxy stands between a client and a server on loopback, and breaks their
// connections when told so.
type Proxy struct {
	// Address is what clients connect to.
	Address string

	t      testing.TB
	target string
	mu     sync.Mutex
	// moved wakes those who wait while stalled is set.
	moved    *sync.Cond
	listener net.Listener
	open     map[net.Conn]bool
	stalled  bool
	closed   bool
	// left is how many bytes may still pass before the cut, below zero without one.
	left int64
	done sync.WaitGroup
}

// NewProxy starts a proxy to a server's HOST:PORT. It ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{t: t, target: target, open: map[net.Conn]bool{}, left: -1}
	p.moved = sync.NewCond(&p.mu)
	p.Address = Address(t)
	if err := p.listen(); err != nil {
		t.Fatalf("start a proxy: %v", err)
	}
	t.Cleanup(func() {
		p.mu.Lock()
		p.closed, p.stalled = true, false
		p.refuse()
		p.mu.Unlock()
		p.done.Wait()
	})
	return p
}

// Refuse breaks all connections and refuses new ones until Heal.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse()
}

// Stall accepts connections but moves no byte in either direction until Heal.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = true
}

// CutAfter lets n more bytes pass, counting both directions and all
// connections, and then breaks all connections once. Later ones are served.
func (p *Proxy) CutAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = n
}

// Heal ends Refuse, Stall and CutAfter. What was stalled goes on.
func (p *Proxy) Heal() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled, p.left = false, -1
	p.moved.Broadcast()
	if p.listener == nil {
		if err := p.listen(); err != nil {
			p.t.Errorf("heal the proxy: %v", err)
		}
	}
}

// Cut reports whether the cut that CutAfter asked for has happened.
func (p *Proxy) Cut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left < 0
}

func (p *Proxy) listen() error {
	l, err := net.Listen("tcp", p.Address)
	if err != nil {
		return err
	}
	p.listener = l
	p.done.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.done.Go(func() { p.serve(client) })
		}
	})
	return nil
}

// refuse is called with the lock held.
func (p *Proxy) refuse() {
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
	p.breakAll()
}

// breakAll is called with the lock held.
func (p *Proxy) breakAll() {
	for conn := range p.open {
		if tcp, ok := conn.(*net.TCPConn); ok {
			// A reset, as when a machine in between restarts, and no orderly end.
			_ = tcp.SetLinger(0)
		}
		conn.Close()
	}
	clear(p.open)
	p.moved.Broadcast()
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	refusing := p.listener == nil
	if !refusing {
		p.open[client], p.open[server] = true, true
	}
	p.mu.Unlock()
	if refusing {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.pipe(server, client) })
	both.Go(func() { p.pipe(client, server) })
	both.Wait()
	p.mu.Lock()
	delete(p.open, client)
	delete(p.open, server)
	p.mu.Unlock()
}

func (p *Proxy) pipe(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		n = p.admit(n)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
			p.spend(n)
		}
		if err != nil {
			break
		}
	}
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// admit waits while the proxy is stalled, and says how many of n bytes may pass.
func (p *Proxy) admit(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled && !p.closed {
		p.moved.Wait()
	}
	if p.left >= 0 {
		return int(min(int64(n), p.left))
	}
	return n
}

// spend counts bytes that have passed, and cuts when they were the last.
func (p *Proxy) spend(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left < 0 {
		return
	}
	if p.left -= int64(n); p.left <= 0 {
		p.left = -1
		p.breakAll()
	}
}
