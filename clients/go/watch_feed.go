package fluxion

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Hands a message of the server's own to who subscribed.
func (c *Client) deliver(id string, text []byte) {
	c.mu.Lock()
	to := c.feeds[id]
	c.mu.Unlock()
	if to == nil {
		return // of a subscription that was given up
	}
	var got pushed
	err := json.Unmarshal(text, &got)
	if err == nil && got.Code != "" { // nothing to leave any more
		c.mu.Lock()
		delete(c.feeds, id)
		c.mu.Unlock()
	}
	if to.watch.take(to, &got, len(text), err) {
		c.leave(to)
	}
}

// Ends a subscription at the server, if it is there: one that was not sent is not, nor one of a
// connection that was lost. Nobody waits for the reply.
func (c *Client) leave(left *feed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left == nil || left.id == "" || c.feeds[left.id] != left {
		return
	}
	delete(c.feeds, left.id)
	if c.closed {
		return
	}
	payload := `{"sub":` + strconv.Quote(left.id) + `}`
	c.queue = append(c.queue, &request{token: "unsub", payload: []byte(payload),
		since: time.Now(), done: make(chan outcome, 1)})
	c.look()
}

// The server's reply to a subscription, and whether it was accepted. It comes from the reader of
// the connection, before the first event. With Client.mu held.
func (w *Watcher) begin(begun *feed, got outcome) bool {
	said := struct {
		Error *string `json:"error"`
		Log   string  `json:"log"`
		Seq   int64   `json:"seq"`
	}{Log: got.log}
	if json.Unmarshal(got.reply, &said) != nil || said.Error != nil {
		return false // who asked will say so
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.feed != begun {
		return true
	}
	w.log = said.Log
	if begun.snapshot {
		w.beginSnapshot()
	} else if w.seq < 0 { // else it is where we said
		w.reach(said.Seq)
	}
	return true
}

// With mu held.
func (w *Watcher) beginSnapshot() {
	w.seq, w.last = -1, place{-1, 0}
	if w.begun && w.forget() {
		return
	}
	w.push(Event{Op: EventSnapshotBegin, Restarted: w.begun}, 0)
	w.begun = true
	tell(w.news)
}

// Takes from the queue what it has of a snapshot that was interrupted. Whether its begin is still
// there, and so is that of the next one. With mu held.
func (w *Watcher) forget() bool {
	end := len(w.queue)
	for ; end > 0 && w.queue[end-1].event.Snapshot; end-- {
		w.bytes -= w.queue[end-1].bytes
		w.queue[end-1] = waiting{}
	}
	w.queue = w.queue[:end]
	return end > 0 && w.queue[end-1].event.Op == EventSnapshotBegin
}

// The subscription is gone with its connection.
func (w *Watcher) lose(lost *feed, why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.feed == lost {
		w.end(why)
	}
}

// With mu held.
func (w *Watcher) end(why error) {
	w.feed, w.cause = nil, why
	tell(w.over)
}

// Takes a message, or what is wrong with it. Whether the subscription is to be left.
func (w *Watcher) take(of *feed, got *pushed, bytes int, wrong error) (leave bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.feed != of {
		return false
	}
	if wrong != nil {
		w.end(fmt.Errorf("fluxion: events that are not understood: %w", wrong))
		return true
	}
	if !got.Snapshot && w.full(len(got.Events), bytes) {
		w.end(errFull)
		return true
	}
	if got.Snapshot {
		w.takeState(got, bytes)
	} else {
		w.takeChanges(got, bytes)
	}
	if got.Code != "" {
		w.end(got.refusal())
	}
	tell(w.news)
	return false
}

// Whether so much more is too much. However large, one message is not, or it would never come.
// With mu held.
func (w *Watcher) full(events, bytes int) bool {
	return events > 0 && len(w.queue) > 0 &&
		(len(w.queue)+events > w.options.Buffer || w.bytes+bytes > w.client.settings.bufferedBytes)
}

// With mu held.
func (w *Watcher) takeState(got *pushed, bytes int) {
	for i := range got.Events {
		got.Events[i].Snapshot = true
		w.push(got.Events[i], bytes/len(got.Events))
	}
	if got.More || got.Code != "" {
		return
	}
	w.snapshot, w.begun = false, false
	w.push(Event{Op: EventSnapshotEnd, Seq: got.Seq}, 0)
	w.reach(got.Seq)
}

// With mu held.
func (w *Watcher) takeChanges(got *pushed, bytes int) {
	for _, event := range got.Events {
		at := place{event.Seq, event.I}
		if at.seq <= w.seq || at.seq < w.last.seq || at.seq == w.last.seq && at.i <= w.last.i {
			continue // it came before a resume
		}
		w.last = at
		w.push(event, bytes/len(got.Events))
	}
	if !got.More && !w.snapshot {
		w.reach(got.Seq)
	}
}

// With mu held.
func (w *Watcher) push(event Event, bytes int) {
	w.queue = append(w.queue, waiting{event: event, bytes: bytes})
	w.bytes += bytes
}

// Everything up to seq was received. With mu held.
func (w *Watcher) reach(seq int64) {
	if seq <= w.seq {
		return
	}
	w.seq, w.from, w.idle = seq, positionOf(w.log, seq), 0
	if len(w.queue) == 0 {
		w.cursor = w.from
	} else {
		w.queue[len(w.queue)-1].after = w.from
	}
}
