package drill

import (
	"maps"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Server is what was restored of a surface, which checks and reconciliations
// ask: a server, or a place of another kind.
type Server struct {
	// Kind is that of the surface, such as postgres.
	Kind string
	// URL connects to the server at once, with its credentials, or says where the place is.
	URL secret.String
}

// PartServer begins the names of parts and tools that are servers which
// surfaces were restored to; the surface's name follows.
const PartServer = "server:"

// Restored notes the version of a server that was restored to, by PartServer and
// the surface: among the tools, and as a part, for a drill proves something of
// this version alone. Maps that others have are left as they are.
func (i *Identity) Restored(server, version string) {
	i.Tools, i.Parts = with(i.Tools, server, version), with(i.Parts, server, version)
}

func with(m map[string]string, key, value string) map[string]string {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}
