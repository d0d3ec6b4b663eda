// SPDX-License-Identifier: 0BSD
// Sends events to T-Mon, one JSON object per line of standard input. Go 1.19 or newer, nothing to install:
//
//	tail -F events.jsonl | TMON_DSN=tmon+https://… go run send.go
package main

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	mathrand "math/rand"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const batchEvents, batchBytes, batchAge, answerWithin = 500, 1 << 20, time.Second, 30 * time.Second

// tmon+http://<secret>@<host>:<port><prefix>/<wsid>: the secret is cut out before anything else sees the address.
var dsnShape = regexp.MustCompile(`(?i)^tmon\+(https?)://([0-9a-f]{64})@([^\s@?#]+)/([1-9][0-9]{0,18})/?$`)

var chance = mathrand.New(mathrand.NewSource(time.Now().UnixNano()))

// books are what the server compares with what it got, so that a loss is seen.
type books struct {
	Source string            `json:"source"`
	Run    string            `json:"run"`
	Seq    int               `json:"seq"`
	SentAt float64           `json:"sent_at"`
	Sent   int               `json:"sent"`
	Lost   map[string]int    `json:"lost"`
	Close  bool              `json:"close,omitempty"`
	Events []json.RawMessage `json:"events"`
}

type answer struct {
	StatusCode    int `json:"status_code"`
	Accepted      int `json:"accepted"`
	RejectedCount int `json:"rejected_count"`
	Rejected      []struct{ Error string }
}

type sender struct {
	books
	url, wsid          string
	gcm                cipher.AEAD
	http               http.Client
	accepted, rejected int
}

func (s *sender) seal(events []json.RawMessage, last bool) []byte {
	s.Seq++
	s.SentAt, s.Close, s.Events = float64(time.Now().UnixMilli())/1000, last, events
	plaintext, err := json.Marshal(s.books)
	must(err)
	var packed bytes.Buffer
	packer := zlib.NewWriter(&packed)
	packer.Write(plaintext)
	must(packer.Close())
	envelope := make([]byte, 14) // version 1, codec 1 (zlib), and the nonce
	envelope[0], envelope[1] = 1, 1
	_, err = rand.Read(envelope[2:])
	must(err)
	return s.gcm.Seal(envelope, envelope[2:14], packed.Bytes(), append([]byte{1, 1}, s.wsid...))
}

// post sends the same bytes until the server has decided about them: however often they arrive, they count once.
func (s *sender) post(envelope []byte) (int, answer) {
	for attempt := 0; ; attempt++ {
		var said answer
		after := 0
		response, err := s.http.Post(s.url, "application/octet-stream", bytes.NewReader(envelope))
		problem := "no answer"
		if err == nil {
			body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
			response.Body.Close()
			status := response.StatusCode
			readable := json.Unmarshal(body, &said) == nil
			// A 200 that says nothing of status_code comes from a proxy or a hotel's network, or was cut short.
			undecided := status == 408 || status == 429 || status >= 500
			if status == 200 && readable && said.StatusCode == 200 || status != 200 && !undecided {
				return status, said
			}
			problem = "the answer was " + strconv.Itoa(status)
			after, _ = strconv.Atoi(response.Header.Get("Retry-After"))
		}
		if attempt == 0 {
			fmt.Fprintln(os.Stderr, "trying again:", problem)
		}
		backoff := math.Min(0.5*math.Pow(2, float64(attempt)), 60) * (1 - chance.Float64()/2)
		seconds := math.Max(backoff, math.Min(float64(after), 3600))
		time.Sleep(time.Duration(seconds * float64(time.Second)))
	}
}

