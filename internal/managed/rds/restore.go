package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// Restore implements managed.Service. The new instance is not reachable from
// the Internet and not protected from deletion, whatever the source is.
func (s *Service) Restore(ctx context.Context, r managed.Request) error {
	if err := managed.CheckName(r.Name); err != nil {
		return err
	}
	begun, err := s.begun(ctx, r)
	if err != nil || begun {
		return err
	}
	from, err := s.source(ctx)
	if err != nil {
		return err
	}
	if err := from.window.Check(r); err != nil {
		return err
	}
	input, err := s.input(r, from)
	if err != nil {
		return err
	}
	_, err = s.client.RestoreDBInstanceToPointInTime(ctx, input)
	if amazon.Code(err) == codeTaken {
		// An attempt at the same time was faster, or the answer to an earlier one got lost.
		if begun, err := s.begun(ctx, r); err != nil || begun {
			return err
		}
	}
	return s.fault(err, "restore "+s.config.Instance+" to "+r.Name)
}

// begun reports whether the instance of the request exists already. One of
// another request is an error.
func (s *Service) begun(ctx context.Context, r managed.Request) (bool, error) {
	found, err := s.find(ctx, r.Name)
	if err != nil || found == nil {
		return false, err
	}
	if err := r.Same(tags(found.TagList), s.config.Instance); err != nil {
		return false, err
	}
	if state(aws.ToString(found.DBInstanceStatus)) == managed.Deleting {
		return false, fault.New(fault.Unavailable, "%s is still being deleted", r.Name)
	}
	return true, nil
}

func (s *Service) input(r managed.Request, from source) (*rds.RestoreDBInstanceToPointInTimeInput, error) {
	input := &rds.RestoreDBInstanceToPointInTimeInput{
		TargetDBInstanceIdentifier: &r.Name,
		DBInstanceClass:            optional(s.config.InstanceClass),
		DBSubnetGroupName:          optional(s.config.SubnetGroup),
		VpcSecurityGroupIds:        s.config.SecurityGroups,
		DBParameterGroupName:       optional(s.config.ParameterGroup),
		PubliclyAccessible:         aws.Bool(false),
		DeletionProtection:         aws.Bool(false),
		MultiAZ:                    aws.Bool(false),
	}
	for key, value := range r.Tags(s.config.Instance) {
		input.Tags = append(input.Tags, types.Tag{Key: &key, Value: &value})
	}
	if at := r.Second(); at.IsZero() {
		input.UseLatestRestorableTime = aws.Bool(true)
	} else {
		input.RestoreTime = &at
	}
	if from.instance != nil {
		input.SourceDBInstanceIdentifier = &s.config.Instance
		placeAs(input, from.instance)
		return input, nil
	}
	input.SourceDbiResourceId = from.backup.DbiResourceId
	if input.DBSubnetGroupName == nil || len(input.VpcSecurityGroupIds) == 0 {
		return nil, fault.New(fault.Invalid,
			"the instance %s is deleted, so nothing says where a restored one belongs: set subnetGroup and securityGroups", s.config.Instance)
	}
	return input, nil
}

// placeAs puts the new instance where the source is, as far as nothing else is said.
// RDS itself would take the account's defaults.
func placeAs(input *rds.RestoreDBInstanceToPointInTimeInput, source *types.DBInstance) {
	if input.DBSubnetGroupName == nil && source.DBSubnetGroup != nil {
		input.DBSubnetGroupName = source.DBSubnetGroup.DBSubnetGroupName
	}
	if len(input.VpcSecurityGroupIds) == 0 {
		for _, group := range source.VpcSecurityGroups {
			input.VpcSecurityGroupIds = append(input.VpcSecurityGroupIds, aws.ToString(group.VpcSecurityGroupId))
		}
	}
	if input.DBParameterGroupName == nil && len(source.DBParameterGroups) > 0 {
		input.DBParameterGroupName = source.DBParameterGroups[0].DBParameterGroupName
	}
}

func optional(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}

func tags(list []types.Tag) map[string]string {
	found := make(map[string]string, len(list))
	for _, tag := range list {
		found[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return found
}

// Delete implements managed.Service. No final snapshot is made.
func (s *Service) Delete(ctx context.Context, name string) error {
	found, err := s.find(ctx, name)
	if err != nil || found == nil {
		return err
	}
	if err := managed.Removable(name, tags(found.TagList), s.config.Instance); err != nil {
		return err
	}
	if state(aws.ToString(found.DBInstanceStatus)) == managed.Deleting {
		return nil
	}
	_, err = s.client.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{
		DBInstanceIdentifier: &name, SkipFinalSnapshot: aws.Bool(true), DeleteAutomatedBackups: aws.Bool(true),
	})
	if amazon.Code(err) == codeNoInstance {
		return nil
	}
	return s.fault(err, "delete "+name)
}
