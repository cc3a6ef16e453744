package gcs

import "github.com/lifeboat-dr/lifeboat/internal/cloud/google"

// at names a key for people.
func (b *Bucket) at(key string) string { return b.String() + "/" + key }

// fault classifies an error and says what was being done.
func (b *Bucket) fault(err error, doing, key string) error {
	return google.Fault(err, doing+" "+b.at(key), "the object has changed")
}
