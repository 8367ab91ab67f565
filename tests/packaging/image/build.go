package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What every image says of itself; the Dockerfile says the same, and a test compares them.
const (
	// user is the one that distroless images call nonroot. A number, because runAsNonRoot cannot check a name.
	user = "65532:65532"
	// port is that of /livez, /readyz and /metrics.
	port = "8080/tcp"
	// searchPath lets `kubectl exec` find the program by its name.
	searchPath = "PATH=/usr/local/bin"
)

var (
	entrypoint = []string{"/" + program}
	// arguments are those of somebody who gives none.
	arguments = []string{"run"}
)

// Release is what differs between one image and the next.
type Release struct {
	Version  string
	Revision string
	Created  time.Time
}

// labels are the annotations that the OCI image specification names. They stand on the image, its manifest and the index.
func labels(release Release) map[string]string {
	const source = "https://github.com/jumpcloud-operator/jumpcloud-operator"
	const name = "org.opencontainers.image."
	return map[string]string{
		name + "title":         "jumpcloud-operator",
		name + "description":   "A Kubernetes operator that turns YAML into JumpCloud bulk user jobs",
		name + "licenses":      "Apache-2.0",
		name + "source":        source,
		name + "url":           source,
		name + "documentation": source + "#readme",
		name + "version":       release.Version,
		name + "revision":      release.Revision,
		name + "created":       release.Created.Format(time.RFC3339),
	}
}

// Build writes the archive at output. The same programs and release give the same bytes.
func Build(output string, release Release, binaries map[string]string) error {
	annotations := labels(release)
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range slices.Sorted(maps.Keys(binaries)) {
		built, err := image(platform, binaries[platform], release)
		if err != nil {
			return err
		}
		system, architecture, _ := strings.Cut(platform, "/")
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: built,
			Descriptor: v1.Descriptor{
				MediaType: types.OCIManifestSchema1,
				Platform:  &v1.Platform{OS: system, Architecture: architecture},
			},
		})
	}
	index = mutate.Annotations(index, annotations).(v1.ImageIndex)

	folder, err := os.MkdirTemp("", "image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	// The outer index of a layout names what it holds; ours holds one index, called by the version.
	written, err := layout.Write(folder, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return err
	}
	name := map[string]string{"org.opencontainers.image.ref.name": release.Version}
	if err := written.AppendIndex(index, layout.WithAnnotations(name)); err != nil {
		return err
	}
	return archive(folder, output, release.Created)
}

// image is that of one platform.
func image(platform, binary string, release Release) (v1.Image, error) {
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	if err := checkProgram(content, platform); err != nil {
		return nil, fmt.Errorf("%s: %w", binary, err)
	}
	// Two layers: the roots change seldom, the program always.
	below, err := layer(files(), 0o644, release.Created)
	if err != nil {
		return nil, err
	}
	above, err := layer([]file{{program, content}}, 0o755, release.Created)
	if err != nil {
		return nil, err
	}
	system, architecture, _ := strings.Cut(platform, "/")
	created := v1.Time{Time: release.Created}
	base, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1), &v1.ConfigFile{
		OS:           system,
		Architecture: architecture,
		Created:      created,
		RootFS:       v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
		Config: v1.Config{
			User:         user,
			Env:          []string{searchPath},
			Entrypoint:   entrypoint,
			Cmd:          arguments,
			WorkingDir:   "/",
			ExposedPorts: map[string]struct{}{port: {}},
			Labels:       labels(release),
		},
	})
	if err != nil {
		return nil, err
	}
	base = mutate.ConfigMediaType(base, types.OCIConfigJSON)
	built, err := mutate.Append(base,
		mutate.Addendum{Layer: below, History: v1.History{Created: created, CreatedBy: "make image: roots and name lookup"}},
		mutate.Addendum{Layer: above, History: v1.History{Created: created, CreatedBy: "make image: the operator"}},
	)
	if err != nil {
		return nil, err
	}
	return mutate.Annotations(built, labels(release)).(v1.Image), nil
}

// layer holds the files and the folders above them, all of root and of one time.
func layer(content []file, mode int64, created time.Time) (v1.Layer, error) {
	var text bytes.Buffer
	writer := tar.NewWriter(&text)
	folders := map[string]bool{}
	for _, f := range content {
		for _, folder := range above(f.name) {
			if folders[folder] {
				continue
			}
			folders[folder] = true
			header := tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755, ModTime: created, Format: tar.FormatPAX}
			if err := writer.WriteHeader(&header); err != nil {
				return nil, err
			}
		}
		header := tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Mode: mode, Size: int64(len(f.content)), ModTime: created, Format: tar.FormatPAX,
		}
		if err := writer.WriteHeader(&header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text.Bytes())), nil }
	return tarball.LayerFromOpener(opener, tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching)
}

// above is the folders that name lies in, the uppermost first.
func above(name string) []string {
	var folders []string
	for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
		folders = append(folders, folder)
	}
	slices.Reverse(folders)
	return folders
}

// archive packs folder into a tar file, in the order of names. The file appears whole or not at all.
func archive(folder, output string, created time.Time) error {
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	unfinished, err := os.CreateTemp(filepath.Dir(output), ".image-")
	if err != nil {
		return err
	}
	defer os.Remove(unfinished.Name())
	defer unfinished.Close()
	writer := tar.NewWriter(unfinished)
	// WalkDir goes in lexical order.
	err = filepath.WalkDir(folder, func(full string, entry fs.DirEntry, err error) error {
		if err != nil || full == folder {
			return err
		}
		name, err := filepath.Rel(folder, full)
		if err != nil {
			return err
		}
		header := tar.Header{Name: filepath.ToSlash(name), ModTime: created, Format: tar.FormatPAX}
		if entry.IsDir() {
			header.Typeflag, header.Name, header.Mode = tar.TypeDir, header.Name+"/", 0o755
			return writer.WriteHeader(&header)
		}
		content, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		header.Typeflag, header.Mode, header.Size = tar.TypeReg, 0o644, int64(len(content))
		if err := writer.WriteHeader(&header); err != nil {
			return err
		}
		_, err = writer.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	if err := unfinished.Chmod(0o644); err != nil {
		return err
	}
	if err := unfinished.Close(); err != nil {
		return err
	}
	return os.Rename(unfinished.Name(), output)
}
