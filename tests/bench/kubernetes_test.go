//go:build bench && kubernetes

package bench

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	resources "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/kubernetes"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const (
	// kubernetesGoal is how much longer a snapshot may take than listing.
	kubernetesGoal = 1.2
	// kubernetesPage is how many objects kubectl asks for at once.
	kubernetesPage = 500
	// appliedAtOnce is how many requests the other side of a restore has under
	// way: more did not make the API server faster.
	appliedAtOnce = 32
)

// BenchmarkKubernetes compares snapshots of a namespace of 10,000 objects with
// listing them by Kubernetes' own client, and restores with plain server-side
// apply of the same. The control plane is a real one, on this host.
func BenchmarkKubernetes(b *testing.B) {
	kube := servers.Kubernetes(b)
	plain := rest.CopyConfig(kube.Config)
	plain.QPS = -1
	client, err := dynamic.NewForConfig(plain)
	if err != nil {
		b.Fatal(err)
	}
	k := &clusterBench{kube: kube, unlimited: client, namespace: fill(b, kube, client), cache: b.TempDir(), program: servers.Tool(b, "kubectl")}
	k.surface, err = kubernetes.New("shop", surface.Config{Kind: surface.KindKubernetes, Cluster: surface.Cluster{
		Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, Namespaces: []string{k.namespace},
	}})
	if err != nil {
		b.Fatal(err)
	}
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		b.Fatal(err)
	}
	if k.keys, err = seal.NewKeyring(seal.Config{Identity: identity}); err != nil {
		b.Fatal(err)
	}
	if k.store, err = local.Open(b.Context(), store.Config{Kind: "local", Dir: b.TempDir()}); err != nil {
		b.Fatal(err)
	}
	b.Run("snapshot", k.snapshots)
	b.Run("memory", k.memory)
	b.Run("restore", k.restores)
}

type clusterBench struct {
	kube *servers.KubernetesServer
	// unlimited is a client that asks as fast as it is answered.
	unlimited dynamic.Interface
	namespace string
	surface   *kubernetes.Surface
	store     store.Store
	keys      *seal.Keyring
	// cache is where kubectl remembers the types of the API server.
	cache string
	// program is kubectl itself.
	program string
	copies  int
}

// snapshot makes the parts of a point as a worker does: both at once,
// compressed, encrypted, with their fingerprints, in a folder.
func (k *clusterBench) snapshot(b *testing.B) *archive.Point {
	b.Helper()
	ctx := b.Context()
	dir := archive.Dir("points", "shop", archive.NewID(time.Now()))
	encryption, err := archive.NewEncryption(ctx, k.store, dir, k.keys, time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	w := archive.PartWriter{Store: k.store, Dir: dir, Recipients: encryption.Recipients}
	view, err := k.surface.Hold(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer view.Close()
	entries := make([]archive.PartEntry, 2*len(view.Parts()))
	var group errgroup.Group
	for i, part := range view.Parts() {
		group.Go(func() (err error) {
			var seen surface.Fingerprint
			entries[2*i], err = w.Write(ctx, part, nil, func(out io.Writer) (err error) {
				seen, err = k.surface.Dump(ctx, view.Token(), part, out)
				return err
			})
			if err != nil {
				return err
			}
			entries[2*i+1], err = archive.WritePiece(ctx, w, part.Name, seen)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	if has := entries[1].Entries; has < kubernetesObjects {
		b.Fatalf("the point has %d objects", has)
	}
	point, err := archive.OpenUnsealed(ctx, k.store, dir, archive.Manifest{Parts: entries, Encryption: encryption}, k.keys)
	if err != nil {
		b.Fatal(err)
	}
	return point
}

// everywhere are the processes whose time counts: this one, and the control
// plane and kubectl, which are its children.
func everywhere() []int { return []int{os.Getpid()} }

func (k *clusterBench) snapshots(b *testing.B) {
	listed := k.types(b)
	const theirs, library = "kubectl 1.36 get -A -o json", "client-go's dynamic client, pages of 500, decoded"
	results := contest(b,
		contender{"lifeboat", func(int) usage {
			return watch(b, everywhere(), func() time.Duration { k.snapshot(b); return 0 })
		}},
		contender{theirs, func(int) usage {
			cmd := k.kubectl("get", "-A", "-o", "json", strings.Join(names(listed), ","))
			took := watch(b, everywhere(), func() time.Duration { run(b, cmd); return 0 })
			fmt.Fprintf(os.Stdout, "    kubectl's peak memory: %d MiB\n", cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss>>10)
			return took
		}},
		contender{library, func(int) usage {
			return watch(b, everywhere(), func() time.Duration { k.list(b, listed); return 0 })
		}})
	compare(b, "snapshot of 10,000 objects", results["lifeboat"], results[library], library, goal{wall: kubernetesGoal})
	compare(b, "snapshot of 10,000 objects", results["lifeboat"], results[theirs], theirs, goal{wall: kubernetesGoal})
}

// types are those of the objects in a point, or that could be.
func (k *clusterBench) types(b *testing.B) []resources.GroupVersionResource {
	b.Helper()
	// It may remember what there was before there were widgets.
	k.kube.Client.Mapper.Reset()
	lists, err := k.kube.Client.Discovery.ServerPreferredNamespacedResources()
	if err != nil {
		b.Fatal(err)
	}
	lists = discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "create", "get", "delete"}}, lists)
	found, err := discovery.GroupVersionResources(lists)
	if err != nil {
		b.Fatal(err)
	}
	var out []resources.GroupVersionResource
	for of := range found {
		if of.Resource != "events" {
			out = append(out, of)
		}
	}
	return out
}

func names(listed []resources.GroupVersionResource) []string {
	var out []string
	for _, of := range listed {
		out = append(out, of.GroupResource().String())
	}
	return slices.Sorted(slices.Values(out))
}

func (k *clusterBench) kubectl(args ...string) *exec.Cmd {
	return exec.Command(k.program, append([]string{"--kubeconfig", k.kube.Kubeconfig, "--cache-dir", k.cache}, args...)...)
}

// run runs a command whose output nobody reads.
func run(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	var errOut strings.Builder
	cmd.Stderr = &errOut
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", cmd.Path, err, errOut.String())
	}
}

// list reads all objects of all namespaces, one type after the other.
func (k *clusterBench) list(b *testing.B, types []resources.GroupVersionResource) {
	b.Helper()
	count := 0
	for _, of := range types {
		options := metav1.ListOptions{Limit: kubernetesPage}
		for {
			page, err := k.unlimited.Resource(of).List(b.Context(), options)
			if err != nil {
				b.Fatal(err)
			}
			count += len(page.Items)
			if options.Continue = page.GetContinue(); options.Continue == "" {
				break
			}
		}
	}
	if count < kubernetesObjects {
		b.Fatalf("%d objects were listed", count)
	}
}

// memory shows the most memory that a snapshot takes: of a worker as a process
// of its own, of all of Lifeboat in one process, and in this process beyond
// what it had before.
func (k *clusterBench) memory(b *testing.B) {
	s := newSiteOf(b, fmt.Sprintf(`{kind: kubernetes, kubeconfig: %q, namespaces: [%s]}`, k.kube.Kubeconfig, k.namespace), "")
	for _, roles := range [][]string{{"up", "--worker=false"}, {"up"}} {
		process := s.start(b, roles...)
		pid, name := process.PID(), "lifeboat up, with the embedded Temporal"
		if len(roles) > 1 {
			pid, name = s.start(b, "worker").PID(), "lifeboat worker"
		}
		var made point
		began := time.Now()
		s.ask(b, &made, "snapshot", "create", "main", "--wait")
		wall, peak := time.Since(began), peakMemory(b, pid)
		fmt.Fprintf(os.Stdout, "peak memory, %s: %d MiB; snapshot create --wait took %.1f s, %.1f MB before compression, %.1f MB stored\n",
			name, peak>>20, wall.Seconds(), float64(made.PlainBytes)/1e6, float64(made.Bytes)/1e6)
		if len(roles) > 1 {
			fmt.Fprintf(os.Stdout, "  the worker's goal, under %d MiB: %s\n", memoryGoal>>20, verdict(peak < memoryGoal))
			b.ReportMetric(float64(peak>>20), "worker-MiB")
			process.Stop()
		}
	}
	grown := growth(func() { k.snapshot(b) })
	fmt.Fprintf(os.Stdout, "heap in use, beyond what it was before the snapshot: %d MiB at most\n", grown>>20)
	b.ReportMetric(float64(grown>>20), "heap-MiB")
	b.ReportMetric(0, "ns/op")
}

// growth is the most by which the heap's objects, living and dead ones that are
// not collected yet, grow meanwhile.
func growth(run func()) int64 {
	held := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapInuse)
	}
	runtime.GC()
	before, most := held(), int64(0)
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				most = max(most, held()-before)
			}
		}
	}()
	run()
	close(done)
	<-watched
	return most
}
