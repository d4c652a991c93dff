package fluxion

import (
	"context"
	"errors"
)

// Why a Watcher ends its subscription for a while.
var errFull = errors.New("fluxion: the program is slower than the events")

// Subscribes again whenever a subscription has ended, until the watch does.
func (w *Watcher) run() {
	defer w.client.ended.Done()
	defer close(w.ended)
	for {
		select {
		case <-w.ctx.Done():
			w.finish(w.ctx.Err())
			return
		case <-w.client.ctx.Done():
			w.finish(ErrClosed)
			return
		case <-w.over:
		}
		if !w.due() {
			continue
		}
		if err := w.subscribe(w.ctx); err != nil {
			w.finish(err)
			return
		}
	}
}

// Whether it is time to subscribe.
func (w *Watcher) due() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.feed == nil && w.err == nil && (w.cause != errFull || len(w.queue) == 0)
}

// Ends the watch. What is in the queue is still handed out before a refusal, but not after the
// program's own word.
func (w *Watcher) finish(err error) {
	w.mu.Lock()
	if w.err == nil {
		w.err = err
		if w.ctx.Err() != nil || err == ErrWatchClosed || err == ErrClosed {
			w.queue, w.bytes = nil, 0
		}
	}
	left := w.feed
	w.feed = nil
	w.mu.Unlock()
	w.cancel()
	tell(w.news)
	w.client.leave(left)
}

// Subscribes from where the last subscription ended, again until the server accepts or refuses.
func (w *Watcher) subscribe(ctx context.Context) error {
	w.mu.Lock()
	err := w.cause
	w.mu.Unlock()
	for {
		if err != nil {
			if err = w.judge(ctx, err); err != nil {
				return err
			}
		}
		if err = w.ask(ctx); err == nil {
			return nil
		}
	}
}

// Asks the server once.
func (w *Watcher) ask(ctx context.Context) error {
	w.mu.Lock()
	asked := &feed{watch: w, snapshot: w.snapshot}
	w.feed, w.cause = asked, nil
	payload := w.payload()
	w.mu.Unlock()
	var reply struct{}
	err := w.client.ask(ctx, &request{token: "sub", feed: asked}, payload, &reply)
	if err == nil {
		return nil
	}
	w.mu.Lock()
	if w.feed == asked {
		w.feed = nil
	}
	w.mu.Unlock()
	w.client.leave(asked)
	return err
}

// With mu held.
func (w *Watcher) payload() any {
	out := struct {
		Kind     WatchKind `json:"kind"`
		Col      string    `json:"col,omitempty"`
		Match    string    `json:"match,omitempty"`
		Where    string    `json:"where,omitempty"`
		Filter   string    `json:"filter,omitempty"`
		From     Position  `json:"from,omitempty"`
		Snapshot bool      `json:"snapshot,omitempty"`
		Fields   *[]string `json:"fields,omitempty"`
	}{Kind: w.options.Kind, Col: w.options.Col, Match: w.options.Match, Where: w.options.Where,
		Filter: w.options.Filter, Snapshot: w.snapshot}
	if !w.snapshot {
		out.From = w.from
	}
	if w.options.Fields != nil {
		out.Fields = &w.options.Fields
	}
	return out
}

// What the end of a subscription, or the failure to get one, means: nil, at once or after a wait,
// if it is to be tried again; else the error that ends the watch.
func (w *Watcher) judge(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		if w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		return err
	}
	var gap *GapError
	var refusal *Error
	var waited *waitError
	switch {
	case err == errFull:
		return nil
	case errors.Is(err, ErrConnectionLost), errors.As(err, &waited):
		// The client waits before it connects, and the request timeout was a wait.
	case errors.As(err, &gap):
		if !w.leap(gap) {
			return err
		}
	case errors.As(err, &refusal) && passing(refusal):
		if err := w.rest(ctx); err != nil {
			return err
		}
	default:
		return err
	}
	w.client.settings.logger.Printf("fluxion: a watch subscribes again: %v", err)
	return nil
}

// Whether what was refused may be accepted later. A refused connection (it has no Type) was tried
// again already, as often as the options say.
func passing(refusal *Error) bool {
	switch refusal.Code {
	case ErrEvicted, ErrBusy, ErrTimeout:
		return refusal.Type != ""
	}
	return false
}

// Goes over to a snapshot if the program wants that. Not from one: there is nothing else then.
func (w *Watcher) leap(gap *GapError) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.options.OnGap != TakeSnapshot || w.snapshot {
		return false
	}
	w.snapshot = true
	w.push(Event{Op: EventGap, Oldest: gap.Oldest}, 0)
	return true
}

// Waits, the longer the more often it came to nothing; not the first time.
func (w *Watcher) rest(ctx context.Context) error {
	w.mu.Lock()
	before := w.idle
	w.idle++
	w.mu.Unlock()
	if before == 0 {
		return nil
	}
	settings := &w.client.settings
	select {
	case <-settings.after(settings.backoff.wait(before)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-w.client.ctx.Done():
		return ErrClosed
	}
}
