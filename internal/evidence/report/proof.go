package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func decisionWord(decision string) string {
	switch decision {
	case drill.DecisionSigned:
		return "signed"
	case drill.DecisionRefused:
		return "refused"
	case drill.DecisionExpired:
		return "expired unsigned"
	default:
		return "unknown: " + or(decision, "not recorded")
	}
}

// signatures are the decision, or lines to sign on paper.
func signatures(d Drill) []block {
	s := d.Decision
	if s == nil {
		said := "Nobody has signed this drill as of this copy of the report."
		if !d.Record.Plan.NeedsSignOff() {
			said = "The plan asks for no sign-off, and there is none."
		}
		return []block{text(said), {Table: paper()},
			note("A signature on paper is no part of the ledger; lifeboat drill sign puts one there. Who started or operated a drill can't sign it.")}
	}
	decided := line{classPass, "✓ signed"}
	if s.Decision != drill.DecisionSigned {
		decided = line{classFail, "✗ " + decisionWord(s.Decision)}
	}
	facts := []fact{
		{"Decision", []line{decided}},
		given("Signer", who(s.Signer, s.CommandLine), "nobody"),
		given("Role", s.Role, "not recorded"),
		given("Statement", s.Statement, "none"),
		plain("At", moment(s.At, "not recorded")),
		plain("Of the record", "revision "+strconv.Itoa(s.Revision)+" of drill "+or(s.DrillID, "not recorded")),
		digest("SHA-256 of that record", s.Record, "not recorded"),
	}
	if s.Account != "" {
		facts = append(facts, plain("At the command line", "by the account "+s.Account))
	}
	blocks := []block{{Facts: facts}}
	for _, doubt := range drill.Doubts(d.Record, *s) {
		blocks = append(blocks, block{Facts: []fact{{"Attention", []line{{classWarn, "! " + doubt}}}}})
	}
	for _, wrong := range contradictions(d) {
		blocks = append(blocks, block{Facts: []fact{{"Attention", []line{{classFail, "✗ " + wrong}}}}})
	}
	return append(blocks, note("The decision is an entry of its own in the ledger, under the ledger's signature. The role of the signer was checked when it was made."))
}

// contradictions are what the decision says otherwise than what this report is of.
func contradictions(d Drill) []string {
	var said []string
	if d.Decision.DrillID != d.Record.ID {
		said = append(said, "This decision is on another drill than this report is of.")
	}
	if d.Decision.Revision != d.Record.Revision {
		said = append(said, "This decision is on another revision of the record than this report is of.")
	}
	if digest := recordDigest(d); digest != "" && d.Decision.Record != "" && digest != d.Decision.Record && d.Decision.Revision == d.Record.Revision {
		said = append(said, "The digest that was signed is not the one that the ledger has of the record.")
	}
	return said
}

func paper() *table {
	t := &table{Caption: "To be signed on paper", Head: []column{{"Role", 20}, {"Name", 25}, {"Signature", 35}, {"Date", 20}}}
	for _, role := range []string{"Approver", "Owner", "Independent reviewer"} {
		t.Rows = append(t.Rows, []cell{one(role).add(classRoom, " "), {}, {}, {}})
	}
	return t
}

// recordPrefix is how the record's name begins, below evidence/: it ends with a
// part of its digest.
func recordPrefix(r drill.Record) string {
	return fmt.Sprintf("drills/%s/%s/record-%d-", r.PlanName, r.ID, r.Revision)
}

// recordFile is the record as its entry names it; empty where that is not known.
func recordFile(d Drill) evidence.Attached {
	if d.Proof != nil {
		for _, a := range d.Proof.Record.Attachments {
			if strings.HasPrefix(a.Key, recordPrefix(d.Record)) {
				return a
			}
		}
	}
	return evidence.Attached{}
}

func recordDigest(d Drill) string { return recordFile(d).SHA256 }

// verification says where this stands in the ledger, and how anybody can check it.
func verification(d Drill) []block {
	var blocks []block
	if d.Proof == nil {
		blocks = append(blocks, text("This copy was written before the ledger's entry of the drill, which it is attached to: the entry has this file's SHA-256. lifeboat evidence report writes a copy with the entry and its proof."))
	} else {
		blocks = append(blocks, entryBlocks(d)...)
	}
	key := "PUBLIC-KEY"
	if len(d.Trusted) > 0 {
		key = d.Trusted[0]
	}
	blocks = append(blocks,
		block{Heading: "Public keys of the ledger", Facts: []fact{several("As configured where this was written", d.Trusted, classCode, "none known")},
			Note: "Compare them with what you have from somebody you trust. A key that comes with what it is to prove proves nothing."},
		block{Heading: "Commands", Text: "STORE is where the ledger is, or a folder with a copy of it. Neither command needs a configuration or the network where STORE is a folder.",
			Code: strings.Join(commands(d, key), "\n")},
		note("README.md in the ledger's folder has a script that does the same with bash, jq and openssl alone."))
	return blocks
}

