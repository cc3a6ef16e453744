package status

import "time"

// Vitals are signs of life of what is protected.
type Vitals struct {
	Pods         []Pods        `json:"pods"`
	Replicas     []Replica     `json:"replicas"`
	Certificates []Certificate `json:"certificates"`
	Disks        []Disk        `json:"disks"`
}

// Pods are the pods of one workload in a namespace of a surface.
type Pods struct {
	Surface   string `json:"surface"`
	Namespace string `json:"namespace"`
	// Workload is KIND/NAME of what owns them, such as deployment/api.
	Workload string `json:"workload"`
	// Wanted is how many there should be, Available how many are ready.
	Wanted    int `json:"wanted"`
	Available int `json:"available"`
	// Restarts is how often containers of the pods that are there were
	// restarted, and RestartsLastHour how many of those were seen in the last hour.
	Restarts         int64 `json:"restarts"`
	RestartsLastHour int64 `json:"restartsLastHour"`
	// RestartsCounted are Restarts at the first look, and all that was seen since.
	// It does not fall with a pod that goes.
	RestartsCounted int64 `json:"restartsCounted"`
}

// ReplicaGone is the state of a replica that was there in the last day and is not
// now. By how much it is behind counts on from when it was seen last.
const ReplicaGone = "gone"

// Replica is one standby of a PostgreSQL server, or a replica of a Redis.
type Replica struct {
	Surface string `json:"surface"`
	// Name is application_name, or the address of a Redis replica.
	Name string `json:"name"`
	// LagSeconds is by how much it is behind, nil where the server does not
	// know; LagBytes are what it has not replayed.
	LagSeconds *float64 `json:"lagSeconds,omitempty"`
	LagBytes   int64    `json:"lagBytes"`
	// State is the server's own word, such as streaming or online, or ReplicaGone.
	State string `json:"state"`
	// Itself is set where the surface itself is the replica.
	Itself bool `json:"itself,omitempty"`
	// Seen is when one that is gone was there last; zero for one that is there.
	Seen time.Time `json:"seen,omitzero"`
}

// Certificate is one that a server shows, or that a Kubernetes secret holds.
type Certificate struct {
	// Surface is empty for certificates that are watched by the configuration or of a store.
	Surface string `json:"surface,omitempty"`
	// Where is HOST:PORT, or NAMESPACE/SECRET.
	Where     string    `json:"where"`
	Subject   string    `json:"subject"`
	NotAfter  time.Time `json:"notAfter"`
	NotBefore time.Time `json:"notBefore"`
}

// Disk is a file system, or a volume of a namespace.
type Disk struct {
	// Surface is empty for disks of a worker or an API server.
	Surface string `json:"surface,omitempty"`
	// Where is HOST:PATH, or NAMESPACE/CLAIM.
	Where string `json:"where"`
	// What says what it is for: data, store NAME, volume, watched.
	What string `json:"what"`
	// Used and Size are bytes.
	Used int64 `json:"used"`
	Size int64 `json:"size"`
}
