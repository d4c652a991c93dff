package fluxion

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// What a message of the server is.
type head struct {
	id     string // of the request or, where pushed, of the subscription
	pushed bool
}

// The head of a message, found without reading all of it where it stands first, as it does.
func headOf(text []byte) (found head, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return head{}, errors.New("not an object")
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return head{}, err
		}
		if name == "id" || name == "type" || name == "sub" {
			var value any
			if err := decoder.Decode(&value); err != nil {
				return head{}, err
			}
			text, _ := value.(string) // null: the server could not read the request's
			switch {
			case name == "id":
				return head{id: text}, nil
			case name == "sub":
				found.id = text
			default:
				found.pushed = text == "evt"
			}
			if found.pushed && found.id != "" {
				return found, nil
			}
			continue
		}
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			return head{}, err
		}
	}
	return head{pushed: found.pushed}, nil
}

// The most that envelope adds to a payload.
func envelopeBytes(token string) int {
	return len(`{"id":"18446744073709551615","type":"","data":}`) + len(token)
}

func envelope(id, token string, payload []byte) []byte {
	frame := make([]byte, 0, len(payload)+64)
	frame = append(frame, `{"id":`...)
	frame = strconv.AppendQuote(frame, id)
	frame = append(frame, `,"type":`...)
	frame = strconv.AppendQuote(frame, token)
	frame = append(frame, `,"data":`...)
	frame = append(frame, payload...)
	return append(frame, '}')
}

// The payload as JSON text.
func encode(payload any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(payload); err != nil {
		return nil, err
	}
	encoded := bytes.TrimSuffix(text.Bytes(), []byte{'\n'})
	if replacesBytes(encoded) {
		return nil, fmt.Errorf("a text is not valid UTF-8")
	}
	return encoded, nil
}

// encoding/json writes bytes that are not UTF-8 as the escape \ufffd, and a true U+FFFD as itself.
// Sending it would store other bytes than the caller's.
func replacesBytes(encoded []byte) bool {
	if !bytes.Contains(encoded, []byte(`\ufffd`)) {
		return false
	}
	for i := 0; i < len(encoded); i++ {
		if encoded[i] == '\\' {
			if bytes.HasPrefix(encoded[i+1:], []byte("ufffd")) {
				return true
			}
			i++ // what it escapes, which may be a backslash
		}
	}
	return false
}
