package azure

import (
	"errors"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// meaning is what an error code of the service stands for.
type meaning struct {
	kind   fault.Kind
	advice string
}

// meanings has the codes whose HTTP status says too little, or that have advice.
var meanings = map[bloberror.Code]meaning{
	bloberror.AuthenticationFailed:      {fault.Denied, "correct connectionString, and this host's clock"},
	bloberror.InvalidAuthenticationInfo: {fault.Denied, "correct connectionString"},
	bloberror.AccountIsDisabled:         {fault.Denied, "enable the account"},
	bloberror.ContainerNotFound:         {fault.Missing, "make the container, or correct container"},
	bloberror.ContainerBeingDeleted:     {fault.Unavailable, "the container is being deleted"},
	bloberror.BlobNotFound:              {fault.Missing, ""},
	bloberror.BlobImmutableDueToPolicy:  {fault.Denied, "the object is kept immutable"},
	bloberror.BlobArchived:              {fault.Unsupported, "the object is archived: rehydrate it first"},
	bloberror.BlobBeingRehydrated:       {fault.Unavailable, "the object is being rehydrated"},
	bloberror.OperationTimedOut:         {fault.Unavailable, ""},
	bloberror.InvalidResourceName:       {fault.Invalid, "correct container"},
	bloberror.LeaseIDMissing:            {fault.Conflict, "somebody holds a lease on the object"},
}

// at names a key for people.
func (b *Bucket) at(key string) string { return b.String() + "/" + key }

// fault classifies an error and says what was being done. The library's own
// text is not used: it has many lines.
func (b *Bucket) fault(err error, doing, key string) error {
	if err == nil {
		return nil
	}
	doing += " " + b.at(key)
	var classified *fault.Error
	var response *azcore.ResponseError
	if errors.As(err, &classified) || !errors.As(err, &response) {
		return transport.Fault(err, doing)
	}
	m, known := meanings[bloberror.Code(response.ErrorCode)]
	if !known {
		m.kind = transport.KindOf(response.StatusCode)
	}
	if response.StatusCode == http.StatusForbidden && m.advice == "" {
		m.advice = "give the account key or signature the permission"
	}
	return fault.Wrap(m.kind, &transport.Answer{
		Code: response.ErrorCode, Status: response.StatusCode, Advice: m.advice, Err: err,
	}, "%s", doing)
}
