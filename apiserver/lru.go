package apiserver

import "container/list"

// lru is a map that forgets what was used longest ago once it is full. It is
// for one goroutine at a time.
type lru[K comparable, V any] struct {
	capacity int
	order    *list.List
	byKey    map[K]*list.Element
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](capacity int) *lru[K, V] {
	return &lru[K, V]{capacity: capacity, order: list.New(), byKey: make(map[K]*list.Element)}
}

// get returns a value and marks it as used.
func (c *lru[K, V]) get(key K) (V, bool) {
	element, ok := c.byKey[key]
	if !ok {
		var none V
		return none, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*lruEntry[K, V]).value, true
}

// put adds or replaces a value.
func (c *lru[K, V]) put(key K, value V) {
	if element, ok := c.byKey[key]; ok {
		element.Value.(*lruEntry[K, V]).value = value
		c.order.MoveToFront(element)
		return
	}
	c.byKey[key] = c.order.PushFront(&lruEntry[K, V]{key, value})
	if c.order.Len() > c.capacity {
		oldest := c.order.Back()
		c.order.Remove(oldest)
		delete(c.byKey, oldest.Value.(*lruEntry[K, V]).key)
	}
}
