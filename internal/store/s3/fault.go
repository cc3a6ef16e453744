package s3

import (
	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Codes that decide what happens next.
const (
	codeInvalidRange = "InvalidRange"
	codeAtOnce       = "ConditionalRequestConflict"
)

// meanings are what codes mean to a store: its conditions are that nothing is
// there yet, and what is archived may be asked for again.
var meanings = amazon.S3Codes.With(transport.Meanings{
	"PreconditionFailed": {Kind: fault.Conflict, Advice: "the object exists already, or has changed"},
	codeAtOnce:           {Kind: fault.Conflict},
	"InvalidObjectState": {Kind: fault.Unavailable, Advice: "the object is archived: restore it to a readable storage class"},
	"EntityTooLarge":     {Kind: fault.Exhausted},
})

// at names a key for people.
func (s *Store) at(key string) string { return "s3://" + *s.bucket + "/" + s.keys.Shown(key) }

// fault classifies an error and says what was being done.
func (s *Store) fault(err error, doing, key string) error {
	return amazon.Fault(err, doing+" "+s.at(key), meanings)
}

// missingIsFine drops the error that what was to be removed isn't there.
func missingIsFine(err error) error {
	switch amazon.Code(err) {
	case amazon.NoSuchKey, amazon.NoSuchUpload:
		return nil
	}
	return err
}