func commands(d Drill, key string) []string {
	all := []string{"# every byte of the ledger, with the public key alone", "lifeboat evidence verify --store-url STORE --pubkey " + quote(key)}
	if d.Proof != nil {
		all = append(all,
			"# the same, and that it still goes through the checkpoint above, saved as checkpoint.txt",
			"lifeboat evidence verify --store-url STORE --pubkey "+quote(key)+" --checkpoint checkpoint.txt",
			"# the entry of this drill, with its proof",
			"lifeboat evidence show --store-url STORE --pubkey "+quote(key)+" "+strconv.FormatInt(d.Proof.Record.Seq, 10))
	}
	record := quote("evidence/"+recordPrefix(d.Record)) + "*.json"
	if file := recordFile(d); file.Key != "" {
		record = quote("evidence/" + file.Key)
	}
	return append(all, "# the record, which must have the digest that its entry names", "sha256sum "+record)
}

// quote is a word for a shell.
func quote(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+=:@") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// entryBlocks are the entry, and the proof that the ledger has it.
func entryBlocks(d Drill) []block {
	e := d.Proof.Record
	return []block{
		{Heading: "Entry in the ledger", Facts: []fact{
			plain("Entry", strconv.FormatInt(e.Seq, 10)+", "+or(e.Kind, "of a kind not recorded")),
			digest("ID", e.ID, "not recorded"),
			plain("Time", moment(e.Time, "not recorded")),
			given("Actor", e.Actor, "not recorded"),
			digest("Digest of the entry before", e.Previous, "none: it is the first"),
			digest("SHA-256 of the record", recordDigest(d), "the entry names no such record"),
			checked(*d.Proof, d.Trusted),
		}},
		manifest(e),
		{Heading: "Checkpoint", Text: "The signed head of the ledger that the proof leads to. Keep it elsewhere: the ledger must go through it for ever.", Code: d.Proof.Checkpoint},
		audit(*d.Proof),
	}
}

// checked says whether the proof holds, which is tried here and now.
func checked(p evidence.Proof, trusted []string) fact {
	const name = "Proof of inclusion"
	if len(trusted) == 0 {
		return fact{name, []line{{classWarn, "! not checked when this was written: no public key was known"}}}
	}
	by, err := p.Verify(trusted)
	if err != nil {
		return fact{name, []line{{classFail, "✗ not valid when this was written"}, {classPlain, fault.Line(err)}}}
	}
	return fact{name, []line{{classPass, "✓ valid when this was written, signed by"}, {classCode, by}}}
}

// manifest lists what is attached to the entry.
func manifest(e evidence.Record) block {
	if len(e.Attachments) == 0 {
		return text("Nothing is attached to the entry.")
	}
	t := &table{Caption: "Evidence manifest: what is attached to the entry, below evidence/", Head: []column{{"File", 35}, {"Size", 20}, {"SHA-256", 45}}}
	for _, a := range e.Attachments {
		t.Rows = append(t.Rows, []cell{cell{}.code(a.Key), one(size(a.Bytes)), cell{}.code(a.SHA256)})
	}
	return block{Table: t}
}

// audit are the hashes of the proof.
func audit(p evidence.Proof) block {
	hashes := make([]string, len(p.Hashes))
	for i, h := range p.Hashes {
		hashes[i] = h.String()
	}
	b := block{Heading: "Audit path", Text: "From the record up to the root of the checkpoint (RFC 6962, section 2.1.1), in base64.", Code: strings.Join(hashes, "\n")}
	if len(hashes) == 0 {
		b.Text, b.Code = "It has no hashes: the entry is the only one of the checkpoint.", ""
	}
	return b
}

func notAttested(r drill.Record) []block {
	said := drill.NotAttested(r)
	if len(said) == 0 {
		return []block{text("Nothing beyond what this report says.")}
	}
	return []block{{Items: said}}
}

// who is a name with what is known of somebody who acted at the command line:
// the account, and the key that this account could have used as well.
func who(name string, at drill.CommandLine) string {
	if at.Account != "" && at.Account != name {
		name += ", from the account " + at.Account
	}
	if at.Holds != "" {
		name += ", whose configuration has the key " + at.Holds
	}
	return name
}
