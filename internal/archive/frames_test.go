package archive

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/DataDog/zstd"
)

// mixed is compressible and not, over several blocks of either size.
var mixed = func() []byte {
	noise := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	out := append(rows(7<<20), noise...)
	return append(out, rows(2<<20+77)...)
}()

func pack(data []byte, level, workers int) ([]byte, error) {
	p := newPacker(level, workers, newMeter(nil))
	go func() {
		_, err := io.Copy(p, bytes.NewReader(data))
		p.End(err)
	}()
	packed, err := io.ReadAll(p)
	p.Wait()
	return packed, err
}

func TestFramesAreOneStream(t *testing.T) {
	t.Parallel()
	for _, level := range []int{-7, -1, 1, 2, 3, 7} {
		var first []byte
		for _, workers := range []int{0, 1, 2, 5} {
			packed, err := pack(mixed, level, workers)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(zstd.NewReader(iotest.HalfReader(bytes.NewReader(packed))))
			if err != nil || !bytes.Equal(got, mixed) {
				t.Errorf("level %d, %d workers: read back %d bytes, %v; want %d", level, workers, len(got), err, len(mixed))
			}
			if first == nil {
				first = packed
			} else if !bytes.Equal(first, packed) {
				t.Errorf("level %d: %d workers make other bytes than one", level, workers)
			}
		}
	}
}

// Whoever restores by hand has zstd.
func TestZstdReadsFrames(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"mixed": mixed, "one byte": {7}, "nothing": nil, "a whole block": mixed[:quickBlock]} {
		packed, err := pack(data, 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("zstd", "-dcq")
		cmd.Stdin = bytes.NewReader(packed)
		if got, err := cmd.Output(); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: zstd read %d bytes, %v; want %d", name, len(got), err, len(data))
		}
	}
}

func TestPackerRunsAheadByABoundedAmount(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			p := newPacker(1, workers, newMeter(nil))
			written := 0
			why := errors.New("enough")
			go func() {
				for {
					n, err := p.Write(mixed[:bufferSize])
					written += n
					if err != nil {
						p.End(err)
						if !errors.Is(err, why) {
							t.Errorf("the writer saw %v", err)
						}
						return
					}
				}
			}()
			synctest.Wait()
			if want := (workers + 1) * quickBlock; written != want {
				t.Errorf("%d workers: ran ahead by %d bytes, want %d", workers, written, want)
			}
			if _, err := p.Read(make([]byte, 1)); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if want := (workers + 2) * quickBlock; written != want {
				t.Errorf("%d workers: ran ahead by %d bytes once one was taken, want %d", workers, written, want)
			}
			p.Stop(why)
			p.Wait()
		})
	}
}

func TestPackerHandsOnTheWritersError(t *testing.T) {
	t.Parallel()
	p := newPacker(1, 2, newMeter(nil))
	if _, err := p.Write(mixed[:1000]); err != nil {
		t.Fatal(err)
	}
	lost := errors.New("lost")
	p.End(lost)
	if n, err := p.Read(make([]byte, 10)); n != 0 || !errors.Is(err, lost) {
		t.Errorf("read %d bytes, %v", n, err)
	}
}
