package rds

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

func TestStatesAreRead(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]managed.State{
		"available": managed.Available, "storage-optimization": managed.Available,
		"creating": managed.Creating, "backing-up": managed.Creating, "modifying": managed.Creating, "": managed.Creating,
		"incompatible-restore": managed.Failed, "restore-error": managed.Failed, "storage-full": managed.Failed, "stopped": managed.Failed,
		"deleting": managed.Deleting,
	} {
		if got := state(status); got != want {
			t.Errorf("%q is read as %s, want %s", status, got, want)
		}
	}
}

func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]fault.Kind{
		"Throttling": fault.Unavailable, "InvalidDBInstanceState": fault.Unavailable, "InstanceQuotaExceeded": fault.Exhausted,
		"PointInTimeRestoreNotEnabled": fault.Unsupported, "ExpiredToken": fault.Denied, "DBSubnetGroupNotFoundFault": fault.Invalid,
		"DBInstanceAlreadyExists": fault.Conflict, "NeverHeardOf": fault.Internal,
	} {
		err := (&Service{}).fault(&smithy.GenericAPIError{Code: code, Message: " what happened\n"}, "restore it")
		if !fault.Is(err, want) || !strings.HasPrefix(err.Error(), "restore it at RDS: "+code) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s is %q of kind %s, want kind %s", code, err, fault.KindOf(err), want)
		}
	}
	kept := fault.New(fault.Denied, "no")
	if err := (&Service{}).fault(kept, "ask"); !fault.Is(err, fault.Denied) || !errors.Is(err, kept) {
		t.Errorf("a classified error became %v", err)
	}
}
