package fluxion

import (
	"encoding/json"
	"strconv"
	"time"
)

// The next frame to write, or how long to wait for more that could join it (0: until woken).
func (c *Client) next() (frame []byte, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 || len(c.sent) >= maxInFlight {
		return nil, 0
	}
	count, full := c.joinable()
	if !full {
		if wait = c.settings.batchDelay - time.Since(c.queue[0].since); wait > 0 {
			return nil, wait
		}
	}
	c.lastID++
	going := &message{strconv.FormatUint(c.lastID, 10), c.queue[:count:count]}
	c.queue = c.queue[count:]
	for _, member := range going.members {
		member.state = sent
	}
	c.sent[going.id] = going
	if begins := going.members[0].feed; begins != nil {
		begins.id, c.feeds[going.id] = going.id, begins
	}
	return envelope(going.id, going.members[0].token, joined(going.members)), 0
}

// How many requests from the queue's front go out as one, and whether no other can join them.
// With mu held.
func (c *Client) joinable() (count int, full bool) {
	records, bytes, most := 0, 0, maxBatchBytes
	if bound := c.settings.maxMessageBytes; bound > 0 && bound-envelopeBytes("ins") < most {
		most = bound - envelopeBytes("ins")
	}
	for _, next := range c.queue {
		records += next.records
		bytes += len(next.payload)
		tooMuch := records > c.settings.batchRecords || bytes > most
		if next.records == 0 || tooMuch {
			full = true
			break
		}
		count++
	}
	if count == 0 {
		count = 1 // it does not join, or is too much by itself
	}
	return count, full || records == c.settings.batchRecords
}

// The payloads, which are lists, as one list.
func joined(members []*request) []byte {
	if len(members) == 1 {
		return members[0].payload
	}
	list := []byte{'['}
	for _, member := range members {
		list = append(list, member.payload[1:len(member.payload)-1]...)
		list = append(list, ',')
	}
	list[len(list)-1] = ']'
	return list
}

// Whether the fault may be in one member's records, and the others are to be tried without it.
// A refused message did nothing.
func refusedForOne(reply []byte) bool {
	var said struct {
		Code ErrorCode `json:"code"`
	}
	if err := json.Unmarshal(reply, &said); err != nil {
		return false // who gets it will say so
	}
	switch said.Code {
	case ErrBadJSON, ErrBadRequest, ErrTooLarge, ErrTooMany:
		return true
	}
	return false
}

// Puts the members of a refused message back, each to go by itself. With mu held.
func (c *Client) split(refused *message) {
	again := make([]*request, 0, len(refused.members)+len(c.queue))
	for _, member := range refused.members {
		if member.state != over {
			member.state, member.records = queued, 0
			again = append(again, member)
		}
	}
	c.queue = append(again, c.queue...)
}
