package drill

import "time"

// SignedOff is a person's decision on a drill.
type SignedOff struct {
	DrillID string `json:"drillId"`
	// Revision is of the record that was signed, Record its SHA-256.
	Revision int    `json:"revision"`
	Record   string `json:"record"`
	// Decision is signed, refused or expired.
	Decision  string    `json:"decision"`
	Signer    string    `json:"signer,omitempty"`
	Role      string    `json:"role,omitempty"`
	Statement string    `json:"statement,omitempty"`
	At        time.Time `json:"at"`
}

// Decisions of a sign-off.
const (
	DecisionSigned  = "signed"
	DecisionRefused = "refused"
	DecisionExpired = "expired"
)
