package surface

// Telemetry is the store of observability data of a surface of kind telemetry.
type Telemetry struct{}

func (c *Telemetry) problems() []Problem { return nil }
