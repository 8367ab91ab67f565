package main

import "runtime"

// host is the platform of the machine that runs the tests.
func host() string { return "linux/" + runtime.GOARCH }
