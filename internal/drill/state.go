package drill

// The states of a drill.
const (
	StateRunning = "running"
	// StateAwaiting is of a drill that has its verdict and waits for a person.
	StateAwaiting = "awaiting sign-off"
	StateSigned   = "signed"
	StateRefused  = "refused"
	StateExpired  = "expired"
	// StateClosed is of a drill that nobody has to sign, and of an aborted one.
	StateClosed = "closed"
)

// StateOf is what a drill with a verdict has come to. NeedsSignOff is whether a
// person has to sign it, and decision that person's, nil for none yet.
func StateOf(verdict string, needsSignOff bool, decision *SignedOff) string {
	switch {
	case verdict == "":
		return StateRunning
	case decision != nil && decision.Decision == DecisionSigned:
		return StateSigned
	case decision != nil && decision.Decision == DecisionRefused:
		return StateRefused
	case decision != nil:
		return StateExpired
	case needsSignOff && verdict != VerdictAborted:
		return StateAwaiting
	default:
		return StateClosed
	}
}
