package azure

import (
	"context"
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// identify makes what asks for tokens: for the client that c names, or else by
// the SDK's own chain.
func identify(c managed.Config, options azcore.ClientOptions) (azcore.TokenCredential, error) {
	// An authority of one's own is not among those that Microsoft lists.
	own := c.Authority != ""
	if c.ClientID == "" {
		found, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: own,
		})
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "read the Azure configuration of this host")
		}
		return explained{found, "set tenantId, clientId and clientSecret, or give this host a managed identity"}, nil
	}
	client, err := azidentity.NewClientSecretCredential(c.TenantID, c.ClientID, c.ClientSecret.Reveal(),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: own})
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "tenantId, clientId and clientSecret")
	}
	return explained{client, "correct tenantId, clientId and clientSecret"}, nil
}

// explained says in one line why there is no token, and what to do.
type explained struct {
	azcore.TokenCredential
	advice string
}

func (e explained) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := e.TokenCredential.GetToken(ctx, o)
	if err == nil || ctx.Err() != nil {
		return token, err
	}
	// The library's own text has many lines, and what the authority answered.
	if refused, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok && refused.RawResponse != nil {
		status := refused.RawResponse.StatusCode
		kind := fault.Denied
		if k := transport.KindOf(status); k == fault.Unavailable {
			kind = k
		}
		return token, fault.Wrap(kind, &transport.Answer{Status: status, Advice: e.advice, Err: err}, "get a token from Azure")
	}
	if transport.Passing(err) {
		return token, transport.Fault(err, "get a token from Azure")
	}
	// A host's identity may be out of reach for a moment.
	return token, fault.Wrap(fault.Unavailable, errors.New(fault.Line(err)), "find Azure credentials (%s)", e.advice)
}
