package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/report"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	stores "github.com/lifeboat-dr/lifeboat/internal/store/all"
)

func (a *app) evidenceCommand() *cobra.Command {
	return group("evidence", "Read, verify and report what drills and people left in the ledger",
		a.evidenceList(), a.evidenceShow(), a.evidenceVerify(), a.evidenceReport(), a.evidenceKey())
}

// ledgerFlags say which ledger, and with which keys it is checked.
type ledgerFlags struct {
	publics []string
	url     string
}

func (f *ledgerFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.publics, "pubkey", nil, "public key that must have signed the ledger, NAME+HASH+BASE64 (default: those of the configuration)")
	cmd.Flags().StringVar(&f.url, "store-url", "", "the store that has the ledger: s3://BUCKET/PREFIX, gcs://…, azure://… or a folder (default: that of the configuration)")
}

// ledger opens the ledger of the configuration, or, by --store-url, any other one with no configuration at all.
func (a *app) ledger(ctx context.Context, f ledgerFlags) (*evidence.Ledger, error) {
	if f.url == "" {
		parts, err := a.open(ctx)
		if err != nil {
			return nil, err
		}
		ledger, _, err := parts.Evidence()
		return ledger, err
	}
	if len(f.publics) == 0 {
		return nil, usageError{fmt.Errorf("--store-url needs --pubkey: the public key comes from another place than the ledger")}
	}
	c, err := store.ParseURL(f.url)
	if err != nil {
		return nil, asUsage(err)
	}
	st, err := stores.Open(ctx, c)
	if err != nil {
		return nil, asUsage(err)
	}
	return evidence.Open(st, evidence.Options{Trusted: f.publics}), nil
}

func (a *app) evidenceList() *cobra.Command {
	f, o := ledgerFlags{}, evidence.ListOptions{Newest: true}
	cmd := &cobra.Command{
		Use: "list", Short: "List the ledger's entries, newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ledger, err := a.ledger(cmd.Context(), f)
			if err != nil {
				return err
			}
			entries, err := ledger.List(cmd.Context(), o)
			if err != nil {
				return err
			}
			return a.show(nonNil(entries), func() error {
				rows := make([][]string, len(entries))
				for i, e := range entries {
					rows[i] = []string{strconv.FormatInt(e.Seq, 10), when(e.Time), e.Kind, e.Actor, e.Subject, e.ID}
				}
				return a.table([]string{"SEQ", "TIME", "KIND", "ACTOR", "SUBJECT", "ID"}, rows)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&o.Limit, "limit", 50, "at most so many; 0 for all")
	cmd.Flags().StringVar(&o.Kind, "kind", "", "only entries of this kind, such as drill.judged")
	cmd.Flags().StringVar(&o.Subject, "subject", "", "only entries about this plan, surface or point")
	return cmd
}

func (a *app) evidenceShow() *cobra.Command {
	f := ledgerFlags{}
	cmd := &cobra.Command{
		Use: "show SEQ", Short: "Show an entry with the proof that it is in the ledger", Args: exactly("SEQ"),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || seq < 0 {
				return usageError{fmt.Errorf("%q is not the number of an entry: they count from 0", args[0])}
			}
			ledger, err := a.ledger(cmd.Context(), f)
			if err != nil {
				return err
			}
			proof, err := ledger.Prove(cmd.Context(), seq)
			if err != nil {
				return err
			}
			return a.show(proof, func() error {
				r := proof.Record
				err := a.fields("entry", args[0], "time", when(r.Time), "kind", r.Kind, "actor", r.Actor, "subject", r.Subject, "id", r.ID,
					"previous", r.Previous, "proof", fmt.Sprintf("%d hashes up to the signed root", len(proof.Hashes)), "body", string(r.Body))
				if err != nil {
					return err
				}
				for _, attached := range r.Attachments {
					fmt.Fprintf(a.out, "attachment %s: %s, SHA-256 %s\n", attached.Key, size(attached.Bytes), attached.SHA256)
				}
				return nil
			})
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) evidenceVerify() *cobra.Command {
	f := ledgerFlags{}
	var checkpoints []string
	cmd := &cobra.Command{
		Use: "verify", Short: "Read the whole ledger and check every byte of it", Args: noArgs,
		Long: "Checks, with the public key alone, that no entry was changed, removed, added, reordered or cut off. With --store-url and\n" +
			"--pubkey it needs no configuration. A checkpoint that was kept elsewhere (of a report, or evidence/checkpoint of an\n" +
			"earlier day) shows what was cut off since also when everything on the store was put back together.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ledger, err := a.ledger(cmd.Context(), f)
			if err != nil {
				return err
			}
			m := newMeter(a.err, "verify evidence")
			o := evidence.VerifyOptions{Publics: f.publics, Progress: m.count}
			for _, path := range checkpoints {
				note, err := os.ReadFile(path)
				if err != nil {
					return usageError{fmt.Errorf("--checkpoint: %w", err)}
				}
				o.Checkpoints = append(o.Checkpoints, note)
			}
			found, err := ledger.Verify(cmd.Context(), o)
			m.clear()
			if err != nil && !fault.Is(err, fault.Corrupt) {
				return err
			}
			if shown := a.show(found, func() error { return a.verifiedFields(found) }); shown != nil {
				return shown
			}
			return err
		},
	}
	f.add(cmd)
	cmd.Flags().StringArrayVar(&checkpoints, "checkpoint", nil, "file with an earlier checkpoint that was kept elsewhere (may be repeated)")
	return cmd
}

func (a *app) verifiedFields(r evidence.Report) error {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(r.Entries)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, r.Entries[kind]))
	}
	err := a.fields("ledger", r.Origin, "entries", strconv.FormatInt(r.Size, 10), "kinds", strings.Join(kinds, ", "), "first", when(r.First), "last", when(r.Last),
		"root", r.Root, "signed by", r.SignedBy, "attachments", strconv.FormatInt(r.Attachments, 10), "read", size(r.Bytes), "problems", strconv.Itoa(len(r.Problems)))
	for _, p := range r.Problems {
		fmt.Fprintf(a.out, "PROBLEM: %s: %s\n", p.Key, p.What)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(a.out, "WARNING: %s\n", w)
	}
	return err
}

func (a *app) evidenceReport() *cobra.Command {
	var format, file string
	cmd := &cobra.Command{
		Use: "report DRILL", Short: "Write the report of a drill, for people or for programs", Args: exactly("DRILL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "html" && format != "json" {
				return usageError{fmt.Errorf("--format takes html or json, not %q", format)}
			}
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			drill, err := parts.Report(cmd.Context(), args[0], time.Now())
			if err != nil {
				return err
			}
			write := report.HTML
			if format == "json" {
				write = report.JSON
			}
			text, err := write(drill)
			if err != nil {
				return err
			}
			if file == "" {
				_, err = a.out.Write(text)
				return err
			}
			if err := os.WriteFile(file, text, 0o644); err != nil {
				return fault.Wrap(fault.Denied, err, "write the report")
			}
			fmt.Fprintln(a.err, "written to", file)
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "html", "html or json")
	cmd.Flags().StringVar(&file, "file", "", "where to write it (default: standard output)")
	return cmd
}

func (a *app) evidenceKey() *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Show the public keys that the ledger is checked with", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			ledger, _, err := parts.Evidence()
			if err != nil {
				return err
			}
			return a.show(map[string]any{"publicKeys": ledger.Trusted(), "origin": parts.Config.Evidence.Origin}, func() error {
				for _, public := range ledger.Trusted() {
					fmt.Fprintln(a.out, public)
				}
				return nil
			})
		},
	}
}
