//go:build kubernetes

package servers

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// cnpgOrigin is from where a Cluster recovers.
type cnpgOrigin struct {
	store, server string
	inTree        map[string]any
}

// cnpgSource reads it out of the external cluster that the bootstrap names.
func cnpgSource(o *unstructured.Unstructured) cnpgOrigin {
	wanted, _, _ := unstructured.NestedString(o.Object, "spec", "bootstrap", "recovery", "source")
	list, _, _ := unstructured.NestedSlice(o.Object, "spec", "externalClusters")
	for _, e := range list {
		e, _ := e.(map[string]any)
		if e["name"] != wanted {
			continue
		}
		parameters, _, _ := unstructured.NestedStringMap(e, "plugin", "parameters")
		store, _, _ := unstructured.NestedMap(e, "barmanObjectStore")
		server, _, _ := unstructured.NestedString(store, "serverName")
		if server == "" {
			server = parameters["serverName"]
		}
		return cnpgOrigin{store: parameters["barmanObjectName"], server: server, inTree: store}
	}
	return cnpgOrigin{}
}

// dir is the data directory of the copy's server, beside that of the source.
func (c *cnpgCopy) dir() string {
	return filepath.Join(c.d.PG.SocketDir, "copy-"+string(c.object.GetUID()))
}

// socket is where the copy's server has its socket: no other may be there.
func (c *cnpgCopy) socket() string { return filepath.Join(c.dir(), "s") }

// local connects to the copy's server as the instance manager does, from its own host.
func (c *cnpgCopy) local() string {
	query := url.Values{"host": {c.socket()}, "port": {strconv.Itoa(c.port)}}
	return "postgres://postgres@/postgres?" + query.Encode()
}

// recoverFromBucket does what the Job does: restore the base backup, replay the
// log to the target, promote, stop. It returns the Job's log.
func (c *cnpgCopy) recoverFromBucket(ctx context.Context, failing bool) (string, error) {
	fail := func(format string, args ...any) (string, error) {
		text, _ := json.Marshal(map[string]string{"level": "error", "ts": now(), "msg": "Error while restoring a backup", "error": fmt.Sprintf(format, args...)})
		return string(text) + "\n", errRecovery
	}
	if failing {
		return fail("%s, and the key was %s", CNPGFailure, CNPGStoreKey)
	}
	if err := c.opens(ctx); err != nil {
		return fail("while opening the object store: %v", err)
	}
	target, _, _ := unstructured.NestedString(c.object.Object, "spec", "bootstrap", "recovery", "recoveryTarget", "targetTime")
	base, found := c.d.baseFor(target)
	if !found {
		return fail("no target backup found")
	}
	if err := c.d.PG.run("cp", "-a", base.dir, filepath.Base(c.dir())); err != nil {
		return "", err
	}
	if err := c.configure(target); err != nil {
		return "", err
	}
	p, err := c.start()
	if err != nil {
		return "", err
	}
	promoted := p.await(func() error {
		var recovering bool
		if err := withPostgres(c.local(), scan("SELECT pg_is_in_recovery()", &recovering)); err != nil {
			return err
		}
		if recovering {
			return fmt.Errorf("%s is in recovery", c.object.GetName())
		}
		return nil
	}, readyWithin)
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	p.Stop()
	log, err := c.log()
	if promoted != nil && err == nil {
		err = errRecovery
	}
	return log, err
}

func scan(statement string, into ...any) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, statement).Scan(into...) }
}

// opens is nil when the copy's namespace has all that opens the object store.
func (c *cnpgCopy) opens(ctx context.Context) error {
	from := cnpgSource(c.object)
	configuration := from.inTree
	if from.store != "" {
		store, err := c.d.kube.Client.Resource(cnpgStores, c.object.GetNamespace()).Get(ctx, from.store, metav1.GetOptions{})
		if err != nil {
			return err
		}
		configuration, _, _ = unstructured.NestedMap(store.Object, "spec", "configuration")
	}
	for field, want := range map[string]string{
		"s3Credentials.accessKeyId": "the-account", "s3Credentials.secretAccessKey": CNPGStoreKey, "endpointCA": "the certificate of the store",
	} {
		selector, _, _ := unstructured.NestedStringMap(configuration, strings.Split(field, ".")...)
		values, err := c.secret(ctx, selector["name"])
		if err != nil {
			return err
		}
		if values[selector["key"]] != want {
			return fmt.Errorf("%s is refused", field)
		}
	}
	return nil
}

