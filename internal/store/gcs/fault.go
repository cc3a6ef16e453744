package gcs

import (
	"net/http"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/google"
)

// at names a key for people.
func (s *Store) at(key string) string { return "gs://" + s.name + "/" + s.keys.Shown(key) }

// fault classifies an error and says what was being done.
func (s *Store) fault(err error, doing, key string) error {
	return google.Fault(err, doing+" "+s.at(key), "the object exists already, or has changed")
}

func conditionFailed(err error) bool { return google.Status(err) == http.StatusPreconditionFailed }