func (s *sender) deliver(events []json.RawMessage, last bool) {
	switch status, said := s.post(s.seal(events, last)); {
	case status == 200:
		s.accepted += said.Accepted
		s.rejected += said.RejectedCount
		if len(said.Rejected) > 0 {
			fmt.Fprintln(os.Stderr, "an event is rejected:", said.Rejected[0].Error)
		}
	case status == 413 && len(events) > 1:
		middle := len(events) / 2
		s.deliver(events[:middle], false)
		s.deliver(events[middle:], false)
	case status == 400 || status == 413:
		// What the server counted as rejected is in its own books; only the rest is lost.
		s.rejected += said.RejectedCount
		if lost := len(events) - said.RejectedCount; lost > 0 {
			s.Lost["refused_"+strconv.Itoa(status)] += lost
		}
		fmt.Fprintln(os.Stderr, len(events), "events are refused with", status)
	default:
		stop(fmt.Sprintf("the server refused with %d, so %d events are not sent: is TMON_DSN right, and its key active?",
			status, s.Sent-s.accepted-s.rejected))
	}
}

// asEvent gives the text of an event, with a time; nil for what is no JSON object, for which the whole envelope would
// be refused. Numbers stay as they are written, and halves of surrogate pairs become U+FFFD.
func asEvent(line []byte) json.RawMessage {
	var event map[string]any
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	if decoder.Decode(&event) != nil || event == nil || decoder.More() {
		return nil
	}
	for _, value := range event {
		if number, is := value.(json.Number); is {
			if _, err := number.Float64(); err != nil {
				return nil // 1e999
			}
		}
	}
	if _, known := event["ts"]; !known {
		event["ts"] = float64(time.Now().UnixMilli()) / 1000
	}
	text, err := json.Marshal(event)
	must(err)
	return text
}

func main() {
	dsn := dsnShape.FindStringSubmatch(strings.TrimSpace(os.Getenv("TMON_DSN")))
	if dsn == nil {
		stop("TMON_DSN is not set, or is no DSN")
	}
	key, err := hex.DecodeString(dsn[2])
	must(err)
	block, err := aes.NewCipher(key)
	must(err)
	gcm, err := cipher.NewGCM(block)
	must(err)
	run := make([]byte, 8)
	_, err = rand.Read(run)
	must(err)
	source, _ := os.Hostname()
	s := &sender{url: strings.ToLower(dsn[1]) + "://" + dsn[3] + "/data/collect/" + dsn[4], wsid: dsn[4], gcm: gcm}
	s.books = books{Source: source, Run: hex.EncodeToString(run), Lost: map[string]int{}}
	s.http = http.Client{Timeout: answerWithin, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}

	lines := make(chan []byte)
	go func() {
		defer close(lines)
		for input := bufio.NewReader(os.Stdin); ; {
			line, err := input.ReadBytes('\n')
			if line = bytes.TrimSpace(line); len(line) > 0 {
				lines <- line
			}
			if err != nil {
				return
			}
		}
	}()
	batch, size := []json.RawMessage{}, 0
	var due <-chan time.Time
	flush := func() {
		if len(batch) > 0 {
			s.deliver(batch, false)
		}
		batch, size, due = []json.RawMessage{}, 0, nil
	}
	for open := true; open; {
		var line []byte
		select {
		case <-due:
			flush()
			continue
		case line, open = <-lines:
		}
		if !open {
			break
		}
		s.Sent++
		event := asEvent(line)
		if event == nil {
			s.Lost["invalid_line"]++
			continue
		}
		if len(batch) == 0 {
			due = time.After(batchAge)
		}
		batch, size = append(batch, event), size+len(event)
		if len(batch) >= batchEvents || size >= batchBytes {
			flush()
		}
	}
	flush()
	if s.Sent > 0 {
		s.deliver(batch, true)
	}
	fmt.Printf("%d accepted, %d rejected, lost: %v\n", s.accepted, s.rejected, s.Lost)
	if s.rejected > 0 || len(s.Lost) > 0 {
		os.Exit(1)
	}
}

func must(err error) {
	if err != nil {
		stop(err.Error())
	}
}

func stop(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
