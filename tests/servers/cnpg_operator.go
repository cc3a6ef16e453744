//go:build kubernetes

package servers

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// cnpgCopy is a Cluster that the operator looks after.
type cnpgCopy struct {
	d      *CNPG
	object *unstructured.Unstructured
	// end tells it to stop; ended is closed when its server has.
	end    context.CancelFunc
	ended  chan struct{}
	server *Process
	port   int
}

// cnpgFinalizer keeps a copy's pod, and so its namespace, as long as its server runs.
const cnpgFinalizer = "lifeboat.test/server"

// operate looks at all Clusters until the test ends.
func (d *CNPG) operate() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			d.reconcile(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	d.t.Cleanup(func() {
		cancel()
		<-done
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, c := range d.copies {
			c.end()
			<-c.ended
		}
	})
}

// reconcile takes up the Clusters that recover from this source's folder, and
// ends those that are no more.
func (d *CNPG) reconcile(ctx context.Context) {
	found, err := d.kube.Client.Resource(cnpgClusters, "").List(ctx, metav1.ListOptions{})
	if err != nil {
		// The API server may be being started again.
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	gone := maps.Clone(d.copies)
	for i := range found.Items {
		o := &found.Items[i]
		if o.GetDeletionTimestamp() != nil {
			continue
		}
		delete(gone, o.GetUID())
		if d.copies[o.GetUID()] == nil && cnpgSource(o).server == d.Server {
			d.take(o)
		}
	}
	for uid, c := range gone {
		c.end()
		delete(d.copies, uid)
	}
}

func (d *CNPG) take(o *unstructured.Unstructured) {
	ctx, end := context.WithCancel(context.WithoutCancel(d.t.Context()))
	c := &cnpgCopy{d: d, object: o, end: end, ended: make(chan struct{}), port: 5432}
	d.copies[o.GetUID()] = c
	gate, failing, keep := d.gate, d.failing, d.keep
	go func() {
		defer close(c.ended)
		if err := c.live(ctx, gate, failing, keep); err != nil && ctx.Err() == nil && c.wanted(ctx) {
			d.t.Errorf("play the operator for %s/%s: %v", o.GetNamespace(), o.GetName(), err)
		}
		<-ctx.Done()
		c.stop()
	}()
}

// live takes a Cluster from its creation to health, or to a failed Job.
func (c *cnpgCopy) live(ctx context.Context, gate <-chan struct{}, failing, keep bool) error {
	if err := c.phase(ctx, "Setting up primary", "Creating primary instance "+c.instance(), "False"); err != nil {
		return err
	}
	for _, prepare := range []func(context.Context) error{c.secrets, c.services, c.volume, c.job} {
		if err := prepare(ctx); err != nil {
			return err
		}
	}
	select {
	case <-gate:
	case <-ctx.Done():
		return nil
	}
	log, err := c.recoverFromBucket(ctx, failing)
	c.d.node.write(c.object.GetNamespace()+"/"+c.jobPod(), log)
	if err != nil {
		return errors.Join(c.jobFailed(ctx), ignoreRecovery(err))
	}
	if err := c.jobDone(ctx, keep); err != nil {
		return err
	}
	if err := c.phase(ctx, "Waiting for the instances to become active", "Some instances are not yet active", "False"); err != nil {
		return err
	}
	if err := c.serve(ctx); err != nil {
		return err
	}
	return c.phase(ctx, "Cluster in healthy state", "", "True")
}

// wanted reports whether the Cluster is there, and neither it nor its namespace
// is being deleted: then nothing more can be made for it.
func (c *cnpgCopy) wanted(ctx context.Context) bool {
	namespace := c.object.GetNamespace()
	home, err := c.d.kube.Client.Resource(namespacesResource, "").Get(ctx, namespace, metav1.GetOptions{})
	if err != nil || home.GetDeletionTimestamp() != nil {
		return false
	}
	found, err := c.d.kube.Client.Resource(cnpgClusters, namespace).Get(ctx, c.object.GetName(), metav1.GetOptions{})
	return err == nil && found.GetDeletionTimestamp() == nil
}

func (c *cnpgCopy) instance() string { return c.object.GetName() + "-1" }

func (c *cnpgCopy) jobName() string { return c.instance() + "-full-recovery" }

func (c *cnpgCopy) jobPod() string { return c.jobName() + "-abcde" }

// phase writes the status of the Cluster.
func (c *cnpgCopy) phase(ctx context.Context, phase, reason, ready string) error {
	status := map[string]any{
		"phase": phase, "phaseReason": reason, "instances": int64(1), "currentPrimary": c.instance(),
		"conditions": []any{cnpgCondition("Ready", ready, "ClusterIsNotReady", "Cluster Is Not Ready")},
	}
	if ready == "True" {
		var timeline int64
		if err := withPostgres(c.local(), scan("SELECT timeline_id FROM pg_control_checkpoint()", &timeline)); err != nil {
			return err
		}
		status["timelineID"], status["readyInstances"] = timeline, int64(1)
		status["conditions"] = []any{cnpgCondition("Ready", ready, "ClusterIsReady", "Cluster is Ready")}
	}
	return c.d.patch(ctx, cnpgClusters, c.object.GetNamespace(), c.object.GetName(), map[string]any{"status": status}, "status")
}

// create makes an object of the copy, which goes with its Cluster.
func (c *cnpgCopy) create(ctx context.Context, of schema.GroupVersionResource, kind, name string, content map[string]any) error {
	o := &unstructured.Unstructured{Object: maps.Clone(content)}
	o.SetAPIVersion(of.GroupVersion().String())
	o.SetKind(kind)
	o.SetName(name)
	o.SetNamespace(c.object.GetNamespace())
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels["cnpg.io/cluster"] = c.object.GetName()
	o.SetLabels(labels)
	yes := true
	o.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: cnpgClusters.GroupVersion().String(), Kind: "Cluster", Name: c.object.GetName(), UID: c.object.GetUID(), Controller: &yes,
	}})
	_, err := c.d.kube.Client.Resource(of, o.GetNamespace()).Create(ctx, o, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create %s %s: %w", kind, name, err)
	}
	return nil
}

