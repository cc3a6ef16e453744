package redis

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	smallRDB = "REDIS0010\xff12345678"
	mark     = "0123456789012345678901234567890123456789"
)

func TestReplicateUnderstandsServers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// replies are given by command; what is missing is answered by +OK.
		replies map[string]string
		// hangUp is the command after whose reply the server ends the connection.
		hangUp string
		want   fault.Kind
		says   string
	}{
		"by mark":               {replies: map[string]string{"PSYNC": "+FULLRESYNC id 0\r\n$EOF:" + mark + "\r\n" + smallRDB + mark}},
		"by length":             {replies: map[string]string{"PSYNC": "+FULLRESYNC id 0\r\n$18\r\n" + smallRDB}},
		"signs of life":         {replies: map[string]string{"PSYNC": "\n\n+FULLRESYNC id 0\r\n\n\n\n$18\r\n" + smallRDB}},
		"before rdb-only":       {replies: map[string]string{"REPLCONF rdb-only": "-ERR Unrecognized REPLCONF option: rdb-only\r\n", "PSYNC": "+FULLRESYNC id 0\r\n$18\r\n" + smallRDB}},
		"more after the mark":   {replies: map[string]string{"PSYNC": "+FULLRESYNC id 0\r\n$EOF:" + mark + "\r\n" + smallRDB + mark + "*1\r\n$4\r\nPING\r\n"}},
		"no password":           {replies: map[string]string{"AUTH": "-ERR AUTH <password> called without any password configured\r\n"}, want: fault.Denied, says: "no such password"},
		"wrong password":        {replies: map[string]string{"AUTH": "-WRONGPASS invalid username-password pair\r\n"}, want: fault.Denied, says: "URL is wrong"},
		"may not ping":          {replies: map[string]string{"PING": "-NOPERM no permissions to run the 'ping' command\r\n"}, want: fault.Denied, says: "+ping +psync +replconf"},
		"may not configure":     {replies: map[string]string{"REPLCONF rdb-only": "-NOPERM no permissions to run the 'replconf' command\r\n"}, want: fault.Denied, says: "+ping +psync +replconf"},
		"may not synchronise":   {replies: map[string]string{"PSYNC": "-NOPERM no permissions to run the 'psync' command\r\n"}, want: fault.Denied, says: "+ping +psync +replconf"},
		"a managed service":     {replies: map[string]string{"PSYNC": "-ERR unknown command 'PSYNC'\r\n"}, want: fault.Unsupported, says: "does not have this command"},
		"still loading":         {replies: map[string]string{"PSYNC": "-LOADING Redis is loading the dataset in memory\r\n"}, want: fault.Unavailable, says: "still loading"},
		"a replica alone":       {replies: map[string]string{"PSYNC": "-NOMASTERLINK Can't SYNC while not connected with my master\r\n"}, want: fault.Unavailable, says: "lost its primary"},
		"refused afterwards":    {replies: map[string]string{"PSYNC": "+FULLRESYNC id 0\r\n-ERR fork failed\r\n"}, want: fault.Internal, says: "fork failed"},
		"nothing to resume":     {replies: map[string]string{"PSYNC": "+CONTINUE\r\n"}, want: fault.Unsupported, says: "CONTINUE"},
		"ended in the file":     {replies: map[string]string{"PSYNC": "+FULLRESYNC id 0\r\n$19\r\n" + smallRDB}, hangUp: "PSYNC", want: fault.Unavailable, says: "too early"},
		"ended before the mark": {replies: map[string]string{"PSYNC": "+FULLRESYNC id 0\r\n$EOF:" + mark + "\r\n" + smallRDB + mark[1:]}, hangUp: "PSYNC", want: fault.Unavailable, says: "too early"},
		"ended at once":         {replies: map[string]string{"PING": ""}, hangUp: "PING", want: fault.Unavailable, says: "too early"},
		"no RDB":                {replies: map[string]string{"PSYNC": "+FULLRESYNC id 0\r\n$18\r\nRUBBISHRUBBISHRUBB"}, want: fault.Corrupt, says: "RUBBIS"},
		"a short mark":          {replies: map[string]string{"PSYNC": "+FULLRESYNC id 0\r\n$EOF:abc\r\n" + smallRDB + "abc"}, want: fault.Corrupt, says: "end mark"},
		"a bad length":          {replies: map[string]string{"PSYNC": "+FULLRESYNC id 0\r\n$-1\r\n" + smallRDB}, want: fault.Corrupt, says: "size"},
		"no announcement":       {replies: map[string]string{"PSYNC": "+FULLRESYNC id 0\r\n:5\r\n"}, want: fault.Unsupported, says: "announced"},
		"another protocol":      {replies: map[string]string{"AUTH": "HTTP/1.1 400 Bad Request\r\n"}, want: fault.Unsupported, says: "no Redis server"},
		"an endless line":       {replies: map[string]string{"AUTH": strings.Repeat("x", 1<<20)}, want: fault.Unsupported, says: "no Redis server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := fakeServer(t, func(words []string) (string, bool) {
				for _, command := range []string{strings.Join(words[:min(2, len(words))], " "), words[0]} {
					if reply, ok := c.replies[command]; ok {
						return reply, c.hangUp == words[0]
					}
				}
				return "+OK\r\n", false
			})
			var got bytes.Buffer
			err := a.replicate(t.Context(), &got)
			if c.want == "" {
				if err != nil || got.String() != smallRDB {
					t.Fatalf("%q was received: %v", got.String(), err)
				}
				return
			}
			if !fault.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, which is not of kind %s or does not say %q", err, c.want, c.says)
			}
		})
	}
}

