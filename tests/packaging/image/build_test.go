package main

import (
	"archive/tar"
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var release = Release{Version: "1.2.3", Revision: strings.Repeat("ab", 20), Created: time.Unix(1_800_000_000, 0).UTC()}

// compiled is a static program for an architecture, which stands in for the operator.
func compiled(t *testing.T, architecture string) string {
	t.Helper()
	folder := t.TempDir()
	source := filepath.Join(folder, "main.go")
	if err := os.WriteFile(source, []byte("package main\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(folder, "operator")
	command := exec.Command("go", "build", "-o", output, source)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOFLAGS=")
	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return output
}

func both(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{"linux/amd64": compiled(t, "amd64"), "linux/arm64": compiled(t, "arm64")}
}

func TestAnArchiveOfBothPlatformsPassesItsCheck(t *testing.T) {
	output := filepath.Join(t.TempDir(), "new", "image.tar")
	if err := Build(output, release, both(t)); err != nil {
		t.Fatal(err)
	}
	found, err := Check(output)
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{"linux/amd64 sha256:", "linux/arm64 sha256:", "user 65532:65532"} {
		if !strings.Contains(found, wanted) {
			t.Errorf("%q is missing in %s", wanted, found)
		}
	}
}

func TestTheSameProgramsGiveTheSameBytes(t *testing.T) {
	binaries := both(t)
	var archives [][]byte
	for range 2 {
		output := filepath.Join(t.TempDir(), "image.tar")
		if err := Build(output, release, binaries); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, content)
		// Neither the time of the build nor that of the program's file may show.
		later := time.Now().Add(time.Hour)
		for _, path := range binaries {
			if err := os.Chtimes(path, later, later); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two builds of the same programs differ")
	}
}

func TestTheRootFileSystemHoldsNothingElse(t *testing.T) {
	folder := t.TempDir()
	output := filepath.Join(folder, "image.tar")
	if err := Build(output, release, both(t)); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(folder, "root")
	if err := Unpack(output, "linux/arm64", below); err != nil {
		t.Fatal(err)
	}
	var found []string
	err := filepath.WalkDir(below, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(below, path)
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wanted := "etc/nsswitch.conf etc/ssl/certs/ca-certificates.crt usr/local/bin/jumpcloud-operator"
	if got := strings.Join(found, " "); got != wanted {
		t.Errorf("%s, wanted %s", got, wanted)
	}
	if err := Unpack(output, "linux/riscv64", filepath.Join(folder, "none")); err == nil {
		t.Error("a platform that is not there was unpacked")
	}
}

func TestProgramsThatCouldNotStartAreRefused(t *testing.T) {
	amd64 := compiled(t, "amd64")
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ platform, path, wanted string }{
		{"linux/arm64", amd64, "cannot run on linux/arm64"},
		{host(), shell, "linked dynamically"},
		{"linux/amd64", text, "not a Linux program"},
	} {
		err := Build(filepath.Join(t.TempDir(), "image.tar"), release, map[string]string{c.platform: c.path})
		if err == nil || !strings.Contains(err.Error(), c.wanted) {
			t.Errorf("%s on %s: %v", c.path, c.platform, err)
		}
	}
}

// An archive that was tampered with, or is of another kind, does not pass.
func TestTheCheckSeesWhatIsWrong(t *testing.T) {
	folder := t.TempDir()
	output := filepath.Join(folder, "image.tar")
	if err := Build(output, release, map[string]string{"linux/amd64": compiled(t, "amd64")}); err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(folder, "changed.tar")
	rewrite(t, output, changed, func(name string, content []byte) []byte {
		if strings.HasPrefix(name, "blobs/") && len(content) > 10_000 {
			content[len(content)/2] ^= 1
		}
		return content
	})
	if _, err := Check(changed); err == nil {
		t.Error("a changed layer passed")
	}
	truncated := filepath.Join(folder, "truncated.tar")
	rewrite(t, output, truncated, func(name string, content []byte) []byte {
		if name == "index.json" {
			return []byte(`{"schemaVersion":2,"manifests":[]}`)
		}
		return content
	})
	if _, err := Check(truncated); err == nil || !strings.Contains(err.Error(), "exactly one index") {
		t.Errorf("an empty index: %v", err)
	}

	// One check after another, on the contents themselves.
	index, clean, err := open(output)
	if err != nil {
		t.Fatal(err)
	}
	defer clean()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	built, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(map[string]entry){
		"a file too many": func(found map[string]entry) { found["bin/sh"] = found[program] },
		"no program":      func(found map[string]entry) { delete(found, program) },
		"a writable one":  func(found map[string]entry) { change(found, program, func(e *entry) { e.header.Mode = 0o777 }) },
		"set user id":     func(found map[string]entry) { change(found, program, func(e *entry) { e.header.Mode = 0o4755 }) },
		"another owner":   func(found map[string]entry) { change(found, program, func(e *entry) { e.header.Uid = 1000 }) },
		"no roots":        func(found map[string]entry) { change(found, roots, func(e *entry) { e.content = nil }) },
		"half the roots": func(found map[string]entry) {
			change(found, roots, func(e *entry) { e.content = e.content[:len(e.content)/2] })
		},
	} {
		found, err := contents(built)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := checkContents(found, "linux/amd64"); err != nil {
			t.Fatal(err)
		}
		spoil(found)
		if _, err := checkContents(found, "linux/amd64"); err == nil {
			t.Errorf("%s passed", what)
		}
	}
	config, err := built.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "0:0", "root", "nonroot"} {
		config.Config.User = wrong
		if err := checkConfig(config, "linux/amd64"); err == nil {
			t.Errorf("user %q passed", wrong)
		}
	}
}

func change(found map[string]entry, name string, with func(*entry)) {
	changed := found[name]
	with(&changed)
	found[name] = changed
}

func rewrite(t *testing.T, from, to string, with func(string, []byte) []byte) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	writer := tar.NewWriter(target)
	for reader := tar.NewReader(source); ; {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		content = with(header.Name, content)
		header.Size = int64(len(content))
		if err := writer.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
}

// What cannot be compressed counts whole: with as much of it as the limit, an image is above the limit.
func TestAnImageThatIsTooLargeIsRefused(t *testing.T) {
	folder := t.TempDir()
	binary := compiled(t, "amd64")
	padding := make([]byte, limit)
	rand.NewChaCha8([32]byte{}).Read(padding)
	file, err := os.OpenFile(binary, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(padding); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(folder, "image.tar")
	err = run([]string{"build", "--binary", "linux/amd64=" + binary, "--version", "1.2.3", "--revision", "abc",
		"--created", "1800000000", "--output", output})
	if err == nil || !strings.Contains(err.Error(), "25000000 is the limit") {
		t.Errorf("an image of more than %d bytes: %v", limit, err)
	}
}

func TestFlagsSayWhatIsMissing(t *testing.T) {
	for arguments, wanted := range map[string]string{
		"":      "name a command",
		"build": "--binary, --version, --revision, --created, --output",
		"build --binary linux/amd64=a --binary linux/amd64=b": "named twice",
		"build --binary windows/amd64=a":                      "no image is made",
		"push":                                                "there is no command",
		"check":                                               "takes one archive",
	} {
		err := run(strings.Fields(arguments))
		if err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%q: %v", arguments, err)
		}
	}
}
