package postgres

import (
	"net/url"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestWithFiles(t *testing.T) {
	t.Parallel()
	ca, _ := servers.Certificate(t)
	named := surface.Config{CAFile: ca}
	for raw, want := range map[string]string{
		"postgres://u:p@h/d":                    "postgres://u:p@h/d?sslmode=verify-full&sslrootcert=" + url.QueryEscape(ca),
		"postgres://u:p@h/d?sslmode=require":    "postgres://u:p@h/d?sslmode=require&sslrootcert=" + url.QueryEscape(ca),
		"postgres://u:p@h/d?application_name=a": "postgres://u:p@h/d?application_name=a&sslmode=verify-full&sslrootcert=" + url.QueryEscape(ca),
	} {
		if got, err := WithFiles(secret.String(raw), named); err != nil || got.Reveal() != want {
			t.Errorf("%s with a CA file is %s, %v; want %s", raw, got.Reveal(), err, want)
		}
		if got, err := WithFiles(secret.String(raw), surface.Config{}); err != nil || got.Reveal() != raw {
			t.Errorf("%s without files is %s, %v", raw, got.Reveal(), err)
		}
	}
	for _, raw := range []string{"redis://h", "postgres://h/d?a=%zz", "postgres://h:port/d"} {
		if _, err := WithFiles(secret.String(raw), named); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want it refused", raw, err)
		}
	}
}
