package drill

// Ticks reports whether a step is one of the checklist of a tabletop.
func Ticks(p Plan, told ManualStep) bool {
	return p.Kind == Tabletop && ticks(told.Text, p.Steps) >= 0
}

// Ticked reports whether every step of a tabletop's checklist was told of as
// done. A plan without steps is never ticked.
func Ticked(p Plan, told []ManualStep) bool {
	done := make(map[int]bool, len(p.Steps))
	for _, m := range told {
		if i := ticks(m.Text, p.Steps); i >= 0 {
			done[i] = true
		}
	}
	return len(p.Steps) > 0 && len(done) == len(p.Steps)
}
