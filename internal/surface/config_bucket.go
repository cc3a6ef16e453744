package surface

// Bucket is the versioned bucket of a surface of kind objects.
type Bucket struct{}

func (c *Bucket) problems() []Problem { return nil }
