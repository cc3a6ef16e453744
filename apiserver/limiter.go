package apiserver

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many failed log-ins are let through: a burst, then one per interval. The
// limit per key id is wider than the one per address, so that one client alone
// can't use it up for the key's owner.
const (
	addressBurst = 10
	addressEvery = 6 * time.Second
	keyBurst     = 30
	keyEvery     = 2 * time.Second
	// limited is how many addresses, and how many ids, are kept track of.
	limited = 10_000
)

// failures holds back clients that guess credentials.
type failures struct {
	now func() time.Time

	mu        sync.Mutex
	addresses *lru[string, *rate.Limiter]
	ids       *lru[string, *rate.Limiter]
}

func newFailures() *failures {
	return &failures{
		now:       time.Now,
		addresses: newLRU[string, *rate.Limiter](limited),
		ids:       newLRU[string, *rate.Limiter](limited),
	}
}

// attempt takes a token for one try. Unless it may be made, wait says how long
// to hold off. A try that succeeds gives its token back by calling forgive.
func (f *failures) attempt(address, id string) (wait time.Duration, forgive func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	byAddress := limiter(f.addresses, network(address), addressEvery, addressBurst).ReserveN(now, 1)
	byID := limiter(f.ids, id, keyEvery, keyBurst).ReserveN(now, 1)
	forgive = func() {
		byAddress.CancelAt(now)
		byID.CancelAt(now)
	}
	if wait = max(byAddress.DelayFrom(now), byID.DelayFrom(now)); wait > 0 {
		forgive()
	}
	return wait, forgive
}

func limiter(in *lru[string, *rate.Limiter], key string, every time.Duration, burst int) *rate.Limiter {
	l, ok := in.get(key)
	if !ok {
		l = rate.NewLimiter(rate.Every(every), burst)
		in.put(key, l)
	}
	return l
}

// network is the address, or for IPv6 the /64 that one client usually has whole.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
