package main

import (
	"fmt"
	"os"

	openapi "github.com/google/gnostic-models/openapiv2"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/util/proto"
)

// schemas are the types of servers, by the file that they were read from. Reading takes a second.
type schemas map[string]*managedfields.GvkParser

func (known schemas) parser(path string) (*managedfields.GvkParser, error) {
	if parser, ok := known[path]; ok {
		return parser, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	document, err := openapi.ParseDocument(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	models, err := proto.NewOpenAPIData(document)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	parser, err := managedfields.NewGVKParser(models, false)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	known[path] = parser
	return parser, nil
}
