//go:build go1.23

package fluxion

import (
	"context"
	"errors"
	"iter"
)

// All is Next for a range loop. An error comes as the last pair; after Close the loop just ends. A
// loop that was left can be gone on with in another, by All or Next: leaving it does not Close.
func (w *Watcher) All() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			event, err := w.Next(context.Background())
			if errors.Is(err, ErrWatchClosed) {
				return
			}
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}
