//go:build kubernetes

package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// authority signs the certificates of a control plane.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	// certFile, the API server's certificate and key, and the key by which the
	// tokens of service accounts are signed, all PEM.
	certFile, serverCert, serverKey, accountsKey string
}

func newAuthority(dir string) (authority, error) {
	a := authority{
		certFile: filepath.Join(dir, "ca.crt"), serverCert: filepath.Join(dir, "apiserver.crt"),
		serverKey: filepath.Join(dir, "apiserver.key"), accountsKey: filepath.Join(dir, "accounts.key"),
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return a, fmt.Errorf("make a key: %w", err)
	}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test-ca"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		return a, fmt.Errorf("make a certificate: %w", err)
	}
	if err := writePEM(a.certFile, "CERTIFICATE", der); err != nil {
		return a, err
	}
	server := &x509.Certificate{
		Subject: pkix.Name{CommonName: "kube-apiserver"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
	}
	if err := a.issue(server, a.serverCert, a.serverKey); err != nil {
		return a, err
	}
	accounts, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return a, fmt.Errorf("make a key: %w", err)
	}
	return a, writeKey(a.accountsKey, accounts)
}

// issue makes a key, and a certificate of it.
func (a authority) issue(template *x509.Certificate, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = a.cert.NotBefore, a.cert.NotAfter
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	if err := writePEM(certFile, "CERTIFICATE", der); err != nil {
		return err
	}
	return writeKey(keyFile, key)
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode a key: %w", err)
	}
	return writePEM(file, "EC PRIVATE KEY", der)
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// kubeconfigOf writes a kubeconfig of a user, whom a certificate of its own names.
func (s *KubernetesServer) kubeconfigOf(user string, groups ...string) (string, error) {
	cert, key := filepath.Join(s.dir, user+".crt"), filepath.Join(s.dir, user+".key")
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if err := s.authority.issue(template, cert, key); err != nil {
		return "", err
	}
	server := &api.Cluster{Server: "https://" + loopback(s.port), CertificateAuthority: s.authority.certFile}
	return s.writeKubeconfig(user, server, &api.AuthInfo{ClientCertificate: cert, ClientKey: key})
}

// KubernetesContext is the one context of every kubeconfig of a KubernetesServer.
const KubernetesContext = "test"

func (s *KubernetesServer) writeKubeconfig(name string, server *api.Cluster, user *api.AuthInfo) (string, error) {
	file := filepath.Join(s.dir, name+".kubeconfig")
	err := clientcmd.WriteToFile(api.Config{
		Clusters:       map[string]*api.Cluster{KubernetesContext: server},
		AuthInfos:      map[string]*api.AuthInfo{KubernetesContext: user},
		Contexts:       map[string]*api.Context{KubernetesContext: {Cluster: KubernetesContext, AuthInfo: KubernetesContext}},
		CurrentContext: KubernetesContext,
	}, file)
	if err != nil {
		return "", fmt.Errorf("write a kubeconfig: %w", err)
	}
	return file, nil
}
