package fluxion

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const (
	masterKey = "Top-secret-0123456789-key"
	// Nothing takes this long; it ends a test that would hang.
	patience = 3 * time.Minute
)

var listening = regexp.MustCompile(`listening on wss?://.*:(\d+)$`)

// The server as a process of its own.
type server struct {
	t         *testing.T
	arguments []string
	port      string
	process   *exec.Cmd
}

func binary(t *testing.T) string {
	path := os.Getenv("FLUXION_BIN")
	if path == "" {
		path = "../../fluxion"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func startServer(t *testing.T, arguments ...string) *server {
	t.Helper()
	s := &server{t: t, arguments: arguments, port: lastingPort(t)}
	s.start()
	t.Cleanup(s.kill)
	return s
}

// A free port that nobody else gets by asking for any: so that a server can come back to it.
func lastingPort(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	must(t, err)
	const lowest = 10_000
	end := 0
	must(t, second(fmt.Sscan(string(text), &end)))
	if end < lowest+1000 {
		end = 1 << 16 // here there is no such port, and chance must do
	}
	for {
		port := lowest + rand.Intn(end-lowest)
		probe, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			must(t, probe.Close())
			return fmt.Sprint(port)
		}
	}
}

// Starts it on its port.
func (s *server) start() {
	s.t.Helper()
	s.process = exec.Command(binary(s.t), append([]string{"--port", s.port}, s.arguments...)...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "FLUXION_") {
			s.process.Env = append(s.process.Env, variable)
		}
	}
	s.process.Env = append(s.process.Env, "FLUXION_SECRET_KEY="+masterKey)
	output, err := s.process.StderrPipe()
	if err == nil {
		err = s.process.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	lines, said := bufio.NewScanner(output), ""
	for lines.Scan() {
		said += lines.Text() + "\n"
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			s.port = found[1]
			go func() { // what it says from now on, so that it never waits for us
				for lines.Scan() {
				}
			}()
			return
		}
	}
	s.t.Fatalf("the server did not start:\n%s", said)
}

// kill -9.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait() // says that it was killed
}

func (s *server) address() string { return "127.0.0.1:" + s.port }
func (s *server) url() string     { return "ws://" + s.address() }

func (s *server) client(options ...Option) *Client { return newClient(s.t, s.url(), options...) }

func newClient(t *testing.T, url string, options ...Option) *Client {
	c := NewClient(url, masterKey, options...)
	t.Cleanup(func() { c.Close() })
	return c
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Waits for the event, or fails the test.
func await[T any](t *testing.T, what string, event <-chan T) T {
	t.Helper()
	select {
	case value := <-event:
		return value
	case <-time.After(patience):
		t.Fatalf("%s did not happen", what)
		panic("unreachable")
	}
}

// A server that does as the test says, frame by frame.
type fakeServer struct {
	url      string
	frames   chan frame // every request of every connection
	arrivals chan *websocket.Conn
	departs  chan error // how each connection's reading ended
}

type frame struct {
	ID   string
	Type string
	Data json.RawMessage
	from *websocket.Conn
	kind websocket.MessageType
}

func startFake(t *testing.T) *fakeServer {
	f := &fakeServer{frames: make(chan frame, 10000), arrivals: make(chan *websocket.Conn, 100),
		departs: make(chan error, 100)}
	var open sync.WaitGroup
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Done()
		f.serve(t, w, r)
	}))
	f.url = "ws" + strings.TrimPrefix(web.URL, "http")
	t.Cleanup(func() { web.Close(); open.Wait() })
	return f
}

func (f *fakeServer) serve(t *testing.T, w http.ResponseWriter, r *http.Request) {
	socket, err := websocket.Accept(w, r, nil)
	if err != nil {
		t.Errorf("accept: %v", err)
		return
	}
	defer socket.CloseNow()
	socket.SetReadLimit(-1)
	ctx := context.Background()
	ready := `{"type":"ready","log":"feed","seq":0,"scope":"master"}`
	if socket.Write(ctx, websocket.MessageText, []byte(ready)) != nil {
		return // the client has gone already
	}
	f.arrivals <- socket
	for {
		kind, text, err := socket.Read(ctx)
		if err != nil {
			f.departs <- err
			return
		}
		got := frame{from: socket, kind: kind}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Errorf("%v in %q", err, text)
		}
		f.frames <- got
	}
}

func (f frame) reply(t *testing.T, fields string) {
	t.Helper()
	text := fmt.Sprintf(`{"id":%q%s}`, f.ID, fields)
	must(t, f.from.Write(limited(t), websocket.MessageBinary, []byte(text)))
}

// A TCP proxy that can fall silent: what comes is taken and goes nowhere. And one that can cut
// every connection after some bytes.
type proxy struct {
	listener net.Listener
	target   string
	arrivals chan struct{}
	mu       sync.Mutex
	silent   bool
	cutAfter func() int // bytes from the server; nil: never
	cuts     int
	open     []net.Conn
}

func startProxy(t *testing.T, target string) *proxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{listener: listener, target: target, arrivals: make(chan struct{}, 10000)}
	go p.accept()
	t.Cleanup(func() {
		listener.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, conn := range p.open {
			conn.Close()
		}
	})
	return p
}

func (p *proxy) url() string { return "ws://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.arrivals <- struct{}{}
		far, err := net.Dial("tcp", p.target)
		if err != nil {
			near.Close()
			continue
		}
		p.mu.Lock()
		p.open, p.silent = append(p.open, near, far), false
		silenced := new(bool) // of this connection
		left := -1
		if p.cutAfter != nil {
			left = p.cutAfter()
		}
		p.mu.Unlock()
		go p.forward(near, far, silenced, -1)
		go p.forward(far, near, silenced, left)
	}
}

// Cuts the connection when no byte is left; -1: never.
func (p *proxy) forward(from, to net.Conn, silenced *bool, left int) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		cut := left >= 0 && n >= left
		if cut {
			n = left
		}
		if left > 0 {
			left -= n
		}
		p.mu.Lock()
		if cut {
			p.cuts++
		}
		*silenced = *silenced || p.silent
		drop := *silenced
		p.mu.Unlock()
		if err != nil {
			if !drop {
				to.Close()
			}
			return
		}
		if !drop {
			if _, err := to.Write(buffer[:n]); err != nil || cut {
				from.Close()
				to.Close()
				return
			}
		}
	}
}

// Cuts every new connection after so many bytes from the server.
func (p *proxy) cut(after func() int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAfter = after
}

func (p *proxy) countCuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// Silences the connections that are open; new ones work.
func (p *proxy) fallSilent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}
