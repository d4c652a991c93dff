package fluxion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/coder/websocket"
)

// How long Close waits for the server's answer to the close frame.
const closeWait = time.Second

// One connection, from its greeting to its end.
type link struct {
	socket *websocket.Conn
	log    string // the id of the server's history
	wire   *wire
	begun  time.Time

	// Ends with the connection. Everything that reads and writes it holds this context.
	ctx  context.Context
	lose func(reason error)
	why  *atomic.Value // of error: the first reason given to lose
}

// The TCP connection below. The WebSocket library has waits that no context of ours ends; closing
// this does.
type wire struct {
	net.Conn
	heard atomic.Int64 // bytes received
	ended atomic.Bool  // reading has failed
}

func (w *wire) Read(into []byte) (int, error) {
	n, err := w.Conn.Read(into)
	w.heard.Add(int64(n))
	if err != nil {
		w.ended.Store(true)
	}
	return n, err
}

// Connects once, and waits for the greeting. final: trying again would fail the same.
func dial(ctx context.Context, s *settings) (_ *link, final bool, err error) {
	if s.connectTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.connectTimeout)
		defer cancel()
	}
	target, err := target(s)
	if err != nil {
		return nil, true, err
	}
	key, err := s.key(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("fluxion: the key provider: %w", err)
	}
	if strings.IndexFunc(key, unicode.IsControl) >= 0 {
		return nil, true, errors.New("fluxion: the key has a line end or a control character")
	}
	var made atomic.Pointer[wire]
	transport := transport(s, &made)
	socket, response, err := websocket.Dial(ctx, target, &websocket.DialOptions{
		// A redirect would carry the key to who knows where.
		HTTPClient: &http.Client{Transport: transport, CheckRedirect: noRedirect},
		HTTPHeader: http.Header{"Authorization": {"Bearer " + key}},
	})
	if err != nil {
		transport.CloseIdleConnections()
		final, err = refusal(response, err)
		return nil, final, err
	}
	socket.SetReadLimit(-1) // a reply is one message however large
	log, err := greeting(ctx, socket)
	if err != nil {
		_ = socket.CloseNow()
		return nil, false, err
	}
	return newLink(socket, log, made.Load()), false, nil
}

func newLink(socket *websocket.Conn, log string, wire *wire) *link {
	ctx, cancel := context.WithCancel(context.Background())
	why := new(atomic.Value)
	lose := func(reason error) {
		why.CompareAndSwap(nil, fmt.Errorf("%w", reason)) // one concrete type, as Value wants
		cancel()
		_ = wire.Close() // its error says that it is closed already
	}
	return &link{socket, log, wire, time.Now(), ctx, lose, why}
}

func target(s *settings) (string, error) {
	target, err := url.Parse(s.url)
	if err != nil {
		return "", fmt.Errorf("fluxion: the URL: %w", withoutURL(err))
	}
	if (target.Scheme != "ws" && target.Scheme != "wss") || target.Host == "" {
		return "", fmt.Errorf("fluxion: the URL is not of the form ws://host:port")
	}
	if s.name != "" {
		query := target.Query()
		query.Set("name", s.name)
		target.RawQuery = query.Encode()
	}
	return target.String(), nil
}

func transport(s *settings, made *atomic.Pointer[wire]) *http.Transport {
	dialer := &net.Dialer{}
	return &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: s.tls.Clone(),
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			counted := &wire{Conn: conn}
			made.Store(counted)
			return counted, nil
		},
	}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// What an HTTP answer other than the upgrade means.
func refusal(response *http.Response, err error) (final bool, _ error) {
	if response == nil || response.StatusCode == http.StatusSwitchingProtocols {
		return false, fmt.Errorf("fluxion: %w", withoutURL(err))
	}
	said := Error{Message: response.Status}
	var body struct{ Error, Code string }
	if response.Body != nil {
		text, readErr := io.ReadAll(response.Body)
		if readErr == nil && json.Unmarshal(text, &body) == nil && body.Code != "" {
			said = Error{Code: ErrorCode(body.Code), Message: body.Error}
		}
	}
	if said.Code == "" && response.StatusCode == http.StatusUnauthorized {
		said.Code = ErrUnauthorized // a proxy's own
	}
	status := response.StatusCode
	again := status >= 500 || status == http.StatusRequestTimeout ||
		status == http.StatusTooManyRequests
	return !again, &said
}

// A URL may hold a key, and errors end up in logs.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// Waits for `{"type":"ready",...}`, which the server sends first.
func greeting(ctx context.Context, socket *websocket.Conn) (log string, err error) {
	_, text, err := socket.Read(ctx)
	if err != nil {
		return "", fmt.Errorf("fluxion: no greeting: %w", err)
	}
	var ready struct{ Type, Log string }
	if err := json.Unmarshal(text, &ready); err != nil || ready.Type != "ready" {
		return "", fmt.Errorf("fluxion: the server greets with something else than ready")
	}
	return ready.Log, nil
}

// Pings until the connection ends. Bytes of any kind that come in are an answer too: a pong may
// stand behind a large reply.
func (l *link) heartbeat(interval, timeout time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-ticker.C:
		}
		before := l.wire.heard.Load()
		ctx, cancel := context.WithTimeout(l.ctx, timeout)
		err := l.socket.Ping(ctx)
		cancel()
		if err != nil && l.wire.heard.Load() == before {
			l.lose(fmt.Errorf("no pong within %s", timeout))
		}
	}
}

// A reason as the last word of a message.
func reasonOf(err error) string {
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		return strings.TrimSpace(fmt.Sprintf("closed with %d %s", int(closed.Code), closed.Reason))
	}
	return err.Error()
}
