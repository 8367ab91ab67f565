// Command image puts the operator's container image together without a container engine.
//
//	image build --binary linux/amd64=PATH [--binary linux/arm64=PATH] --version V --revision SHA --created UNIX --output FILE
//	image check FILE                        says what is in an archive, and fails when something is wrong
//	image unpack --platform linux/amd64 --output FOLDER FILE
//	image rootfs --output FOLDER            the files beside the program; the Dockerfile copies them
//
// The archive is an OCI image layout in a tar file: `skopeo copy oci-archive:FILE`, `podman load`, `ctr image import`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return errors.New("name a command: build, check, unpack or rootfs")
	}
	flags := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	output := flags.String("output", "", "file or folder to write")
	platform := flags.String("platform", "", "operating system and architecture, such as linux/amd64")
	var release Release
	var created int64
	binaries := binaryFlags{}
	flags.Var(binaries, "binary", "PLATFORM=PATH of a program; once for each platform")
	flags.StringVar(&release.Version, "version", "", "version of the operator")
	flags.StringVar(&release.Revision, "revision", "", "commit that the program was built from")
	flags.Int64Var(&created, "created", 0, "time of that commit, in seconds since 1970")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	release.Created = time.Unix(created, 0).UTC()

	switch command := arguments[0]; command {
	case "build":
		if err := needed(map[string]bool{
			"output": *output != "", "binary": len(binaries) > 0, "version": release.Version != "",
			"revision": release.Revision != "", "created": created > 0,
		}); err != nil {
			return err
		}
		if err := Build(*output, release, binaries); err != nil {
			return err
		}
		return report(*output)
	case "check":
		if flags.NArg() != 1 {
			return errors.New("check takes one archive")
		}
		return report(flags.Arg(0))
	case "unpack":
		if flags.NArg() != 1 || *platform == "" || *output == "" {
			return errors.New("unpack takes --platform, --output and one archive")
		}
		return Unpack(flags.Arg(0), *platform, *output)
	case "rootfs":
		if *output == "" {
			return errors.New("rootfs takes --output")
		}
		return WriteFiles(*output)
	default:
		return fmt.Errorf("there is no command %q; take build, check, unpack or rootfs", command)
	}
}

// needed names every flag that is missing.
func needed(given map[string]bool) error {
	var missing []string
	for _, name := range []string{"binary", "version", "revision", "created", "output"} {
		if !given[name] {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("build needs %s as well", strings.Join(missing, ", "))
	}
	return nil
}

func report(path string) error {
	found, err := Check(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	fmt.Print(found)
	return nil
}

// binaryFlags is the programs by platform.
type binaryFlags map[string]string

func (b binaryFlags) String() string { return "" }

func (b binaryFlags) Set(value string) error {
	platform, path, found := strings.Cut(value, "=")
	if !found || platform == "" || path == "" {
		return errors.New("write PLATFORM=PATH, such as linux/amd64=target/release/jumpcloud-operator")
	}
	if _, known := machines[platform]; !known {
		return fmt.Errorf("no image is made for %q; linux/amd64 and linux/arm64 there are", platform)
	}
	if _, twice := b[platform]; twice {
		return fmt.Errorf("%s is named twice", platform)
	}
	b[platform] = path
	return nil
}
