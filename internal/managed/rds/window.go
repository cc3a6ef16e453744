package rds

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// source is what RDS has of the instance to restore: itself, its automated
// backups, or both. Backups may be retained when their instance is deleted.
type source struct {
	// instance is nil when it is deleted.
	instance *types.DBInstance
	backup   types.DBInstanceAutomatedBackup
	window   managed.Window
}

// Window implements managed.Service. It begins where RDS's restore window does
// and ends at the latest restorable time, which RDS moves every few minutes.
func (s *Service) Window(ctx context.Context) (managed.Window, error) {
	source, err := s.source(ctx)
	return source.window, err
}

func (s *Service) source(ctx context.Context) (source, error) {
	name := s.config.Instance
	instance, err := s.find(ctx, name)
	if err != nil {
		return source{}, err
	}
	backup, found, err := s.backup(ctx, instance)
	if err != nil {
		return source{}, err
	}
	switch {
	case instance == nil && !found:
		return source{}, fault.New(fault.Missing, "RDS has neither an instance %s nor automated backups of it: correct instance or region", name)
	case !found || backup.RestoreWindow == nil || backup.RestoreWindow.EarliestTime == nil:
		return source{}, fault.New(fault.Missing, "RDS has no automated backup of %s yet: set its backup retention, and wait for the first one", name)
	}
	window := managed.Window{
		Earliest: backup.RestoreWindow.EarliestTime.UTC(), Latest: aws.ToTime(backup.RestoreWindow.LatestTime).UTC(),
	}
	if instance != nil && instance.LatestRestorableTime != nil {
		window.Latest = instance.LatestRestorableTime.UTC()
	}
	return source{instance: instance, backup: backup, window: window}, nil
}

// backup finds the automated backups of the instance. Of a deleted one, those
// that reach furthest: there may be some of earlier instances of its name.
func (s *Service) backup(ctx context.Context, instance *types.DBInstance) (types.DBInstanceAutomatedBackup, bool, error) {
	var best types.DBInstanceAutomatedBackup
	found := false
	pages := rds.NewDescribeDBInstanceAutomatedBackupsPaginator(s.client, &rds.DescribeDBInstanceAutomatedBackupsInput{
		DBInstanceIdentifier: &s.config.Instance,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if amazon.Code(err) == codeNoBackup {
			break
		}
		if err != nil {
			return best, false, s.fault(err, "read the restore window of "+s.config.Instance)
		}
		for _, b := range page.DBInstanceAutomatedBackups {
			if instance != nil {
				if aws.ToString(b.DbiResourceId) == aws.ToString(instance.DbiResourceId) {
					return b, true, nil
				}
				continue
			}
			if !found || reaches(b).After(reaches(best)) {
				best, found = b, true
			}
		}
	}
	return best, found, nil
}

// reaches is the latest time that a backup can be restored to.
func reaches(b types.DBInstanceAutomatedBackup) time.Time {
	if b.RestoreWindow == nil {
		return time.Time{}
	}
	return aws.ToTime(b.RestoreWindow.LatestTime)
}
