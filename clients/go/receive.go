package fluxion

import (
	"encoding/json"
	"fmt"
	"io"
)

func (c *Client) read(on *link) {
	for {
		_, text, err := on.socket.Read(on.ctx)
		if err == nil && on.wire.ended.Load() && !json.Valid(text) {
			// The library takes the end of the connection amid a message for the message's.
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			on.lose(err)
			return
		}
		got, err := headOf(text)
		switch {
		case err != nil:
			on.lose(fmt.Errorf("a reply is not understood: %w", err))
			return
		case got.pushed:
			c.deliver(got.id, text)
		default:
			c.receive(got.id, outcome{reply: text, log: on.log})
		}
	}
}

// Hands a reply to who waits for it.
func (c *Client) receive(id string, got outcome) {
	c.mu.Lock()
	answered := c.sent[id]
	delete(c.sent, id)
	if answered != nil && answered.members[0].feed != nil {
		begun := answered.members[0].feed
		if !begun.watch.begin(begun, got) {
			delete(c.feeds, id) // there is nothing to leave
		}
	}
	switch {
	case answered == nil:
	case len(answered.members) > 1 && refusedForOne(got.reply):
		c.split(answered)
	default:
		c.finish(answered, got)
	}
	c.mu.Unlock()
	if answered == nil {
		c.settings.logger.Printf("fluxion: a reply to no request")
	}
	c.look()
}

// Ends the requests of a message. With mu held.
func (c *Client) finish(ended *message, got outcome) {
	for _, member := range ended.members {
		if member.state != over {
			member.state = over
			member.done <- got
		}
	}
}

// With mu held.
func (c *Client) failQueue(err error) {
	c.finish(&message{members: c.queue}, outcome{err: err})
	c.queue = nil
}
