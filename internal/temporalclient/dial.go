package temporalclient

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc/codes"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// dialTimeout bounds Dial for callers without a deadline of their own.
const dialTimeout = 10 * time.Second

// Dial connects and makes sure that the namespace is there. It fails with
// fault.Unavailable when nobody answers, fault.Denied when the cluster refuses
// the credentials, fault.Missing without the namespace, and fault.Invalid when
// options contradict each other. Workers made from the client share its codec.
func Dial(ctx context.Context, o Options) (client.Client, error) {
	o.Namespace = cmp.Or(o.Namespace, client.DefaultNamespace)
	options, err := o.clientOptions()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, o.unreachable(err)
	}
	if err := o.requireNamespace(ctx, c); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (o Options) clientOptions() (client.Options, error) {
	if o.Address == "" {
		return client.Options{}, fault.New(fault.Invalid, "no Temporal address is given: set temporal.address")
	}
	tls, err := o.TLS.config(o.APIKey != "")
	if err != nil {
		return client.Options{}, err
	}
	data, failures, err := o.converters()
	if err != nil {
		return client.Options{}, err
	}
	options := client.Options{
		HostPort:          o.Address,
		Namespace:         o.Namespace,
		Identity:          o.Identity,
		Logger:            log.NewStructuredLogger(cmp.Or(o.Logger, slog.New(slog.DiscardHandler))),
		DataConverter:     data,
		FailureConverter:  failures,
		Interceptors:      o.Interceptors,
		ConnectionOptions: client.ConnectionOptions{TLS: tls},
	}
	if o.APIKey != "" {
		options.Credentials = client.NewAPIKeyStaticCredentials(o.APIKey.Reveal())
	}
	if onLoopback(o.Address) {
		// Compressing for the loopback only costs time.
		options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	}
	return options, nil
}

func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && net.ParseIP(host).IsLoopback()
}

// code is the gRPC code of an error that a cluster answered, or that kept it from answering.
func code(err error) codes.Code { return serviceerror.ToStatus(err).Code() }

// unreachable says why there is no connection.
func (o Options) unreachable(err error) error {
	switch code(err) {
	case codes.PermissionDenied, codes.Unauthenticated:
		return fault.Wrap(fault.Denied, err, "Temporal at %s refuses these credentials: check temporal.apiKey and temporal.tls", o.Address)
	default:
		return fault.Wrap(fault.Unavailable, err, "can't reach Temporal at %s: is it running, and is temporal.address right?", o.Address)
	}
}

func (o Options) requireNamespace(ctx context.Context, c client.Client) error {
	_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: o.Namespace})
	switch code(err) {
	case codes.OK, codes.PermissionDenied:
		// Permission to work in a namespace need not include permission to look at it.
		return nil
	case codes.NotFound:
		return fault.Wrap(fault.Missing, err,
			"Temporal at %s has no namespace %s: create it with `temporal operator namespace create --retention 90d -n %s`, or set temporal.namespace",
			o.Address, o.Namespace, o.Namespace)
	default:
		return o.unreachable(err)
	}
}
