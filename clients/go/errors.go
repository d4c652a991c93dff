package fluxion

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrorCode is the stable name of what went wrong. Each is an error of its own, to be found
// with errors.Is: errors.Is(err, fluxion.ErrNotFound).
type ErrorCode string

// Error says the code.
func (code ErrorCode) Error() string { return string(code) }

// Errors that do not come from the server.
var (
	// ErrConnectionLost: the connection ended after the request was sent and before its reply
	// came. Whether it was done is not known; it is never sent again by itself.
	ErrConnectionLost = errors.New("fluxion: connection lost, the outcome is unknown")
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("fluxion: client is closed")
	// ErrWatchClosed: the Watcher was closed.
	ErrWatchClosed = errors.New("fluxion: the watch is closed")
	// ErrGap: events are missing. What is known of it says the *GapError.
	ErrGap = errors.New("fluxion: events are missing")
)

// Error is a refusal by the server, or by the client of what the server would refuse. Find it with
// errors.As, or its code with errors.Is.
type Error struct {
	// Code is stable.
	Code ErrorCode
	// Message is for people, and may change.
	Message string
	// Type is the message type that was refused, such as "ins"; empty for a refused connection.
	Type string
}

func (e *Error) Error() string {
	what := "connecting"
	if e.Type != "" {
		what = e.Type
	}
	return fmt.Sprintf("fluxion: %s: %s (%s)", what, e.Message, e.Code)
}

// Is makes errors.Is work with the codes.
func (e *Error) Is(target error) bool {
	code, ok := target.(ErrorCode)
	return ok && code == e.Code
}

// ConflictError says that a write did not happen because the key has another version than the
// caller said. Find it with errors.As; errors.Is(err, ErrConflict) is true of it.
type ConflictError struct {
	// Key is the key whose condition does not hold; of WriteValues the first of them.
	Key string
	// Version and Value are what the key has now. Where there is no such key Found is false and
	// Value empty; Version is then that of its removal, or 0 if there never was one.
	Version int64
	Found   bool
	Value   string

	refusal *Error
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%v; %q has version %d", e.refusal, e.Key, e.Version)
}

// Unwrap returns the refusal as an *Error.
func (e *ConflictError) Unwrap() error { return e.refusal }

// GapError says that the server does not have all events after a Watcher's position: its log holds
// less, or it is another log, or a shorter one. Find it with errors.As; errors.Is(err, ErrGap) is
// true of it.
type GapError struct {
	// Oldest is the position from which a Watch gives all that the server has. Empty: it did not
	// say; take a snapshot.
	Oldest Position

	refusal *Error
}

func (e *GapError) Error() string { return fmt.Sprintf("%v: %v", ErrGap, e.refusal) }

// Unwrap returns the refusal as an *Error.
func (e *GapError) Unwrap() error { return e.refusal }

// Is makes errors.Is work with ErrGap.
func (e *GapError) Is(target error) bool { return target == ErrGap }

// The error that a reply says.
func refused(token string, code ErrorCode, message string, reply []byte) error {
	refusal := &Error{Code: code, Message: message, Type: token}
	var said struct {
		Key    string   `json:"key"`
		Ver    int64    `json:"ver"`
		Found  bool     `json:"found"`
		Value  string   `json:"value"`
		Oldest Position `json:"oldest"`
	}
	conflict, gap := code == ErrConflict, code == ErrCompacted && token == "sub"
	if conflict || gap {
		if err := json.Unmarshal(reply, &said); err != nil {
			return fmt.Errorf("fluxion: %s: a reply that is not understood: %w", token, err)
		}
	}
	switch {
	case conflict:
		return &ConflictError{said.Key, said.Ver, said.Found, said.Value, refusal}
	case gap:
		return &GapError{said.Oldest, refusal}
	}
	return refusal
}

// A call whose context ended. It is the context's error and, where the client was not connected,
// also the reason for that.
type waitError struct {
	token string
	sent  bool
	cause error // context.Canceled or context.DeadlineExceeded
	last  error // of the last attempt to connect; nil while connected
}

func (e *waitError) Error() string {
	text := fmt.Sprintf("fluxion: %s: %v", e.token, e.cause)
	if e.sent {
		return text + ", the outcome is unknown"
	}
	if e.last != nil {
		return fmt.Sprintf("%s, not sent: %v", text, e.last)
	}
	return text + ", not sent"
}

func (e *waitError) Unwrap() error { return e.cause }

func (e *waitError) Is(target error) bool { return e.last != nil && errors.Is(e.last, target) }

func (e *waitError) As(target any) bool { return e.last != nil && errors.As(e.last, target) }
