//go:build kubernetes

package servers

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// cnpgBase is a base backup in the bucket.
type cnpgBase struct {
	dir string
	// end is the first whole second after it.
	end time.Time
}

// run runs a command as the user and in the folder of the cluster.
func (pg *PG) run(command ...string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = pg.SocketDir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: pg.owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command[0], err, out)
	}
	return nil
}

// query runs a statement, and reads what it returns.
func (pg *PG) query(statement string, into ...any) error {
	return withPostgres(pg.URL, func(ctx context.Context, conn *pgx.Conn) error {
		if len(into) == 0 {
			_, err := conn.Exec(ctx, statement)
			return err
		}
		return conn.QueryRow(ctx, statement).Scan(into...)
	})
}

func withPostgres(url string, do func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return do(ctx, conn)
}

// SQL runs a statement on the source, which commits.
func (d *CNPG) SQL(statement string) {
	d.t.Helper()
	d.must(d.PG.query(statement))
}

// Archive returns once everything that the source has written is in the bucket.
// It commits nothing itself.
func (d *CNPG) Archive() {
	d.t.Helper()
	var segment string
	d.must(d.PG.query("SELECT pg_walfile_name(pg_switch_wal())", &segment))
	Eventually(d.t, segment+" is archived", func() error {
		var last *string
		if err := d.PG.query("SELECT last_archived_wal FROM pg_stat_archiver", &last); err != nil {
			return err
		}
		if last == nil || *last < segment {
			return fmt.Errorf("%s is not archived yet", segment)
		}
		return nil
	})
}

// Backup takes a base backup, and has it in the statuses.
func (d *CNPG) Backup() {
	d.t.Helper()
	id := time.Now().UTC().Format("20060102T150405.000000")
	base := cnpgBase{dir: filepath.Join("store", d.Server, "base", id)}
	d.must(d.PG.run(d.PG.Tool("pg_basebackup"), "-d", d.PG.URL, "-D", base.dir, "-X", "none", "-c", "fast", "--no-sync"))
	d.Archive()
	// The statuses have whole seconds.
	base.end = time.Now().UTC().Truncate(time.Second).Add(time.Second)
	for time.Now().Before(base.end) {
		time.Sleep(time.Until(base.end))
	}
	d.mu.Lock()
	d.bases = append(d.bases, base)
	first := d.bases[0].end
	d.mu.Unlock()
	d.Recoverable(first, base.end)
}

// Recoverable writes the statuses that say what can be recovered to.
func (d *CNPG) Recoverable(first, last time.Time) {
	d.t.Helper()
	from, to := first.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339)
	d.must(d.patch(context.Background(), cnpgStores, d.Namespace, CNPGStore, map[string]any{"status": map[string]any{
		"serverRecoveryWindow": map[string]any{d.Server: map[string]any{"firstRecoverabilityPoint": from, "lastSuccessfulBackupTime": to}},
	}}, "status"))
	d.SetStatus(map[string]any{"firstRecoverabilityPoint": from, "lastSuccessfulBackup": to})
}

// Archived are the names of the log's files in the bucket.
func (d *CNPG) Archived() []string {
	d.t.Helper()
	found, err := filepath.Glob(filepath.Join(d.bucket, d.Server, "wals", "*", "*"))
	d.must(err)
	for i, f := range found {
		found[i] = filepath.Base(f)
	}
	return found
}

// SourceCA is the file of the authority that signs the source's certificate.
func (d *CNPG) SourceCA() string { return d.source.certFile }

// Hold keeps recoveries from going on until release is called.
func (d *CNPG) Hold() (release func()) {
	held := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate = held
	var once bool
	release = func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !once {
			close(held)
		}
		once = true
	}
	d.t.Cleanup(release)
	return release
}

// FailRestores says whether recoveries fail whose Job begins from now on.
func (d *CNPG) FailRestores(fail bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing = fail
}

// KeepJobs says whether Jobs stay that have succeeded; the operator removes them.
func (d *CNPG) KeepJobs(keep bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keep = keep
}

// Throttle makes the API server refuse the next n requests as too many.
func (d *CNPG) Throttle(n int) { d.front.refuse.Store(int64(n)) }

// Restores is how many Clusters were made through Kubeconfig.
func (d *CNPG) Restores() int { return int(d.front.made.Load()) }

// Add makes a namespace with annotations, as anybody might.
func (d *CNPG) Add(name string, annotations map[string]string) {
	d.t.Helper()
	marks := map[string]any{}
	for key, value := range annotations {
		marks[key] = value
	}
	d.Remove(name)
	d.kube.create(d.t, namespacesResource, map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name, "annotations": marks},
	})
}

// Remove deletes a namespace, and returns once it is gone.
func (d *CNPG) Remove(name string) {
	d.t.Helper()
	client := d.kube.Client.Resource(namespacesResource, "")
	Eventually(d.t, name+" is gone", func() error {
		if err := client.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
			return nil //nolint:nilerr // It is gone when it can't be found.
		}
		return fmt.Errorf("%s is being deleted", name)
	})
}

// Has reports whether there is an instance that isn't being deleted.
func (d *CNPG) Has(name string) bool {
	of, namespace := namespacesResource, ""
	if name == CNPGInstance {
		of, namespace = cnpgClusters, d.Namespace
	}
	found, err := d.kube.Client.Resource(of, namespace).Get(context.Background(), name, metav1.GetOptions{})
	return err == nil && found.GetDeletionTimestamp() == nil
}

// SourceURL connects to the source.
func (d *CNPG) SourceURL() string { return d.PG.URL }

// Began is the first time that can be restored to.
func (d *CNPG) Began() time.Time { return d.Earliest }

// keyPEM is the authority's own key.
func (a authority) keyPEM() (string, error) {
	der, err := x509.MarshalECPrivateKey(a.key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})), nil
}

// authorityOf reads one out of the Secret of an operator's CA.
func authorityOf(certificate, key string) (authority, error) {
	var a authority
	cert, _ := pem.Decode([]byte(certificate))
	private, _ := pem.Decode([]byte(key))
	if cert == nil || private == nil {
		return a, fmt.Errorf("a Secret of an authority has no %s", strings.Join([]string{"ca.crt", "ca.key"}, " or no "))
	}
	var err error
	if a.cert, err = x509.ParseCertificate(cert.Bytes); err != nil {
		return a, err
	}
	a.key, err = x509.ParseECPrivateKey(private.Bytes)
	return a, err
}
