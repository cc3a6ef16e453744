//go:build bench

package bench

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// rowMaker makes rows in COPY's text format: always the same for a seed.
type rowMaker struct {
	rng   *rand.Rand
	words []string
	at    time.Time
}

func newRowMaker(seed uint64) *rowMaker {
	m := &rowMaker{rng: rand.New(rand.NewPCG(seed, 2)), at: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
	// The same words for all tables, as in one company's data.
	vocabulary := rand.New(rand.NewPCG(1, 1))
	for range 4000 {
		word := make([]byte, 2+vocabulary.IntN(9))
		for i := range word {
			word[i] = "etaoinshrdlcumwfgypbvketaoinshr"[vocabulary.IntN(31)]
		}
		m.words = append(m.words, string(word))
	}
	return m
}

// word prefers some, as languages do.
func (m *rowMaker) word() string { return m.words[int(m.rng.ExpFloat64()*500)%len(m.words)] }

func (m *rowMaker) prose(words int) string {
	var text strings.Builder
	for i := range words {
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(m.word())
	}
	return text.String()
}

// moment moves on by up to a minute and a half.
func (m *rowMaker) moment() string {
	m.at = m.at.Add(time.Duration(m.rng.IntN(90_000)) * time.Millisecond)
	return m.at.Format("2006-01-02 15:04:05.000") + "+00"
}

func (m *rowMaker) pick(from ...string) string { return from[m.rng.IntN(len(from))] }

func (m *rowMaker) uuid() string {
	a, b := m.rng.Uint64(), m.rng.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

// The makers of one row of each table.

func (m *rowMaker) customer(id int) string {
	return fmt.Sprintf("%d\t%s.%s%d@example.com\t%s %s\t%s\t{\"city\": \"%s\", \"zip\": %d, \"newsletter\": %t}\n",
		id, m.word(), m.word(), id, m.word(), m.word(), m.moment(), m.word(), 10000+m.rng.IntN(90000), m.rng.IntN(2) == 0)
}

func (m *rowMaker) order(id int) string {
	note := "\\N"
	if m.rng.IntN(4) == 0 {
		note = m.prose(3 + m.rng.IntN(8))
	}
	return fmt.Sprintf("%d\t%d\t%s\t%s\t%d.%02d\t%s\n", id, 1+m.rng.IntN(1000), m.moment(),
		m.pick("new", "paid", "sent", "returned"), m.rng.IntN(5000), m.rng.IntN(100), note)
}

func (m *rowMaker) line(id int) string {
	return fmt.Sprintf("%d\t%d\tSKU-%06d\t%d\t%d.%02d\n", 1+(id-1)/4, 1+(id-1)%4, m.rng.IntN(50000), 1+m.rng.IntN(9), m.rng.IntN(900), m.rng.IntN(100))
}

func (m *rowMaker) event(int) string {
	return fmt.Sprintf("%s\t%s\t%s\t{\"path\": \"/%s/%s\", \"session\": \"%016x\", \"ms\": %d, \"agent\": \"%s\", \"tags\": [\"%s\", \"%s\"]}\n",
		m.uuid(), m.moment(), m.pick("view", "cart", "buy", "login", "search"), m.word(), m.word(), m.rng.Uint64(), m.rng.IntN(2000),
		m.pick("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (Macintosh)", "curl/8.5.0"), m.word(), m.word())
}

func (m *rowMaker) article(id int) string {
	return fmt.Sprintf("%d\t%s\t%s\t%s\n", id, m.moment(), m.prose(5), m.prose(80+m.rng.IntN(900)))
}

// rowReader yields rows until size bytes have come.
type rowReader struct {
	row  func(id int) string
	size int64

	id      int
	made    int64
	pending bytes.Buffer
}

func (r *rowReader) Read(p []byte) (int, error) {
	for r.pending.Len() < len(p) && r.made < r.size {
		r.id++
		n, _ := r.pending.WriteString(r.row(r.id))
		r.made += int64(n)
	}
	if r.pending.Len() == 0 {
		return 0, io.EOF
	}
	return r.pending.Read(p)
}
