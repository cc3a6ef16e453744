package check_test

import (
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// serveGRPC serves until the test ends, and returns its address.
func serveGRPC(t *testing.T, register func(*grpc.Server), options ...grpc.ServerOption) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	register(server)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return l.Addr().String()
}

// healthy registers gRPC's own health server.
func healthy(server *grpc.Server) {
	h := health.NewServer()
	h.SetServingStatus("shop.v1.Orders", grpc_health_v1.HealthCheckResponse_SERVING)
	h.SetServingStatus("shop.v1.Payments", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	grpc_health_v1.RegisterHealthServer(server, h)
}

// refusing answers every call with an error.
func refusing(code codes.Code, message string) grpc.ServerOption {
	return grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return status.Error(code, message) })
}

func TestGRPC(t *testing.T) {
	t.Parallel()
	address := serveGRPC(t, healthy)
	none := serveGRPC(t, func(*grpc.Server) {})
	r := &check.Runner{DrillID: "Orders", Secrets: []secret.String{"hunter22"}}
	ask := func(address, service string) drill.Check {
		return drill.Check{Kind: drill.CheckGRPC, Address: address, Service: service}
	}
	try(t, r, ask(address, ""), want{drill.Pass, address, "SERVING", "SERVING", ""})
	try(t, r, ask(address, "shop.v1.{{drill.id}}"), want{drill.Pass, address + " shop.v1.Orders", "SERVING", "SERVING", ""})
	try(t, r, ask(address, "shop.v1.Payments"), want{drill.Fail, "", "", "NOT_SERVING", "the service says that it is NOT_SERVING"})
	try(t, r, ask(address, "shop.v1.Carts"), want{drill.Fail, "", "", "NotFound", `the server knows no service "shop.v1.Carts"`})
	try(t, r, ask(none, ""), want{drill.Fail, "", "", "Unimplemented", "does not offer grpc.health.v1"})
	denying := serveGRPC(t, func(*grpc.Server) {}, refusing(codes.PermissionDenied, "not for hunter22"))
	holdsNone(t, try(t, r, ask(denying, ""), want{drill.Fail, "", "", "PermissionDenied", "not for **redacted**"}), "hunter22")
	long := serveGRPC(t, func(*grpc.Server) {}, grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		answer := &grpc_health_v1.HealthCheckRequest{Service: strings.Repeat("x", check.MaxRead+1)}
		return stream.SendMsg(answer)
	}))
	try(t, r, ask(long, ""), want{drill.Fail, "", "", "ResourceExhausted", "larger than max"})
	// A server that is about to stop.
	away := serveGRPC(t, func(*grpc.Server) {}, refusing(codes.Unavailable, "shutting down"))
	try(t, r, ask(away, ""), want{drill.Fail, "", "", "Unavailable", "shutting down"})
}

func TestGRPCOverTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile := servers.Certificate(t)
	transport, err := credentials.NewServerTLSFromFile(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	address, plain := serveGRPC(t, healthy, grpc.Creds(transport)), serveGRPC(t, healthy)
	r := &check.Runner{}
	ask := func(address, caFile, serverName string) drill.Check {
		return drill.Check{Kind: drill.CheckGRPC, Address: address, TLS: true, CAFile: caFile, ServerName: serverName}
	}
	try(t, r, ask(address, certFile, ""), pass("SERVING"))
	try(t, r, ask(address, certFile, "localhost"), pass("SERVING"))
	try(t, r, ask(address, certFile, "example.com"), want{drill.Fail, "", "", "Unavailable", "certificate is valid for localhost, not example.com"})
	try(t, r, ask(address, "", ""), fail("x509: "))
	try(t, r, ask(address, "/absent.pem", ""), fail("read caFile"))
	try(t, r, ask(plain, certFile, ""), want{drill.Fail, "", "", "Unavailable", "tls: first record does not look like a TLS handshake"})
	try(t, r, drill.Check{Kind: drill.CheckGRPC, Address: address}, want{drill.Fail, "", "", "Unavailable", "ask " + address})
}

func TestGRPCUnreachable(t *testing.T) {
	t.Parallel()
	r := &check.Runner{}
	try(t, r, drill.Check{Kind: drill.CheckGRPC, Address: servers.Address(t)}, want{drill.Fail, "", "", "Unavailable", "connection refused"})
	try(t, r, drill.Check{Kind: drill.CheckGRPC, Address: mute(t), Timeout: impatience}, want{drill.Fail, "", "", "DeadlineExceeded", "no answer within 300ms"})
}
