package azure

import (
	"errors"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// codeNoServer is how Resource Manager says that there is no such server. Other
// things that are missing have codes of their own.
const codeNoServer = "ResourceNotFound"

// meaning is what an error code of the service stands for.
type meaning struct {
	kind   fault.Kind
	advice string
}

// meanings has the codes whose HTTP status says too little, or that have advice.
var meanings = map[string]meaning{
	"AuthorizationFailed":              {fault.Denied, "give the identity a role on the resource group that reads, writes and deletes flexible servers"},
	"LinkedAuthorizationFailed":        {fault.Denied, "give the identity the right to join the subnet and the private DNS zone"},
	"InvalidAuthenticationTokenTenant": {fault.Denied, "correct tenantId"},
	"SubscriptionNotFound":             {fault.Missing, "correct subscription"},
	"InvalidSubscriptionId":            {fault.Invalid, "correct subscription"},
	"ResourceGroupNotFound":            {fault.Missing, "correct resourceGroup"},
	"MissingSubscriptionRegistration":  {fault.Denied, "register the provider Microsoft.DBforPostgreSQL in the subscription"},
	"ServerNameAlreadyExists":          {fault.Conflict, "choose another name: it is taken, in another subscription perhaps"},
	"ScopeLocked":                      {fault.Denied, "remove the lock"},
	"RequestDisallowedByPolicy":        {fault.Denied, "the subscription's policies forbid it"},
	"ServerIsBusy":                     {fault.Unavailable, ""},
	"QuotaExceeded":                    {fault.Exhausted, "raise the quota"},
}

// fault classifies an error and says what was being done.
func (s *Service) fault(err error, doing string) error {
	if err == nil {
		return nil
	}
	doing += " at Azure"
	var classified *fault.Error
	var response *azcore.ResponseError
	if errors.As(err, &classified) || !errors.As(err, &response) {
		return transport.Fault(err, doing)
	}
	m, known := meanings[response.ErrorCode]
	if !known {
		m.kind = transport.KindOf(response.StatusCode)
	}
	if response.StatusCode == http.StatusForbidden && m.advice == "" {
		m.advice = "give the identity the permission"
	}
	return fault.Wrap(m.kind, &transport.Answer{
		Code: response.ErrorCode, Status: response.StatusCode, Text: explanation(response), Advice: m.advice, Err: err,
	}, "%s", doing)
}

// code is the service's name of an error, empty for other errors.
func code(err error) string {
	if response, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return response.ErrorCode
	}
	return ""
}
