package surface

import "github.com/lifeboat-dr/lifeboat/internal/fault"

// InPlace answers fault.Unsupported for a kind that is never restored over what
// is live, before anything is saved or stopped for it.
func InPlace(kind string) error {
	switch kind {
	case KindTelemetry:
		return fault.New(fault.Unsupported, "telemetry can't be restored in place: restore it isolated, or into another Prometheus, which then answers for that time")
	case KindGit:
		return fault.New(fault.Unsupported, "a repository can't be restored in place: restore it isolated, and push from there to where it is to be")
	default:
		return nil
	}
}
