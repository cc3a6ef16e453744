// Package microsoft connects to the services of Azure: for stores, surfaces and
// managed recoveries alike.
package microsoft

import (
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Options say how to connect.
type Options struct {
	Transport transport.Options
	// Attempts is how often a request is sent before the caller hears of its failure.
	Attempts int
}

// Configure prepares what clients of the SDK are made of; nothing is sent yet.
// The error is of kind fault.Invalid.
func Configure(o Options) (azcore.ClientOptions, error) {
	through, err := transport.New(o.Transport)
	if err != nil {
		return azcore.ClientOptions{}, err
	}
	return azcore.ClientOptions{
		// A retry rewinds the body of the request before it.
		Transport: &http.Client{Transport: transport.Returning(through)},
		// Long waits are the caller's business; these bridge a broken connection and a busy moment.
		Retry: policy.RetryOptions{MaxRetries: int32(o.Attempts - 1), RetryDelay: 200 * time.Millisecond, MaxRetryDelay: 5 * time.Second},
	}, nil
}

// Blobs prepares the client of a storage account; nothing is sent yet. Errors
// are of kind fault.Invalid.
func Blobs(connection secret.String, options azcore.ClientOptions) (*service.Client, error) {
	account, err := service.NewClientFromConnectionString(connection.Reveal(), &service.ClientOptions{ClientOptions: options})
	if err != nil {
		// The cause might quote a piece of the string.
		return nil, fault.New(fault.Invalid, "connectionString must be like "+
			"DefaultEndpointsProtocol=https;AccountName=NAME;AccountKey=KEY;EndpointSuffix=core.windows.net")
	}
	return account, nil
}
