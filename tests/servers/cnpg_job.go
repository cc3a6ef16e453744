//go:build kubernetes

package servers

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// errRecovery is a recovery that has failed as one of CloudNativePG does: the
// test looks at the statuses, and it is no fault of the double.
var errRecovery = errors.New("the recovery has failed")

func ignoreRecovery(err error) error {
	if errors.Is(err, errRecovery) {
		return nil
	}
	return err
}

// job makes the Job of the recovery and its pod. Kubernetes' own controller
// leaves the Job alone, as nothing would run in the pod; kwok says that it runs.
func (c *cnpgCopy) job(ctx context.Context) error {
	labels := map[string]any{"cnpg.io/cluster": c.object.GetName(), "cnpg.io/jobRole": "full-recovery", "cnpg.io/instanceName": c.instance()}
	pod := map[string]any{
		"restartPolicy": "Never", "nodeName": c.d.node.name,
		"tolerations": []any{map[string]any{"operator": "Exists"}},
		"containers":  []any{map[string]any{"name": "full-recovery", "image": "ghcr.io/cloudnative-pg/postgresql:15"}},
	}
	err := c.create(ctx, jobsResource, "Job", c.jobName(), map[string]any{
		"metadata": map[string]any{"labels": labels},
		"spec": map[string]any{
			"managedBy": "lifeboat.test/cnpg",
			"template":  map[string]any{"metadata": map[string]any{"labels": labels}, "spec": pod},
		},
	})
	if err != nil {
		return err
	}
	if err := c.create(ctx, podsResource, "Pod", c.jobPod(), map[string]any{"metadata": map[string]any{"labels": labels}, "spec": pod}); err != nil {
		return err
	}
	return c.jobStatus(ctx, map[string]any{"startTime": now(), "active": int64(1)})
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

func (c *cnpgCopy) jobStatus(ctx context.Context, status map[string]any) error {
	if err := c.d.patch(ctx, jobsResource, c.object.GetNamespace(), c.jobName(), map[string]any{"status": status}, "status"); err != nil {
		return fmt.Errorf("write the status of the Job: %w", err)
	}
	return nil
}

// conclude writes the status of a Job that has come to its end: the API server
// takes no other order.
func (c *cnpgCopy) conclude(ctx context.Context, first, last, reason, message string, counts map[string]any) error {
	interim := cnpgCondition(first, "True", reason, message)
	if err := c.jobStatus(ctx, map[string]any{"conditions": []any{interim}}); err != nil {
		return err
	}
	counts["active"], counts["ready"] = nil, nil
	counts["conditions"] = []any{interim, cnpgCondition(last, "True", reason, message)}
	return c.jobStatus(ctx, counts)
}

func (c *cnpgCopy) jobFailed(ctx context.Context) error {
	return c.conclude(ctx, "FailureTarget", "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit", map[string]any{"failed": int64(1)})
}

// jobDone has the Job succeed. The operator removes it then, and its pod and log with it.
func (c *cnpgCopy) jobDone(ctx context.Context, keep bool) error {
	err := c.conclude(ctx, "SuccessCriteriaMet", "Complete", "CompletionsReached", "Reached expected number of succeeded pods",
		map[string]any{"succeeded": int64(1), "completionTime": now()})
	if err != nil || keep {
		return err
	}
	background := metav1.DeletePropagationBackground
	for of, name := range map[string]string{"job": c.jobName(), "pod": c.jobPod()} {
		resource := jobsResource
		if of == "pod" {
			resource = podsResource
		}
		err := c.d.kube.Client.Resource(resource, c.object.GetNamespace()).Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &background})
		if err != nil {
			return err
		}
	}
	return nil
}
