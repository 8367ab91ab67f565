package main

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// Where things are in the image.
const (
	program = "usr/local/bin/jumpcloud-operator"
	roots   = "etc/ssl/certs/ca-certificates.crt"
)

// file is one file beside the program.
type file struct {
	name    string
	content []byte
}

// files are all of them. There is no zone database: it is in the program (Cargo.toml, jiff, tzdb-bundle-always), and no
// other is ever read. There are no passwd and group: the user is a number, and nobody asks for its name.
func files() []file {
	return []file{
		// Names in /etc/hosts come first, so that hostAliases of a Pod hold. Nothing but these two can be looked up by
		// a static program.
		{"etc/nsswitch.conf", []byte("hosts: files dns\n")},
		{roots, rootsPEM()},
	}
}

// rootsPEM is what Mozilla trusts for web servers, at the version in go.mod.
//
// A root that Mozilla trusts for certificates up to a certain date only is left out: a PEM file cannot say so, and
// with it more would be trusted than Mozilla does. Who needs one adds it with --ca-file.
func rootsPEM() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return text.Bytes()
}

// WriteFiles writes them below folder.
func WriteFiles(folder string) error {
	for _, f := range files() {
		path := filepath.Join(folder, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
