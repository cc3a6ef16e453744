package pitr

import "strconv"

// settings are what postgresql.conf needs to stop at the target. Recovery that
// stops becomes a new timeline at once.
func (t Target) settings(timeline uint32, endOfWAL bool) map[string]string {
	settings := map[string]string{"recovery_target_timeline": strconv.FormatUint(uint64(timeline), 10)}
	if endOfWAL {
		return settings
	}
	settings["recovery_target_action"] = "promote"
	inclusive := strconv.FormatBool(!t.Exclusive)
	switch t.Kind {
	case AtTime:
		settings["recovery_target_time"] = t.Time.UTC().Format("2006-01-02 15:04:05.000000") + "+00"
		settings["recovery_target_inclusive"] = inclusive
	case AtLSN:
		settings["recovery_target_lsn"] = t.LSN.String()
		settings["recovery_target_inclusive"] = inclusive
	case AtXID:
		settings["recovery_target_xid"] = strconv.FormatUint(uint64(t.XID), 10)
		settings["recovery_target_inclusive"] = inclusive
	case AtName:
		settings["recovery_target_name"] = t.Name
	case AtImmediate:
		settings["recovery_target"] = "immediate"
	}
	return settings
}
