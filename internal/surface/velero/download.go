package velero

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// What can be downloaded of a Backup or a Restore.
const (
	targetContents       = "BackupContents"
	targetResourceList   = "BackupResourceList"
	targetBackupResults  = "BackupResults"
	targetVolumes        = "BackupVolumeInfos"
	targetRestoreResults = "RestoreResults"
)

const (
	// linkedWithin is how long Velero may take to say from where to download.
	linkedWithin = 2 * time.Minute
	// headersWithin is how long a store may take to begin its answer.
	headersWithin = 30 * time.Second
)

// fetch hands over a file that Velero keeps about a Backup or Restore, as it was
// before it was compressed. The location is that of the Backup.
func (v server) fetch(ctx context.Context, kind, name, locationName string, read func(io.Reader) error) error {
	link, err := v.link(ctx, downloadTarget{Kind: kind, Name: name})
	if err != nil {
		return fault.While(err, "download the %s of %s", kind, name)
	}
	trust, err := v.trust(ctx, locationName)
	if err != nil {
		return err
	}
	transport := &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		DialContext:     (&net.Dialer{Timeout: headersWithin}).DialContext,
		TLSClientConfig: trust, TLSHandshakeTimeout: headersWithin, ResponseHeaderTimeout: headersWithin,
		DisableCompression: true, DisableKeepAlives: true,
	}
	return fault.While(open(ctx, &http.Client{Transport: transport}, link, read), "download the %s of %s", kind, name)
}

// link asks Velero for the address of a file, which is good for ten minutes,
// and for anybody who knows it.
func (v server) link(ctx context.Context, target downloadTarget) (string, error) {
	request, err := create(ctx, v, downloadRequests, download{ObjectMeta: v.passing(), Spec: downloadSpec{Target: target}})
	if err != nil {
		return "", err
	}
	defer v.remove(ctx, downloadRequests, request.Name)
	ctx, cancel := context.WithTimeout(ctx, linkedWithin)
	defer cancel()
	err = await(ctx, "Velero says from where", func(ctx context.Context) (bool, error) {
		request, err = get[downloadSpec, downloadStatus](ctx, v, downloadRequests, request.Name)
		return request.Status.DownloadURL != "", err
	})
	return request.Status.DownloadURL, err
}

// open reads what is at an address. The address is as good as a password: it is
// never in an error.
func open(ctx context.Context, client *http.Client, link string, read func(io.Reader) error) error {
	at, err := url.Parse(link)
	if err != nil {
		return fault.New(fault.Unsupported, "the address that Velero gave is no URL")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return fault.New(fault.Unsupported, "the address that Velero gave is no URL")
	}
	response, err := client.Do(request)
	if err != nil {
		if of, is := errors.AsType[*url.Error](err); is {
			err = of.Err
		}
		return fault.Wrap(fault.Unavailable, err, "reach %s://%s (a storage that Lifeboat can't reach under this name needs a publicEndpoint)", at.Scheme, at.Host)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusOK:
	case response.StatusCode == http.StatusNotFound:
		return fault.New(fault.Missing, "%s has no such file", at.Host)
	case response.StatusCode >= http.StatusInternalServerError:
		return fault.New(fault.Unavailable, "%s answers %s", at.Host, response.Status)
	default:
		return fault.New(fault.Denied, "%s answers %s", at.Host, response.Status)
	}
	plain, err := gzip.NewReader(response.Body)
	if err != nil {
		return fault.Wrap(fault.Corrupt, err, "decompress what %s sent", at.Host)
	}
	return read(plain)
}

// trust is how the connections of a location are checked: with its own
// certificates beside those of this host, or not at all where it says so.
func (v server) trust(ctx context.Context, name string) (*tls.Config, error) {
	of, err := get[locationSpec, locationStatus](ctx, v, locations, name)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: of.Spec.Config["insecureSkipTLSVerify"] == "true"}
	certificates := of.Spec.ObjectStorage.CACert
	if ref := of.Spec.ObjectStorage.CACertRef; ref != nil {
		if certificates, err = v.secret(ctx, *ref); err != nil {
			return nil, fault.While(err, "read the certificates of BackupStorageLocation %s", name)
		}
	}
	if len(certificates) == 0 {
		return config, nil
	}
	if config.RootCAs, err = x509.SystemCertPool(); err != nil {
		config.RootCAs = x509.NewCertPool()
	}
	if !config.RootCAs.AppendCertsFromPEM(certificates) {
		return nil, fault.New(fault.Invalid, "BackupStorageLocation %s has no certificate in its caCert", name)
	}
	return config, nil
}

var (
	secretsResource    = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	configMapsResource = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
)

func (v server) secret(ctx context.Context, ref secretKey) ([]byte, error) {
	found, err := v.Resource(secretsResource, v.namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, cluster.Failure(err, "read Secret %s", ref.Name)
	}
	text, has, err := unstructured.NestedString(found.Object, "data", ref.Key)
	if err != nil || !has {
		return nil, fault.New(fault.Missing, "Secret %s has no entry %s", ref.Name, ref.Key)
	}
	return base64.StdEncoding.DecodeString(text)
}
