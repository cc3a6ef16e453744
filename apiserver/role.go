package apiserver

import (
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/config"
)

// Role is what an API key may do. Each role may do what the ones before it may.
type Role string

// The roles, from the least to the most.
const (
	// Viewer may read.
	Viewer Role = "viewer"
	// Operator may take and verify snapshots, and restore where nothing is replaced.
	Operator Role = "operator"
	// Approver may sign off what operators did.
	Approver Role = "approver"
	// Admin may replace live data, delete recovery points, and manage keys.
	Admin Role = "admin"
)

// Includes reports whether r may do what the needed role may.
func (r Role) Includes(needed Role) bool {
	have := slices.Index(config.Roles, string(r))
	return have >= 0 && have >= slices.Index(config.Roles, string(needed))
}
