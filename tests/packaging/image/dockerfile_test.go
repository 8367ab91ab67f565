package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const repository = "../../.."

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// stages are those of the Dockerfile, as BuildKit reads it. What it would warn about fails the test.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(read(t, "Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range parsed.Warnings {
		t.Errorf("Dockerfile: %s", warning.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
		t.Errorf("Dockerfile: %s: %s", rule, message)
	}})
	found, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTheDockerfileMakesTheSameImage(t *testing.T) {
	all := stages(t)
	last := all[len(all)-1]
	if last.BaseName != "scratch" {
		t.Errorf("the last stage is from %s", last.BaseName)
	}
	said := map[string]string{}
	var copied []string
	missing := map[string]bool{"user": true, "entrypoint": true, "cmd": true, "expose": true, "env": true, "label": true}
	for _, command := range last.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			if c.User != user {
				t.Errorf("USER %s", c.User)
			}
		case *instructions.ExposeCommand:
			if !slices.Equal(c.Ports, []string{port}) {
				t.Errorf("EXPOSE %v", c.Ports)
			}
		case *instructions.EntrypointCommand:
			if c.PrependShell || !slices.Equal(c.CmdLine, entrypoint) {
				t.Errorf("ENTRYPOINT %v", c.CmdLine)
			}
		case *instructions.CmdCommand:
			if c.PrependShell || !slices.Equal(c.CmdLine, arguments) {
				t.Errorf("CMD %v", c.CmdLine)
			}
		case *instructions.EnvCommand:
			if len(c.Env) != 1 || c.Env[0].Key+"="+c.Env[0].Value != searchPath {
				t.Errorf("ENV %v", c.Env)
			}
		case *instructions.WorkdirCommand:
			if c.Path != "/" {
				t.Errorf("WORKDIR %s", c.Path)
			}
		case *instructions.LabelCommand:
			for _, label := range c.Labels {
				said[strings.Trim(label.Key, `"`)] = strings.Trim(label.Value, `"`)
			}
		case *instructions.CopyCommand:
			copied = append(copied, c.From+" "+c.DestPath)
		case *instructions.ArgCommand:
		default:
			t.Errorf("%s has no counterpart in `make image`", c.Name())
		}
		delete(missing, strings.ToLower(command.Name()))
	}
	for name := range missing {
		t.Errorf("%s is missing", name)
	}
	if !slices.Equal(copied, []string{"files /", "build /" + program}) {
		t.Errorf("COPY %v", copied)
	}
	ours := labels(Release{Version: "$VERSION", Revision: "$REVISION", Created: time.Time{}})
	ours["org.opencontainers.image.created"] = "$CREATED"
	for key, value := range ours {
		if said[key] != value {
			t.Errorf("label %s is %q in the Dockerfile and %q here", key, said[key], value)
		}
	}
	if len(said) != len(ours) {
		t.Errorf("labels %v", said)
	}
}

func TestTheDockerfileTakesThePinnedVersions(t *testing.T) {
	all := stages(t)
	pinned := func(file, pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(read(t, file))
		if found == nil {
			t.Fatalf("%s does not match %s", file, pattern)
		}
		return found[1]
	}
	rust := pinned("rust-toolchain.toml", `channel = "([^"]+)"`)
	if wanted := "docker.io/library/rust:" + rust + "-bookworm"; all[0].BaseName != wanted {
		t.Errorf("built from %s, wanted %s", all[0].BaseName, wanted)
	}
	golang := pinned("tests/packaging/image/go.mod", `(?m)^go (\d+\.\d+)`)
	if wanted := "docker.io/library/golang:" + golang + "-bookworm"; all[1].BaseName != wanted {
		t.Errorf("files from %s, wanted %s", all[1].BaseName, wanted)
	}
	auditable := "cargo-auditable@" + pinned("Makefile", `CARGO_AUDITABLE_VERSION := (\S+)`)
	if !strings.Contains(read(t, "Dockerfile"), auditable+" ") && !strings.Contains(read(t, "Dockerfile"), auditable+"\n") {
		t.Errorf("the Dockerfile does not install %s", auditable)
	}
}

func TestTheFolderOfFilesIsThatOfTheImage(t *testing.T) {
	folder := t.TempDir()
	if err := WriteFiles(folder); err != nil {
		t.Fatal(err)
	}
	for _, f := range files() {
		content, err := os.ReadFile(filepath.Join(folder, f.name))
		if err != nil || !bytes.Equal(content, f.content) {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}
