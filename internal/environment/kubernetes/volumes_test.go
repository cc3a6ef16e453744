package kubernetes

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/environment"
)

// TestWhoseDataMayBeDeleted changes one thing at a time of a volume whose data may.
func TestWhoseDataMayBeDeleted(t *testing.T) {
	t.Parallel()
	made := metav1.NewTime(time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC))
	a := &adoption{
		place: "d-1", since: map[string]metav1.Time{"lifeboat-d-1-shop": made}, claims: map[types.UID]bool{"claim": true},
	}
	for name, c := range map[string]struct {
		change func(*corev1.PersistentVolume)
		users  int
		want   bool
	}{
		"its own":                  {func(*corev1.PersistentVolume) {}, 1, true},
		"of Velero":                {func(v *corev1.PersistentVolume) { v.Labels = map[string]string{labelVelero: "drill"} }, 1, false},
		"by hand":                  {func(v *corev1.PersistentVolume) { v.Annotations = nil }, 1, false},
		"older":                    {func(v *corev1.PersistentVolume) { v.CreationTimestamp = metav1.NewTime(made.Add(-time.Second)) }, 1, false},
		"of another claim":         {func(v *corev1.PersistentVolume) { v.Spec.ClaimRef.UID = "other" }, 1, false},
		"bound by name beforehand": {func(v *corev1.PersistentVolume) { v.Spec.ClaimRef.UID = "" }, 1, false},
		"of another namespace":     {func(v *corev1.PersistentVolume) { v.Spec.ClaimRef.Namespace = "shop" }, 1, false},
		"of nobody":                {func(v *corev1.PersistentVolume) { v.Spec.ClaimRef = nil }, 1, false},
		"on storage of another":    {func(*corev1.PersistentVolume) {}, 2, false},
	} {
		v := corev1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{CreationTimestamp: made, Annotations: map[string]string{annotationProvisioned: "example.com/csi"}},
			Spec: corev1.PersistentVolumeSpec{
				ClaimRef:               &corev1.ObjectReference{Namespace: "lifeboat-d-1-shop", Name: "data", UID: "claim"},
				PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "example.com/csi", VolumeHandle: "v"}},
			},
		}
		c.change(&v)
		storage, err := storageOf(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := a.owns(v, map[string]int{storage: c.users}); err != nil || got != c.want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestLimitsSayWhichCustomResourcesAreInTheCopies(t *testing.T) {
	t.Parallel()
	const left, act = "are not in the copies", "operators"
	for name, c := range map[string]struct {
		allowed    []string
		want, lack string
	}{
		"none": {nil, left, "except for"},
		"some": {[]string{"shops.example.com"}, "except for those of shops.example.com", "allows all"},
		"all":  {[]string{environment.EveryCustom}, "act on the copies' custom resources", left},
	} {
		text := (&Environment{config: environment.Cluster{CustomResources: c.allowed}}).customLimit()
		if !strings.Contains(text, c.want) || strings.Contains(text, c.lack) || !strings.Contains(text, act) {
			t.Errorf("%s: %s", name, text)
		}
	}
}