func TestReceiveAtAnyPace(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		body := make([]byte, random.IntN(3*chunk))
		for n := range body {
			// Many beginnings of the mark among the data.
			body[n] = mark[random.IntN(3)]
		}
		rdb := append([]byte("REDIS0010"), body...)
		var stream io.Reader = strings.NewReader("\n$EOF:" + mark + "\r\n" + string(rdb) + mark)
		switch random.IntN(4) {
		case 0:
			stream = iotest.HalfReader(stream)
		case 1:
			stream = iotest.DataErrReader(stream)
		case 2:
			if len(body) < 10_000 {
				stream = iotest.OneByteReader(stream)
			}
		}
		var got bytes.Buffer
		l := &link{r: bufio.NewReaderSize(stream, chunk)}
		if err := l.receive(&got); err != nil || !bytes.Equal(got.Bytes(), rdb) {
			t.Fatalf("%d bytes were received of %d: %v", got.Len(), len(rdb), err)
		}
	}
}

func TestAStoresErrorIsKept(t *testing.T) {
	t.Parallel()
	full := fault.New(fault.Exhausted, "the store is full")
	for name, framing := range map[string]string{"mark": "$EOF:" + mark + "\r\n" + smallRDB + mark, "length": "$18\r\n" + smallRDB} {
		a := fakeServer(t, func(words []string) (string, bool) {
			if words[0] == "PSYNC" {
				return "+FULLRESYNC id 0\r\n" + framing, false
			}
			return "+OK\r\n", false
		})
		if err := a.replicate(t.Context(), failing{full}); !errors.Is(err, full) || !fault.Is(err, fault.Exhausted) {
			t.Errorf("by %s: %v", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestACancelledDumpEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := fakeServer(t, func(words []string) (string, bool) {
		if words[0] == "PSYNC" {
			cancel()
			return "+FULLRESYNC id 0\r\n$EOF:" + mark + "\r\n" + smallRDB, false
		}
		return "+OK\r\n", false
	})
	if err := a.replicate(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled in the middle: %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := newSurface(t, "redis://:secret@"+l.Addr().String())
	if _, err := s.Probe(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("probe where nobody listens: %v", err)
	}
	if _, err := s.Dump(t.Context(), "", view{}.part, io.Discard); !fault.Is(err, fault.Unavailable) {
		t.Errorf("dump where nobody listens: %v", err)
	}
}
