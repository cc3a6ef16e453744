package rds

import (
	"errors"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Codes that decide what happens next.
const (
	codeNoInstance = "DBInstanceNotFound"
	codeNoBackup   = "DBInstanceAutomatedBackupNotFound"
	codeTaken      = "DBInstanceAlreadyExists"
)

// meaning is what an error code of RDS stands for.
type meaning struct {
	kind   fault.Kind
	advice string
}

// meanings has the codes whose HTTP status says too little, or that have advice.
// RDS answers nearly everything with 400, throttling too.
var meanings = map[string]meaning{
	"AccessDenied":                   {fault.Denied, "give the role or the access key the permission"},
	"AccessDeniedException":          {fault.Denied, "give the role or the access key the permission"},
	"UnauthorizedOperation":          {fault.Denied, "give the role or the access key the permission"},
	"InvalidClientTokenId":           {fault.Denied, "correct accessKeyId"},
	"UnrecognizedClientException":    {fault.Denied, "correct accessKeyId"},
	"SignatureDoesNotMatch":          {fault.Denied, "correct secretAccessKey, and this host's clock"},
	"ExpiredToken":                   {fault.Denied, "renew the session token"},
	"ExpiredTokenException":          {fault.Denied, "renew the session token"},
	"RequestExpired":                 {fault.Denied, "set this host's clock"},
	"KMSKeyNotAccessibleFault":       {fault.Denied, "give the role or the access key the use of the KMS key"},
	codeNoInstance:                   {fault.Missing, ""},
	codeNoBackup:                     {fault.Missing, ""},
	"PointInTimeRestoreNotEnabled":   {fault.Unsupported, "set a backup retention for the instance"},
	"InvalidRestoreFault":            {fault.Missing, "ask for a time within the window"},
	codeTaken:                        {fault.Conflict, "choose another name"},
	"DBSubnetGroupNotFoundFault":     {fault.Invalid, "correct subnetGroup"},
	"InvalidSubnet":                  {fault.Invalid, "correct subnetGroup"},
	"InvalidVPCNetworkStateFault":    {fault.Invalid, "correct subnetGroup and securityGroups"},
	"DBParameterGroupNotFound":       {fault.Invalid, "correct parameterGroup"},
	"DBSecurityGroupNotFound":        {fault.Invalid, "correct securityGroups"},
	"InstanceQuotaExceeded":          {fault.Exhausted, "raise the quota of DB instances"},
	"StorageQuotaExceeded":           {fault.Exhausted, "raise the quota of storage"},
	"InsufficientDBInstanceCapacity": {fault.Unavailable, "the zone is full: try again, or set another instanceClass"},
	"InvalidDBInstanceState":         {fault.Unavailable, "wait until it is available"},
	"DBInstanceNotReady":             {fault.Unavailable, "wait until it is available"},
	"Throttling":                     {fault.Unavailable, ""},
	"ThrottlingException":            {fault.Unavailable, ""},
	"RequestLimitExceeded":           {fault.Unavailable, ""},
	"ServiceUnavailable":             {fault.Unavailable, ""},
	"InternalFailure":                {fault.Unavailable, ""},
}

// fault classifies an error and says what was being done.
func (s *Service) fault(err error, doing string) error {
	if err == nil {
		return nil
	}
	doing += " at RDS"
	var classified *fault.Error
	var api smithy.APIError
	if errors.As(err, &classified) || !errors.As(err, &api) {
		return transport.Fault(err, doing)
	}
	status := 0
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = response.HTTPStatusCode()
	}
	m, known := meanings[api.ErrorCode()]
	if !known {
		m.kind = transport.KindOf(status)
	}
	if status == http.StatusForbidden && m.advice == "" {
		m.advice = "check the credentials and their permissions"
	}
	return fault.Wrap(m.kind, &transport.Answer{
		Code: api.ErrorCode(), Status: status, Text: strings.TrimSpace(api.ErrorMessage()), Advice: m.advice, Err: err,
	}, "%s", doing)
}

// code is the service's name of an error, empty for other errors.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}
