package cluster

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Failure gives an error of a client its kind, and says what was being done.
// It returns nil for a nil err. What an API server did not say itself is
// fault.Unavailable: a connection that broke, an API server that starts anew.
func Failure(err error, format string, args ...any) error {
	return fault.Wrap(kindOf(err), err, format, args...)
}

func kindOf(err error) fault.Kind {
	var classified *fault.Error
	switch {
	case apierrors.IsNotFound(err):
		return fault.Missing
	case apierrors.IsAlreadyExists(err), apierrors.IsConflict(err):
		return fault.Conflict
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return fault.Denied
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return fault.Invalid
	case apierrors.IsMethodNotSupported(err), apierrors.IsNotAcceptable(err), apierrors.IsUnsupportedMediaType(err), meta.IsNoMatchError(err):
		return fault.Unsupported
	case errors.As(err, &classified):
		return classified.Kind
	default:
		return fault.Unavailable
	}
}
