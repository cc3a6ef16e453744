package azure

import (
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/microsoft"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// codeNoServer is how Resource Manager says that there is no such server. Other
// things that are missing have codes of their own.
const codeNoServer = "ResourceNotFound"

// meanings has the codes whose HTTP status says too little, or that have advice.
var meanings = transport.Meanings{
	"AuthorizationFailed":              {Kind: fault.Denied, Advice: "give the identity a role on the resource group that reads, writes and deletes flexible servers"},
	"LinkedAuthorizationFailed":        {Kind: fault.Denied, Advice: "give the identity the right to join the subnet and the private DNS zone"},
	"InvalidAuthenticationTokenTenant": {Kind: fault.Denied, Advice: "correct tenantId"},
	"SubscriptionNotFound":             {Kind: fault.Missing, Advice: "correct subscription"},
	"InvalidSubscriptionId":            {Kind: fault.Invalid, Advice: "correct subscription"},
	"ResourceGroupNotFound":            {Kind: fault.Missing, Advice: "correct resourceGroup"},
	"MissingSubscriptionRegistration":  {Kind: fault.Denied, Advice: "register the provider Microsoft.DBforPostgreSQL in the subscription"},
	"ServerNameAlreadyExists":          {Kind: fault.Conflict, Advice: "choose another name: it is taken, in another subscription perhaps"},
	"ScopeLocked":                      {Kind: fault.Denied, Advice: "remove the lock"},
	"RequestDisallowedByPolicy":        {Kind: fault.Denied, Advice: "the subscription's policies forbid it"},
	"ServerIsBusy":                     {Kind: fault.Unavailable},
	"QuotaExceeded":                    {Kind: fault.Exhausted, Advice: "raise the quota"},
}

// fault classifies an error and says what was being done.
func (s *Service) fault(err error, doing string) error {
	return microsoft.Fault(err, doing+" at Azure", meanings, explanation, "give the identity the permission")
}

// code is the service's name of an error, empty for other errors.
func code(err error) string {
	if response, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return response.ErrorCode
	}
	return ""
}
