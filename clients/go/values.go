package fluxion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// What a write of one key carries beside its value.
type condition struct {
	ver, ttl    *int64 // ttl in milliseconds
	deleteNulls *bool
}

// SetOption is an option of SetValue and CompareAndSet: WithVersion, WithTTL.
type SetOption interface{ forSet(*condition) }

// PatchOption is an option of PatchValue: WithVersion, WithTTL, WithDeleteNulls.
type PatchOption interface{ forPatch(*condition) }

// DeleteOption is an option of DeleteValue: WithVersion.
type DeleteOption interface{ forDelete(*condition) }

// VersionOption is what WithVersion returns.
type VersionOption int64

// TTLOption is what WithTTL returns.
type TTLOption time.Duration

// DeleteNullsOption is what WithDeleteNulls returns.
type DeleteNullsOption struct{}

// WithVersion writes only if the key has this version, as GetEntry or an earlier write said; 0: only
// if there is no such key. Else the write fails with a *ConflictError.
func WithVersion(version int64) VersionOption { return VersionOption(version) }

// WithTTL lets the key expire after this time, in whole milliseconds, rounded up. 0: never.
func WithTTL(ttl time.Duration) TTLOption { return TTLOption(ttl) }

// WithDeleteNulls lets a null in a patch remove its field (RFC 7386) instead of being stored.
func WithDeleteNulls() DeleteNullsOption { return DeleteNullsOption{} }

func (o VersionOption) forSet(to *condition)       { to.ver = Ptr(int64(o)) }
func (o VersionOption) forPatch(to *condition)     { o.forSet(to) }
func (o VersionOption) forDelete(to *condition)    { o.forSet(to) }
func (o TTLOption) forSet(to *condition)           { to.ttl = Ptr(milliseconds(time.Duration(o))) }
func (o TTLOption) forPatch(to *condition)         { o.forSet(to) }
func (o DeleteNullsOption) forPatch(to *condition) { to.deleteNulls = Ptr(true) }

// SetValue sets the value of a key, under the condition and with the expiry of the options. Without
// WithTTL the key does not expire, even if it would have before. For the new version use
// CompareAndSet, or GetEntry.
func (c *Client) SetValue(ctx context.Context, params SetValueParams, options ...SetOption) error {
	_, err := c.set(ctx, params, options)
	return err
}

// CompareAndSet sets the value of a key if the key has the version expected, 0 for a key that must
// not exist, and returns the new version. Else the error is a *ConflictError, which says what the
// key has instead.
func (c *Client) CompareAndSet(ctx context.Context, col, key, value string, expected int64,
	options ...SetOption) (int64, error) {
	params := SetValueParams{Col: col, Key: key, Value: value}
	return c.set(ctx, params, append(options[:len(options):len(options)], WithVersion(expected)))
}

func (c *Client) set(ctx context.Context, params SetValueParams, options []SetOption) (
	int64, error) {
	given := condition{ver: params.Ver, ttl: params.TTL}
	for _, option := range options {
		option.forSet(&given)
	}
	params.Ver, params.TTL = given.ver, given.ttl
	return c.change(ctx, "sval", params.Key, params)
}

// PatchValue merges JSON into the value of a key, objects field by field, and returns the new
// version. An absent key becomes the patch; everything that is not an object is replaced. A patch
// that is a string, a []byte or a json.RawMessage is JSON text; anything else is encoded as JSON.
// Expiry stays as it was without WithTTL. A stored value that is not JSON is ErrBadRequest.
func (c *Client) PatchValue(ctx context.Context, col, key string, patch any,
	options ...PatchOption) (int64, error) {
	text, err := jsonText(patch)
	if err != nil {
		return 0, &Error{Code: ErrBadRequest, Message: err.Error(), Type: "pval"}
	}
	var given condition
	for _, option := range options {
		option.forPatch(&given)
	}
	return c.change(ctx, "pval", key, PvalRequest{Col: col, Key: key, Value: text, Ver: given.ver,
		TTL: given.ttl, DeleteNulls: given.deleteNulls})
}

// DeleteValue removes a key. That there is none is no error, except with WithVersion.
func (c *Client) DeleteValue(ctx context.Context, params DeleteValueParams,
	options ...DeleteOption) error {
	given := condition{ver: params.Ver}
	for _, option := range options {
		option.forDelete(&given)
	}
	params.Ver = given.ver
	_, err := c.change(ctx, "rval", params.Key, params)
	return err
}

// A write of one key; returns its new version.
func (c *Client) change(ctx context.Context, token, key string, payload any) (int64, error) {
	reply, err := ask[struct {
		Ver int64 `json:"ver"`
	}](ctx, c, token, payload)
	var conflict *ConflictError
	if errors.As(err, &conflict) {
		conflict.Key = key // the server names it only where there are several
	}
	return reply.Ver, err
}

// Rounded away from 0, which is for ever.
func milliseconds(d time.Duration) int64 {
	whole := int64(d / time.Millisecond)
	switch rest := d % time.Millisecond; {
	case rest > 0:
		return whole + 1
	case rest < 0:
		return whole - 1
	}
	return whole
}

func jsonText(value any) (string, error) {
	switch value := value.(type) {
	case string:
		return value, nil
	case []byte:
		return string(value), nil
	case json.RawMessage:
		return string(value), nil
	}
	text, err := encode(value)
	if err != nil {
		return "", fmt.Errorf("the patch is no JSON: %w", err)
	}
	return string(text), nil
}
