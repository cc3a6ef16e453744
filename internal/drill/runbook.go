package drill

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// minWords is how many words a text needs to be found inside a longer one:
// "restart it" is in every runbook somewhere.
const minWords = 3

// Documented reports whether a runbook, which is Markdown or plain text, has a
// step: in a paragraph, list item, table cell or heading, or in a line of code,
// word by word, but not across the end of a sentence. Case, white space,
// emphasis, code ticks, links, list markers, numbers of items and punctuation
// between words count for nothing. A step of fewer than three words has to be
// all of a heading, item, cell, line or paragraph. What the runbook says not to
// do is not documented, nor is what stands in a comment. Of a step of several
// paragraphs or items each has to be there.
func Documented(runbook, text string) bool {
	steps := blocks(text)
	if len(steps) == 0 {
		return false
	}
	written := blocks(runbook)
	for _, step := range steps {
		if !slices.ContainsFunc(written, func(block []word) bool { return contains(block, step) }) {
			return false
		}
	}
	return true
}

// word is one word, in lower case, with what follows it: nothing, the end of a clause or that of a sentence.
type word struct {
	text string
	end  byte
}

// The ends of clauses and of sentences.
const (
	pause = ','
	stop  = '.'
)

// contains reports whether a block has a step, or is it when the step has few words.
func contains(block, step []word) bool {
	if len(step) < minWords && len(step) != len(block) {
		return false
	}
	for at := 0; at+len(step) <= len(block); at++ {
		if matches(block[at:at+len(step)], step) && !forbidden(block[:at]) {
			return true
		}
	}
	return false
}

// matches compares word by word. A sentence that ends within has to end in the step, too.
func matches(here, step []word) bool {
	for i, w := range step {
		inner := i < len(step)-1
		if here[i].text != w.text || inner && here[i].end == stop && w.end != stop {
			return false
		}
	}
	return true
}

// forbidden reports whether the words before a step turn it into its opposite:
// one of the two before it, in the same clause.
func forbidden(before []word) bool {
	for i := len(before) - 1; i >= max(0, len(before)-2) && before[i].end == 0; i-- {
		switch before[i].text {
		case "not", "never", "don't", "don’t", "cannot", "mustn't", "mustn’t", "avoid", "no":
			return true
		}
	}
	return false
}

// plain is a text as Documented compares it, in one line.
func plain(text string) string {
	var all []string
	for _, block := range blocks(text) {
		for _, w := range block {
			all = append(all, w.text)
		}
	}
	return strings.Join(all, " ")
}

var (
	comment = regexp.MustCompile(`(?s)<!--.*?(-->|\z)`)
	link    = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	fence   = regexp.MustCompile("^\\s*(```|~~~)")
	row     = regexp.MustCompile(`^\s*(>\s*)*\|`)
	rule    = regexp.MustCompile(`^\s*([-*_=|:+]\s*)+$`)
	// marker is what begins a block of its own: quotes, then a heading, a list
	// item with its number, a box to tick.
	marker = regexp.MustCompile(`^\s*(>\s*)*(#{1,6}\s+|([-*+]|\(?([0-9]{1,4}|[A-Za-z])(\.[0-9]{1,4})*[.)])(\s+|$))?(\[[ xX]\]\s+)?`)
)

// blocks are the paragraphs, list items, headings, table cells and lines of code of a text, each as words.
func blocks(text string) [][]word {
	var all [][]word
	var open []string
	end := func() {
		if words := words(strings.Join(open, " ")); len(words) > 0 {
			all = append(all, words)
		}
		open = nil
	}
	code := false
	for line := range strings.Lines(comment.ReplaceAllString(text, " ")) {
		switch {
		case fence.MatchString(line):
			end()
			code = !code
		case code:
			open = []string{line}
			end()
		case strings.TrimSpace(line) == "", rule.MatchString(line):
			end()
		case row.MatchString(line):
			end()
			for cell := range strings.SplitSeq(line, "|") {
				open = []string{cell}
				end()
			}
		default:
			mark := marker.FindString(line)
			heading := strings.Contains(mark, "#")
			if strings.TrimSpace(strings.ReplaceAll(mark, ">", "")) != "" {
				end()
			}
			open = append(open, line[len(mark):])
			if heading {
				end()
			}
		}
	}
	end()
	return all
}

// words are the words of a text, without marks around them.
func words(text string) []word {
	var all []word
	for field := range strings.FieldsSeq(strings.ToLower(link.ReplaceAllString(text, " $1 "))) {
		trimmed := strings.TrimFunc(field, isMark)
		if strings.ContainsFunc(trimmed, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }) {
			all = append(all, word{text: trimmed})
		}
		if len(all) == 0 {
			continue
		}
		after := strings.TrimRight(field, "*_`~\"')]}”’»")
		switch last := &all[len(all)-1]; {
		case after == "":
		case strings.ContainsRune(".!?", rune(after[len(after)-1])):
			last.end = stop
		case strings.ContainsRune(",;:", rune(after[len(after)-1])) && last.end == 0:
			last.end = pause
		}
	}
	return all
}

// isMark reports whether a character at the end of a word is no part of it. A
// dash is, as in --force, and so are slashes.
func isMark(c rune) bool {
	switch c {
	case '-', '/', '$', '%', '@', '=', '+', '#', '&':
		return false
	default:
		return unicode.IsPunct(c) || unicode.IsSymbol(c)
	}
}
