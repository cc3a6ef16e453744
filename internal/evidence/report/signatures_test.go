package report

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// A signature from the command line has its account, and says what it rests on.
func TestASignatureAtTheCommandLine(t *testing.T) {
	t.Parallel()
	d := Drill{Record: passing()}
	d.Record.Identity.StartedBy, d.Record.Identity.CommandLine = "admin", drill.CommandLine{}
	d.Decision = signed(d.Record, "")
	const doubt = "these may be one person"
	if page := shown(t, d); strings.Contains(page, doubt) || strings.Contains(page, "At the command line") {
		t.Error("a signature by the API is said to be from the command line")
	}
	d.Decision.Signer, d.Decision.Role, d.Decision.CommandLine = "cli:ops", drill.RoleAccount, drill.CommandLine{Account: "cli:ops", Holds: "admin"}
	page := shown(t, d)
	for _, want := range []string{"by the account cli:ops", "The key admin started the drill.", doubt} {
		if !strings.Contains(page, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
}
