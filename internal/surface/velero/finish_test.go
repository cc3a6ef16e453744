package velero

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestEveryVolumeIsFilled(t *testing.T) {
	t.Parallel()
	wanted := []volume{{"shop", "db-0", "data", phaseCompleted}, {"shop", "db-1", "data", phaseCompleted}, {"pay", "db-0", "data", phaseCompleted}}
	done := func(namespace, pod, phase string) volumeRestore {
		return volumeRestore{
			Spec:   volumeRestoreSpec{Pod: podReference{"drill-" + namespace, pod}, Volume: "data", SourceNamespace: namespace},
			Status: volumeStatus{Phase: phase},
		}
	}
	for name, c := range map[string]struct {
		all  []volumeRestore
		want string
	}{
		"all":      {[]volumeRestore{done("shop", "db-0", phaseCompleted), done("shop", "db-1", phaseCompleted), done("pay", "db-0", phaseCompleted)}, ""},
		"none":     {nil, "has filled no volume, where the backup has the files of 3"},
		"one":      {[]volumeRestore{done("shop", "db-0", phaseCompleted)}, "2 of 3 volumes whose files the backup has were not filled, because their pods were not restored: data of pod shop/db-1; data of pod pay/db-0"},
		"the same": {[]volumeRestore{done("shop", "db-0", phaseCompleted), done("shop", "db-0", phaseCompleted), done("shop", "db-0", phaseCompleted)}, "2 of 3"},
		"a failed": {[]volumeRestore{done("shop", "db-0", phaseCompleted), done("shop", "db-1", phaseFailed), done("pay", "db-0", phaseCompleted)}, "1 of 3 volumes were not filled: data of pod drill-shop/db-1 is Failed"},
	} {
		err := judgeFilled("r", wanted, c.all)
		if (err == nil) != (c.want == "") || (err != nil && (!fault.Is(err, fault.Mismatch) || !strings.Contains(err.Error(), c.want))) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPodsInTheWayAreNamed(t *testing.T) {
	t.Parallel()
	files := []volume{{"shop", "db-0", "data", phaseCompleted}, {"shop", "db-0", "log", phaseCompleted}, {"pay", "db-0", "data", phaseCompleted}}
	err := inTheWay(files, map[podReference]bool{{"shop", "db-0"}: true, {"shop", "web"}: true})
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "1 pods are in the way, such as shop/db-0: ") {
		t.Error(err)
	}
	if err := inTheWay(files, map[podReference]bool{{"shop", "web"}: true}); err != nil {
		t.Error(err)
	}
	d := destination{Place: cluster.Place{Namespaces: map[string]string{"shop": "copy"}}}
	if got := d.targets(files); len(got) != 2 || got["shop"] != "copy" || got["pay"] != "pay" {
		t.Errorf("the target's namespaces are %v", got)
	}
}
