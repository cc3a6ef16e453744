package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	client "github.com/redis/go-redis/v9"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// answer is an error reply as the server wrote it, without the leading "-".
type answer string

func (a answer) Error() string { return string(a) }

// RedisError makes an answer one of the client's own kind of errors.
func (answer) RedisError() {}

// replies maps the first words of error replies to what they mean. The first that fits counts.
var replies = []struct {
	prefix string
	kind   fault.Kind
	advice string
}{
	{"NOPERM", fault.Denied, "a snapshot's user needs the ACL +ping +psync +replconf +info, a restore's user +@all ~* &*"},
	{"NOAUTH", fault.Denied, "give user and password in the URL"},
	{"WRONGPASS", fault.Denied, "user or password in the URL is wrong"},
	{"ERR invalid password", fault.Denied, "the password in the URL is wrong"},
	{"ERR AUTH", fault.Denied, "the server has no such password: correct the URL"},
	{"DENIED", fault.Denied, "the server is in protected mode: set a password or bind it to an address"},
	{"LOADING", fault.Unavailable, "the server is still loading its data"},
	{"BUSY ", fault.Unavailable, "the server runs a script that does not end"},
	{"MASTERDOWN", fault.Unavailable, "the server is a replica that has lost its primary"},
	{"NOMASTERLINK", fault.Unavailable, "the server is a replica that has lost its primary: wait, or snapshot the primary"},
	{"TRYAGAIN", fault.Unavailable, ""},
	{"MISCONF", fault.Unavailable, "the server can't save to its disk and takes no writes"},
	{"ERR max number of clients", fault.Unavailable, "raise maxclients"},
	{"OOM", fault.Exhausted, "raise the server's maxmemory"},
	{"READONLY", fault.Unsupported, "the server is a replica: give the URL of its primary"},
	{"CROSSSLOT", fault.Unsupported, "Redis Cluster is not supported"},
	{"MOVED", fault.Unsupported, "Redis Cluster is not supported"},
	{"ERR DB index is out of range", fault.Unsupported, "raise the server's setting databases"},
	{"ERR unknown command", fault.Unsupported, "the server, or the service that runs it, does not have this command"},
	{"ERR DUMP payload version", fault.Unsupported, "the data comes from a newer server"},
	{"ERR Bad data format", fault.Unsupported, "the server lacks a module that the data needs"},
	{"WRONGTYPE", fault.Unavailable, "the data changed while it was read"},
	{"NOSCRIPT", fault.Internal, ""},
}

// failure classifies what a command on the server failed with. It returns nil for nil.
func (a address) failure(err error, doing string) error {
	if err == nil {
		return nil
	}
	doing = fmt.Sprintf("%s on %s", doing, a)
	if reply, ok := errors.AsType[client.Error](err); ok {
		for _, r := range replies {
			if !strings.HasPrefix(reply.Error(), r.prefix) {
				continue
			}
			if r.advice != "" {
				doing += " (" + r.advice + ")"
			}
			return fault.Wrap(r.kind, err, "%s", doing)
		}
		return fault.Wrap(fault.Internal, err, "%s", doing)
	}
	if fault.KindOf(err) != fault.Internal {
		return fault.While(err, "%s", doing)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if certificateRefused(err) {
		return fault.Wrap(fault.Denied, err, "%s (set caFile to the authority that signed the server's certificate)", doing)
	}
	return fault.Wrap(fault.Unavailable, err, "%s", doing)
}

func certificateRefused(err error) bool {
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	return verify || unknown || name
}
