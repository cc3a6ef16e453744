package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// sharedVolumes are those that a claim of the environment would use together
// with somebody else: because the volume is another claim's, or because another
// volume is the same storage.
func (e *Environment) sharedVolumes(ctx context.Context, p inspected) ([]string, error) {
	all, err := e.volumes(ctx)
	if err != nil {
		return nil, err
	}
	byName, users := map[string]corev1.PersistentVolume{}, map[string][]string{}
	for _, v := range all {
		byName[v.Name] = v
		storage, err := storageOf(v)
		if err != nil {
			return nil, err
		}
		users[storage] = append(users[storage], v.Name)
	}
	return e.each(ctx, p, claims, func(o unstructured.Unstructured) ([]string, error) {
		var claim corev1.PersistentVolumeClaim
		if err := convert(o, &claim); err != nil {
			return nil, err
		}
		v, there := byName[claim.Spec.VolumeName]
		if !there {
			return nil, nil
		}
		subject := fmt.Sprintf("%s/%s names volume %s, ", claim.Namespace, claim.Name, v.Name)
		if of := v.Spec.ClaimRef; of != nil && of.UID != claim.UID {
			return []string{subject + "which is claimed by " + of.Namespace + "/" + of.Name}, nil
		}
		storage, err := storageOf(v)
		if err != nil {
			return nil, err
		}
		if len(users[storage]) > 1 {
			return []string{subject + "whose storage another volume has, too"}, nil
		}
		return nil, nil
	})
}

// storageOf names what a volume is stored on, the same for two volumes with the same storage.
func storageOf(v corev1.PersistentVolume) (string, error) {
	if csi := v.Spec.CSI; csi != nil {
		return csi.Driver + "\x00" + csi.VolumeHandle, nil
	}
	source := v.Spec.PersistentVolumeSource
	text, err := json.Marshal(source)
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "compare volumes")
	}
	return string(text), nil
}

// calling are the types whose objects have the API server call somebody.
var calling = []schema.GroupVersionResource{
	admissionv1.SchemeGroupVersion.WithResource("validatingwebhookconfigurations"),
	admissionv1.SchemeGroupVersion.WithResource("mutatingwebhookconfigurations"),
	{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"},
}

// webhooks are those that came with the environment: the API server would call
// a copy about what is live.
func (e *Environment) webhooks(ctx context.Context, p inspected) ([]string, error) {
	var out []string
	for _, of := range calling {
		found, err := e.list(ctx, of, "", selecting(p.place))
		if err != nil {
			return nil, err
		}
		for _, name := range names(found) {
			out = append(out, object{resource: of, name: name}.String())
		}
	}
	return out, nil
}
