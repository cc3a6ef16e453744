// Package store is where recovery points live: an object store reduced to what
// a backup needs. Every implementation passes the suite in storetest.
package store

import (
	"context"
	"io"
	"iter"
	"time"
)

// Store is one bucket, container or folder. Its methods may be called from
// many goroutines. Errors are classified by package fault: Missing for a key
// that does not exist, Conflict for a conditional write that lost, Denied,
// Unavailable, Exhausted (quota, disk full), Invalid for a key that breaks the
// rules of ValidKey.
type Store interface {
	// Check reports whether the store can be reached and used, without leaving
	// anything in it. The error says what to do.
	Check(ctx context.Context) error
	// Put writes an object from r to its end. Either the whole object appears
	// under the key or none: a reader that fails, a cancelled context or a
	// killed process never leave a partial object that Get or List shows.
	// A successful Put is durable. An existing object is replaced unless
	// opts.IfAbsent is set.
	Put(ctx context.Context, key string, r io.Reader, opts PutOptions) (Object, error)
	// Get opens an object at a byte offset, for length bytes; a length below
	// zero means up to its end. An offset at the end gives an empty reader.
	Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Stat describes one object.
	Stat(ctx context.Context, key string) (Object, error)
	// List yields what stands under a prefix in ascending byte order of keys,
	// reading ahead no more than one page. It stops at the first error, which
	// it yields as its last pair.
	List(ctx context.Context, opts ListOptions) iter.Seq2[Entry, error]
	// Delete removes objects. A key that does not exist is no error. In a
	// bucket with versions the current version is hidden, and older ones stay
	// as the bucket's lifecycle rules say.
	Delete(ctx context.Context, keys ...string) error
	// SweepUploads ends uploads that were begun before a moment and never
	// completed, and reports how many it ended. Uploads under way are younger
	// than that by the caller's choice of the moment.
	SweepUploads(ctx context.Context, prefix string, before time.Time) (int, error)
	// Features says what this store can do beyond the interface.
	Features(ctx context.Context) (Features, error)
}

// PutOptions qualify a write.
type PutOptions struct {
	// IfAbsent makes the write fail with fault.Conflict when the key exists,
	// atomically, also against a concurrent writer.
	IfAbsent bool
	// Estimate is about how many bytes are coming, 0 when unknown. Stores
	// with a limit on the number of upload parts size them by it.
	Estimate int64
	// RetainUntil asks for an immutable object until then, where Features says
	// so; elsewhere it is ignored. The zero time asks for nothing.
	RetainUntil time.Time
}

// Object describes one stored object.
type Object struct {
	Key      string
	Size     int64
	Modified time.Time
	// Version is the store's version or generation of it, empty without versions.
	Version string
}

// Entry is one row of a listing: an object, or a common prefix.
type Entry struct {
	Object
	// Dir is set for a common prefix; Key then ends with "/".
	Dir bool
}

// ListOptions choose what List yields.
type ListOptions struct {
	// Prefix is what keys must begin with; it need not end with a slash.
	Prefix string
	// After skips keys up to and including this one (byte order); with
	// Shallow, common prefixes are compared as a whole ("a/b/").
	After string
	// Shallow groups keys by the next "/" after Prefix into Dir entries.
	Shallow bool
	// Descending, with Shallow alone, asks for descending order; After then
	// skips keys down to and including this one. Services that list in
	// ascending order only answer fault.Unsupported, at once.
	Descending bool
}

// Features are what a store can do beyond the interface.
type Features struct {
	// Versions is set when overwriting or deleting keeps the older version.
	Versions bool
	// ObjectLock is set when RetainUntil is honoured.
	ObjectLock bool
}
