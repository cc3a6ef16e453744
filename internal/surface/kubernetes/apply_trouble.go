package kubernetes

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// mostTroubles is how many objects an error names.
const mostTroubles = 20

// troubles gathers what is wrong with single objects, so that one of them does
// not keep all others from being restored. It may be used by many goroutines.
type troubles struct {
	mu    sync.Mutex
	lines []string
	count int
	kind  fault.Kind
	types map[schema.GroupResource]struct{}
}

// unserved notes a type that the target does not have.
func (t *troubles) unserved(of schema.GroupResource) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.types == nil {
		t.types = map[schema.GroupResource]struct{}{}
	}
	t.types[of] = struct{}{}
}

// add notes an error that is about one object, and returns one that is about
// the API server: it can't be reached, or asks to wait.
func (t *troubles) add(s *step, err error) error {
	if err == nil {
		return nil
	}
	kind, why, single := reason(err)
	if !single {
		return cluster.Failure(err, "restore %s", s)
	}
	t.note(kind, s.String()+": "+why)
	return nil
}

func (t *troubles) note(kind fault.Kind, line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count++; len(t.lines) < mostTroubles {
		t.lines = append(t.lines, line)
	}
	// What no retry mends says most.
	if t.kind == "" || t.kind.Retryable() && !kind.Retryable() {
		t.kind = kind
	}
}

// err is one error for all, or nil. What is a phrase for the objects.
func (t *troubles) err(what string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var parts []string
	kind := t.kind
	if len(t.types) > 0 {
		kind = fault.Unsupported
		names := make([]string, 0, len(t.types))
		for of := range t.types {
			names = append(names, of.String())
		}
		slices.Sort(names)
		parts = append(parts, "the target's API server does not have the types "+strings.Join(names, ", ")+
			": install what brings them, or select others")
	}
	if t.count > 0 {
		slices.Sort(t.lines)
		text := plural(t.count, "object "+what, "objects "+what) + ": " + strings.Join(t.lines, "; ")
		if more := t.count - len(t.lines); more > 0 {
			text += "; and " + plural(more, "other", "others")
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return nil
	}
	return fault.New(kind, "%s", strings.Join(parts, "; "))
}

// reason says why an API server refused one object, without any value of the
// object's fields: messages of validation repeat them. It is not about a single
// object where the API server is not to be had.
func reason(err error) (kind fault.Kind, text string, single bool) {
	var status apierrors.APIStatus
	var classified *fault.Error
	isStatus, isClassified := errors.As(err, &status), errors.As(err, &classified)
	switch {
	case !isStatus && isClassified && !classified.Kind.Retryable():
		return classified.Kind, fault.Line(classified), true
	case !isStatus, apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err), apierrors.IsServerTimeout(err),
		apierrors.IsTimeout(err), apierrors.IsUnauthorized(err):
		return "", "", false
	}
	of := status.Status()
	switch {
	case apierrors.IsInvalid(err):
		return fault.Invalid, "the API server refuses its " + causes(of), true
	case isUnmergeable(err):
		return fault.Unsupported, "the API server does not know all of its fields, or not in this form", true
	case apierrors.IsForbidden(err):
		return forbidden(of.Message)
	case apierrors.IsNotFound(err):
		return fault.Missing, "its namespace or its type is not there any more", true
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return fault.Conflict, "somebody else changes it at the same time", true
	case apierrors.IsRequestEntityTooLargeError(err):
		return fault.Invalid, "the API server takes none so large", true
	case apierrors.IsBadRequest(err):
		return fault.Unsupported, "the API server can't read it in this version", true
	case strings.Contains(of.Message, "failed calling webhook"):
		return fault.Unavailable, "a webhook that has to admit it does not answer", true
	default:
		return cmp.Or(kindOf(err), fault.Unavailable), "the API server answers " + describe(of), true
	}
}

func kindOf(err error) fault.Kind { return fault.KindOf(cluster.Failure(err, "")) }

func describe(of metav1.Status) string {
	return strings.TrimSpace(http.StatusText(int(of.Code)) + " " + string(of.Reason))
}

// forbidden says which of those who may say no has said so.
func forbidden(message string) (fault.Kind, string, bool) {
	switch {
	case strings.Contains(message, "exceeded quota"):
		return fault.Exhausted, "the quota of its namespace is used up", true
	case strings.Contains(message, "status unknown for quota"):
		return fault.Unavailable, "the quota of its namespace is not counted yet", true
	case strings.Contains(message, "violates PodSecurity"):
		return fault.Denied, "the pod security standard of its namespace does not admit it", true
	case strings.Contains(message, "error looking up service account"):
		return fault.Unavailable, "its service account is not there yet", true
	case strings.Contains(message, "is being terminated"):
		return fault.Conflict, "its namespace is being deleted", true
	case strings.Contains(message, "attempting to grant RBAC permissions"):
		return fault.Denied, "it grants rights that Lifeboat's own user has not: give that the verbs escalate and bind", true
	case strings.Contains(message, "cannot"):
		return fault.Denied, "Lifeboat's user may not write it", true
	default:
		return fault.Denied, "admission to the cluster was denied", true
	}
}

// causes are the paths of the fields that were refused, and what is wrong with each.
func causes(of metav1.Status) string {
	if of.Details == nil || len(of.Details.Causes) == 0 {
		return "fields"
	}
	seen := map[string]bool{}
	var out []string
	for _, cause := range of.Details.Causes {
		text := cause.Field
		switch {
		case strings.Contains(cause.Message, "immutable"), strings.Contains(cause.Message, "may not be changed"),
			strings.Contains(cause.Message, "updates to"), strings.Contains(cause.Message, "forbidden after creation"):
			text += " (it can't be changed: delete what is there first, or restore elsewhere)"
		case cause.Type != "":
			text += " (" + string(cause.Type) + ")"
		}
		if !seen[text] {
			seen[text] = true
			out = append(out, text)
		}
	}
	const enough = 5
	if len(out) > enough {
		out = append(out[:enough], "and others")
	}
	return strings.Join(out, ", ")
}
