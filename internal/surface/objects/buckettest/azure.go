package buckettest

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Account is a storage account of Azure that keeps versions, as the service
// documents its protocol; the emulator has none. It knows what this surface
// asks, keeps everything in memory, and refuses requests without a signature,
// which it doesn't look at.
type Account struct {
	// Unversioned makes it keep no versions.
	Unversioned bool

	url  string
	mu   sync.Mutex
	last time.Time
	// containers have their blobs by name, each with its versions, the oldest first.
	containers map[string]map[string][]*azureBlob
}

type azureBlob struct {
	data    []byte
	id      string
	etag    string
	at      time.Time
	current bool
}

// AzureAccount starts an account.
func AzureAccount(t testing.TB) *Account {
	t.Helper()
	a := &Account{containers: map[string]map[string][]*azureBlob{}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

// Container makes a container and returns the settings that reach it.
func (a *Account) Container(name string) surface.Bucket {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.containers[name] = map[string][]*azureBlob{}
	return surface.Bucket{
		Kind: surface.BucketAzure, Container: name,
		ConnectionString: secret.String("AccountName=account;AccountKey=a2V5;BlobEndpoint=" + a.url + "/account"),
	}
}

// pageSize is how many items a page of a listing has.
const pageSize = 100

// ServeHTTP implements http.Handler.
func (a *Account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if r.Header.Get("Authorization") == "" {
		refuse(w, http.StatusUnauthorized, "NoAuthenticationInformation")
		return
	}
	name, key := split(r.URL)
	blobs, ok := a.containers[name]
	switch {
	case !ok:
		refuse(w, http.StatusNotFound, "ContainerNotFound")
	case key == "" && r.URL.Query().Get("comp") == "list":
		a.list(w, r, blobs)
	case key == "":
		w.WriteHeader(http.StatusOK)
	case r.Method == http.MethodPut:
		a.put(w, r, blobs, key)
	case r.Method == http.MethodDelete:
		a.remove(w, r, blobs, key)
	default:
		a.get(w, r, blobs, key)
	}
}

func split(u *url.URL) (container, key string) {
	container, key, _ = strings.Cut(strings.TrimPrefix(u.Path, "/account/"), "/")
	return container, key
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
}

const idFormat = "2006-01-02T15:04:05.0000000Z"

// write makes a version, at a time of its own.
func (a *Account) write(blobs map[string][]*azureBlob, key string, data []byte) *azureBlob {
	now := time.Now().UTC().Truncate(100 * time.Nanosecond)
	if !now.After(a.last) {
		now = a.last.Add(100 * time.Nanosecond)
	}
	a.last = now
	made := &azureBlob{data: data, etag: fmt.Sprintf("0x%X", now.UnixNano()), at: now, current: true}
	if a.Unversioned {
		blobs[key] = []*azureBlob{made}
		return made
	}
	made.id = now.Format(idFormat)
	for _, old := range blobs[key] {
		old.current = false
	}
	blobs[key] = append(blobs[key], made)
	return made
}

// find is the version that a request names.
func find(blobs map[string][]*azureBlob, key string, query url.Values) *azureBlob {
	for _, b := range blobs[key] {
		if query.Has("versionid") && b.id == query.Get("versionid") || !query.Has("versionid") && b.current {
			return b
		}
	}
	return nil
}

func (a *Account) put(w http.ResponseWriter, r *http.Request, blobs map[string][]*azureBlob, key string) {
	data, _ := io.ReadAll(r.Body)
	if source := r.Header.Get("x-ms-copy-source"); source != "" {
		from, err := url.Parse(source)
		if err != nil {
			refuse(w, http.StatusBadRequest, "InvalidHeaderValue")
			return
		}
		container, name := split(from)
		found := find(a.containers[container], name, from.Query())
		if found == nil {
			refuse(w, http.StatusNotFound, "BlobNotFound")
			return
		}
		if match := strings.Trim(r.Header.Get("x-ms-source-if-match"), `"`); match != "" && match != found.etag {
			refuse(w, http.StatusPreconditionFailed, "SourceConditionNotMet")
			return
		}
		w.Header().Set("x-ms-copy-status", "success")
		w.Header().Set("x-ms-copy-id", "1")
		made := a.write(blobs, key, found.data)
		describe(w, made)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	describe(w, a.write(blobs, key, data))
	w.WriteHeader(http.StatusCreated)
}

func describe(w http.ResponseWriter, b *azureBlob) {
	w.Header().Set("ETag", `"`+b.etag+`"`)
	w.Header().Set("Last-Modified", b.at.Format(http.TimeFormat))
	if b.id != "" {
		w.Header().Set("x-ms-version-id", b.id)
	}
}

// md5 is a digest of as many bytes as an MD5 has; nobody here looks whether it is one.
func (b *azureBlob) md5() string {
	h := fnv.New128a()
	// A hash takes everything.
	_, _ = h.Write(b.data)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func (a *Account) get(w http.ResponseWriter, r *http.Request, blobs map[string][]*azureBlob, key string) {
	b := find(blobs, key, r.URL.Query())
	if b == nil {
		refuse(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	describe(w, b)
	w.Header().Set("Content-MD5", b.md5())
	w.Header().Set("x-ms-blob-type", "BlockBlob")
	w.Header().Set("x-ms-is-current-version", strconv.FormatBool(b.current))
	w.Header().Set("Content-Length", strconv.Itoa(len(b.data)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(b.data)
	}
}

// remove leaves a blob without a current version, or removes one that is not current.
func (a *Account) remove(w http.ResponseWriter, r *http.Request, blobs map[string][]*azureBlob, key string) {
	b := find(blobs, key, r.URL.Query())
	match := strings.Trim(r.Header.Get("If-Match"), `"`)
	switch {
	case b == nil:
		refuse(w, http.StatusNotFound, "BlobNotFound")
		return
	case match != "" && match != b.etag:
		refuse(w, http.StatusPreconditionFailed, "ConditionNotMet")
		return
	case r.URL.Query().Has("versionid") && b.current:
		refuse(w, http.StatusForbidden, "OperationNotAllowedOnRootBlob")
		return
	case r.URL.Query().Has("versionid") || a.Unversioned:
		blobs[key] = slices.DeleteFunc(blobs[key], func(other *azureBlob) bool { return other == b })
	default:
		b.current = false
	}
	w.WriteHeader(http.StatusAccepted)
}

type azureItem struct {
	Name             string
	VersionID        string `xml:"VersionId,omitempty"`
	IsCurrentVersion string `xml:",omitempty"`
	Properties       struct {
		LastModified  string `xml:"Last-Modified"`
		Etag          string
		ContentLength int    `xml:"Content-Length"`
		ContentMD5    string `xml:"Content-MD5"`
		BlobType      string
	}
}

// list has the versions of a blob from the oldest to the newest, as the service has.
func (a *Account) list(w http.ResponseWriter, r *http.Request, blobs map[string][]*azureBlob) {
	query := r.URL.Query()
	var names []string
	for name := range blobs {
		if strings.HasPrefix(name, query.Get("prefix")) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var items []azureItem
	for _, name := range names {
		for _, b := range blobs[name] {
			if !b.current && !strings.Contains(query.Get("include"), "versions") {
				continue
			}
			item := azureItem{Name: name, VersionID: b.id}
			if b.current && b.id != "" {
				item.IsCurrentVersion = "true"
			}
			p := &item.Properties
			p.LastModified, p.Etag, p.ContentLength, p.ContentMD5, p.BlobType = b.at.Format(http.TimeFormat), b.etag, len(b.data), b.md5(), "BlockBlob"
			items = append(items, item)
		}
	}
	from, _ := strconv.Atoi(query.Get("marker"))
	until, next := min(from+pageSize, len(items)), ""
	if until < len(items) {
		next = strconv.Itoa(until)
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName    xml.Name    `xml:"EnumerationResults"`
		Items      []azureItem `xml:"Blobs>Blob"`
		NextMarker string
	}{Items: items[from:until], NextMarker: next})
}
