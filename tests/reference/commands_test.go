package reference

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const commandsHead = `# Commands

What ` + "`lifeboat COMMAND --help`" + ` says, of every command. ` + "`-o json`" + ` makes every command print JSON. Exit codes: 0 done,
1 failed, 2 wrong usage or configuration. Errors are one line on standard error that says what to do.
`

// available finds the names of a command's subcommands in its help.
var available = regexp.MustCompile(`(?m)^  ([a-z-]+) +\S`)

func TestCommandReference(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "lifeboat")
	// Without the embedded server it is built in seconds, and has the same commands.
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-tags", "slim", "-o", binary, "./cmd/lifeboat")
	build.Dir = servers.Root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var pages strings.Builder
	help(t, &pages, binary)
	page(t, "commands.md", commandsHead+pages.String())
}

// help writes what a command says of itself, and its subcommands after it.
func help(t *testing.T, to *strings.Builder, binary string, command ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), binary, append(command, "--help")...).Output()
	if err != nil {
		t.Fatalf("%v --help: %v", command, err)
	}
	text := string(out)
	if before, _, more := strings.Cut(text, "\nGlobal Flags:"); more && len(command) > 0 {
		text = before
	}
	text, _, _ = strings.Cut(strings.TrimRight(text, "\n "), "\n\nUse \"lifeboat")
	fmt.Fprintf(to, "\n## lifeboat %s\n\n```text\n%s\n```\n", strings.Join(command, " "), text)
	_, list, found := strings.Cut(text, "Available Commands:\n")
	if !found {
		return
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for _, match := range available.FindAllStringSubmatch(list, -1) {
		if name := match[1]; name != "help" && name != "completion" {
			help(t, to, binary, append(append([]string{}, command...), name)...)
		}
	}
}
