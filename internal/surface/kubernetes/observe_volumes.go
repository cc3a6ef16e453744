package kubernetes

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// tlsSecrets limits a list of secrets to those that hold a certificate and its key.
const tlsSecrets = "type=kubernetes.io/tls"

// certificates are those in secrets. One that can't be read is a finding by itself.
func (o *observer) certificates(ctx context.Context) ([]status.Certificate, error) {
	out := []status.Certificate{}
	var damaged error
	err := o.all(ctx, listing{of: secretType, selector: o.selector, fields: tlsSecrets}, func(text []byte) error {
		// The key beside it is left alone.
		var secret struct {
			Metadata meta `json:"metadata"`
			Data     struct {
				Certificate string `json:"tls.crt"`
			} `json:"data"`
		}
		if err := json.Unmarshal(text, &secret); err != nil {
			return err
		}
		where := secret.Metadata.Namespace + "/" + secret.Metadata.Name
		if secret.Data.Certificate == "" {
			return nil
		}
		leaf, err := firstCertificate(secret.Data.Certificate)
		if err != nil {
			damaged = fault.Wrap(fault.Corrupt, err, "the certificate in secret %s", where)
			return nil
		}
		out = append(out, status.Certificate{Where: where, Subject: leaf.Subject.String(), NotAfter: leaf.NotAfter, NotBefore: leaf.NotBefore})
		return nil
	})
	if err != nil && len(out) == 0 {
		// None was read, which is not that there are none.
		out = nil
	}
	return out, cmp.Or(err, damaged)
}

// firstCertificate reads the first certificate of PEM in base64: that of the
// server; those after it are of who has signed it.
func firstCertificate(text string) (*x509.Certificate, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fault.New(fault.Corrupt, "it is no PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// summary is what is read of what a kubelet says of its node.
type summary struct {
	Pods []struct {
		Volume []struct {
			UsedBytes      *int64 `json:"usedBytes"`
			AvailableBytes *int64 `json:"availableBytes"`
			PVCRef         *struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"pvcRef"`
		} `json:"volume"`
	} `json:"pods"`
}

// volumes are how full claims are, as the kubelets of their nodes say. Nodes that
// can't be asked are told of in one line. An account without the right to ask any
// was deliberately not given it, for kubelets run commands for whoever has it: it
// sees no volumes, and that is no failure.
func (o *observer) volumes(ctx context.Context, mounted volumesOf) ([]status.Disk, error) {
	found := map[claim]status.Disk{}
	var failed error
	unasked := 0
	for _, node := range mounted.nodes() {
		s, err := o.summary(ctx, node)
		if fault.Is(err, fault.Denied) {
			// No other node will be told of either.
			return []status.Disk{}, nil
		}
		if err != nil {
			failed = cmp.Or(failed, err)
			unasked++
			continue
		}
		s.of(mounted[node], found)
	}
	out := make([]status.Disk, 0, len(found))
	for _, d := range found {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b status.Disk) int { return cmp.Compare(a.Where, b.Where) })
	return out, fault.While(failed, "how full volumes are on %d of %d nodes", unasked, len(mounted))
}

// summary asks a node's kubelet through the API server.
func (o *observer) summary(ctx context.Context, node string) (summary, error) {
	var out summary
	answer := o.lister.rest.Get().AbsPath("api", "v1", "nodes", node, "proxy", "stats", "summary").Param("only_cpu_and_memory", "false").Do(ctx)
	err := answer.Error()
	if err != nil {
		failure := cluster.Failure(err, "ask node %s", node)
		if fault.Is(failure, fault.Denied) {
			failure = fault.Wrap(fault.Denied, err, "the account may not get nodes/proxy")
		}
		return out, failure
	}
	text, err := answer.Raw()
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	return out, fault.Wrap(fault.Unavailable, err, "read what node %s says", node)
}

// of picks the claims that are wanted. As with df, what nobody but the system may
// fill counts for neither side.
func (s summary) of(wanted map[claim]bool, found map[claim]status.Disk) {
	for _, pod := range s.Pods {
		for _, v := range pod.Volume {
			if v.PVCRef == nil || v.UsedBytes == nil || v.AvailableBytes == nil {
				continue
			}
			c := claim{v.PVCRef.Namespace, v.PVCRef.Name}
			if wanted[c] {
				found[c] = status.Disk{
					Where: fmt.Sprintf("%s/%s", c.namespace, c.name), What: "volume", Used: *v.UsedBytes, Size: *v.UsedBytes + *v.AvailableBytes,
				}
			}
		}
	}
}
