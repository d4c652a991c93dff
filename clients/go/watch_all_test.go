//go:build go1.23

package fluxion

import (
	"context"
	"errors"
	"testing"
)

func TestARangeOverEvents(t *testing.T) {
	s := startScript(t)
	sub := s.watch(WatchOptions{Kind: WatchKeys}, keysFromNow, accepted)
	sub.push(t, events(7, "6.0 7.0", ""))
	for event, err := range s.w.All() {
		must(t, err)
		same(t, "event", event.Key, "k6.0")
		break
	}
	for event, err := range s.w.All() {
		must(t, err)
		same(t, "event", event.Key, "k7.0")
		must(t, s.w.Close())
	}
	for range s.w.All() {
		t.Error("after Close")
	}

	ctx, cancel := context.WithCancel(context.Background())
	opened := s.open(ctx, WatchOptions{Kind: WatchKeys})
	s.unsubscribed(sub)
	s.expect("sub", keysFromNow).reply(t, accepted)
	s.w = await(t, "the watch", opened).w
	cancel()
	loops := 0
	for _, err := range s.w.All() {
		loops++
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	same(t, "loops", loops, 1)
}
