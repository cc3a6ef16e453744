package azure

import (
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/microsoft"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// meanings are what codes mean of a container that is protected: nobody waits for what is archived.
var meanings = microsoft.BlobCodes.With(transport.Meanings{
	string(bloberror.BlobArchived): {Kind: fault.Unsupported, Advice: "the object is archived: rehydrate it first"},
})

// at names a key for people.
func (b *Bucket) at(key string) string { return b.String() + "/" + key }

// fault classifies an error and says what was being done.
func (b *Bucket) fault(err error, doing, key string) error {
	return microsoft.BlobFault(err, doing+" "+b.at(key), meanings)
}
