package pitr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]pitr.Target{
		"latest":                         {Kind: pitr.AtLatest},
		" latest ":                       {Kind: pitr.AtLatest},
		"immediate":                      {Kind: pitr.AtImmediate},
		"2026-01-31T12:00:00Z":           {Kind: pitr.AtTime, Time: noon},
		"2026-01-31T13:00:00+01:00":      {Kind: pitr.AtTime, Time: noon},
		"2026-01-31T12:00:00.000001234Z": {Kind: pitr.AtTime, Time: noon.Add(1234)},
		"2026-01-31 12:00:00.5+00":       {Kind: pitr.AtTime, Time: noon.Add(time.Second / 2)},
		"2026-01-31 17:30:00+05:30":      {Kind: pitr.AtTime, Time: noon},
		"16/B374D848":                    {Kind: pitr.AtLSN, LSN: 0x16B374D848},
		"0/3000060":                      {Kind: pitr.AtLSN, LSN: 0x3000060},
		"ff/a":                           {Kind: pitr.AtLSN, LSN: 0xFF0000000A},
		"735":                            {Kind: pitr.AtXID, XID: 735},
		"4294968031":                     {Kind: pitr.AtXID, XID: 735}, // epoch 1
		"latest@2":                       {Kind: pitr.AtLatest, Timeline: 2},
		"2026-01-31T12:00:00Z@2":         {Kind: pitr.AtTime, Time: noon, Timeline: 2},
		"2026-01-31 13:00:00+01@12":      {Kind: pitr.AtTime, Time: noon, Timeline: 12},
		"0/3000060@4294967295":           {Kind: pitr.AtLSN, LSN: 0x3000060, Timeline: 4294967295},
		"735@1":                          {Kind: pitr.AtXID, XID: 735, Timeline: 1},
		"nightly@2":                      {Kind: pitr.AtName, Name: "nightly@2"},
		"immediate@2":                    {Kind: pitr.AtName, Name: "immediate@2"},
		"latest@two":                     {Kind: pitr.AtName, Name: "latest@two"},
		"@2":                             {Kind: pitr.AtName, Name: "@2"},
		"before the release":             {Kind: pitr.AtName, Name: "before the release"},
		"v1/2":                           {Kind: pitr.AtName, Name: "v1/2"},
		"Latest":                         {Kind: pitr.AtName, Name: "Latest"},
		strings.Repeat("n", 63):          {Kind: pitr.AtName, Name: strings.Repeat("n", 63)},
		"2026 was good":                  {Kind: pitr.AtName, Name: "2026 was good"},
	} {
		got, err := pitr.ParseTarget(text)
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
			continue
		}
		if back, err := pitr.ParseTarget(got.String()); err != nil || back != want {
			t.Errorf("%q is written as %q, which is %+v, %v", text, got, back, err)
		}
	}
	for _, text := range []string{
		"", "  ", "0/0", "/", "1/", "1/123456789", "0", "2", "4294967296", "99999999999999999999",
		"2026-01-31", "2026-01-31T12:00:00", "2026-01-31 12:00", "2026-13-31T12:00:00Z", "12:00", "2026-1-31T12:00:00Z",
		"latest@0", "735@4294967296", "2@1", "0/0@1", "2026-01-31@1", "2026-01-31T12:00:00Z@-1",
		"a\nb", "a\x00b", "\xff", strings.Repeat("n", 64),
	} {
		if got, err := pitr.ParseTarget(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
}
