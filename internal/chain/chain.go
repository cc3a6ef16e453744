// Package chain asks an EVM node by JSON-RPC over HTTP, and reconciles what a
// restored database says about a chain with the chain itself.
//
// The client sends each request once: whoever called decides by the error's
// kind whether to ask again. What it does by itself is to ask for less at a
// time, when a node refuses an answer as too large.
package chain

import (
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

const (
	defaultTimeout = 30 * time.Second
	defaultBatch   = 100
	// maxAnswer is the most that one HTTP answer may have, decompressed. The
	// client holds one answer at a time, and what it keeps of it.
	maxAnswer = 32 << 20
	// maxSpan is the most blocks whose logs are asked for at a time. Hosted nodes
	// draw their limits at 10,000 or below.
	maxSpan = 10_000
)

// Config says how to reach a node.
type Config struct {
	// URL is the node's http or https address. User and password in it are sent as
	// HTTP basic authentication; a path may carry an access key.
	URL secret.String
	// Timeout bounds one HTTP request with its answer; zero means 30 seconds.
	Timeout time.Duration
	// Batch is the most requests in one JSON-RPC batch; zero means 100, and 1
	// sends no batches.
	Batch int
}

// Client asks one node. Its methods may be called concurrently.
//
// Their errors are of these kinds: Unavailable (the node can't be reached, asks
// to wait, or doesn't have yet what it will have), Denied (it refuses the
// credentials), Invalid (the same request fails again), Missing (there is no
// such block or contract), Unsupported (the node doesn't offer the method, or
// no longer has the state or the logs of that block), Corrupt (what came back
// isn't what JSON-RPC and the execution API define).
type Client struct {
	http    *http.Client
	url     secret.String
	hidden  []string
	batch   int
	lastID  atomic.Uint64
	span    atomic.Uint64
	numbers atomic.Bool
}

// Dial prepares a client; it asks the node nothing yet. An address that can't be used is fault.Invalid.
func Dial(c Config) (*Client, error) {
	u, err := url.Parse(c.URL.Reveal())
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fault.New(fault.Invalid, "the node's URL must be like https://HOST[:PORT]/PATH")
	}
	if c.Batch < 0 || c.Timeout < 0 {
		return nil, fault.New(fault.Invalid, "a node's batch and timeout can't be below zero")
	}
	client := &Client{url: c.URL, hidden: hiddenParts(u), batch: c.Batch}
	if client.batch == 0 {
		client.batch = defaultBatch
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	client.http = &http.Client{
		Transport: http.DefaultTransport.(*http.Transport).Clone(),
		Timeout:   timeout,
		// Elsewhere the credentials don't belong.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	client.span.Store(maxSpan)
	return client, nil
}

// Close gives up the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }
