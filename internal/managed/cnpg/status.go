package cnpg

import (
	"cmp"
	"context"
	"encoding/base64"
	"net"
	"net/url"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Status implements managed.Service. A copy is Available when CloudNativePG
// calls its Cluster healthy and ready, and Gone when nothing of it is left, its
// volumes among that.
func (s *Service) Status(ctx context.Context, name string) (managed.Instance, error) {
	if s.own() {
		home, err := s.find(ctx, namespaces, "", name)
		switch {
		case err != nil:
			return managed.Instance{}, err
		case home == nil || !managed.Made(home.GetAnnotations(), s.source()):
			return managed.Instance{State: managed.Gone}, nil
		case home.GetDeletionTimestamp() != nil:
			return managed.Instance{State: managed.Deleting, Detail: remains(home)}, nil
		}
	}
	copied, err := s.find(ctx, clusters, s.home(name), clusterName(name))
	switch {
	case err != nil:
		return managed.Instance{}, err
	case copied == nil:
		return s.without(ctx, name)
	case !managed.Made(copied.GetAnnotations(), s.source()):
		return managed.Instance{State: managed.Gone}, nil
	case copied.GetDeletionTimestamp() != nil:
		return managed.Instance{State: managed.Deleting, Detail: "the Cluster is being deleted"}, nil
	}
	return s.follow(ctx, name, copied)
}

// without is the status of a copy that has no Cluster: not yet, or no more.
func (s *Service) without(ctx context.Context, name string) (managed.Instance, error) {
	if s.own() {
		return managed.Instance{State: managed.Creating, Detail: "the namespace is made, the Cluster is not yet"}, nil
	}
	left := 0
	for _, b := range belongings {
		found, err := s.list(ctx, b.of, s.home(name), selector(name))
		if err != nil {
			return managed.Instance{}, err
		}
		for _, o := range found {
			if managed.Made(o.GetAnnotations(), s.source()) {
				left++
			}
		}
	}
	volumes, err := s.list(ctx, claims, s.home(name), labelCluster+"="+clusterName(name))
	if err != nil {
		return managed.Instance{}, err
	}
	if left += len(volumes); left == 0 {
		return managed.Instance{State: managed.Gone}, nil
	}
	return managed.Instance{State: managed.Deleting, Detail: strconv.Itoa(left) + " objects are left"}, nil
}

// remains says what a namespace waits for that is being deleted.
func remains(home *unstructured.Unstructured) string {
	for _, kind := range []string{"NamespaceFinalizersRemaining", "NamespaceDeletionContentFailure", "NamespaceContentRemaining"} {
		if status, text := condition(home, kind); status == "True" {
			return line(text)
		}
	}
	return "the namespace is being deleted"
}

// follow reads the status of a copy's Cluster, and why its recovery has failed.
func (s *Service) follow(ctx context.Context, name string, copied *unstructured.Unstructured) (managed.Instance, error) {
	phase, _, _ := unstructured.NestedString(copied.Object, "status", "phase")
	reason, _, _ := unstructured.NestedString(copied.Object, "status", "phaseReason")
	out := managed.Instance{State: managed.Creating, Detail: cmp.Or(phase, "the operator has not looked at it yet")}
	if reason != "" {
		out.Detail += ": " + line(reason)
	}
	ready, text := condition(copied, conditionReady)
	switch {
	case phase == phaseHealthy && ready == "True":
		address, err := s.reach(ctx, name)
		return managed.Instance{State: managed.Available, Address: address, Detail: phase}, err
	case phase == phaseHealthy && text != "":
		out.Detail += ": " + line(text)
	case phase == phaseLost || phase == phaseNoImage:
		out.State = managed.Failed
	}
	attempts, err := s.attempts(ctx, name)
	if err != nil || attempts.failed == 0 {
		return out, err
	}
	if attempts.over {
		out.State = managed.Failed
	}
	out.Detail, err = s.why(ctx, name, attempts)
	return out, err
}

// reach is the address of a copy; empty while a load balancer has none.
func (s *Service) reach(ctx context.Context, name string) (string, error) {
	if s.config.Service == "" {
		return s.address(name, ""), nil
	}
	service, err := s.find(ctx, services, s.home(name), serviceName(clusterName(name)))
	if err != nil || service == nil {
		return "", err
	}
	return s.exposed(name, service), nil
}

// exposed is the address by which a Service is reached from outside; empty while there is none.
func (s *Service) exposed(name string, service *unstructured.Unstructured) string {
	if s.config.Service == managed.ServiceNodePort {
		list, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
		for _, p := range list {
			p, _ := p.(map[string]any)
			if number, ok := p["nodePort"].(int64); ok && number > 0 {
				return s.address(name, strconv.FormatInt(number, 10))
			}
		}
		return ""
	}
	list, _, _ := unstructured.NestedSlice(service.Object, "status", "loadBalancer", "ingress")
	for _, i := range list {
		i, _ := i.(map[string]any)
		host, _ := i["hostname"].(string)
		ip, _ := i["ip"].(string)
		if host = cmp.Or(host, ip); host == "" {
			continue
		}
		if s.config.Address != "" {
			return s.address(name, "")
		}
		return net.JoinHostPort(host, "5432")
	}
	return ""
}

// Connect implements managed.Service. The certificate of a copy is signed by the
// authority of the source where the connection looks at that.
func (s *Service) Connect(ctx context.Context, name string) (secret.String, error) {
	u, err := managed.Connect(ctx, s, s.config.URL, name)
	if err != nil || s.config.Credentials == "" || s.config.Credentials == managed.CredentialsURL {
		return u, err
	}
	return s.as(ctx, u, name, s.config.Credentials)
}

// as is a connection URL with the user and the password in a copy's Secret.
func (s *Service) as(ctx context.Context, u secret.String, name, whose string) (secret.String, error) {
	copied := clusterName(name)
	for _, candidate := range []string{copied + "-source-" + whose, copied + "-" + whose} {
		found, err := s.find(ctx, secrets, s.home(name), candidate)
		if err != nil {
			return "", err
		}
		if found == nil {
			continue
		}
		user, password := value(found, "username"), value(found, "password")
		parsed, err := url.Parse(u.Reveal())
		if err != nil || user == "" {
			return "", fault.New(fault.Invalid, "the Secret %s has no username, or the connection is not well-formed", candidate)
		}
		parsed.User = url.UserPassword(user, password)
		return secret.String(parsed.String()), nil
	}
	return "", fault.New(fault.Missing, "the copy %s has no Secret of its %s", name, whose)
}

// value is one of a Secret's; empty when it is not there.
func value(o *unstructured.Unstructured, key string) string {
	text, _, _ := unstructured.NestedString(o.Object, "data", key)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return ""
	}
	return string(raw)
}
