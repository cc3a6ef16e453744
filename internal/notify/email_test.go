package notify_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/notify"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// mailServer speaks SMTP (RFC 5321) with STARTTLS and AUTH PLAIN, one client at a time.
type mailServer struct {
	address, ca string
	// replies overrides what a command is answered with, by its first word.
	replies map[string]string
	config  *tls.Config
	plain   bool

	mu    sync.Mutex
	mails []string
	// log is what clients said outside mails.
	log []string
}

func newMailServer(t *testing.T, plain bool, replies map[string]string) *mailServer {
	t.Helper()
	cert, key := servers.Certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{
		address: listener.Addr().String(), ca: cert, replies: replies, plain: plain,
		config: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.serve(conn)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return s
}

func (s *mailServer) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return
	}
	lines := bufio.NewReader(conn)
	say := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 localhost ready")
	for encrypted := false; ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		word, _, _ := strings.Cut(strings.ToUpper(line), " ")
		s.mu.Lock()
		s.log = append(s.log, line)
		s.mu.Unlock()
		if reply := s.replies[word]; reply != "" {
			say(reply)
			continue
		}
		switch word {
		case "EHLO":
			say("250-localhost")
			switch {
			case encrypted:
				say("250-AUTH PLAIN LOGIN")
			case !s.plain:
				say("250-STARTTLS")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go ahead")
			conn = tls.Server(conn, s.config)
			lines, encrypted = bufio.NewReader(conn), true
		case "AUTH":
			say("235 welcome")
		case "DATA":
			say("354 go on")
			s.take(lines)
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) take(lines *bufio.Reader) {
	var text strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if err != nil || line == ".\r\n" {
			break
		}
		text.WriteString(line)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, text.String())
}

func (s *mailServer) channel(user, password string) notify.Config {
	return notify.Config{
		Kind: notify.Email, Server: s.address, CAFile: s.ca, User: user, Password: secret.String(password),
		From: "Lifeboat <lifeboat@example.com>", To: []string{"ops@example.com", "cto@example.com"},
	}
}

func TestAMailIsHandedOver(t *testing.T) {
	t.Parallel()
	s := newMailServer(t, false, nil)
	if err := open(t, s.channel("robot", "mail-password")).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mails) != 1 {
		t.Fatalf("%d mails", len(s.mails))
	}
	letter, err := mail.ReadMessage(strings.NewReader(s.mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Subject": "[Lifeboat] ALERT: LifeboatBackupFailed (policy main-daily) and 1 more", "From": `"Lifeboat" <lifeboat@example.com>`,
		"To": "<ops@example.com>, <cto@example.com>", "Message-Id": "<msg_1@lifeboat>", "Auto-Submitted": "auto-generated", "Importance": "high",
	} {
		if got := letter.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	said := strings.Join(s.log, "\n")
	for _, want := range []string{"STARTTLS", "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00robot\x00mail-password")), "RCPT TO:<cto@example.com>", "QUIT"} {
		if !strings.Contains(said, want) {
			t.Errorf("the client did not say %q:\n%s", want, said)
		}
	}
	if !strings.Contains(s.mails[0], "disk full") || !strings.Contains(s.mails[0], "RESOLVED (1)") {
		t.Errorf("the mail says %s", s.mails[0])
	}
}

func TestHowAMailServersReplyIsTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plain   bool
		user    string
		replies map[string]string
		want    fault.Kind
	}{
		"relay without TLS":         {true, "", nil, ""},
		"password without TLS":      {true, "robot", nil, fault.Denied},
		"busy":                      {false, "", map[string]string{"MAIL": "451 try later"}, fault.Unavailable},
		"refused":                   {false, "", map[string]string{"MAIL": "550 not from you"}, fault.Denied},
		"one recipient is refused":  {false, "", map[string]string{"RCPT": "550 nobody"}, fault.Denied},
		"login":                     {false, "robot", map[string]string{"AUTH": "535 mail-password is wrong"}, fault.Denied},
		"login later":               {false, "robot", map[string]string{"AUTH": "454 not now"}, fault.Unavailable},
		"taken, and then cut short": {false, "", map[string]string{"QUIT": "421 going away"}, ""},
	} {
		s := newMailServer(t, c.plain, c.replies)
		password := ""
		if c.user != "" {
			password = "mail-password"
		}
		err := open(t, s.channel(c.user, password)).Send(t.Context(), message())
		if (err == nil) != (c.want == "") || err != nil && !fault.Is(err, c.want) {
			t.Errorf("%s: %v of kind %s, want %q", name, err, fault.KindOf(err), c.want)
		}
		if err != nil && strings.Contains(err.Error(), "mail-password") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
	gone := newMailServer(t, true, nil)
	c := gone.channel("", "")
	c.Server = "127.0.0.1:" + fmt.Sprint(servers.FreePort(t))
	if err := open(t, c).Send(t.Context(), message()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("nobody there: %v of kind %s", err, fault.KindOf(err))
	}
}
