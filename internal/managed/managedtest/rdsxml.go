package managedtest

import "time"

// DBInstance is RDS's element of that name, as far as it is told.
type DBInstance struct {
	Identifier           string          `xml:"DBInstanceIdentifier"`
	Resource             string          `xml:"DbiResourceId"`
	Status               string          `xml:"DBInstanceStatus"`
	Endpoint             *Endpoint       `xml:"Endpoint"`
	LatestRestorableTime *time.Time      `xml:"LatestRestorableTime"`
	SubnetGroup          string          `xml:"DBSubnetGroup>DBSubnetGroupName"`
	SecurityGroups       []SecurityGroup `xml:"VpcSecurityGroups>VpcSecurityGroupMembership"`
	ParameterGroup       string          `xml:"DBParameterGroups>DBParameterGroup>DBParameterGroupName"`
	Info                 string          `xml:"StatusInfos>DBInstanceStatusInfo>Message,omitempty"`
	Tags                 []Tag           `xml:"TagList>Tag"`
}

// Endpoint is where an instance is.
type Endpoint struct {
	Address string
	Port    int
}

// SecurityGroup is one that an instance is in.
type SecurityGroup struct {
	ID string `xml:"VpcSecurityGroupId"`
}

// Tag is one tag of an instance.
type Tag struct{ Key, Value string }

// AutomatedBackup is RDS's element DBInstanceAutomatedBackup, as far as it is told.
type AutomatedBackup struct {
	Identifier string    `xml:"DBInstanceIdentifier"`
	Resource   string    `xml:"DbiResourceId"`
	Status     string    `xml:"Status"`
	Earliest   time.Time `xml:"RestoreWindow>EarliestTime"`
	Latest     time.Time `xml:"RestoreWindow>LatestTime"`
}
