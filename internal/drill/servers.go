package drill

import "maps"

// PartServer begins the names of parts and tools that are servers which
// surfaces were restored to; the surface's name follows.
const PartServer = "server:"

// Restored notes the versions of the servers that were restored to, by
// PartServer and the surface: among the tools, and as parts, for a drill proves
// something of these versions alone.
func (i *Identity) Restored(servers map[string]string) {
	if len(servers) == 0 {
		return
	}
	tools, parts := maps.Clone(i.Tools), maps.Clone(i.Parts)
	if tools == nil {
		tools = map[string]string{}
	}
	if parts == nil {
		parts = map[string]string{}
	}
	maps.Copy(tools, servers)
	maps.Copy(parts, servers)
	i.Tools, i.Parts = tools, parts
}
