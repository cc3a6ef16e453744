package check

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// grpc asks once by the gRPC health checking protocol (grpc.health.v1), of
// which only SERVING passes. The address is dialled as it is: no resolver, no
// proxy and no retry of gRPC's own take part.
func (r *Runner) grpc(ctx context.Context, c drill.Check) observation {
	o := observation{subject: c.Address, expected: "SERVING"}
	if c.Service != "" {
		o.subject += " " + c.Service
	}
	transport := insecure.NewCredentials()
	if c.TLS {
		config, err := tlsConfig(c)
		if err != nil {
			o.err = err
			return o
		}
		transport = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient("passthrough:///"+c.Address, grpc.WithTransportCredentials(transport), grpc.WithNoProxy(),
		grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(), grpc.WithUserAgent(userAgent),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxRead)))
	if err != nil {
		o.err = fault.Wrap(fault.Invalid, err, "address %s", c.Address)
		return o
	}
	defer conn.Close()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: c.Service})
	if err != nil {
		o.observed, o.err = healthFailure(err, c)
		return o
	}
	o.observed = answer.GetStatus().String()
	if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		o.err = unlike("the service says that it is %s", o.observed)
	}
	return o
}

// healthFailure says which status a call ended with, and why.
func healthFailure(err error, c drill.Check) (observed string, failure error) {
	s := status.Convert(err)
	observed = s.Code().String()
	switch s.Code() {
	case codes.NotFound:
		return observed, unlike("the server knows no service %q", c.Service)
	case codes.Unimplemented:
		return observed, unlike("the server does not offer grpc.health.v1")
	case codes.DeadlineExceeded, codes.Canceled:
		return observed, fault.New(fault.Unavailable, "ask %s for its health", c.Address)
	case codes.Unavailable:
		// It says "connection error: desc = …", and the cause in quotes.
		return observed, fault.New(fault.Unavailable, "ask %s for its health: %s", c.Address, strings.TrimPrefix(s.Message(), "connection error: desc = "))
	default:
		return observed, unlike("ask %s for its health: %s", c.Address, s.Message())
	}
}
