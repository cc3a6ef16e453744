package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// submissions is the port where TLS comes first (RFC 8314).
const submissions = 465

type email struct {
	c    Config
	host string
	port int
	tls  *tls.Config
}

func newEmail(c Config) (*email, error) {
	host, portText, err := net.SplitHostPort(c.Server)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the mail server %q must be HOST:PORT", c.Server)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the mail server %q needs a port", c.Server)
	}
	t, err := transport.New(transport.Options{CAFile: c.CAFile, Idle: Timeout})
	if err != nil {
		return nil, err
	}
	t.TLSClientConfig.ServerName = host
	return &email{c: c, host: host, port: port, tls: t.TLSClientConfig}, nil
}

// options are those of one session on connections that dial makes.
func (e *email) options(dial mail.DialContextFunc) []mail.Option {
	options := []mail.Option{
		mail.WithPort(e.port), mail.WithTimeout(Timeout), mail.WithTLSConfig(e.tls), mail.WithoutNoop(), mail.WithDialContextFunc(dial),
	}
	login := mail.SMTPAuthAutoDiscover
	switch {
	case e.port == submissions:
		options, login = append(options, mail.WithTLSPolicy(mail.NoTLS)), mail.SMTPAuthPlain
	case e.c.User != "":
		// A password is never sent in the clear.
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	}
	if e.c.User != "" {
		options = append(options, mail.WithSMTPAuth(login), mail.WithUsername(e.c.User), mail.WithPassword(e.c.Password.Reveal()))
	}
	return options
}

// line connects to the mail server, for as long as one attempt may take.
func (e *email) line(ctx context.Context) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.c.Server)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(Timeout)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if e.port != submissions {
		return conn, nil
	}
	secure := tls.Client(conn, e.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// Send implements Channel. All recipients are in one mail, so that an attempt
// that fails has told none of them.
func (e *email) Send(ctx context.Context, m Message) error {
	letter, err := e.letter(m)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "write the mail")
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	conn, err := e.line(ctx)
	if err != nil {
		return e.failure(ctx, err, "connect to the mail server")
	}
	// The library leaves connections open on which something goes wrong.
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	client, err := mail.NewClient(e.host, e.options(func(context.Context, string, string) (net.Conn, error) { return conn, nil })...)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "mail server %s", e.c.Server)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return e.failure(ctx, err, "log in to the mail server")
	}
	if err := client.SendWithSMTPClient(session, letter); err != nil {
		return e.failure(ctx, err, "hand the mail over to the mail server")
	}
	// The mail is taken: how the parting goes changes nothing.
	_ = client.CloseWithSMTPClient(session)
	return nil
}

func (e *email) letter(m Message) (*mail.Msg, error) {
	letter := mail.NewMsg()
	if err := letter.From(e.c.From); err != nil {
		return nil, err
	}
	if err := letter.To(e.c.To...); err != nil {
		return nil, err
	}
	letter.Subject(m.Subject())
	letter.SetDateWithValue(m.At)
	// The same for every attempt: a mailbox shows a mail that came twice once.
	letter.SetMessageIDWithValue(m.ID + "@lifeboat")
	// No holiday reply answers it (RFC 3834).
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	if m.critical() {
		letter.SetImportance(mail.ImportanceHigh)
	}
	letter.SetBodyString(mail.TypeTextPlain, m.Text())
	return letter, nil
}

// failure classifies by the server's reply (RFC 5321): 4yz may pass, 5yz does not.
func (e *email) failure(ctx context.Context, err error, doing string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	doing += " " + e.c.Server
	code := 0
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		code = reply.Code
	} else if sent, ok := errors.AsType[*mail.SendError](err); ok {
		code = sent.ErrorCode()
	}
	text := fault.Line(err)
	if e.c.Password != "" {
		text = strings.ReplaceAll(text, e.c.Password.Reveal(), e.c.Password.String())
	}
	switch {
	case code >= 500:
		return fault.New(fault.Denied, "%s: %s", doing, text)
	case code >= 400, transport.Passing(err), ctx.Err() != nil:
		return fault.New(fault.Unavailable, "%s: %s", doing, text)
	default:
		// What the library found: no TLS, no way to log in, a certificate that is not trusted.
		return fault.New(fault.Denied, "%s: %s", doing, text)
	}
}
