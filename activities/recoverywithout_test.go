package activities_test

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Where nothing was put that leads to a moment, that is what is said.
func TestRecoveryOfWhatHasNoWAL(t *testing.T) {
	t.Parallel()
	var named *activities.Activities
	err := stepIn(t, fenced(t, drill.Plan{}), "recover/main/x", named.PlanRecovery, activities.PlanInput{Surface: "main", Store: "live", At: "latest"})
	if kindOf(err) != fault.Missing || !strings.Contains(err.Error(), "there is no base backup and no WAL of main on the store live") {
		t.Error(err)
	}
}
