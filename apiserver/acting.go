package apiserver

import (
	"context"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// The source, and the beginning of the IDs, of people who are known by OpenID
// Connect. No key has such an ID.
const (
	sourceOIDC = "oidc"
	prefixOIDC = "oidc:"
)

// As returns a context for requests that this process makes to Handler on
// behalf of somebody whom it knows, such as the user of a page. They pass the
// same checks of roles and make the same audit entries as if they came with
// that key. What comes from the network can't have such a context.
func (s *Server) As(ctx context.Context, key Key) context.Context {
	return context.WithValue(ctx, actingKey, key)
}

// KeyByID returns the key with an ID as it stands now; false when there is none
// or the keys can't be read. A session asks at every request, so that a key
// which was removed or replaced ends it.
func (s *Server) KeyByID(id string) (Key, bool) {
	keys, err := s.keys.all()
	if err != nil {
		s.log.Error("the API keys can't be read", "error", err)
		return Key{}, false
	}
	key, known := keys[id]
	return key.Key, known
}

// KeyProof is a digest that changes when a key of the same ID gets another
// secret; empty when there is no such key.
func (s *Server) KeyProof(id string) string {
	keys, err := s.keys.all()
	key, known := keys[id]
	if err != nil || !known {
		return ""
	}
	hidden := key.Hash.Reveal()
	if key.Source == "environment" {
		hidden = s.config.Admin.FirstKey.Reveal()
	}
	return seal.SHA256([]byte("session of " + id + " " + hidden))
}

// Login returns the key that a token belongs to: lb_ID_SECRET, or the first
// admin's. Failures count against remote, an IP address, and are written to the
// audit log, as those of requests are; so is a log-in that succeeds. The error
// is a problem with a status: 401, or 429 after too many failures.
func (s *Server) Login(ctx context.Context, token, remote string) (Key, error) {
	key, wait, refusal := s.check(ctx, parseToken(strings.TrimSpace(token)), remote)
	if wait > 0 {
		return Key{}, newProblem(refusal.GetStatus(), "too-many-requests",
			"too many wrong keys: try again in "+(wait.Truncate(time.Second)+time.Second).String())
	}
	if refusal != nil {
		return Key{}, refusal
	}
	s.Record(s.signedIn(ctx, key), audit.Entry{Action: "session.login", Target: key.ID, Result: audit.Done})
	return key, nil
}

// Identity is who a provider of OpenID Connect says that somebody is, in the
// place of a key: the ID is oidc:NAME. A name that can't stand there as it is,
// because it is long or has blanks, is followed by -- and a digest of it, so that
// two people never are one. No name that stands as it is looks like that.
func (s *Server) Identity(name string, role Role) Key {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) && !unicode.IsSpace(r) {
			return r
		}
		return '_'
	}, name)
	id := clip(clean)
	if id != name || digested.MatchString(name) {
		id += "--" + seal.SHA256([]byte(name))[:digestLength]
	}
	return Key{ID: prefixOIDC + id, Role: role, Source: sourceOIDC}
}

// digestLength is how much of a digest tells names apart: 64 bits.
const digestLength = 16

// digested is what the IDs of names that were changed end with.
var digested = regexp.MustCompile(`--[0-9a-f]{16}$`)

// signedIn makes an audit entry name the key as the actor.
func (s *Server) signedIn(ctx context.Context, key Key) context.Context {
	return context.WithValue(ctx, identityKey, identity{key, requestOf(ctx).remote})
}

type whoamiOutput struct{ Body Key }

func (s *Server) whoami(ctx context.Context, _ *struct{}) (*whoamiOutput, error) {
	return &whoamiOutput{Body: identityOf(ctx).Key}, nil
}
