package microsoft

import (
	"errors"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Fault classifies an error of a service by what its codes mean, and says what
// was being done. The SDK's own text is not used: it has many lines, and the
// request's URL. Text, if it is not nil, finds the service's explanation in an
// answer; forbidden is the advice for a refusal that has none of its own.
func Fault(err error, doing string, codes transport.Meanings, text func(*azcore.ResponseError) string, forbidden string) error {
	if err == nil {
		return nil
	}
	var classified *fault.Error
	var response *azcore.ResponseError
	if errors.As(err, &classified) || !errors.As(err, &response) {
		return transport.Fault(err, doing)
	}
	answer := transport.Answer{Code: response.ErrorCode, Status: response.StatusCode, Err: err}
	if text != nil {
		answer.Text = text(response)
	}
	return fault.While(codes.Classify(answer, map[int]string{http.StatusForbidden: forbidden}), "%s", doing)
}

// BlobFault is Fault for Blob Storage.
func BlobFault(err error, doing string, codes transport.Meanings) error {
	return Fault(err, doing, codes, nil, "give the account key or signature the permission")
}

// BlobCodes are the codes of Blob Storage that mean the same to everybody. What
// a condition that failed means, and an archived blob, is for those to say who ask.
var BlobCodes = transport.Meanings{
	string(bloberror.AuthenticationFailed):      {Kind: fault.Denied, Advice: "correct connectionString, and this host's clock"},
	string(bloberror.InvalidAuthenticationInfo): {Kind: fault.Denied, Advice: "correct connectionString"},
	string(bloberror.AccountIsDisabled):         {Kind: fault.Denied, Advice: "enable the account"},
	string(bloberror.ContainerNotFound):         {Kind: fault.Missing, Advice: "make the container, or correct container"},
	string(bloberror.ContainerBeingDeleted):     {Kind: fault.Unavailable, Advice: "the container is being deleted"},
	string(bloberror.BlobNotFound):              {Kind: fault.Missing},
	string(bloberror.BlobImmutableDueToPolicy):  {Kind: fault.Denied, Advice: "the object is kept immutable"},
	string(bloberror.BlobBeingRehydrated):       {Kind: fault.Unavailable, Advice: "the object is being rehydrated"},
	string(bloberror.MD5Mismatch):               {Kind: fault.Unavailable, Advice: "the bytes changed on their way"},
	string(bloberror.OperationTimedOut):         {Kind: fault.Unavailable},
	string(bloberror.InvalidResourceName):       {Kind: fault.Invalid, Advice: "correct container"},
	string(bloberror.LeaseIDMissing):            {Kind: fault.Conflict, Advice: "somebody holds a lease on the object"},
}
