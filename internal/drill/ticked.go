package drill

import "slices"

// Ticks reports whether a step is one of the checklist of a tabletop.
func Ticks(p Plan, told ManualStep) bool {
	return p.Kind == Tabletop && ticks(told.Text, p.Steps) >= 0
}

// Ticked reports whether every step of a tabletop's checklist was told of as
// done. A plan without steps is never ticked.
func Ticked(p Plan, told []ManualStep) bool {
	return len(p.Steps) > 0 && len(Unticked(p, told)) == 0
}

// Unticked are the steps of a tabletop's checklist that nobody has told of as
// done, in the order of the plan.
func Unticked(p Plan, told []ManualStep) []string {
	left := []string{}
	for _, step := range p.Steps {
		if !slices.ContainsFunc(told, func(m ManualStep) bool { return ticks(m.Text, []string{step}) >= 0 }) {
			left = append(left, step)
		}
	}
	return left
}
