package check

import (
	"context"
	"net"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// tcp connects, and closes the connection at once.
func (r *Runner) tcp(ctx context.Context, c drill.Check) observation {
	o := observation{subject: c.Address, expected: "accepts a connection"}
	if c.Surface != "" {
		o.subject = c.Surface
		if _, err := r.server(c, "postgres", "redis"); err != nil {
			o.err = err
			return o
		}
		expanded, err := Expand("{{"+c.Surface+".address}}", r.Servers, r.DrillID)
		if err != nil {
			o.err = err
			return o
		}
		c.Address = expanded.Reveal()
		o.subject = c.Surface + " at " + c.Address
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.Address)
	if err != nil {
		o.observed, o.err = "no connection", unreachable(err, "connect to %s", c.Address)
		return o
	}
	o.observed = "connected"
	// Nothing was sent that the close could lose.
	_ = conn.Close()
	return o
}
