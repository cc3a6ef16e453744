package rds

import (
	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Codes that decide what happens next.
const (
	codeNoInstance = "DBInstanceNotFound"
	codeNoBackup   = "DBInstanceAutomatedBackupNotFound"
	codeTaken      = "DBInstanceAlreadyExists"
)

// meanings has the codes whose HTTP status says too little, or that have advice.
// RDS answers nearly everything with 400, throttling too.
var meanings = transport.Meanings{
	"AccessDenied":                   {Kind: fault.Denied, Advice: "give the role or the access key the permission"},
	"AccessDeniedException":          {Kind: fault.Denied, Advice: "give the role or the access key the permission"},
	"UnauthorizedOperation":          {Kind: fault.Denied, Advice: "give the role or the access key the permission"},
	"InvalidClientTokenId":           {Kind: fault.Denied, Advice: "correct accessKeyId"},
	"UnrecognizedClientException":    {Kind: fault.Denied, Advice: "correct accessKeyId"},
	"SignatureDoesNotMatch":          {Kind: fault.Denied, Advice: "correct secretAccessKey, and this host's clock"},
	"ExpiredToken":                   {Kind: fault.Denied, Advice: "renew the session token"},
	"ExpiredTokenException":          {Kind: fault.Denied, Advice: "renew the session token"},
	"RequestExpired":                 {Kind: fault.Denied, Advice: "set this host's clock"},
	"KMSKeyNotAccessibleFault":       {Kind: fault.Denied, Advice: "give the role or the access key the use of the KMS key"},
	codeNoInstance:                   {Kind: fault.Missing},
	codeNoBackup:                     {Kind: fault.Missing},
	"PointInTimeRestoreNotEnabled":   {Kind: fault.Unsupported, Advice: "set a backup retention for the instance"},
	"InvalidRestoreFault":            {Kind: fault.Missing, Advice: "ask for a time within the window"},
	codeTaken:                        {Kind: fault.Conflict, Advice: "choose another name"},
	"DBSubnetGroupNotFoundFault":     {Kind: fault.Invalid, Advice: "correct subnetGroup"},
	"InvalidSubnet":                  {Kind: fault.Invalid, Advice: "correct subnetGroup"},
	"InvalidVPCNetworkStateFault":    {Kind: fault.Invalid, Advice: "correct subnetGroup and securityGroups"},
	"DBParameterGroupNotFound":       {Kind: fault.Invalid, Advice: "correct parameterGroup"},
	"DBSecurityGroupNotFound":        {Kind: fault.Invalid, Advice: "correct securityGroups"},
	"InstanceQuotaExceeded":          {Kind: fault.Exhausted, Advice: "raise the quota of DB instances"},
	"StorageQuotaExceeded":           {Kind: fault.Exhausted, Advice: "raise the quota of storage"},
	"InsufficientDBInstanceCapacity": {Kind: fault.Unavailable, Advice: "the zone is full: try again, or set another instanceClass"},
	"InvalidDBInstanceState":         {Kind: fault.Unavailable, Advice: "wait until it is available"},
	"DBInstanceNotReady":             {Kind: fault.Unavailable, Advice: "wait until it is available"},
	"Throttling":                     {Kind: fault.Unavailable},
	"ThrottlingException":            {Kind: fault.Unavailable},
	"RequestLimitExceeded":           {Kind: fault.Unavailable},
	"ServiceUnavailable":             {Kind: fault.Unavailable},
	"InternalFailure":                {Kind: fault.Unavailable},
}

// fault classifies an error and says what was being done.
func (s *Service) fault(err error, doing string) error {
	return amazon.Fault(err, doing+" at RDS", meanings)
}
