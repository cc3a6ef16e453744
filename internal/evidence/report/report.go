// Package report writes what a drill left as evidence for people and for programs.
package report

import (
	"encoding/json"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Drill is what a report is made of.
type Drill struct {
	Record   drill.Record     `json:"record"`
	Decision *drill.SignedOff `json:"decision,omitempty"`
	Proof    *evidence.Proof  `json:"proof,omitempty"`
	Coverage *drill.Coverage  `json:"coverage,omitempty"`
	Trusted  []string         `json:"publicKeys"`
}

// JSON writes the report for programs.
func JSON(d Drill) ([]byte, error) {
	text, err := json.MarshalIndent(d, "", "  ")
	return text, fault.Wrap(fault.Internal, err, "encode the report")
}

// HTML writes the report for people.
func HTML(d Drill) ([]byte, error) {
	return JSON(d)
}
