package reconcile

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// TestTallyKeepsTheFirst has items come in any order.
func TestTallyKeepsTheFirst(t *testing.T) {
	t.Parallel()
	var found tally
	for _, i := range rand.Perm(1000) {
		item := drill.Item{Name: fmt.Sprint(i), Result: drill.Pass}
		if i%100 == 5 {
			item.Result = drill.Fail
		}
		if i%500 == 7 {
			item.Result = drill.Warn
		}
		found.add(int64(i), item)
	}
	var result drill.Reconciliation
	found.into(&result)
	if result.Result != drill.Fail || len(result.Items) != mostItems {
		t.Fatalf("got %s, %d items", result.Result, len(result.Items))
	}
	for i, item := range result.Items {
		want := fmt.Sprint(5 + 100*i)
		switch {
		case i >= 12:
			// 5 and 7 are among those before.
			want = fmt.Sprint([]int{0, 1, 2, 3, 4, 6}[min(i-12, 5)])
			if i > 17 {
				want = fmt.Sprint(i - 10)
			}
		case i >= 10:
			want = fmt.Sprint(7 + 500*(i-10))
		}
		if item.Name != want {
			t.Errorf("item %d is %s, not %s", i, item.Name, want)
		}
	}
	if want := "50 of 1000 comparisons are listed: 10 failed, 2 warn, 988 passed"; result.Detail != want {
		t.Errorf("got %q, want %q", result.Detail, want)
	}
}

func TestTallyOfNothing(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*tally){
		drill.Pass: func(f *tally) { f.say("known") },
		drill.Warn: func(f *tally) { f.doubt("doubtful") },
		drill.Fail: func(f *tally) { f.doubt("doubtful"); f.wrong("wrong") },
	} {
		var found tally
		change(&found)
		var result drill.Reconciliation
		found.into(&result)
		if result.Result != want || result.Detail == "" {
			t.Errorf("want %s, got %+v", want, result)
		}
	}
}
