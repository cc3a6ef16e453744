package cnpg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// attempts are those of the Job that recovers a copy.
type attempts struct {
	failed int64
	// over is set once no more follow.
	over bool
	// reason is Kubernetes' word for that.
	reason string
}

// recoveryOf finds the Job of a copy's recovery, and its pods.
func recoveryOf(name string) string {
	return labelCluster + "=" + clusterName(name) + "," + labelJobRole + "=" + roleRecovery
}

// attempts looks at the Job. CloudNativePG removes it as soon as it has succeeded.
func (s *Service) attempts(ctx context.Context, name string) (attempts, error) {
	var out attempts
	found, err := s.list(ctx, jobs, s.home(name), recoveryOf(name))
	if err != nil {
		return out, err
	}
	for _, job := range found {
		failed, _, _ := unstructured.NestedInt64(job.Object, "status", "failed")
		out.failed += failed
		if status, text := condition(&job, "Failed"); status == "True" {
			out.over, out.reason = true, text
			out.failed = max(out.failed, 1)
		}
	}
	return out, nil
}

// most of a log that is read.
const (
	mostLog   = int64(8 << 20)
	mostLines = int64(20000)
)

// log reads the log of the last attempt of a recovery; nothing when there is none any more.
func (s *Service) log(ctx context.Context, name string) (told, error) {
	found, err := s.list(ctx, pods, s.home(name), recoveryOf(name))
	if err != nil || len(found) == 0 {
		return told{}, err
	}
	last := slices.MaxFunc(found, func(a, b unstructured.Unstructured) int {
		return a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time)
	})
	bytes, lines := mostLog, mostLines
	stream, err := s.core.Pods(s.home(name)).GetLogs(last.GetName(), &corev1.PodLogOptions{
		Container: roleRecovery, LimitBytes: &bytes, TailLines: &lines,
	}).Stream(ctx)
	if err != nil {
		return told{}, failure(err, "read the log of the recovery of %s", name)
	}
	defer stream.Close()
	out, err := readLog(stream)
	return out, failure(err, "read the log of the recovery of %s", name)
}

// hints are what a person can do about PostgreSQL's and barman's reasons.
var hints = []struct{ reason, hint string }{
	{
		"recovery ended before configured recovery target was reached",
		"no transaction was committed after the asked time in what the source has archived: ask for an earlier time, or for the latest",
	},
	{"no target backup found", "no base backup had ended before the asked time: ask for a later time"},
	{"insufficient parameter settings", "the source ran with higher settings than its Cluster now has: raise them there"},
}

// why says in one line why a recovery has failed, without the values of the copy's Secrets.
func (s *Service) why(ctx context.Context, name string, a attempts) (string, error) {
	log, err := s.log(ctx, name)
	if err != nil && !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Missing) && !fault.Is(err, fault.Denied) &&
		!fault.Is(err, fault.Invalid) {
		return "", err
	}
	var text string
	switch {
	case log.failure != "":
		text = log.failure
	case err != nil:
		// Kubernetes' own reason is better than none.
		text = strings.TrimSpace(a.reason + " (" + err.Error() + ")")
	default:
		text = a.reason
	}
	if text, err = s.redact(ctx, name, line(text)); err != nil {
		return "", err
	}
	for _, h := range hints {
		if strings.Contains(text, h.reason) {
			text += ": " + h.hint
		}
	}
	if !a.over {
		return fmt.Sprintf("%d attempts of the recovery have failed, and another one follows: %s", a.failed, text), nil
	}
	return text, nil
}

// shortest is the length from which on a value of a Secret is told from an ordinary word.
const shortest = 4

// redact takes the values of a copy's Secrets out of a text.
func (s *Service) redact(ctx context.Context, name, text string) (string, error) {
	found, err := s.list(ctx, secrets, s.home(name), selector(name))
	if err != nil {
		return "", err
	}
	for _, o := range found {
		data, _, _ := unstructured.NestedStringMap(o.Object, "data")
		for key := range data {
			if v := strings.TrimSpace(value(&o, key)); len(v) >= shortest {
				text = strings.ReplaceAll(text, v, "***")
			}
		}
	}
	return text, nil
}

// Stopped implements managed.Stopper. The log of the recovery has the time of
// the last transaction, as long as CloudNativePG has not removed the Job; the
// history file of the new timeline, which the copy has, the rest.
func (s *Service) Stopped(ctx context.Context, name string) (managed.Stop, error) {
	instance, err := s.Status(ctx, name)
	if err == nil {
		err = instance.Ready(name)
	}
	if err != nil {
		return managed.Stop{}, err
	}
	log, unread := s.log(ctx, name)
	out := log.stop
	unasked := s.history(ctx, name, instance.Address, &out)
	if out == (managed.Stop{}) {
		if err := errors.Join(unread, unasked); err != nil {
			return out, fault.New(fault.Missing, "find where the recovery of %s has stopped: %s", name, line(err.Error()))
		}
		return out, fault.New(fault.Missing, "nothing tells any more where the recovery of %s has stopped", name)
	}
	return out, nil
}

// history asks a copy's server for the history file of its timeline.
func (s *Service) history(ctx context.Context, name, address string, out *managed.Stop) error {
	u, err := managed.At(s.config.URL, address)
	if err == nil {
		u, err = s.as(ctx, u, name, managed.CredentialsSuperuser)
	}
	if err != nil {
		return err
	}
	config, err := pgx.ParseConfig(u.Reveal())
	if err != nil {
		return fault.New(fault.Invalid, "the connection of %s is not well-formed", name)
	}
	config.Database = "postgres"
	asking, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	conn, err := pgx.ConnectConfig(asking, config)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "connect to %s", name)
	}
	defer func() { _ = conn.Close(asking) }()
	var timeline int64
	var text *string
	err = conn.QueryRow(asking, `SELECT timeline_id, pg_read_file('pg_wal/' || lpad(upper(to_hex(timeline_id)), 8, '0') || '.history', 0, 1048576, true)
		FROM pg_control_checkpoint()`).Scan(&timeline, &text)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "read the timeline's history of %s", name)
	}
	out.Timeline = uint32(timeline)
	if text != nil {
		lsn, reason := readHistory(*text)
		out.LSN = lsn
		if out.Reason == "" {
			out.Reason = reason
		}
	}
	return nil
}
