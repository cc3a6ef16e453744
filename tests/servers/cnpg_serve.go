//go:build kubernetes

package servers

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// serve starts the copy's server for good, with its certificate and its
// passwords, on the node port of its Service where it has one.
func (c *cnpgCopy) serve(ctx context.Context) error {
	if err := c.certificate(ctx); err != nil {
		return err
	}
	var err error
	if c.port, err = c.nodePort(ctx); err != nil {
		return err
	}
	err = c.extend("postgresql.conf", fmt.Sprintf("listen_addresses = '%s'\nport = %d\nssl = on\nssl_cert_file = '%s.crt'\nssl_key_file = '%s.key'\n",
		c.d.Host, c.port, c.dir(), c.dir()))
	if err != nil {
		return err
	}
	pod := map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"cnpg.io/instanceRole": "primary"}, "finalizers": []any{cnpgFinalizer}},
		"spec": map[string]any{
			"nodeName": c.d.node.name, "terminationGracePeriodSeconds": int64(0), "tolerations": []any{map[string]any{"operator": "Exists"}},
			"containers": []any{map[string]any{"name": "postgres", "image": "ghcr.io/cloudnative-pg/postgresql:15"}},
		},
	}
	if err := c.create(ctx, podsResource, "Pod", c.instance(), pod); err != nil {
		return err
	}
	if c.server, err = c.start(); err != nil {
		return err
	}
	answers := func() error { return withPostgres(c.local(), func(context.Context, *pgx.Conn) error { return nil }) }
	if err := c.server.await(answers, readyWithin); err != nil {
		return err
	}
	return c.passwords(ctx)
}

// nodePort is that of the copy's Service; any where it has none.
func (c *cnpgCopy) nodePort(ctx context.Context) (int, error) {
	found, err := c.d.kube.Client.Resource(svcResource, c.object.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: "cnpg.io/cluster=" + c.object.GetName()})
	if err != nil {
		return 0, err
	}
	for _, service := range found.Items {
		ports, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
		for _, p := range ports {
			if number, ok := p.(map[string]any)["nodePort"].(int64); ok {
				return int(number), nil
			}
		}
	}
	return freePort()
}

// passwords are set as the instance manager does: to what the Secrets say.
func (c *cnpgCopy) passwords(ctx context.Context) error {
	for _, login := range []struct{ fields, otherwise string }{
		{"superuserSecret", "superuser"}, {"bootstrap.recovery.secret", "app"},
	} {
		name, _, _ := unstructured.NestedString(c.object.Object, append(append([]string{"spec"}, strings.Split(login.fields, ".")...), "name")...)
		if name == "" {
			name = c.object.GetName() + "-" + login.otherwise
		}
		values, err := c.secret(ctx, name)
		if err != nil {
			return err
		}
		err = withPostgres(c.local(), func(ctx context.Context, conn *pgx.Conn) error {
			password := strings.ReplaceAll(values["password"], "'", "''")
			_, err := conn.Exec(ctx, fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", pgx.Identifier{values["username"]}.Sanitize(), password))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// certificate makes that of the server.
func (c *cnpgCopy) certificate(ctx context.Context) error {
	signer, err := c.signer(ctx)
	if err != nil {
		return err
	}
	name, namespace := c.object.GetName(), c.object.GetNamespace()
	names, _, _ := unstructured.NestedStringSlice(c.object.Object, "spec", "certificates", "serverAltDNSNames")
	template := &x509.Certificate{
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.ParseIP(c.d.Host)},
		DNSNames: append(names, name+"-rw", name+"-rw."+namespace, name+"-rw."+namespace+".svc"),
	}
	if err := signer.issue(template, c.dir()+".crt", c.dir()+".key"); err != nil {
		return err
	}
	if c.d.PG.owner == nil {
		return nil
	}
	for _, file := range []string{".crt", ".key"} {
		if err := os.Chown(c.dir()+file, int(c.d.PG.owner.Uid), int(c.d.PG.owner.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// signer is the authority that the Cluster names, or a new one.
func (c *cnpgCopy) signer(ctx context.Context) (authority, error) {
	name, _, _ := unstructured.NestedString(c.object.Object, "spec", "certificates", "serverCASecret")
	if name == "" {
		folder := c.dir() + "-ca"
		if err := os.Mkdir(folder, 0o700); err != nil {
			return authority{}, err
		}
		return newAuthority(folder)
	}
	values, err := c.secret(ctx, name)
	if err != nil {
		return authority{}, err
	}
	return authorityOf(values["ca.crt"], values["ca.key"])
}

// stop ends the copy's server, and lets its pod go.
func (c *cnpgCopy) stop() {
	if c.server != nil {
		_ = c.server.cmd.Process.Signal(syscall.SIGINT)
		c.server.Stop()
	}
	_ = os.RemoveAll(c.dir())
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	_ = c.d.patch(ctx, podsResource, c.object.GetNamespace(), c.instance(), map[string]any{"metadata": map[string]any{"finalizers": nil}})
}
