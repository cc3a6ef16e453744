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
	// mute holds back what the server says, and only that.
	mute   bool
	closed bool
	// left is how many bytes may still pass before the cut, or before the stall
	// where stallThen is set; it is below zero without either.
	left      int64
	stallThen bool
	// waiting counts the pipes that have bytes and may not pass them on.
	waiting int
	// accepted counts the connections of clients.
	accepted int
	done     sync.WaitGroup
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
		p.closed = true
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
	p.left, p.stallThen = n, false
}

// StallAfter lets about n more bytes pass, counting both directions and all
// connections, and then stalls.
func (p *Proxy) StallAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.stallThen = n, true
}

// Mute lets clients speak to the server and holds back every answer until Heal.
func (p *Proxy) Mute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = true
}

// Waiting is how many directions of connections have bytes that a Stall or Mute holds back.
func (p *Proxy) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}

// Accepted is how many connections of clients there were so far.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Heal ends Refuse, Stall, Mute and CutAfter. What was held back goes on.
func (p *Proxy) Heal() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled, p.mute, p.left = false, false, -1
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
			p.mu.Lock()
			p.accepted++
			p.mu.Unlock()
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
	both.Go(func() { p.pipe(server, client, false) })
	both.Go(func() { p.pipe(client, server, true) })
	both.Wait()
	p.mu.Lock()
	delete(p.open, client)
	delete(p.open, server)
	p.mu.Unlock()
}

func (p *Proxy) pipe(to, from net.Conn, answers bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		n = p.admit(from, n, answers)
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

// admit waits while bytes of the connection are held back, and says how many of n may pass.
func (p *Proxy) admit(from net.Conn, n int, answers bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting++
	for (p.stalled || p.mute && answers) && !p.closed && p.open[from] {
		p.moved.Wait()
	}
	p.waiting--
	if p.left < 0 {
		return n
	}
	if p.stallThen {
		// The last of what may pass may be overtaken by nothing.
		if p.left -= int64(n); p.left <= 0 {
			p.left, p.stalled = -1, true
		}
		return n
	}
	return int(min(int64(n), p.left))
}

// spend counts bytes that have passed, and cuts when they were the last.
func (p *Proxy) spend(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left < 0 || p.stallThen {
		return
	}
	if p.left -= int64(n); p.left <= 0 {
		p.left = -1
		p.breakAll()
	}
}