// baseFor is the newest base backup that had ended by the target.
func (d *CNPG) baseFor(target string) (cnpgBase, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, err := time.Parse(time.RFC3339, target)
	for _, b := range slices.Backward(d.bases) {
		if err != nil || !b.end.After(at) {
			return b, true
		}
	}
	return cnpgBase{}, false
}

// configure writes the settings of a recovery. Like the operator, it has the
// Cluster's own parameters and no others, and it archives if the Cluster says so.
func (c *cnpgCopy) configure(target string) error {
	settings := []string{
		"", "listen_addresses = ''", "unix_socket_directories = '" + c.socket() + "'", "port = 5432", "archive_mode = off", "fsync = off",
		"max_connections = 100", "logging_collector = on", "log_destination = 'jsonlog'", "log_filename = 'postgres'", "lc_messages = 'C'",
		"restore_command = 'cp ../store/" + c.d.Server + "/wals/$(echo %f | cut -c1-16)/%f %p'", "recovery_target_action = promote",
	}
	if target != "" {
		settings = append(settings, "recovery_target_time = '"+target+"'")
	}
	parameters, _, _ := unstructured.NestedStringMap(c.object.Object, "spec", "postgresql", "parameters")
	for name, value := range parameters {
		settings = append(settings, fmt.Sprintf("%s = '%s'", name, value))
	}
	if folder := c.archivesTo(); folder != "" {
		settings = append(settings, "archive_mode = on",
			"archive_command = 'd=../store/"+folder+"/wals/$(echo %f | cut -c1-16); mkdir -p $d && cp %p $d/%f'")
	}
	if err := c.d.PG.run("mkdir", "-m", "700", c.socket()); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.dir(), "pg_hba.conf"), []byte("local all all trust\nhost all all 127.0.0.0/8 scram-sha-256\n"), 0o600); err != nil {
		return err
	}
	if err := c.extend("postgresql.conf", strings.Join(settings, "\n")+"\n"); err != nil {
		return err
	}
	return c.d.PG.run("touch", filepath.Join(c.dir(), "recovery.signal"))
}

// archivesTo is the folder that the Cluster archives to; empty for none.
func (c *cnpgCopy) archivesTo() string {
	plugins, _, _ := unstructured.NestedSlice(c.object.Object, "spec", "plugins")
	for _, p := range plugins {
		p, _ := p.(map[string]any)
		if p["name"] != "barman-cloud.cloudnative-pg.io" || p["enabled"] == false || p["isWALArchiver"] != true {
			continue
		}
		parameters, _, _ := unstructured.NestedStringMap(p, "parameters")
		return cmp.Or(parameters["serverName"], c.object.GetName())
	}
	server, found, _ := unstructured.NestedString(c.object.Object, "spec", "backup", "barmanObjectStore", "serverName")
	if found {
		return server
	}
	return ""
}

func (c *cnpgCopy) extend(file, text string) error {
	f, err := os.OpenFile(filepath.Join(c.dir(), file), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

func (c *cnpgCopy) start() (*Process, error) {
	cmd := exec.Command(c.d.PG.Tool("postgres"), "-D", c.dir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.d.PG.owner}
	cmd.Dir = c.d.PG.SocketDir
	return launch(cmd, c.dir()+".log")
}

// log is the Job's, as the instance manager writes it: PostgreSQL's own lines in
// records of its.
func (c *cnpgCopy) log() (string, error) {
	f, err := os.Open(filepath.Join(c.dir(), "log", "postgres.json"))
	if err != nil {
		// It has not come so far as to log.
		text, _ := os.ReadFile(c.dir() + ".log")
		return "", fmt.Errorf("%w; its first words: %s", err, text)
	}
	defer f.Close()
	var out strings.Builder
	fmt.Fprintf(&out, "{\"level\":\"info\",\"ts\":%q,\"msg\":\"Recovering from external cluster\"}\n", now())
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var record map[string]any
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			return "", err
		}
		text, err := json.Marshal(map[string]any{"level": "info", "ts": now(), "logger": "postgres", "msg": "record", "record": map[string]any{
			"error_severity": record["error_severity"], "message": record["message"], "detail": record["detail"],
			"backend_type": record["backend_type"], "log_time": record["timestamp"],
		}})
		if err != nil {
			return "", err
		}
		out.Write(append(text, '\n'))
	}
	return out.String(), lines.Err()
}
