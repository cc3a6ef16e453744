package azure

import (
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/microsoft"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// errExists is for a key that is known to be taken before anything is sent.
var errExists = fault.New(fault.Conflict, "the object exists already")

// meanings are what codes mean to a store: its conditions are that nothing is
// there yet, and what is archived may be asked for again.
var meanings = microsoft.BlobCodes.With(transport.Meanings{
	string(bloberror.BlobAlreadyExists): {Kind: fault.Conflict, Advice: "the object exists already"},
	string(bloberror.ConditionNotMet):   {Kind: fault.Conflict, Advice: "the object exists already, or has changed"},
	// Another writer's commit to the same key has discarded the blocks.
	string(bloberror.InvalidBlockList):       {Kind: fault.Unavailable, Advice: "another writer was faster: try again"},
	string(bloberror.InvalidBlobOrBlock):     {Kind: fault.Unavailable, Advice: "another writer was faster: try again"},
	string(bloberror.BlobArchived):           {Kind: fault.Unavailable, Advice: "rehydrate the object"},
	string(bloberror.BlockCountExceedsLimit): {Kind: fault.Exhausted},
})

// at names a key for people.
func (s *Store) at(key string) string { return "azure://" + s.name + "/" + s.keys.Shown(key) }

// fault classifies an error and says what was being done.
func (s *Store) fault(err error, doing, key string) error {
	return microsoft.BlobFault(err, doing+" "+s.at(key), meanings)
}
