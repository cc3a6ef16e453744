// Package rds is point-in-time recovery by Amazon RDS for PostgreSQL, through
// its query API of 2014-10-31.
package rds

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Service is the recovery of one DB instance.
type Service struct {
	client *rds.Client
	config managed.Config
}

// Open prepares the client; nothing is sent yet. Errors are of kind fault.Invalid.
func Open(ctx context.Context, c managed.Config) (managed.Service, error) {
	if _, err := managed.At(c.URL, ""); err != nil {
		return nil, err
	}
	config, err := amazon.Configure(ctx, amazon.Options{
		Region: c.Region, AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey,
		Transport: transport.Options{CAFile: c.CAFile, Idle: transport.Idle}, Attempts: 3, Backoff: 2 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	if config.Region == "" {
		return nil, fault.New(fault.Invalid, "managed recovery of kind rds needs region, or AWS_REGION in the environment")
	}
	return &Service{config: c, client: rds.NewFromConfig(config, func(o *rds.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = &c.Endpoint
		}
	})}, nil
}

// find returns an instance, or nil when there is none of that name.
func (s *Service) find(ctx context.Context, name string) (*types.DBInstance, error) {
	out, err := s.client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name})
	switch {
	case amazon.Code(err) == codeNoInstance:
		return nil, nil
	case err != nil:
		return nil, s.fault(err, "look up "+name)
	case len(out.DBInstances) == 0:
		return nil, nil
	}
	return &out.DBInstances[0], nil
}

// Status implements managed.Service.
func (s *Service) Status(ctx context.Context, name string) (managed.Instance, error) {
	found, err := s.find(ctx, name)
	if err != nil {
		return managed.Instance{}, err
	}
	if found == nil {
		return managed.Instance{State: managed.Gone}, nil
	}
	instance := managed.Instance{Detail: aws.ToString(found.DBInstanceStatus)}
	instance.State = state(instance.Detail)
	for _, info := range found.StatusInfos {
		if text := aws.ToString(info.Message); text != "" {
			instance.Detail += ", " + text
		}
	}
	if at := found.Endpoint; at != nil && aws.ToString(at.Address) != "" {
		instance.Address = net.JoinHostPort(*at.Address, strconv.Itoa(int(aws.ToInt32(at.Port))))
	}
	return instance, nil
}

// state reads RDS's word for an instance's status. A word that is not listed is
// one of the many that pass: creating, backing-up, modifying, rebooting, …
func state(status string) managed.State {
	switch status {
	case "available", "storage-optimization":
		return managed.Available
	case "deleting":
		return managed.Deleting
	case "failed", "restore-error", "incompatible-network", "incompatible-option-group", "incompatible-parameters",
		"incompatible-restore", "inaccessible-encryption-credentials", "insufficient-capacity", "storage-full", "stopped":
		return managed.Failed
	default:
		return managed.Creating
	}
}

// Connect implements managed.Service.
func (s *Service) Connect(ctx context.Context, name string) (secret.String, error) {
	return managed.Connect(ctx, s, s.config.URL, name)
}
