// Program kstatus says what kstatus makes of objects.
//
// It reads objects from standard input, one JSON document a line, and answers each with one line:
//
//	{"status":"Current","message":"Resource is current"}
//	{"error":"what is wrong with the line"}
//
// An answer is written before the next line is read, so that a test may hold a conversation with it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type answer struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
}

func main() {
	if err := converse(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func converse(in io.Reader, out io.Writer) error {
	answers := json.NewEncoder(out)
	// Not a Scanner: an object may be longer than any line that it takes.
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if err := answers.Encode(judge(line)); err != nil {
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

func judge(line []byte) answer {
	// This decoder, unlike encoding/json, makes integers of generations, as clients of the API server have them.
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(line); err != nil {
		return answer{Error: err.Error()}
	}
	result, err := status.Compute(object)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Status: result.Status.String(), Message: result.Message}
}
