package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// limit is what an archive of one platform may have, compressed as it is pulled.
const limit = 25_000_000

// leastRoots tells a bundle from a fragment of one; Mozilla has about 140.
const leastRoots = 100

// Check reads an archive as a registry would, and refuses one that is not as it should be. It returns a description.
func Check(archive string) (string, error) {
	index, clean, err := open(archive)
	if err != nil {
		return "", err
	}
	defer clean()
	if err := validate.Index(index); err != nil {
		return "", fmt.Errorf("digests or sizes are wrong: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return "", err
	}
	if len(manifest.Manifests) == 0 {
		return "", errors.New("holds no image")
	}
	var text strings.Builder
	for _, descriptor := range manifest.Manifests {
		if descriptor.Platform == nil {
			return "", errors.New("an image has no platform")
		}
		platform := descriptor.Platform.OS + "/" + descriptor.Platform.Architecture
		built, err := index.Image(descriptor.Digest)
		if err != nil {
			return "", err
		}
		size, audited, err := checkImage(built, platform)
		if err != nil {
			return "", fmt.Errorf("%s: %w", platform, err)
		}
		fmt.Fprintf(&text, "%s %s: %.1f MB compressed, user %s", platform, descriptor.Digest, float64(size)/1e6, user)
		if audited {
			text.WriteString(", with the list of its dependencies")
		}
		text.WriteString("\n")
	}
	return text.String(), nil
}

// checkImage returns the compressed size, and whether the program has its list of dependencies.
func checkImage(built v1.Image, platform string) (int64, bool, error) {
	config, err := built.ConfigFile()
	if err != nil {
		return 0, false, err
	}
	if err := checkConfig(config, platform); err != nil {
		return 0, false, err
	}
	manifest, err := built.Manifest()
	if err != nil {
		return 0, false, err
	}
	size := manifest.Config.Size
	for _, layer := range manifest.Layers {
		size += layer.Size
	}
	if size >= limit {
		return 0, false, fmt.Errorf("%d bytes compressed; %d is the limit", size, limit)
	}
	found, err := contents(built)
	if err != nil {
		return 0, false, err
	}
	content, err := checkContents(found, platform)
	if err != nil {
		return 0, false, err
	}
	return size, hasBill(content), nil
}

func checkConfig(config *v1.ConfigFile, platform string) error {
	c := config.Config
	_, exposed := c.ExposedPorts[port]
	for what, wrong := range map[string]bool{
		"platform":   config.OS+"/"+config.Architecture != platform,
		"user":       c.User != user,
		"entrypoint": !slices.Equal(c.Entrypoint, entrypoint),
		"arguments":  !slices.Equal(c.Cmd, arguments),
		"port":       !exposed,
		"PATH":       !slices.Contains(c.Env, searchPath),
		"time":       config.Created.IsZero(),
	} {
		if wrong {
			return fmt.Errorf("the %s is not what it should be: %+v", what, config)
		}
	}
	for label := range labels(Release{}) {
		if c.Labels[label] == "" {
			return fmt.Errorf("label %s is missing", label)
		}
	}
	return nil
}

// entry is something in the root file system.
type entry struct {
	header  tar.Header
	content []byte
}

// contents is the root file system by name, folders with a slash at the end.
func contents(built v1.Image) (map[string]entry, error) {
	stream := mutate.Extract(built)
	defer stream.Close()
	found := map[string]entry{}
	for reader := tar.NewReader(stream); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(header.Name, "/")
		if header.Typeflag == tar.TypeDir {
			name += "/"
		}
		found[name] = entry{*header, content}
	}
}

// checkContents returns the program.
func checkContents(found map[string]entry, platform string) ([]byte, error) {
	wanted := map[string]int64{program: 0o755}
	for _, f := range files() {
		wanted[f.name] = 0o644
	}
	for name := range wanted {
		for _, folder := range above(name) {
			wanted[folder+"/"] = 0o755
		}
	}
	for name, entry := range found {
		mode, known := wanted[name]
		header := entry.header
		switch {
		case !known:
			return nil, fmt.Errorf("/%s does not belong into the image", name)
		case header.Mode&0o7777 != mode || header.Uid != 0 || header.Gid != 0:
			return nil, fmt.Errorf("/%s has mode %o and owner %d:%d", name, header.Mode, header.Uid, header.Gid)
		}
	}
	for name := range wanted {
		if _, there := found[name]; !there {
			return nil, fmt.Errorf("/%s is missing", name)
		}
	}
	if err := checkRoots(found[roots].content); err != nil {
		return nil, err
	}
	content := found[program].content
	return content, checkProgram(content, platform)
}

func checkRoots(text []byte) error {
	count := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("/%s: %w", roots, err)
		}
		count++
		text = rest
	}
	if count < leastRoots || len(bytes.TrimSpace(text)) > 0 {
		return fmt.Errorf("/%s has %d certificates; at least %d are expected, and nothing else", roots, count, leastRoots)
	}
	return nil
}

// open gives the index in an archive, and what removes the temporary copy.
func open(archive string) (v1.ImageIndex, func(), error) {
	folder, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, nil, err
	}
	clean := func() { os.RemoveAll(folder) }
	index, err := inner(archive, folder)
	if err != nil {
		clean()
		return nil, nil, err
	}
	return index, clean, nil
}

func inner(archive, folder string) (v1.ImageIndex, error) {
	source, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	if err := extract(source, folder); err != nil {
		return nil, err
	}
	outer, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return nil, fmt.Errorf("not an OCI image layout: %w", err)
	}
	manifest, err := outer.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] == "" {
		return nil, errors.New("does not hold exactly one index with a name")
	}
	return outer.ImageIndex(manifest.Manifests[0].Digest)
}

// Unpack writes the root file system of one platform below folder, which may be there if it is empty.
func Unpack(archive, platform, folder string) error {
	index, clean, err := open(archive)
	if err != nil {
		return err
	}
	defer clean()
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, descriptor := range manifest.Manifests {
		if descriptor.Platform == nil || descriptor.Platform.OS+"/"+descriptor.Platform.Architecture != platform {
			continue
		}
		built, err := index.Image(descriptor.Digest)
		if err != nil {
			return err
		}
		stream := mutate.Extract(built)
		defer stream.Close()
		return extract(stream, folder)
	}
	return fmt.Errorf("%s has no image for %s", archive, platform)
}

// extract writes folders and files of a tar stream below folder. os.Root keeps names from leading out of it.
func extract(stream io.Reader, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	below, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer below.Close()
	for reader := tar.NewReader(stream); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.FromSlash(strings.TrimSuffix(header.Name, "/"))
		mode := os.FileMode(header.Mode).Perm()
		if header.Typeflag == tar.TypeDir {
			if err := below.MkdirAll(name, mode); err != nil {
				return err
			}
			continue
		}
		if header.Typeflag != tar.TypeReg {
			return fmt.Errorf("%s is neither a file nor a folder", header.Name)
		}
		if err := below.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		target, err := below.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		if _, err := io.Copy(target, reader); err != nil {
			target.Close()
			return err
		}
		if err := target.Close(); err != nil {
			return err
		}
	}
}
