package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// manager is the field manager that Argo CD applies as.
const manager = "argocd-controller"

type mode string

const (
	threeWay        mode = "three-way"
	structuredMerge mode = "structured-merge"
	serverSide      mode = "server-side"
)

// dryRun is a server that has answered already.
type dryRun struct{ predicted json.RawMessage }

func (answered dryRun) Run(context.Context, *unstructured.Unstructured, string) (string, error) {
	return string(answered.predicted), nil
}

func compare(asked question, schemas schemas) (answer, error) {
	options := []diff.Option{
		// The defaults of Argo CD's settings. Its normalisers change no object of ours: without settings they look at
		// its own Rollouts only.
		diff.IgnoreAggregatedRoles(false),
		diff.WithManager(manager),
		// The library logs to standard error what it falls back from.
		diff.WithLogr(logr.Discard()),
	}
	switch asked.Mode {
	case threeWay:
	case structuredMerge, serverSide:
		parser, err := schemas.parser(asked.Schema)
		if err != nil {
			return answer{}, fmt.Errorf("schema: %w", err)
		}
		options = append(options, diff.WithGVKParser(parser))
		if asked.Mode == structuredMerge {
			options = append(options, diff.WithStructuredMergeDiff(true))
			break
		}
		if len(asked.Predicted) == 0 {
			return answer{}, errors.New("server-side needs predicted, the server's answer to a dry run")
		}
		options = append(options, diff.WithServerSideDiff(true), diff.WithServerSideDryRunner(dryRun{asked.Predicted}))
	default:
		return answer{}, fmt.Errorf("there is no mode %q", asked.Mode)
	}
	found, err := diff.Diff(asked.Config, asked.Live, options...)
	if err != nil {
		return answer{}, err
	}
	differences, err := differences(found.PredictedLive, found.NormalizedLive)
	if err != nil {
		return answer{}, err
	}
	return answer{Modified: found.Modified, Differences: differences}, nil
}
