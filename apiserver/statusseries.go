package apiserver

// The metrics of how everything stands, in the order of their reference. Moments
// are in seconds since 1970, and 0 where there was none yet.
var (
	metricStatusAt = gauge("status_timestamp_seconds", "",
		"When a worker last reported how everything stands, in seconds since 1970; 0 without a report.")
	metricStatusSince = gauge("status_since_timestamp_seconds", "",
		"Since when lifeboat_backup_runs_total counts, in seconds since 1970.")
	metricBlind = gauge("blind", "",
		"How many things could not be read for the report. Their metrics are as they were read last, or absent.")
	metricUnread = gauge("unread", "source",
		"1 for each source that could not be read, or not whole, for the report; absent for those that were.")
	metricAlerts = gauge("alerts", "rule severity",
		"How many alerts of a rule fire.")

	metricRuns = counter("backup_runs_total", "policy surface kind result",
		"Runs of a policy that ended, by result (success, failure), since lifeboat_status_since_timestamp_seconds.")
	metricLastFailed = gauge("backup_last_run_failed", "policy surface kind",
		"1 when the newest run of a policy that ended failed, else 0.")
	metricLastSuccess = gauge("backup_last_success_timestamp_seconds", "policy surface kind",
		"When the newest run of a policy that made a recovery point ended, in seconds since 1970; 0 when none did yet.")
	metricCountsFrom = gauge("backup_counts_from_timestamp_seconds", "policy surface kind",
		"From when the intervals of a policy count, in seconds since 1970: its newest point, or when it was first seen, resumed or given a shorter interval.")
	metricLastDuration = gauge("backup_last_duration_seconds", "policy surface kind",
		"How long the newest successful run of a policy took, in seconds; 0 when there is none.")
	metricLastBytes = gauge("backup_last_bytes", "policy surface kind",
		"What the newest successful run of a policy stored, in bytes; 0 when there is none.")
	metricInterval = gauge("backup_interval_seconds", "policy surface kind",
		"The longest time between two runs by the schedule of a policy, in seconds; 0 without a schedule.")
	metricPaused = gauge("backup_paused", "policy surface kind",
		"1 while the configuration or a person lets a policy rest, else 0.")
	metricNextDue = gauge("backup_next_due_timestamp_seconds", "policy surface kind",
		"When a policy runs next, in seconds since 1970; 0 when it is not due.")
	metricUnverified = gauge("backup_unverified_since_timestamp_seconds", "policy surface kind",
		"The moment of the oldest recovery point of a policy that should have been read back and was not, in seconds since 1970; 0 when there is none.")

	metricLastPoint = gauge("point_last_timestamp_seconds", "surface state",
		"The moment that the newest recovery point of a surface holds, of all (sealed), of those read back (verified) and of those "+
			"restored and compared (proven), in seconds since 1970; 0 when there is none yet.")
	metricPoints = gauge("points", "surface",
		"How many recovery points of a surface there are.")
	metricPointsBytes = gauge("points_bytes", "surface",
		"What the recovery points of a surface take on their stores, in bytes.")
	metricDamaged = gauge("point_damaged", "surface point",
		"1 for each recovery point that was found damaged when it was read back, until it is gone or was read back well; absent for others.")
	metricRPO = gauge("rpo_seconds", "surface",
		"How much a disaster now would lose of a surface, in seconds; absent when there is nothing to restore.")
	metricFirstDue = gauge("first_point_due_timestamp_seconds", "surface",
		"Until when the first copy of a surface is waited for, in seconds since 1970; absent where there is a copy, or no policy that makes one.")
	metricRPOTarget = gauge("rpo_target_seconds", "surface",
		"How much a disaster may lose of a surface by the strictest plan of drills, in seconds; absent without a plan that says so.")

	metricWALLagBytes = gauge("wal_lag_bytes", "surface",
		"How far the WAL on the store is behind the server, in bytes; of a server that pushes its WAL whole segments alone count. "+
			"Absent while the server can't be asked.")
	metricWALLagSeconds = gauge("wal_lag_seconds", "surface",
		"How far the WAL on the store is behind the server, in seconds; of a server that pushes its WAL whole segments alone count. "+
			"Absent while the server can't be asked.")
	metricWALStart = gauge("wal_window_start_timestamp_seconds", "surface",
		"The earliest moment of the newest window without a gap that a surface can be put back to, in seconds since 1970; 0 when there is none.")
	metricWALEnd = gauge("wal_window_end_timestamp_seconds", "surface",
		"The latest moment that a surface can be put back to, in seconds since 1970; 0 when there is none.")
	metricWALGaps = gauge("wal_gaps", "surface",
		"How many gaps the WAL on the store has.")
	metricSlotHeld = gauge("wal_slot_held_back_bytes", "surface",
		"How much WAL the replication slot holds back on the server, in bytes; absent while the server can't be asked.")
	metricSlotLimit = gauge("wal_slot_limit_bytes", "surface",
		"How much WAL the replication slot may hold back, in bytes; absent without a limit.")
	metricStreaming = gauge("wal_streaming", "surface",
		"1 while somebody streams the WAL of a surface, else 0.")

	metricDrillRTO = gauge("drill_rto_seconds", "plan",
		"RTO that the newest drill of a plan which proves something measured, in seconds.")
	metricDrillRPO = gauge("drill_rpo_seconds", "plan",
		"RPO that the newest drill of a plan which proves something measured, in seconds.")
	metricDrillRTOTarget = gauge("drill_rto_target_seconds", "plan",
		"RTO that a plan aims at, in seconds; absent without one.")
	metricDrillRPOTarget = gauge("drill_rpo_target_seconds", "plan",
		"RPO that a plan aims at, in seconds; absent without one.")
	metricDrillOverdue = gauge("drill_overdue", "plan",
		"1 when a drill of a plan was due and was not done for a day, else 0.")
	metricDrillNext = gauge("drill_next_due_timestamp_seconds", "plan",
		"When a drill of a plan is due next, in seconds since 1970; 0 when none is.")
	metricDrillVerdict = gauge("drill_last_verdict", "plan verdict",
		"1 for the verdict (pass, partial, fail, aborted) of the newest drill of a plan, 0 for the others; all 0 while it runs or there is none.")
	metricDrillFailing = gauge("drill_failing", "plan",
		"1 when the newest drill of a plan that was judged did not pass, else 0. One that runs or was cancelled changes nothing.")
	metricDrillWaits = gauge("drill_awaits_sign_off_since_timestamp_seconds", "plan",
		"Since when the drill of a plan that waits the longest for its sign-off does, in seconds since 1970; 0 when none waits.")
	metricDrillFindings = gauge("drill_open_findings", "plan",
		"How many findings of a plan are open.")
	metricProven = gauge("commitment_proven", "plan",
		"1 when the targets of a plan may be promised today, else 0.")
	metricProvenAt = gauge("commitment_proven_timestamp_seconds", "plan",
		"When the targets of a plan were last proven, in seconds since 1970; 0 when they never were.")

	metricStoreUp = gauge("store_up", "store",
		"1 when a store can be used, else 0.").worseLow()
	metricLedgerVerifies = gauge("ledger_verifies", "",
		"1 when the ledger of evidence was found unchanged at the last try, else 0; absent without a ledger, and until it could be read.")
	metricLedgerVerified = gauge("ledger_verified_timestamp_seconds", "",
		"When the ledger of evidence was last read whole and found unchanged, in seconds since 1970; 0 when it was not yet.")
	metricLedgerSize = gauge("ledger_size", "",
		"How many entries the ledger of evidence has.")

	metricPodsWanted = gauge("pods_wanted", "surface namespace workload",
		"How many pods a workload should have.")
	metricPodsAvailable = gauge("pods_available", "surface namespace workload",
		"How many pods of a workload are ready.").worseLow()
	metricRestarts = counter("pod_restarts_total", "surface namespace workload",
		"Restarts of the containers of a workload: those of its pods at the first look, and all that were seen since.")
	metricRestartsHour = gauge("pod_restarts_last_hour", "surface namespace workload",
		"How many restarts of containers of a workload were seen in the last hour.")
	metricReplicaSeconds = gauge("replication_lag_seconds", "surface replica",
		"How far a replica of a surface is behind, in seconds; absent where the server does not know.")
	metricReplicaBytes = gauge("replication_lag_bytes", "surface replica",
		"What a replica of a surface has not replayed, in bytes.")
	metricCertificate = gauge("certificate_expiry_timestamp_seconds", "surface where",
		"When a certificate ends, in seconds since 1970. The surface is empty for one that no surface shows.").worseLow()
	metricDiskUsed = gauge("disk_used_bytes", "surface where what",
		"What is used of a disk or a volume, in bytes. The surface is empty for those of Lifeboat itself.")
	metricDiskSize = gauge("disk_size_bytes", "surface where what",
		"How large a disk or a volume is, in bytes.")
)
