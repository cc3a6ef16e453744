package reconcile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	client "github.com/redis/go-redis/v9"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// lineSize bounds a line of an answer: only texts that are no data come as lines.
const lineSize = 64 << 10

// redisRows are the rows of one Redis command. They are read as they come: the
// client library would hold the whole answer in memory.
type redisRows struct {
	*respRows
	conn net.Conn
	stop func() bool
}

func (r *redisRows) next() ([][]byte, error) {
	row, err := r.respRows.next()
	if err != nil && !errors.Is(err, errEnd) {
		return nil, classifyRedis(err, "read Redis's answer")
	}
	return row, err
}

func (r *redisRows) close() {
	r.stop()
	// Nothing was written that the close could lose.
	_ = r.conn.Close()
}

// askRedis connects to a server and gives it one command in a line.
func askRedis(ctx context.Context, url secret.String, line string) (rows, error) {
	command, err := words(line)
	if err != nil {
		return nil, err
	}
	if len(command) == 0 {
		return nil, fault.New(fault.Invalid, "the Redis command is empty")
	}
	options, err := client.ParseURL(url.Reveal())
	if err != nil {
		// The cause may quote the URL, password and all.
		return nil, fault.New(fault.Invalid, "the restored server's URL is not well-formed")
	}
	options.DialTimeout = connectWithin
	conn, err := client.NewDialer(options)(ctx, options.Network, options.Addr)
	if err != nil {
		return nil, classifyRedis(err, "connect to Redis")
	}
	asked := &redisRows{conn: conn, stop: context.AfterFunc(ctx, func() { _ = conn.Close() })}
	if err := asked.begin(options, command); err != nil {
		asked.close()
		return nil, err
	}
	return asked, nil
}

// begin introduces us, refuses a command that does more than read, and sends it.
func (r *redisRows) begin(options *client.Options, command []string) error {
	reader := respReader{bufio.NewReaderSize(r.conn, lineSize)}
	if err := r.conn.SetDeadline(time.Now().Add(connectWithin)); err != nil {
		return classifyRedis(err, "connect to Redis")
	}
	hello := []string{"HELLO", "3"}
	if options.Password != "" {
		user := options.Username
		if user == "" {
			user = "default"
		}
		hello = append(hello, "AUTH", user, options.Password)
	}
	for _, first := range [][]string{hello, {"SELECT", strconv.Itoa(options.DB)}} {
		if _, err := r.exchange(reader, first); err != nil {
			return classifyRedis(err, "connect to Redis")
		}
	}
	about, err := r.exchange(reader, []string{"COMMAND", "INFO", command[0]})
	if err != nil {
		return classifyRedis(err, "ask Redis about the command "+command[0])
	}
	for _, forbidden := range []string{"write", "admin", "pubsub", "blocking"} {
		if slices.ContainsFunc(about, func(cell []byte) bool { return string(cell) == forbidden }) {
			return fault.New(fault.Invalid, "the Redis command %s is one of those that are marked %s: a reconciliation only reads (SORT and others have a form that ends in _RO)",
				strings.ToUpper(command[0]), forbidden)
		}
	}
	// An answer may take as long as the whole reconciliation: ctx closes the connection.
	if err := r.conn.SetDeadline(time.Time{}); err != nil {
		return classifyRedis(err, "connect to Redis")
	}
	if err := r.send(command); err != nil {
		return classifyRedis(err, "send the Redis command")
	}
	r.respRows, err = reader.rows()
	return classifyRedis(err, "run the Redis command")
}

func (r *redisRows) exchange(reader respReader, command []string) ([][]byte, error) {
	if err := r.send(command); err != nil {
		return nil, err
	}
	return reader.flatten(nil, 0)
}

func (r *redisRows) send(command []string) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "*%d\r\n", len(command))
	for _, word := range command {
		fmt.Fprintf(&out, "$%d\r\n%s\r\n", len(word), word)
	}
	_, err := r.conn.Write(out.Bytes())
	return err
}

// passing are the first words of replies that another attempt may not get.
var passing = []string{"LOADING", "BUSY ", "MASTERDOWN", "NOMASTERLINK", "TRYAGAIN", "ERR max number of clients"}

// refusing are the first words of replies about who asks.
var refusing = []string{"NOPERM", "NOAUTH", "WRONGPASS", "DENIED"}

// classifyRedis gives an error of a connection its kind. A reply about the
// command is of kind Invalid: the server would say so again. It returns nil for nil.
func classifyRedis(err error, doing string) error {
	if err == nil {
		return nil
	}
	if said, ok := errors.AsType[reply](err); ok {
		begins := func(prefix string) bool { return strings.HasPrefix(string(said), prefix) }
		switch {
		case slices.ContainsFunc(passing, begins):
			return fault.Wrap(fault.Unavailable, err, "%s", doing)
		case slices.ContainsFunc(refusing, begins):
			return fault.Wrap(fault.Denied, err, "%s", doing)
		default:
			return fault.Wrap(fault.Invalid, err, "%s", doing)
		}
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return fault.While(err, "%s", doing)
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return fault.Wrap(fault.Unavailable, err, "%s", doing)
	}
	return fault.Wrap(fault.Internal, err, "%s", doing)
}
