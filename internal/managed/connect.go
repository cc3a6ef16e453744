package managed

import (
	"context"
	"net/url"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// elsewhere are the settings of a connection URL that say where the server is,
// so that they can't be those of a restored one.
var elsewhere = []string{"host", "hostaddr", "port", "service"}

// At is a connection URL with another server in it: user, password, database
// and all other settings stay. The error is fault.Invalid and does not quote the URL.
func At(source secret.String, address string) (secret.String, error) {
	u, err := parse(source)
	if err != nil {
		return "", err
	}
	u.Host = address
	settings := u.Query()
	for _, name := range elsewhere {
		settings.Del(name)
	}
	// PostgreSQL's own library takes a plus sign for itself.
	u.RawQuery = strings.ReplaceAll(settings.Encode(), "+", "%20")
	return secret.String(u.String()), nil
}

// Connect is the connection URL of the source with an instance in it, once that
// is Available; its errors are those that Service.Connect promises.
func Connect(ctx context.Context, s Service, source secret.String, name string) (secret.String, error) {
	instance, err := s.Status(ctx, name)
	if err != nil {
		return "", err
	}
	if err := instance.Ready(name); err != nil {
		return "", err
	}
	return At(source, instance.Address)
}

// Port is the port of the server in a connection URL, PostgreSQL's own when it names none.
func Port(source secret.String) (string, error) {
	u, err := parse(source)
	if err != nil {
		return "", err
	}
	for _, port := range []string{u.Query().Get("port"), u.Port()} {
		if port != "" {
			return port, nil
		}
	}
	return "5432", nil
}

func parse(source secret.String) (*url.URL, error) {
	u, err := url.Parse(source.Reveal())
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, fault.New(fault.Invalid, "the connection of a managed database must be like postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	return u, nil
}
