package reconcile

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	api "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// release is one revision of a Helm 3 release, as far as it is looked at
// (helm.sh/helm/v3/pkg/release).
type release struct {
	Name string `json:"name"`
	// Version is the revision.
	Version int `json:"version"`
	Info    struct {
		Status       string    `json:"status"`
		LastDeployed time.Time `json:"last_deployed"`
	} `json:"info"`
	Chart struct {
		Metadata struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"metadata"`
	} `json:"chart"`
	// Config are the values that were supplied, without the chart's own.
	Config map[string]any `json:"config"`
}

func (r release) String() string {
	text := fmt.Sprintf("revision %d of chart %s %s", r.Version, r.Chart.Metadata.Name, r.Chart.Metadata.Version)
	if !r.Info.LastDeployed.IsZero() {
		text += ", deployed " + r.Info.LastDeployed.UTC().Format(time.RFC3339)
	}
	return text
}

// mostRelease is how large a release may become; what is stored of it, in a
// Secret, is at most 1 MiB.
const mostRelease = 64 << 20

// decodeRelease reads what Helm 3 keeps under the key release of a Secret:
// base64 of JSON, which is compressed by gzip unless Helm 2 has written it.
// Errors are fault.Corrupt and repeat nothing of it.
func decodeRelease(stored []byte) (release, error) {
	var out release
	text, err := base64.StdEncoding.DecodeString(string(stored))
	if err != nil {
		return out, fault.New(fault.Corrupt, "it is no base64")
	}
	if bytes.HasPrefix(text, []byte{0x1f, 0x8b, 0x08}) {
		r, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return out, fault.New(fault.Corrupt, "it can't be decompressed")
		}
		if text, err = io.ReadAll(io.LimitReader(r, mostRelease+1)); err != nil {
			return out, fault.New(fault.Corrupt, "it can't be decompressed")
		}
	}
	if len(text) > mostRelease {
		return out, fault.New(fault.Corrupt, "it has more than %d bytes", mostRelease)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	// 1.10 as a tag and 12345678901234567890 as an ID are not what float64 makes of them.
	decoder.UseNumber()
	if err := decoder.Decode(&out); err != nil {
		return release{}, fault.New(fault.Corrupt, "it is no JSON of a release")
	}
	return out, nil
}

// The names by which Helm 3 keeps its releases.
const (
	secretType     = "helm.sh/release.v1"
	statusDeployed = "deployed"
)

var secrets = api.GroupVersionResource{Version: "v1", Resource: "secrets"}

// stored is what the labels of a stored revision say.
type stored struct {
	secret, status string
	revision       int
}

// revisions are the deployed one with the highest number, and the newest of all.
func revisions(ctx context.Context, c *clients.Client, namespace, name string) (deployed, newest stored, err error) {
	client, err := metadata.NewForConfig(c.REST)
	if err != nil {
		return deployed, newest, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
	}
	options := metav1.ListOptions{
		LabelSelector: "owner=helm,name=" + name, FieldSelector: "type=" + secretType, Limit: 500,
	}
	for {
		// Without their contents: those of a long history would be large.
		page, err := client.Resource(secrets).Namespace(namespace).List(ctx, options)
		if err != nil {
			return deployed, newest, cluster.Failure(err, "list the revisions of release %s in namespace %s", name, namespace)
		}
		for _, item := range page.Items {
			revision, err := strconv.Atoi(item.Labels["version"])
			if err != nil || item.Name != fmt.Sprintf("sh.helm.release.v1.%s.v%d", name, revision) {
				continue
			}
			one := stored{item.Name, item.Labels["status"], revision}
			if one.revision > newest.revision {
				newest = one
			}
			if one.status == statusDeployed && one.revision > deployed.revision {
				deployed = one
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return deployed, newest, nil
		}
	}
}

// readRelease reads the newest revision that is deployed. The newest of all is
// another one while an upgrade is under way, or when one has failed.
func readRelease(ctx context.Context, c *clients.Client, namespace, name string) (release, stored, error) {
	deployed, newest, err := revisions(ctx, c, namespace, name)
	switch {
	case err != nil:
		return release{}, newest, err
	case newest.revision == 0:
		return release{}, newest, fault.New(fault.Missing, "namespace %s has no release %s that Helm 3 keeps in a Secret", namespace, name)
	case deployed.revision == 0:
		return release{}, newest, fault.New(fault.Missing, "release %s of namespace %s has no revision that is deployed: the newest, %d, is %s", name, namespace, newest.revision, newest.status)
	}
	secret, err := c.Resource(secrets, namespace).Get(ctx, deployed.secret, metav1.GetOptions{})
	if err != nil {
		return release{}, newest, cluster.Failure(err, "read revision %d of release %s in namespace %s", deployed.revision, name, namespace)
	}
	// The API server has encoded it once more, as it does with all that a Secret holds.
	outer, _, err := unstructured.NestedString(secret.Object, "data", "release")
	if err != nil {
		return release{}, newest, fault.New(fault.Corrupt, "Secret %s has no release in it", deployed.secret)
	}
	inner, err := base64.StdEncoding.DecodeString(outer)
	if err != nil {
		return release{}, newest, fault.New(fault.Corrupt, "Secret %s has no release in it", deployed.secret)
	}
	out, err := decodeRelease(inner)
	if err == nil && (out.Version != deployed.revision || !strings.EqualFold(out.Name, name)) {
		err = fault.New(fault.Corrupt, "it is of another release")
	}
	return out, newest, fault.While(err, "the release in Secret %s", deployed.secret)
}
