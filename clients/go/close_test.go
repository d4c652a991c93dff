package fluxion

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// The goroutines of clients and of their HTTP connections.
func ours() (found []string) {
	for _, one := range strings.Split(allStacks(), "\n\n") {
		for _, mark := range []string{"fluxion.(*Client).run", "fluxion.(*Client).serve",
			"websocket.(*Conn)", "http.(*persistConn)", "http.(*Transport)"} {
			if strings.Contains(one, mark) {
				found = append(found, one)
				break
			}
		}
	}
	return found
}

// The HTTP transport's goroutines end a moment after their connection.
func expectNoGoroutines(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for len(ours()) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("left behind:\n%s", strings.Join(ours(), "\n\n"))
		}
		runtime.Gosched()
	}
}

func TestCloseEndsEveryGoroutine(t *testing.T) {
	s := startServer(t)
	through := startProxy(t, s.address())
	expectNoGoroutines(t)
	refused := WithReconnect(time.Hour, time.Hour, 0)
	for name, make := range map[string]func() *Client{
		"never used": func() *Client { return NewClient(s.url(), masterKey) },
		"idle":       func() *Client { return connected(t, NewClient(s.url(), masterKey)) },
		"refused":    func() *Client { return called(NewClient(s.url(), "wrong")) },
		"backing off": func() *Client {
			return called(NewClient("ws://127.0.0.1:1", "k", refused))
		},
		"silent network": func() *Client { return silenced(t, through) },
		"with heartbeat": func() *Client {
			often := WithHeartbeat(time.Millisecond, patience)
			return connected(t, NewClient(s.url(), masterKey, often))
		},
	} {
		c := make()
		begun := time.Now()
		for i := 0; i < 3; i++ {
			must(t, c.Close())
		}
		if took := time.Since(begun); took > closeWait+patience/2 { // or as long as nobody answers
			t.Errorf("%s: Close took %v", name, took)
		}
		expectNoGoroutines(t)
		for _, method := range methods {
			if err := method.call(limited(t), c); !errors.Is(err, ErrClosed) {
				t.Errorf("%s: %s: %v", name, method.name, err)
			}
		}
		if err := c.Connect(limited(t)); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: Connect: %v", name, err)
		}
		expectNoGoroutines(t)
	}
}

func allStacks() string {
	buffer := make([]byte, 4<<20)
	return string(buffer[:runtime.Stack(buffer, true)])
}

func connected(t *testing.T, c *Client) *Client {
	must(t, c.Connect(limited(t)))
	return c
}

func called(c *Client) *Client {
	_ = c.Connect(context.Background()) // fails, as it should
	return c
}

func silenced(t *testing.T, through *proxy) *Client {
	c := connected(t, NewClient(through.url(), masterKey))
	through.fallSilent()
	return c
}

func TestCloseFailsWhatWaits(t *testing.T) {
	f := startFake(t)
	sentOnes, queuedOnes := NewClient(f.url, masterKey), NewClient("ws://127.0.0.1:1", "k")
	results := make(chan error, 16)
	for i := 0; i < 8; i++ {
		go func() { results <- second(sentOnes.FetchCollections(limited(t))) }()
		go func() { results <- second(queuedOnes.FetchCollections(limited(t))) }()
	}
	for i := 0; i < 8; i++ {
		await(t, "a frame", f.frames)
	}
	for waiting := 0; waiting < 8; { // until all of them are in the queue
		queuedOnes.mu.Lock()
		waiting = len(queuedOnes.queue)
		queuedOnes.mu.Unlock()
		runtime.Gosched()
	}
	must(t, sentOnes.Close())
	must(t, queuedOnes.Close())
	for i := 0; i < 16; i++ {
		if err := await(t, "an end", results); !errors.Is(err, ErrClosed) {
			t.Errorf("%v", err)
		}
	}
}

func TestCloseSaysGoodbye(t *testing.T) {
	f := startFake(t)
	c := connected(t, NewClient(f.url, masterKey))
	must(t, c.Close())
	err := await(t, "an end", f.departs)
	same(t, "status", websocket.CloseStatus(err), websocket.StatusNormalClosure)
}

func TestCloseWhileOthersCall(t *testing.T) {
	s := startServer(t)
	for round := 0; round < 20; round++ {
		c := NewClient(s.url(), masterKey)
		results := make(chan error, 32)
		for i := 0; i < cap(results); i++ {
			go func() { results <- second(c.FetchCollections(limited(t))) }()
		}
		must(t, c.Close())
		for i := 0; i < cap(results); i++ {
			if err := await(t, "an end", results); err != nil && !errors.Is(err, ErrClosed) {
				t.Errorf("%v", err)
			}
		}
	}
	expectNoGoroutines(t)
}