// secrets makes the logins that the Cluster names no Secrets for.
func (c *cnpgCopy) secrets(ctx context.Context) error {
	logins := map[string]string{}
	if given, _, _ := unstructured.NestedString(c.object.Object, "spec", "superuserSecret", "name"); given == "" && c.bool("enableSuperuserAccess") {
		logins["superuser"] = "postgres"
	}
	owner, _, _ := unstructured.NestedString(c.object.Object, "spec", "bootstrap", "recovery", "owner")
	if given, _, _ := unstructured.NestedString(c.object.Object, "spec", "bootstrap", "recovery", "secret", "name"); given == "" && owner != "" {
		logins["app"] = owner
	}
	for name, user := range logins {
		err := c.create(ctx, secretsOf, "Secret", c.object.GetName()+"-"+name, map[string]any{
			"type": "kubernetes.io/basic-auth", "stringData": map[string]any{"username": user, "password": "made for " + c.object.GetName()},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cnpgCopy) bool(field string) bool {
	value, _, _ := unstructured.NestedBool(c.object.Object, "spec", field)
	return value
}

// services makes the Service for writers, and those that the Cluster asks for.
func (c *cnpgCopy) services(ctx context.Context) error {
	name := c.object.GetName()
	ports := []any{map[string]any{"name": "postgres", "port": int64(5432), "targetPort": int64(5432)}}
	selector := map[string]any{"cnpg.io/cluster": name, "cnpg.io/instanceRole": "primary"}
	err := c.create(ctx, svcResource, "Service", name+"-rw", map[string]any{"spec": map[string]any{"ports": ports, "selector": selector}})
	if err != nil {
		return err
	}
	additional, _, _ := unstructured.NestedSlice(c.object.Object, "spec", "managed", "services", "additional")
	for _, a := range additional {
		template, _, _ := unstructured.NestedMap(a.(map[string]any), "serviceTemplate")
		named, _, _ := unstructured.NestedString(template, "metadata", "name")
		kind, _, _ := unstructured.NestedString(template, "spec", "type")
		err := c.create(ctx, svcResource, "Service", named, map[string]any{"spec": map[string]any{"type": kind, "ports": ports, "selector": selector}})
		if err != nil {
			return err
		}
	}
	return nil
}

// volume makes the claim of the instance's data.
func (c *cnpgCopy) volume(ctx context.Context) error {
	size, _, _ := unstructured.NestedString(c.object.Object, "spec", "storage", "size")
	class, _, _ := unstructured.NestedString(c.object.Object, "spec", "storage", "storageClass")
	return c.create(ctx, claimResource, "PersistentVolumeClaim", c.instance(), map[string]any{"spec": map[string]any{
		"accessModes": []any{"ReadWriteOnce"}, "storageClassName": class,
		"resources": map[string]any{"requests": map[string]any{"storage": size}},
	}})
}

// secret reads a Secret of the copy's namespace.
func (c *cnpgCopy) secret(ctx context.Context, name string) (map[string]string, error) {
	found, err := c.d.kube.Client.Resource(secretsOf, c.object.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	data, _, _ := unstructured.NestedStringMap(found.Object, "data")
	out := map[string]string{}
	for key, value := range data {
		raw, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return nil, err
		}
		out[key] = string(raw)
	}
	return out, nil
}
