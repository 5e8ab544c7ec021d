// Command go-driver runs scenarios with the unmodified Go client and prints what it observes, one JSON object a line.
//
//	go-driver <scenario> namesrv=host:port topic=… group=… key=value…
//
// It exits with 0 or 1; the last line has the event "end" with "ok" and "reason".
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/rlog"
)

// run is one execution of a scenario: its arguments and its output.
type run struct {
	args map[string]string
	out  sync.Mutex
}

var scenarios = map[string]func(*run) error{
	"produce-sync":     produceSync,
	"produce-async":    produceAsync,
	"produce-oneway":   produceOneway,
	"produce-selector": produceSelector,
	"produce-batch":    produceBatch,
	"consume-push":     consumePush,
	"consume-orderly":  consumeOrderly,
	"broadcast":        broadcast,
	"consume-pull":     consumePull,
	"delay":            delay,
	"retry":            retry,
	"create-topic":     createTopic,
}

func main() {
	if len(os.Args) < 2 || scenarios[os.Args[1]] == nil {
		names := make([]string, 0, len(scenarios))
		for name := range scenarios {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Fprintln(os.Stderr, "scenarios:", strings.Join(names, " "))
		os.Exit(2)
	}
	rlog.SetLogLevel("warn")
	r := &run{args: map[string]string{}}
	for _, word := range os.Args[2:] {
		key, value, found := strings.Cut(word, "=")
		if !found {
			fmt.Fprintln(os.Stderr, "not key=value:", word)
			os.Exit(2)
		}
		r.args[key] = value
	}
	err := scenarios[os.Args[1]](r)
	end := map[string]any{"scenario": os.Args[1], "ok": err == nil}
	if err != nil {
		end["reason"] = err.Error()
	}
	r.emit("end", end)
	if err != nil {
		os.Exit(1)
	}
}

func (r *run) text(name, fallback string) string {
	if value, found := r.args[name]; found {
		return value
	}
	return fallback
}

func (r *run) number(name string, fallback int) int {
	value, err := strconv.Atoi(r.text(name, strconv.Itoa(fallback)))
	if err != nil {
		panic(err)
	}
	return value
}

func (r *run) timeout() time.Duration {
	return time.Duration(r.number("timeout", 150)) * time.Second
}

func (r *run) emit(event string, fields map[string]any) {
	fields["event"] = event
	line, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	r.out.Lock()
	defer r.out.Unlock()
	fmt.Println(string(line))
}
