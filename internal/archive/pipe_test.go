package archive

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

var pipeData = rows(5*bufferSize + 1234)

func TestPipeCarriesEveryByte(t *testing.T) {
	t.Parallel()
	writers := map[string]func(p *pipe) error{
		"small writes": func(p *pipe) error {
			_, err := io.Copy(struct{ io.Writer }{p}, iotest.HalfReader(bytes.NewReader(pipeData)))
			return err
		},
		"one write": func(p *pipe) error { _, err := p.Write(pipeData); return err },
		"read from": func(p *pipe) error { _, err := p.ReadFrom(iotest.DataErrReader(bytes.NewReader(pipeData))); return err },
	}
	readers := map[string]func(p *pipe) ([]byte, error){
		"read":     func(p *pipe) ([]byte, error) { return io.ReadAll(p) },
		"write to": func(p *pipe) ([]byte, error) { var b bytes.Buffer; _, err := p.WriteTo(&b); return b.Bytes(), err },
		"both": func(p *pipe) ([]byte, error) {
			b := bytes.NewBuffer(make([]byte, 0, len(pipeData)))
			if _, err := io.CopyN(b, p, 1000); err != nil {
				return nil, err
			}
			_, err := p.WriteTo(b)
			return b.Bytes(), err
		},
	}
	for wname, write := range writers {
		for rname, read := range readers {
			t.Run(wname+", "+rname, func(t *testing.T) {
				t.Parallel()
				p := newPipe()
				go func() { p.End(write(p)) }()
				got, err := read(p)
				if err != nil || !bytes.Equal(got, pipeData) {
					t.Errorf("got %d bytes, %v; want the %d that were written", len(got), err, len(pipeData))
				}
				if n, err := p.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("after the end: %d, %v; want EOF", n, err)
				}
			})
		}
	}
}

func TestPipeWriterRunsAheadByABoundedAmount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe()
		written := 0
		go func() {
			for written < 20*bufferSize {
				n, err := p.Write(pipeData[:1000])
				written += n
				if err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		if most := (pipeDepth + 1) * bufferSize; written > most || written < most-1000 {
			t.Errorf("%d bytes were written before anything was read, want nearly %d and no more", written, most)
		}
		p.Stop(nil)
	})
}

func TestPipeStopEndsTheWriter(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	for given, want := range map[error]error{nil: errStopped, gone: gone} {
		synctest.Test(t, func(t *testing.T) {
			p := newPipe()
			result := make(chan error)
			go func() {
				_, err := p.ReadFrom(endless{})
				p.End(nil)
				result <- err
			}()
			synctest.Wait()
			p.Stop(given)
			p.Stop(errors.New("the second reason doesn't count"))
			if err := <-result; !errors.Is(err, want) {
				t.Errorf("the writer got %v, want %v", err, want)
			}
		})
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestPipeErrorsComeInOrder(t *testing.T) {
	t.Parallel()
	p := newPipe()
	failed := errors.New("source failed")
	if _, err := p.Write(pipeData[:bufferSize+10]); err != nil {
		t.Fatal(err)
	}
	p.End(failed)
	p.End(nil)
	got, err := io.ReadAll(p)
	if !errors.Is(err, failed) || len(got) != bufferSize {
		t.Errorf("got %d bytes and %v, want a whole buffer and %v", len(got), err, failed)
	}
	if _, err := newPipe().ReadFrom(iotest.ErrReader(failed)); !errors.Is(err, failed) {
		t.Errorf("ReadFrom = %v, want its source's error", err)
	}
}
