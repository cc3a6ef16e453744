//go:build kubernetes

package servers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// VeleroAgent stands in for the node agent, which copies files of volumes and
// so needs a kubelet: it moves the statuses of PodVolumeBackups and
// PodVolumeRestores through the phases that the node agent gives them, and
// copies nothing. The server of Velero, the repository in its storage and the
// objects themselves are real.
type VeleroAgent struct {
	server *VeleroServer

	mu      sync.Mutex
	failing []string
	held    bool
}

// agentEvery is how often the agent looks for work.
const agentEvery = 200 * time.Millisecond

// Agent starts the stand-in, with a DaemonSet whose pod kwok says is running.
func (v *VeleroServer) Agent(t testing.TB) *VeleroAgent {
	t.Helper()
	v.kube.Apply(t, v.Namespace, agentManifest)
	a := &VeleroAgent{server: v}
	ctx, stop := context.WithCancel(context.Background())
	var over sync.WaitGroup
	over.Go(func() {
		tick := time.NewTicker(agentEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				a.work(ctx, "podvolumebackups")
				a.work(ctx, "podvolumerestores")
			}
		}
	})
	t.Cleanup(func() {
		stop()
		over.Wait()
	})
	Eventually(t, "a pod of the node agent is ready", func() error {
		daemonSets := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}
		found, err := v.kube.Client.Resource(daemonSets, v.Namespace).Get(t.Context(), "node-agent", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if ready, _, _ := unstructured.NestedInt64(found.Object, "status", "numberReady"); ready == 0 {
			return errors.New("none is ready")
		}
		return nil
	})
	return a
}

// Fail makes it fail the volumes of a namespace from now on.
func (a *VeleroAgent) Fail(namespace string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failing = append(a.failing, namespace)
}

// Hold stops it from doing anything until the returned function is called.
func (a *VeleroAgent) Hold() (release func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = true
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.held = false
	}
}

func (a *VeleroAgent) work(ctx context.Context, plural string) {
	a.mu.Lock()
	held, failing := a.held, slices.Clone(a.failing)
	a.mu.Unlock()
	if held {
		return
	}
	client := a.server.kube.Client.Resource(VeleroType(plural), a.server.Namespace)
	found, err := client.List(ctx, metav1.ListOptions{})
	if err != nil {
		return
	}
	for i := range found.Items {
		o := &found.Items[i]
		phase, _, _ := unstructured.NestedString(o.Object, "status", "phase")
		namespace, _, _ := unstructured.NestedString(o.Object, "spec", "pod", "namespace")
		next, now := map[string]any{}, time.Now().UTC().Format(time.RFC3339)
		switch phase {
		case "", "New":
			next["phase"], next["acceptedTimestamp"] = "Accepted", now
		case "Accepted":
			next["phase"] = "Prepared"
		case "Prepared":
			next["phase"], next["startTimestamp"] = "InProgress", now
		case "InProgress":
			next["phase"], next["completionTimestamp"] = "Completed", now
			next["progress"] = map[string]any{"totalBytes": 1, "bytesDone": 1}
			if plural == "podvolumebackups" {
				next["snapshotID"], next["path"] = "snapshot-"+o.GetName(), "/host_pods/volume"
			}
			if slices.Contains(failing, namespace) {
				next["phase"], next["message"] = "Failed", "the disk is full"
			}
		default:
			continue
		}
		patch, err := json.Marshal(map[string]any{"status": next})
		if err != nil {
			continue
		}
		// Velero's types have no status of their own to write; what fails is tried again.
		_, _ = client.Patch(ctx, o.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
	}
}

func encodeBase64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

const agentManifest = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-agent}
spec:
  selector: {matchLabels: {name: node-agent}}
  template:
    metadata: {labels: {name: node-agent, role: node-agent}}
    spec:
      containers: [{name: node-agent, image: "velero/velero:v1.18.3"}]
`
