//go:build !slim

package engine

import (
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
)

// services run in one process, each on a port of its own, in the order in which ports are given out.
var services = []primitives.ServiceName{
	primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
}

const clusterName = "active"

// settings are what differs from the server's defaults.
func settings() dynamicconfig.StaticClient {
	// Queues are polled at most so often; by default 20 times a second for the
	// whole process, which with a single shard makes every hop of a workflow
	// wait 50 ms.
	const pollsPerSecond = 1000
	return dynamicconfig.StaticClient{
		dynamicconfig.TransferProcessorMaxPollRPS.Key():   pollsPerSecond,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():      pollsPerSecond,
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): pollsPerSecond,
		// One process serves every task queue: partitions would only forward to each other.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
		// Nobody outside is asked whether there is a newer version.
		dynamicconfig.EnableServerVersionCheck.Key(): false,
	}
}

// database is how the server reaches its file.
func database(path string) *config.SQL {
	return &config.SQL{
		PluginName:        sqliteplugin.PluginName,
		DatabaseName:      databaseName(path),
		ConnectAttributes: connectAttributes(),
	}
}

// serverConfig describes a cluster of one process on the loopback; ports are those of services.
func serverConfig(db *config.SQL, ports []int) *config.Config {
	frontend := loopbackAddress(ports[0])
	c := &config.Config{
		Global: config.Global{Membership: config.Membership{
			MaxJoinDuration:  10 * time.Second,
			BroadcastAddress: loopback,
		}},
		Persistence: config.Persistence{
			DefaultStore:     sqliteplugin.PluginName,
			VisibilityStore:  sqliteplugin.PluginName,
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{sqliteplugin.PluginName: {SQL: db}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: config.ArchivalDisabled},
			Visibility: config.VisibilityArchival{State: config.ArchivalDisabled},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: config.ArchivalDisabled},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: config.ArchivalDisabled},
		}},
		PublicClient: config.PublicClient{HostPort: frontend},
		Services:     make(map[string]config.Service, len(services)),
	}
	for i, name := range services {
		c.Services[string(name)] = config.Service{RPC: config.RPC{GRPCPort: ports[i], BindOnIP: loopback}}
	}
	return c
}

// hosts tells the services where each other are, in place of a membership protocol.
func hosts(ports []int) map[primitives.ServiceName]static.Hosts {
	at := make(map[primitives.ServiceName]static.Hosts, len(services))
	for i, name := range services {
		at[name] = static.SingleLocalHost(loopbackAddress(ports[i]))
	}
	return at
}
