package apiserver

import (
	"encoding/base64"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// tokenPrefix begins every token that Lifeboat makes: lb_ID_SECRET.
const tokenPrefix = "lb_"

// maxCredential is how long an Authorization header may be.
const maxCredential = 4096

// credential is what a request says about who makes it.
type credential struct {
	// id is the key's id; empty for a bearer token that isn't one of ours, which may be the first admin's.
	id string
	// hidden is the key's secret, or that whole token.
	hidden secret.String
}

// parseAuthorization reads an Authorization header: "Bearer TOKEN", or "Basic"
// with base64 of id:secret (RFC 7617), where the secret may also be the whole token.
func parseAuthorization(header string) (credential, bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	rest = strings.TrimLeft(rest, " ")
	if rest == "" || len(header) > maxCredential {
		return credential{}, false
	}
	switch strings.ToLower(scheme) {
	case "bearer":
		return parseToken(rest), true
	case "basic":
		plain, err := base64.StdEncoding.DecodeString(rest)
		id, hidden, found := strings.Cut(string(plain), ":")
		if err != nil || !found || hidden == "" || !config.ValidKeyName(id) {
			return credential{}, false
		}
		if token := parseToken(hidden); token.id == id {
			return token, true
		}
		return credential{id, secret.String(hidden)}, true
	default:
		return credential{}, false
	}
}

// parseToken takes lb_ID_SECRET apart.
func parseToken(token string) credential {
	if rest, ours := strings.CutPrefix(token, tokenPrefix); ours {
		if id, hidden, found := strings.Cut(rest, "_"); found && hidden != "" && config.ValidKeyName(id) {
			return credential{id, secret.String(hidden)}
		}
	}
	return credential{hidden: secret.String(token)}
}

// remembered returns the key of a credential that was verified before, without
// the cost of hashing it. Such a request is no guess, and is never held back
// for the failures of others.
func (k *KeyStore) remembered(c credential) (Key, bool, error) {
	if k.isGiven(c) {
		return Key{ID: FirstAdmin, Role: Admin, Source: "environment"}, true, nil
	}
	keys, err := k.all()
	if err != nil {
		return Key{}, false, err
	}
	key, known := keys[c.id]
	if !known || key.Hash == "" {
		return Key{}, false, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.verified.get(k.mark(key, c))
	return key.Key, ok, nil
}

// verify checks a credential against the key's hash.
func (k *KeyStore) verify(c credential) (Key, bool, error) {
	if c.id == "" {
		return Key{}, false, nil
	}
	keys, err := k.all()
	if err != nil {
		return Key{}, false, err
	}
	key, known := keys[c.id]
	if !known || key.Hash == "" {
		// The work is done all the same, so that the time doesn't tell which ids exist.
		seal.CheckToken(k.decoy.Reveal(), c.hidden)
		return Key{}, false, nil
	}
	if !seal.CheckToken(key.Hash.Reveal(), c.hidden) {
		return Key{}, false, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.verified.put(k.mark(key, c), struct{}{})
	return key.Key, true, nil
}

// mark names a verified credential. The hash is part of it, so that a key that
// was replaced under the same id has to be verified again.
func (k *KeyStore) mark(key storedKey, c credential) string {
	return k.digest(key.ID+" "+key.Hash.Reveal(), c.hidden.Reveal())
}

// isGiven reports whether a credential is LIFEBOAT_ADMIN_KEY, alone as a bearer
// token or under the id "admin". What is compared are digests under a random
// key, so the time it takes tells nothing about the secret.
func (k *KeyStore) isGiven(c credential) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.given == "" {
		return false
	}
	whole := tokenPrefix + c.id + "_" + c.hidden.Reveal()
	return (c.id == "" || c.id == FirstAdmin) && k.digest("", c.hidden.Reveal()) == k.given ||
		c.id != "" && k.digest("", whole) == k.given
}

// Recognise returns the key that a token belongs to, for those who act by one
// without a request.
func (k *KeyStore) Recognise(token secret.String) (Key, bool, error) {
	offered := parseToken(token.Reveal())
	if key, known, err := k.remembered(offered); known || err != nil {
		return key, known, err
	}
	return k.verify(offered)
}
