package surface

// Repository is the Git repository of a surface of kind git.
type Repository struct{}

func (c *Repository) problems() []Problem { return nil }
