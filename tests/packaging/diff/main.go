// Program diff says what Argo CD finds different between an object as it is in Git and as it is in the cluster, by the
// library that Argo CD does it with.
//
// It reads questions from standard input, one JSON document a line, and answers each with one line:
//
//	{"config":{},"live":{},"mode":"three-way"}
//	{"modified":true,"differences":[{"path":"/spec/paused","git":true,"live":false}]}
//	{"error":"what is wrong"}
//
// The mode is how the Application is compared:
//
//   - three-way is the default: the annotation of client-side apply against both objects.
//   - structured-merge is that of sync option ServerSideApply, of Argo CD before 3.6. It needs the server's types:
//     schema is the path of a file with its /openapi/v2.
//   - server-side is that of compare option ServerSideDiff, and of sync option ServerSideApply since 3.6. It needs
//     schema, and as predicted what the server answers to a server-side apply of config as a dry run, so that this
//     program needs no way to the cluster.
//
// With three-way the live object may be null: the library then says what it makes of an object that is not there.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type question struct {
	Mode      mode                       `json:"mode"`
	Config    *unstructured.Unstructured `json:"config"`
	Live      *unstructured.Unstructured `json:"live"`
	Predicted json.RawMessage            `json:"predicted"`
	Schema    string                     `json:"schema"`
}

type answer struct {
	Modified    bool         `json:"modified"`
	Differences []difference `json:"differences"`
}

type failure struct {
	Error string `json:"error"`
}

func main() {
	if err := converse(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "diff:", err)
		os.Exit(1)
	}
}

func converse(in io.Reader, out io.Writer) error {
	answers := json.NewEncoder(out)
	schemas := schemas{}
	// Not a Scanner: an object may be longer than any line that it takes.
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if err := answers.Encode(reply(line, schemas)); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func reply(line []byte, schemas schemas) any {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return failure{Error: err.Error()}
	}
	found, err := compare(asked, schemas)
	if err != nil {
		return failure{Error: err.Error()}
	}
	return found
}
