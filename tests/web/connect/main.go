// A client of the Connect protocol that shares no code with arkshare. It knows no proto of arkshare: messages
// are google.protobuf.Struct, whose JSON is any JSON object.
//
// Usage: connect-client ADDRESS TOKEN. Each line of standard input is a call; each line of standard output is
// its result, in the same order.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/structpb"
)

type call struct {
	Call      string         `json:"call"` // "PeerService/GetStatus"
	Body      map[string]any `json:"body"`
	Stream    bool           `json:"stream"`
	Messages  int            `json:"messages"` // of a stream; after these it is cancelled; 0: all of them
	TimeoutMs int            `json:"timeout_ms"`
	Token     *string        `json:"token"` // in place of that of the command line
}

type result struct {
	Code     string           `json:"code"` // "" for success
	Message  string           `json:"message"`
	Reason   string           `json:"reason"` // of google.rpc.ErrorInfo
	Messages []map[string]any `json:"messages"`
}

type caller struct {
	address, token string
	http           *http.Client
}

// The first field of google.rpc.ErrorInfo is its reason.
func reasonOf(err *connect.Error) string {
	for _, detail := range err.Details() {
		if detail.Type() != "google.rpc.ErrorInfo" {
			continue
		}
		number, kind, size := protowire.ConsumeTag(detail.Bytes())
		if size < 0 || number != 1 || kind != protowire.BytesType {
			continue
		}
		reason, _ := protowire.ConsumeString(detail.Bytes()[size:])
		return reason
	}
	return ""
}

func (r *result) fail(err error) {
	r.Code = connect.CodeOf(err).String()
	r.Message = err.Error()
	var known *connect.Error
	if errors.As(err, &known) {
		r.Reason = reasonOf(known)
	}
}

func (c *caller) do(asked call) (result, error) {
	out := result{Messages: []map[string]any{}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if asked.TimeoutMs > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(asked.TimeoutMs)*time.Millisecond)
		defer cancel()
	}
	body, err := structpb.NewStruct(asked.Body)
	if err != nil {
		return out, err
	}
	request := connect.NewRequest(body)
	token := c.token
	if asked.Token != nil {
		token = *asked.Token
	}
	request.Header().Set("Authorization", "Bearer "+token)
	client := connect.NewClient[structpb.Struct, structpb.Struct](
		c.http, "http://"+c.address+"/arkshare.v1."+asked.Call, connect.WithProtoJSON())
	if !asked.Stream {
		answer, err := client.CallUnary(ctx, request)
		if err != nil {
			out.fail(err)
		} else {
			out.Messages = append(out.Messages, answer.Msg.AsMap())
		}
		return out, nil
	}
	stream, err := client.CallServerStream(ctx, request)
	if err != nil {
		out.fail(err)
		return out, nil
	}
	for stream.Receive() {
		out.Messages = append(out.Messages, stream.Msg().AsMap())
		if len(out.Messages) == asked.Messages {
			cancel()
		}
	}
	if err := stream.Err(); err != nil {
		out.fail(err)
	}
	stream.Close()
	return out, nil
}

func run() error {
	if len(os.Args) != 3 {
		return errors.New("usage: connect-client ADDRESS TOKEN < calls")
	}
	c := &caller{address: os.Args[1], token: os.Args[2], http: &http.Client{}}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for in.More() {
		var asked call
		if err := in.Decode(&asked); err != nil {
			return err
		}
		answer, err := c.do(asked)
		if err != nil {
			return err
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "connect-client:", err)
		os.Exit(1)
	}
}
