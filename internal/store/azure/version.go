package azure

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// StatVersion implements store.Versioner. A version is a blob's version ID,
// which is a time such as 2026-01-02T03:04:05.0000000Z.
func (s *Store) StatVersion(ctx context.Context, key, version string) (store.Object, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return store.Object{}, err
	}
	if version == "" {
		return store.Object{}, fault.New(fault.Invalid, "stat a version of %s: no version is given", s.at(key))
	}
	client, err := s.client.NewBlobClient(name).WithVersionID(version)
	if err != nil {
		// The cause may quote the URL, which may carry a signature.
		return store.Object{}, fault.New(fault.Invalid, "stat version %s of %s: the version can't be asked for", version, s.at(key))
	}
	p, err := client.GetProperties(ctx, nil)
	if bloberror.HasCode(err, bloberror.InvalidQueryParameterValue) {
		// What is no version ID names no version.
		return store.Object{}, fault.New(fault.Missing, "%s has no version %s", s.at(key), version)
	}
	if err != nil {
		return store.Object{}, s.fault(err, "stat version "+version+" of", key)
	}
	if value(p.VersionID) != version {
		// An account without versions answers with what is there now.
		return store.Object{}, fault.New(fault.Missing, "%s has no version %s", s.at(key), version)
	}
	return store.Object{
		Key: key, Size: value(p.ContentLength), Modified: value(p.LastModified), Version: version,
	}, nil
}
