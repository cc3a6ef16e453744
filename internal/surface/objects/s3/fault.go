package s3

import (
	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// meanings are what codes mean of a bucket that is protected: its conditions are
// that an object is still the one that was listed, and nobody waits for what is archived.
var meanings = amazon.S3Codes.With(transport.Meanings{
	"PreconditionFailed": {Kind: fault.Missing, Advice: "the object has changed"},
	"InvalidObjectState": {Kind: fault.Unsupported, Advice: "the object is archived: restore it to a readable storage class first"},
	"KeyTooLongError":    {Kind: fault.Invalid, Advice: "the key would be over 1024 bytes: shorten restoreTo.prefix"},
})

// at names a key for people.
func (b *Bucket) at(key string) string { return b.String() + "/" + key }

// fault classifies an error and says what was being done.
func (b *Bucket) fault(err error, doing, key string) error {
	return amazon.Fault(err, doing+" "+b.at(key), meanings)
}
