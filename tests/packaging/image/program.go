package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
)

// machines are the platforms that images are made for.
var machines = map[string]elf.Machine{
	"linux/amd64": elf.EM_X86_64,
	"linux/arm64": elf.EM_AARCH64,
}

// bill is the section in which `cargo auditable` keeps the list of dependencies.
const bill = ".dep-v0"

// checkProgram refuses what could not be started in an empty root file system of platform.
func checkProgram(content []byte, platform string) error {
	parsed, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("not a Linux program: %w", err)
	}
	defer parsed.Close()
	if parsed.Machine != machines[platform] {
		return fmt.Errorf("a program for %v cannot run on %s", parsed.Machine, platform)
	}
	for _, part := range parsed.Progs {
		if part.Type == elf.PT_INTERP {
			return errors.New("linked dynamically: it needs libraries that the image does not have; build it with `make image`")
		}
	}
	if libraries, err := parsed.ImportedLibraries(); err == nil && len(libraries) > 0 {
		return fmt.Errorf("it needs %v, which the image does not have", libraries)
	}
	return nil
}

// hasBill tells whether the program says what it was built from.
func hasBill(content []byte) bool {
	parsed, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return false
	}
	defer parsed.Close()
	return parsed.Section(bill) != nil
}
