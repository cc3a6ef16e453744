package servers_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestPostgresStartsRestartsAndStops(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t, "application_name = 'set by the test'")
	for range 2 {
		for _, url := range []string{pg.URL, pg.SocketURL} {
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			var who, setting string
			if err := conn.QueryRow(t.Context(), "select current_user, current_setting('application_name')").Scan(&who, &setting); err != nil {
				t.Fatal(err)
			}
			if who != "postgres" || setting != "set by the test" {
				t.Errorf("connected as %q with application_name %q", who, setting)
			}
		}
		pg.Restart(t)
	}
	pg.Kill()
	if conn, err := pgx.Connect(t.Context(), pg.URL); err == nil {
		conn.Close(t.Context())
		t.Error("a killed server answers")
	}
}
